/** Lines of text from a connection, of bounded length. @module */
import { concat } from "../../protocol/bytes.ts";

/** The next lines of `connection`, without their ends. Ends at the end of the stream, or at a line that is longer than `maxBytes`. */
export async function* linesOf(
  connection: Deno.Conn,
  maxBytes: number,
): AsyncGenerator<string, "end" | "tooLong"> {
  const decoder = new TextDecoder();
  const chunk = new Uint8Array(65_536);
  let parts: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const count = await connection.read(chunk);
    if (count === null) return "end";
    let rest = chunk.subarray(0, count);
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      if (length + end > maxBytes) return "tooLong";
      parts.push(rest.subarray(0, end));
      yield decoder.decode(concat(parts));
      parts = [];
      length = 0;
      rest = rest.subarray(end + 1);
    }
    length += rest.length;
    if (length > maxBytes) return "tooLong";
    parts.push(rest.slice());
  }
}

/** Writes all of `text`. */
export async function writeAll(connection: Deno.Conn, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}
