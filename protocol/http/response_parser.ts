/** The client's reader. @module */
import type { HttpEvent, HttpResponseEvent } from "./events.ts";
import { type Framing, readFraming, readKeepAlive } from "./framing.ts";
import { parseResponseHead } from "./head.ts";
import { HttpError, malformed } from "./http_error.ts";
import { KnownHeads } from "./known_heads.ts";
import type { HttpLimits } from "./limits.ts";
import { type BodyFraming, type HeadOutcome, MessageParser, type MessageRole } from "./message_parser.ts";

/** More interim responses than this before one final response are refused. */
const maxInterimResponses = 32;
const LETTER_H = 0x48;

/** Heads of successful final responses to requests whose method does not change what a head means. */
const knownHeads = new KnownHeads<HeadOutcome>();

/**
 * Strict parser of a stream of HTTP/1.0 and 1.1 responses (RFC 9112). Call {@link HttpResponseParser.expect} for each
 * request that is sent, in order, before its response can arrive. A pushed array must not be written to afterwards.
 *
 * After a response that does not keep the connection, further bytes are dropped. After an error every call throws it.
 */
export class HttpResponseParser {
  readonly #parser: MessageParser;
  readonly #role = new ResponseRole();

  /** Makes a parser; limits that are not given are {@link defaultHttpLimits}. */
  constructor(limits?: Partial<HttpLimits>) {
    this.#parser = new MessageParser(this.#role, limits);
  }

  /** Whether the parser is between messages with nothing held. Responses may still be due: see `outstanding`. */
  get idle(): boolean {
    return this.#parser.idle;
  }

  /** Number of requests whose final response's head has not come yet. */
  get outstanding(): number {
    return this.#role.outstanding;
  }

  /**
   * Says that a request with `method` was sent. The response to HEAD has no body; after a 2xx response to CONNECT all
   * bytes until the end of input are body events: the tunnel's.
   */
  expect(method: string): void {
    this.#role.expect(method);
  }

  /** Takes the next bytes. Throws {@link HttpError}, whose `events` are those that were complete before the fault. */
  push(bytes: Uint8Array): HttpEvent[] {
    return this.#parser.push(bytes);
  }

  /**
   * The server sends no more: gives the `end` of a body that runs until the close. Throws `HttpIncomplete` inside any
   * other message. Responses that never began are not an error here: see `outstanding`.
   */
  endOfInput(): HttpEvent[] {
    return this.#parser.endOfInput();
  }
}

class ResponseRole implements MessageRole {
  readonly skipsEmptyLine = false;
  /** Method of the request whose response is due. */
  #method: string | undefined;
  /** Those of the requests after it. */
  #later: string[] | undefined;
  #interims = 0;

  get outstanding(): number {
    return this.#method === undefined ? 0 : 1 + (this.#later?.length ?? 0);
  }

  expect(method: string): void {
    if (this.#method === undefined) this.#method = method;
    else (this.#later ??= []).push(method);
  }

  begin(firstByte: number): void {
    if (this.#method === undefined) {
      throw new HttpError("HttpUnexpectedResponse", "read HTTP response: no request is waiting for one", 400);
    }
    if (firstByte !== LETTER_H) {
      throw malformed("read HTTP response: the first byte cannot begin a status line");
    }
  }

  head(bytes: Uint8Array): HeadOutcome {
    const method = this.#method!;
    const known = method === "HEAD" || method === "CONNECT" ? undefined : knownHeads.find(bytes);
    if (known !== undefined) {
      this.#answered();
      return known;
    }
    const { status, reason, version, headers } = parseResponseHead(bytes);
    const interim = status < 200;
    const tunnel = method === "CONNECT" && status < 300 && !interim;
    // A tunnel's framing fields mean nothing (RFC 9110 9.3.6).
    const framing = tunnel ? { contentLength: undefined, chunked: false } : readFraming(headers, version);
    if (interim) this.#countInterim(status);
    else this.#answered();
    const body = bodyOf(status, method, framing);
    const keepAlive = body.kind !== "close" && readKeepAlive(headers, version);
    const event: HttpResponseEvent = {
      kind: "response",
      status,
      reason,
      version,
      headers,
      keepAlive,
      interim,
      ...framing,
    };
    const outcome = { event, body, last: !keepAlive && !interim };
    if (status === 200 && method !== "HEAD" && method !== "CONNECT") knownHeads.keep(bytes, outcome);
    return outcome;
  }

  #answered(): void {
    this.#method = this.#later?.shift();
    this.#interims = 0;
  }

  #countInterim(status: number): void {
    if (status === 101) {
      throw new HttpError(
        "HttpUnexpectedResponse",
        "read HTTP response: nobody asked to switch protocols",
        400,
      );
    }
    if (++this.#interims > maxInterimResponses) {
      throw new HttpError(
        "HttpTooLarge",
        `read HTTP response: more than ${maxInterimResponses} interim responses came before the final one`,
        400,
      );
    }
  }
}

/** RFC 9112 6.3, in its order. */
function bodyOf(status: number, method: string, framing: Framing): BodyFraming {
  if (status < 200 || status === 204) {
    // RFC 9110 8.6 and RFC 9112 6.1 forbid framing fields here; a zero length says nothing wrong.
    if (framing.chunked || (framing.contentLength ?? 0) > 0) {
      throw malformed(`read HTTP response: a response with status ${status} announces a body`);
    }
    return { kind: "none" };
  }
  if (method === "HEAD" || status === 304) return { kind: "none" };
  if (framing.chunked) return { kind: "chunked" };
  if (framing.contentLength !== undefined) return { kind: "length", length: framing.contentLength };
  return { kind: "close" };
}
