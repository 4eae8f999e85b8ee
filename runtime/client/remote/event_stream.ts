/** Reads server-sent events (HTML Living Standard, section 9.2.6), as far as the daemon sends them. @module */
import { ProtocolError } from "../../../protocol/errors.ts";

/** Longest event, characters: output of one event is far smaller. */
const maxLength = 32 * 1024 * 1024;

/** One event. */
export interface StreamEvent {
  readonly id: string;
  readonly data: string;
}

/** The events of a body that have data. */
export async function* readEventStream(
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<StreamEvent, void, undefined> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    let from = 0;
    for (let end = text.indexOf("\n\n", from); end >= 0; end = text.indexOf("\n\n", from)) {
      const event = eventOf(text.slice(from, end));
      if (event !== undefined) yield event;
      from = end + 2;
    }
    text = text.slice(from);
    if (text.length > maxLength) {
      throw new ProtocolError("EventTooLong", `read events: one is longer than ${maxLength} characters`);
    }
  }
}

function eventOf(block: string): StreamEvent | undefined {
  let id = "";
  const data: string[] = [];
  for (const line of block.split("\n")) {
    if (line.startsWith("id: ")) id = line.slice(4);
    else if (line.startsWith("data: ")) data.push(line.slice(6));
  }
  return data.length === 0 ? undefined : { id, data: data.join("\n") };
}
