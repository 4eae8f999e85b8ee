/** Writes requests, responses and chunks. @module */
import { ByteWriter } from "../byte_writer.ts";
import { concat, utf8 } from "../bytes.ts";
import { UsageError } from "../errors.ts";

/** Head of a request to write. */
export interface RequestHead {
  /** Method, e.g. `POST`. */
  readonly method: string;
  /** Request target, e.g. `/wsman`. */
  readonly target: string;
  /** Header fields in order. Content-Length may be among them to fix its place; it must then be right. */
  readonly headers: Iterable<readonly [string, string]>;
}

/** Head of a response to write. */
export interface ResponseHead {
  /** Status code, 100 to 599. */
  readonly status: number;
  /** Reason phrase; default empty, as Windows writes it. */
  readonly reason?: string;
  /** Header fields in order. Content-Length may be among them to fix its place; it must then be right. */
  readonly headers: Iterable<readonly [string, string]>;
}

/** How long the body is that will follow a head; `undefined`: there is none and none is announced. */
export type BodyLength = number | "chunked" | undefined;

const notToken = /[^!#$%&'*+\-.^_`|~0-9A-Za-z]/;
const notTarget = /[^\x21-\x7e]/;
const notValue = /[^\t\x20-\x7e\x80-\xff]/;
const latin1Only = /[\x80-\xff]/;
const encoder = new TextEncoder();
const noBody = new Uint8Array(0);
const writer = new ByteWriter();

/** A whole interim response that lets a client send the body it holds back (RFC 9110 15.2.1). */
export const continueResponse: Uint8Array = utf8("HTTP/1.1 100 Continue\r\n\r\n");

/** The end of a chunked body, without trailers. */
export const lastChunk: Uint8Array = utf8("0\r\n\r\n");

/**
 * One request as one array. Content-Length is added for POST, PUT and PATCH and wherever there is a body. Host is the
 * caller's. Throws `UsageError` for CR, LF, NUL and anything else that does not belong into a part.
 */
export function serializeRequest(head: RequestHead, body?: Uint8Array): Uint8Array<ArrayBuffer> {
  const announced = body !== undefined || /^P(OST|UT|ATCH)$/.test(head.method);
  return encode(requestText(head, announced ? body?.length ?? 0 : undefined), body ?? noBody);
}

/** Requests that differ in their bodies only: the head is checked and encoded once. */
export class RequestTemplate {
  /** A text, where it is ASCII: it takes a third of the memory of an array, and clients have many of them. */
  readonly #head: Uint8Array | string;

  /** `head` as for {@linkcode serializeRequest}, without Content-Length. Throws `UsageError`. */
  constructor(head: RequestHead) {
    // Before the empty line that ends the head.
    const text = `${requestText(head, undefined).slice(0, -2)}Content-Length: `;
    this.#head = latin1Only.test(text) ? encode(text, noBody) : text;
  }

  /** The request with `body` as one array. */
  write(body: Uint8Array): Uint8Array<ArrayBuffer> {
    return writer.join(this.#head, `${body.length}\r\n\r\n`, body);
  }
}

/** The head of a request whose body the caller sends: `length` bytes, or chunks. Throws `UsageError`. */
export function serializeRequestHead(head: RequestHead, length: BodyLength): Uint8Array<ArrayBuffer> {
  return encode(requestText(head, length), noBody);
}

/**
 * One response as one array, always with Content-Length except for 1xx, 204 and 304, which have no body. Throws
 * `UsageError` for CR, LF, NUL and anything else that does not belong into a part.
 */
export function serializeResponse(head: ResponseHead, body?: Uint8Array): Uint8Array<ArrayBuffer> {
  const bodiless = head.status < 200 || head.status === 204 || head.status === 304;
  if (bodiless && body !== undefined && body.length > 0) {
    throw new UsageError("HttpBodyNotAllowed", `write HTTP response: status ${head.status} has no body`);
  }
  return encode(responseText(head, bodiless ? undefined : body?.length ?? 0), body ?? noBody);
}

/** The head of a response whose body the caller sends: `length` bytes, or chunks. Throws `UsageError`. */
export function serializeResponseHead(head: ResponseHead, length: BodyLength): Uint8Array<ArrayBuffer> {
  return encode(responseText(head, length), noBody);
}

/** One chunk of a chunked body; nothing for empty `bytes`, because an empty chunk would be the last one. */
export function serializeChunk(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) return noBody;
  return concat([utf8(bytes.length.toString(16) + "\r\n"), bytes, utf8("\r\n")]);
}

function requestText(head: RequestHead, length: BodyLength): string {
  if (head.method === "" || notToken.test(head.method)) throw invalid("request", "the method");
  if (head.target === "" || notTarget.test(head.target)) throw invalid("request", "the target");
  return `${head.method} ${head.target} HTTP/1.1\r\n${fieldText(head.headers, length, "request")}\r\n`;
}

function responseText(head: ResponseHead, length: BodyLength): string {
  const { status, reason = "" } = head;
  if (!Number.isInteger(status) || status < 100 || status > 599) throw invalid("response", "the status");
  if (notValue.test(reason)) throw invalid("response", "the reason");
  return `HTTP/1.1 ${status} ${reason}\r\n${fieldText(head.headers, length, "response")}\r\n`;
}

function fieldText(headers: RequestHead["headers"], length: BodyLength, what: string): string {
  let text = "";
  let framed = length === undefined;
  for (const [name, value] of headers) {
    if (name === "" || notToken.test(name)) throw invalid(what, "a field name");
    if (notValue.test(value)) throw invalid(what, `the value of ${name}`);
    // Only names of these lengths can be the framing fields.
    if (name.length === 14 && name.toLowerCase() === "content-length") {
      if (framed || value !== String(length)) {
        throw new UsageError(
          "HttpFramingInvalid",
          `write HTTP ${what}: Content-Length is not that of the body`,
        );
      }
      framed = true;
    } else if (name.length === 17 && name.toLowerCase() === "transfer-encoding") {
      throw new UsageError(
        "HttpFramingInvalid",
        `write HTTP ${what}: Transfer-Encoding is set by the serializer`,
      );
    }
    text += `${name}: ${value}\r\n`;
  }
  if (!framed) {
    text += length === "chunked" ? "Transfer-Encoding: chunked\r\n" : `Content-Length: ${length}\r\n`;
  }
  return text;
}

function invalid(what: string, part: string): UsageError {
  return new UsageError(
    "HttpPartInvalid",
    `write HTTP ${what}: ${part} has characters that do not belong there`,
  );
}

/** Head as ISO-8859-1, then the body. */
function encode(head: string, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const message = new Uint8Array(head.length + body.length);
  if (latin1Only.test(head)) { for (let i = 0; i < head.length; i++) message[i] = head.charCodeAt(i); }
  else encoder.encodeInto(head, message);
  message.set(body, head.length);
  return message;
}
