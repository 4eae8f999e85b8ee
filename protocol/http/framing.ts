/** Where a message ends: Content-Length, Transfer-Encoding, Connection (RFC 9112 6, 9.3). @module */
import type { HttpHeaders } from "./headers.ts";
import { HttpError, malformed } from "./http_error.ts";

/** Framing fields of one head, checked for contradictions. */
export interface Framing {
  readonly contentLength: number | undefined;
  readonly chunked: boolean;
}

/**
 * Reads the framing fields. Refused, because two recipients may read them in two ways: Content-Length beside
 * Transfer-Encoding, several Content-Lengths (equal ones too), anything but digits, a coding other than `chunked`,
 * and Transfer-Encoding in HTTP/1.0.
 */
export function readFraming(headers: HttpHeaders, version: "1.0" | "1.1"): Framing {
  const codings = headers.getAll("transfer-encoding");
  const lengths = headers.getAll("content-length");
  if (codings.length > 0) {
    if (lengths.length > 0) {
      throw malformed("read HTTP head: Content-Length and Transfer-Encoding contradict each other");
    }
    if (version === "1.0") throw malformed("read HTTP head: HTTP/1.0 has no Transfer-Encoding");
    if (codings.length > 1 || codings[0]!.toLowerCase() !== "chunked") {
      throw new HttpError("HttpUnsupported", "read HTTP head: Transfer-Encoding is not just chunked", 501);
    }
    return { contentLength: undefined, chunked: true };
  }
  const first = lengths[0];
  if (first === undefined) return { contentLength: undefined, chunked: false };
  if (lengths.length > 1) {
    throw malformed("read HTTP head: there are several Content-Length fields");
  }
  return { contentLength: parseLength(first), chunked: false };
}

function parseLength(value: string): number {
  if (value.length === 0) throw malformed("read HTTP head: Content-Length is empty");
  let length = 0;
  for (let i = 0; i < value.length; i++) {
    const digit = value.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) throw malformed("read HTTP head: Content-Length is not a number");
    length = length * 10 + digit;
    if (length > Number.MAX_SAFE_INTEGER) {
      throw new HttpError("HttpTooLarge", "read HTTP head: Content-Length is beyond all limits", 413);
    }
  }
  return length;
}

/** Whether the connection persists after the message (RFC 9112 9.3). */
export function readKeepAlive(headers: HttpHeaders, version: "1.0" | "1.1"): boolean {
  const connection = headers.get("connection");
  if (connection === undefined) return version === "1.1";
  let keepAlive = version === "1.1";
  for (const option of connection.split(",")) {
    const name = option.trim().toLowerCase();
    if (name === "close") return false;
    if (name === "keep-alive") keepAlive = true;
  }
  return keepAlive;
}
