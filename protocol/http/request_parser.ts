/** The server's reader. @module */
import { tokenBytes } from "./characters.ts";
import type { HttpEvent, HttpRequestEvent } from "./events.ts";
import { readFraming, readKeepAlive } from "./framing.ts";
import { parseRequestHead } from "./head.ts";
import { HttpError, malformed } from "./http_error.ts";
import type { HttpLimits } from "./limits.ts";
import { type HeadOutcome, MessageParser } from "./message_parser.ts";

/**
 * Strict parser of a stream of HTTP/1.0 and 1.1 requests (RFC 9112). Give it the bytes of one connection as they
 * come; the array must not be written to afterwards, because body events are views of it.
 *
 * After a request that does not keep the connection, further bytes are dropped. After an error every call throws it.
 */
export class HttpRequestParser {
  readonly #parser: MessageParser;

  /** Makes a parser; limits that are not given are {@link defaultHttpLimits}. */
  constructor(limits?: Partial<HttpLimits>) {
    this.#parser = new MessageParser({ begin, head, skipsEmptyLine: true }, limits);
  }

  /** Whether the parser is between messages with nothing held. */
  get idle(): boolean {
    return this.#parser.idle;
  }

  /** Takes the next bytes. Throws {@link HttpError}, whose `events` are those that were complete before the fault. */
  push(bytes: Uint8Array): HttpEvent[] {
    return this.#parser.push(bytes);
  }

  /** The client sends no more. Throws `HttpIncomplete` inside a message. */
  endOfInput(): HttpEvent[] {
    return this.#parser.endOfInput();
  }
}

/** Sees at the first byte that a peer talks something else, TLS for instance, instead of waiting for a line's end. */
function begin(firstByte: number): void {
  if (tokenBytes[firstByte] !== 1) throw malformed("read HTTP request: the first byte cannot begin a method");
}

function head(bytes: Uint8Array): HeadOutcome {
  const { method, target, version, headers } = parseRequestHead(bytes);
  const { contentLength, chunked } = readFraming(headers, version);
  const keepAlive = readKeepAlive(headers, version);
  const expectation = version === "1.1" ? headers.get("expect") : undefined;
  if (expectation !== undefined && expectation.toLowerCase() !== "100-continue") {
    throw new HttpError("HttpUnsupported", "read HTTP request: the expectation is not 100-continue", 417);
  }
  const event: HttpRequestEvent = {
    kind: "request",
    method,
    target,
    version,
    headers,
    keepAlive,
    // Without a body there is nothing to wait for.
    expectContinue: expectation !== undefined && (chunked || (contentLength ?? 0) > 0),
    contentLength,
    chunked,
  };
  const body: HeadOutcome["body"] = chunked
    ? { kind: "chunked" }
    : { kind: "length", length: contentLength ?? 0 };
  return { event, body, last: !keepAlive };
}
