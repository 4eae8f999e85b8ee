/**
 * Where HTTP messages end, said a second time: slowly, on the whole text, with the rules of RFC 9112 one by one. It knows
 * nothing of limits and stops at the first thing that is not plainly right.
 * @module
 */
import { latin1 } from "./engine.ts";

const field = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*$/;

/** Ends of the messages in `input`, up to the first that is not plainly right. `methods`: what the responses answer. */
export function referenceEnds(
  input: Uint8Array,
  role: "request" | "response",
  methods: readonly string[],
): number[] {
  const text = latin1(input);
  const ends: number[] = [];
  const waiting = [...methods];
  let at = 0;
  while (at < text.length) {
    // RFC 9112 2.2: one empty line before a request.
    if (role === "request" && text.startsWith("\r\n", at)) at += 2;
    const head = readHead(text, at);
    if (head === undefined) return ends;
    const { start, fields } = head;
    const version = role === "request"
      ? / HTTP\/1\.([01])$/.exec(start)
      : /^HTTP\/1\.([01]) \d{3}(?: |$)/.exec(start);
    if (version === null) return ends;
    const status = role === "response" ? Number(start.slice(9, 12)) : 0;
    const method = waiting[0] ?? "";
    if (role === "response" && (waiting.length === 0 || status === 101)) return ends;
    const interim = role === "response" && status < 200;
    if (role === "response" && !interim) waiting.shift();
    const end = bodyEnd(text, head.end, fields, role, status, method);
    if (end === undefined || end > text.length) return ends;
    ends.push(end);
    const options = values(fields, "connection").join(",").toLowerCase().split(",").map((option) =>
      option.trim()
    );
    const keeps = version[1] === "1"
      ? !options.includes("close")
      : options.includes("keep-alive") && !options.includes("close");
    if (!keeps && !interim) return ends;
    at = end;
  }
  return ends;
}

interface Head {
  readonly start: string;
  readonly fields: readonly (readonly [string, string])[];
  readonly end: number;
}

function readHead(text: string, at: number): Head | undefined {
  const stop = text.indexOf("\r\n\r\n", at);
  if (stop < 0) return undefined;
  const [start = "", ...lines] = text.slice(at, stop).split("\r\n");
  // Nothing but CRLF ends a line, and a line that does not begin with a name goes on with the one before (5.2).
  if (/[\r\n]/.test(start) || start === "" || !lines.every((line) => field.test(line))) return undefined;
  const fields = lines.map((line): readonly [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, "")];
  });
  return { start, fields, end: stop + 4 };
}

function values(fields: Head["fields"], name: string): string[] {
  return fields.filter(([other]) => other === name).map(([, value]) => value);
}

/** RFC 9112 6.3; `undefined` where it would have to be guessed. */
function bodyEnd(
  text: string,
  at: number,
  fields: Head["fields"],
  role: "request" | "response",
  status: number,
  method: string,
): number | undefined {
  const codings = values(fields, "transfer-encoding");
  const lengths = values(fields, "content-length");
  if (role === "response") {
    if (status < 200 || status === 204 || status === 304 || method === "HEAD") return at;
    if (method === "CONNECT" && status < 300) return text.length;
  }
  if (codings.length + lengths.length > 1) return undefined;
  if (codings.length === 1) return codings[0]!.toLowerCase() === "chunked" ? chunksEnd(text, at) : undefined;
  if (lengths.length === 1) return /^\d+$/.test(lengths[0]!) ? at + Number(lengths[0]) : undefined;
  return role === "request" ? at : text.length;
}

function chunksEnd(text: string, from: number): number | undefined {
  for (let at = from;;) {
    const line = /^([0-9A-Fa-f]+)(;[\t\x20-\x7e\x80-\xff]*)?\r\n/.exec(text.slice(at));
    if (line === null) return undefined;
    at += line[0].length;
    const size = parseInt(line[1]!, 16);
    if (size === 0) {
      if (text.startsWith("\r\n", at)) return at + 2;
      const stop = text.indexOf("\r\n\r\n", at);
      if (stop < 0 || !text.slice(at, stop).split("\r\n").every((trailer) => field.test(trailer))) {
        return undefined;
      }
      return stop + 4;
    }
    at += size;
    if (!text.startsWith("\r\n", at)) return undefined;
    at += 2;
  }
}
