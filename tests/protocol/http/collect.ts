/** Helpers of the HTTP tests: events gathered into messages, bytes from text, all ways to split. */
import { concat } from "../../../protocol/bytes.ts";
import type { HttpEvent, HttpRequestEvent, HttpResponseEvent } from "../../../protocol/http/mod.ts";

/** One message with its body in one piece. */
export interface Message {
  readonly head: HttpRequestEvent | HttpResponseEvent;
  readonly body: Uint8Array;
  readonly complete: boolean;
}

/** Gathers events into messages and fails on an order that the contract does not allow. */
export function messages(events: Iterable<HttpEvent>): Message[] {
  const found: Message[] = [];
  let head: Message["head"] | undefined;
  let pieces: Uint8Array[] = [];
  for (const event of events) {
    if (event.kind === "body") {
      if (head === undefined || event.bytes.length === 0) {
        throw new Error("a body piece is empty or has no head");
      }
      pieces.push(event.bytes);
    } else if (event.kind === "end") {
      if (head === undefined) throw new Error("an end has no head");
      found.push({ head, body: concat(pieces), complete: true });
      head = undefined;
      pieces = [];
    } else {
      if (head !== undefined) throw new Error("a head follows an unfinished message");
      head = event;
    }
  }
  if (head !== undefined) found.push({ head, body: concat(pieces), complete: false });
  return found;
}

/** Latin-1 bytes of `text`. */
export function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** `whole` cut behind each of `cuts`. */
export function split(whole: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const sorted = [...cuts].sort((a, b) => a - b);
  return [...sorted, whole.length].map((cut, i) => whole.subarray(sorted[i - 1] ?? 0, cut));
}

/** Single bytes. */
export function singles(whole: Uint8Array): Uint8Array[] {
  return Array.from(whole, (_, i) => whole.subarray(i, i + 1));
}

/** What matters of messages, as plain data to compare. */
export function plain(found: readonly Message[]): unknown[] {
  return found.map(({ head, body, complete }) => ({
    ...head,
    headers: [...head.headers.entries()],
    body: [...body].join(),
    complete,
  }));
}
