/** Requests and answers between HTTP and the platform's classes. @module */
import { Buffer } from "node:buffer";
import { STATUS_CODES } from "node:http";
import { utf8 } from "../../../protocol/bytes.ts";
import { ByteWriter } from "../../../protocol/byte_writer.ts";
import type { HttpRequestEvent } from "../../../protocol/http/mod.ts";

/** Methods that `Request` refuses to have, though a server has to answer them (Fetch, section 2.2.1). */
const forbidden = /^(?:CONNECT|TRACE|TRACK)$/i;
/** Methods whose requests have no body for it. */
const bodiless = /^(?:GET|HEAD)$/i;

/** Targets that stay what they are as part of a URL. */
const plainTarget = /^(?!.*\/\.)\/[\w\-.~!$&'()*+,;=:@%/?]*$/;

/** What the app, and hono, ask of a request that has no body. */
class BodilessRequest implements Pick<Request, "method" | "url" | "headers" | "body"> {
  readonly body = null;

  constructor(readonly method: string, readonly url: string, readonly headers: Headers) {}
}

/** The request of a head; `undefined`: its target is no URL. */
export function requestOf(
  { method, target, headers }: HttpRequestEvent,
  body: ReadableStream<Uint8Array<ArrayBuffer>> | null,
): Request | undefined {
  // Host is checked by the app: only the path counts.
  const url = target.startsWith("/")
    ? `http://localhost${target}`
    : URL.canParse(target)
    ? target
    : undefined;
  if (url === undefined && target !== "*") return undefined;
  const fields = [...headers.entries()] as [string, string][];
  if (body === null && plainTarget.test(target)) {
    // Making a `Request` costs more than all else here.
    return new BodilessRequest(
      method,
      `http://localhost${target}`,
      new Headers(fields),
    ) as unknown as Request;
  }
  const given = forbidden.test(method);
  const request = new Request(url ?? "http://localhost/*", {
    method: given ? "POST" : method,
    headers: target.startsWith("/") || target === "*" ? fields : addressedBy(target, fields),
    body: bodiless.test(method) ? null : body,
  });
  if (given) Object.defineProperty(request, "method", { value: method });
  return request;
}

/** A target that is a URL says to whom it is addressed, whatever Host says (RFC 9112, section 3.2.2). */
function addressedBy(target: string, fields: [string, string][]): Headers {
  const headers = new Headers(fields);
  headers.set("Host", new URL(target).host);
  return headers;
}

const json = /^application\/(?:problem\+)?json(?:;|$)/;
const notAscii = /[^\0-\x7f]/;
const writer = new ByteWriter();

let dateAt = 0;
let date = "";

/** How the length of an answer's body is told; `undefined`: it is not. */
export type AnswerLength = number | "chunked" | undefined;

/**
 * The head of an answer, with Date (RFC 9110, section 6.6.1), and Connection where it is the last one of its connection. `Headers` have
 * let nothing in that is not allowed there.
 */
export function answerHead(status: number, headers: Headers, length: AnswerLength, again: boolean): string {
  let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n`;
  headers.forEach((value, name) => {
    if (name !== "connection" && name !== "content-length") text += `${name}: ${value}\r\n`;
  });
  if (length === "chunked") text += "transfer-encoding: chunked\r\n";
  else if (length !== undefined) text += `content-length: ${length}\r\n`;
  const second = Math.floor(Date.now() / 1000);
  if (second !== dateAt) {
    dateAt = second;
    date = new Date(second * 1000).toUTCString();
  }
  return `${text}date: ${date}\r\n${again ? "" : "connection: close\r\n"}\r\n`;
}

/** A head, and what follows it, as they are sent: ISO-8859-1. */
export function encodeHead(text: string, body?: Uint8Array): Uint8Array {
  const head = notAscii.test(text) ? Buffer.from(text, "latin1") : text;
  return body === undefined ? writer.join(head) : writer.join(head, body);
}

/** All of an answer's body. */
export async function wholeBody(response: Response): Promise<Uint8Array> {
  // A text comes back as it was given, which costs a tenth.
  return json.test(response.headers.get("Content-Type") ?? "")
    ? utf8(await response.text())
    : await response.bytes();
}
