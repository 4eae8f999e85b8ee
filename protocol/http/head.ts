/** Parses complete heads: request line, status line, fields. Byte loops and one decoding per head. @module */
import {
  consistsOf,
  CR,
  decodeLatin1,
  hostBytes,
  HTAB,
  LF,
  SP,
  targetBytes,
  tokenBytes,
  valueBytes,
} from "./characters.ts";
import { HttpHeaders } from "./headers.ts";
import { HttpError, malformed } from "./http_error.ts";

const COLON = 0x3a;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;

/** Start line and fields of a request. */
export interface ParsedRequestHead {
  readonly method: string;
  readonly target: string;
  readonly version: "1.0" | "1.1";
  readonly headers: HttpHeaders;
}

/** Start line and fields of a response. */
export interface ParsedResponseHead {
  readonly status: number;
  readonly reason: string;
  readonly version: "1.0" | "1.1";
  readonly headers: HttpHeaders;
}

/** Parses `bytes`, a whole head with its closing empty line (RFC 9112 3). Throws `HttpError`. */
export function parseRequestHead(bytes: Uint8Array): ParsedRequestHead {
  let at = 0;
  while (tokenBytes[bytes[at]!] === 1) at++;
  const methodEnd = at;
  if (at === 0 || bytes[at] !== SP) {
    throw malformed("read HTTP request: the request line does not begin with a method");
  }
  at++;
  while (targetBytes[bytes[at]!] === 1) at++;
  const targetEnd = at;
  if (targetEnd === methodEnd + 1 || bytes[at] !== SP) {
    throw malformed("read HTTP request: the request line has no well-formed target");
  }
  const version = parseVersion(bytes, at + 1);
  at += 9;
  if (bytes[at] !== CR || bytes[at + 1] !== LF) {
    throw malformed("read HTTP request: the request line does not end after the version");
  }
  const fields = scanFields(bytes, at + 2);
  const text = decodeLatin1(bytes, fields.onlyAscii);
  const method = text.slice(0, methodEnd);
  const target = text.slice(methodEnd + 1, targetEnd);
  checkTarget(method, target);
  const headers = makeHeaders(text, fields.spans);
  checkHost(headers, version);
  return { method, target, version, headers };
}

/**
 * Parses `bytes`, a whole head with its closing empty line (RFC 9112 4). Windows sends an empty reason behind a
 * space, others leave the space out too: both are taken. Throws `HttpError`.
 */
export function parseResponseHead(bytes: Uint8Array): ParsedResponseHead {
  const version = parseVersion(bytes, 0);
  if (bytes[8] !== SP) throw malformed("read HTTP response: the status line has no space after the version");
  let status = 0;
  for (let i = 9; i < 12; i++) {
    const digit = bytes[i]!;
    if (digit < DIGIT_0 || digit > DIGIT_9) {
      throw malformed("read HTTP response: the status code is not three digits");
    }
    status = status * 10 + digit - DIGIT_0;
  }
  if (status < 100 || status > 599) {
    throw malformed(`read HTTP response: the status code ${status} does not exist`);
  }
  let at = 12;
  let reasonStart = 12;
  let high = 0;
  if (bytes[at] === SP) {
    at++;
    reasonStart = at;
    while (valueBytes[bytes[at]!] === 1) high |= bytes[at++]!;
  }
  const reasonEnd = at;
  if (bytes[at] !== CR || bytes[at + 1] !== LF) {
    throw malformed("read HTTP response: the status line is malformed");
  }
  const fields = scanFields(bytes, at + 2);
  const text = decodeLatin1(bytes, fields.onlyAscii && high < 0x80);
  return {
    status,
    reason: text.slice(reasonStart, reasonEnd),
    version,
    headers: makeHeaders(text, fields.spans),
  };
}

/** Checks a whole trailer section with its closing empty line; the fields are not kept (RFC 9112 7.1.2). */
export function checkTrailers(bytes: Uint8Array): void {
  scanFields(bytes, 0);
}

function parseVersion(bytes: Uint8Array, at: number): "1.0" | "1.1" {
  // "HTTP/" DIGIT "." DIGIT, case-sensitive (RFC 9112 2.3).
  const major = bytes[at + 5]!;
  const minor = bytes[at + 7]!;
  const isVersion = bytes[at] === 0x48 && bytes[at + 1] === 0x54 && bytes[at + 2] === 0x54 &&
    bytes[at + 3] === 0x50 && bytes[at + 4] === 0x2f && bytes[at + 6] === 0x2e &&
    major >= DIGIT_0 && major <= DIGIT_9 && minor >= DIGIT_0 && minor <= DIGIT_9;
  if (!isVersion) throw malformed("read HTTP head: there is no HTTP version where one must be");
  if (major === DIGIT_0 + 1) {
    if (minor === DIGIT_0 + 1) return "1.1";
    if (minor === DIGIT_0) return "1.0";
  }
  const name = String.fromCharCode(major, 0x2e, minor);
  throw new HttpError("HttpUnsupported", `read HTTP head: version ${name} is neither 1.0 nor 1.1`, 505);
}

/** Name start, name end, value start, value end of every field, in this order. */
interface FieldSpans {
  readonly spans: number[];
  readonly onlyAscii: boolean;
}

function scanFields(bytes: Uint8Array, start: number): FieldSpans {
  const spans: number[] = [];
  const end = bytes.length - 2;
  let high = 0;
  let at = start;
  while (at < end) {
    const nameStart = at;
    while (tokenBytes[bytes[at]!] === 1) at++;
    const nameEnd = at;
    if (bytes[at] !== COLON || nameEnd === nameStart) {
      // Also a folded line (RFC 9112 5.2) and white space before the colon (5.1) end up here.
      throw malformed("read HTTP head: a field does not begin with a name and a colon");
    }
    at++;
    while (bytes[at] === SP || bytes[at] === HTAB) at++;
    const valueStart = at;
    while (valueBytes[bytes[at]!] === 1) high |= bytes[at++]!;
    if (bytes[at] !== CR || bytes[at + 1] !== LF) {
      throw malformed("read HTTP head: a field value has a control character");
    }
    let valueEnd = at;
    while (valueEnd > valueStart && (bytes[valueEnd - 1] === SP || bytes[valueEnd - 1] === HTAB)) valueEnd--;
    spans.push(nameStart, nameEnd, valueStart, valueEnd);
    at += 2;
  }
  return { spans, onlyAscii: high < 0x80 };
}

function makeHeaders(text: string, spans: readonly number[]): HttpHeaders {
  const names: string[] = [];
  const lower: string[] = [];
  const values: string[] = [];
  for (let i = 0; i < spans.length; i += 4) {
    const name = text.slice(spans[i], spans[i + 1]);
    names.push(name);
    lower.push(name.toLowerCase());
    values.push(text.slice(spans[i + 2], spans[i + 3]));
  }
  return new HttpHeaders(names, lower, values);
}

function checkTarget(method: string, target: string): void {
  if (method === "CONNECT") {
    throw new HttpError(
      "HttpUnsupported",
      "read HTTP request: CONNECT is for proxies, which this server is not",
      501,
    );
  }
  if (target.startsWith("/")) return;
  if (target === "*") {
    if (method === "OPTIONS") return;
  } else {
    const scheme = target.slice(0, 8).toLowerCase();
    if (scheme.startsWith("http://") || scheme === "https://") return;
  }
  throw malformed("read HTTP request: the target is neither a path nor an http URL");
}

/** RFC 9112 3.2: exactly one well-formed Host in 1.1; 1.0 may go without. */
function checkHost(headers: HttpHeaders, version: "1.0" | "1.1"): void {
  const hosts = headers.getAll("host");
  if (hosts.length > 1) throw malformed("read HTTP request: there are several Host fields");
  const host = hosts[0];
  if (host === undefined) {
    if (version === "1.1") throw malformed("read HTTP request: the Host field is missing");
    return;
  }
  if (!consistsOf(host, hostBytes)) throw malformed("read HTTP request: the Host field is malformed");
}
