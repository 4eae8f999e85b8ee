/** What both roles share: the way from bytes to heads, bodies and ends. @module */
import { UsageError } from "../errors.ts";
import { CR, LF } from "./characters.ts";
import { ChunkedDecoder } from "./chunked_decoder.ts";
import type { HttpEvent } from "./events.ts";
import { checkTrailers } from "./head.ts";
import { HeadScanner, type SectionLimits } from "./head_scanner.ts";
import { HttpError, malformed } from "./http_error.ts";
import { defaultHttpLimits, type HttpLimits } from "./limits.ts";

/** How the body of a message is delimited. */
export type BodyFraming =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly length: number }
  | { readonly kind: "chunked" }
  /** All that comes until the connection ends. */
  | { readonly kind: "close" };

/** What a role makes of a head. */
export interface HeadOutcome {
  readonly event: HttpEvent;
  readonly body: BodyFraming;
  /** Whether this is the last message of the connection; bytes behind it are dropped (RFC 9112 9.6). */
  readonly last: boolean;
}

/** What differs between requests and responses. */
export interface MessageRole {
  /** Called with the first byte of a head, before anything is kept. Throws `HttpError` when no message may begin so. */
  begin(firstByte: number): void;
  /** Parses a whole head. Throws `HttpError`. */
  head(bytes: Uint8Array): HeadOutcome;
  /** Whether one empty line may come before a start line: RFC 9112 2.2 asks it of servers. */
  readonly skipsEmptyLine: boolean;
}

/** Limits as the parser needs them. */
interface ParserLimits extends HttpLimits {
  readonly head: SectionLimits;
  readonly trailers: SectionLimits;
}

/** What the limits that were given last have become: parsers are many, and their limits few. */
let lastGiven: Partial<HttpLimits> | undefined;
let lastLimits: ParserLimits | undefined;

/** The defaults with some of them replaced. Throws `UsageError`. */
function parserLimits(given: Partial<HttpLimits> | undefined): ParserLimits {
  if (lastLimits !== undefined && given === lastGiven) return lastLimits;
  const limits = { ...defaultHttpLimits, ...given };
  for (const [name, value] of Object.entries(limits)) {
    if (typeof value !== "number" || !(value > 0)) {
      throw new UsageError("HttpLimitInvalid", `make HTTP parser: ${name} is not a positive number`);
    }
  }
  const { maxStartLine, maxHeaderBytes, maxTrailerBytes, maxHeaders: maxLines } = limits;
  const all = {
    ...limits,
    head: { maxStartLine, maxBytes: maxHeaderBytes, maxLines },
    trailers: { maxStartLine: 0, maxBytes: maxTrailerBytes, maxLines },
  };
  // What may still be changed is not what it was.
  if (given === undefined || Object.isFrozen(given)) {
    lastGiven = given;
    lastLimits = all;
  }
  return all;
}

type Phase =
  | "before-head"
  | "empty-line"
  | "head"
  | "length"
  | "chunked"
  | "trailers"
  | "until-close"
  | "dropping"
  | "ended";

const nothing = new Uint8Array(0);
const end: HttpEvent = Object.freeze({ kind: "end" });

/**
 * Parses a byte stream of messages. Body events share memory with the pushed bytes, so a pushed array must not be
 * written to afterwards. After an error every call throws that error.
 */
export class MessageParser {
  readonly #limits: ParserLimits;
  readonly #role: MessageRole;
  #phase: Phase = "before-head";
  #emptyLineSkipped = false;
  #scanner: HeadScanner | undefined;
  #held = nothing;
  #heldLength = 0;
  #remaining = 0;
  #received = 0;
  #chunks: ChunkedDecoder | undefined;
  #last = false;
  #failure: HttpError | undefined;

  constructor(role: MessageRole, limits: Partial<HttpLimits> | undefined) {
    this.#role = role;
    this.#limits = parserLimits(limits);
  }

  /** Whether the parser is between messages with nothing held. */
  get idle(): boolean {
    return this.#failure === undefined && this.#phase === "before-head";
  }

  /** The next bytes, split anywhere. Throws `HttpError`; events that were complete before the fault are in it. */
  push(bytes: Uint8Array): HttpEvent[] {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#phase === "ended") {
      throw new UsageError("HttpInputEnded", "push HTTP bytes: the input has ended before");
    }
    const events: HttpEvent[] = [];
    try {
      let at = 0;
      while (at < bytes.length) at = this.#advance(bytes, at, events);
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      this.#failure = error;
      this.#held = nothing;
      if (events.length === 0) throw error;
      throw new HttpError(error.code as "HttpMalformed", error.message, error.status, {
        cause: error,
        events,
      });
    }
    return events;
  }

  /** The peer sends no more. Throws `HttpIncomplete` inside a message; ends a body that runs until the close. */
  endOfInput(): HttpEvent[] {
    if (this.#failure !== undefined) throw this.#failure;
    const phase = this.#phase;
    this.#phase = "ended";
    if (phase === "until-close") return [end];
    if (phase === "before-head" || phase === "dropping" || phase === "ended") return [];
    this.#failure = new HttpError(
      "HttpIncomplete",
      `read HTTP ${phase === "head" ? "head" : "message"}: the connection ended inside it`,
      408,
    );
    throw this.#failure;
  }

  #advance(bytes: Uint8Array, at: number, events: HttpEvent[]): number {
    switch (this.#phase) {
      case "before-head":
        return this.#beforeHead(bytes, at);
      case "empty-line":
        if (bytes[at] !== LF) throw malformed("read HTTP head: a CR stands before the start line");
        this.#phase = "before-head";
        return at + 1;
      case "head": {
        const stop = this.#scanner!.scan(bytes, at);
        if (stop < 0) return this.#hold(bytes, at);
        this.#finishHead(this.#section(bytes, at, stop), events);
        return stop;
      }
      case "length": {
        const stop = Math.min(bytes.length, at + this.#remaining);
        events.push({ kind: "body", bytes: bytes.subarray(at, stop) });
        this.#remaining -= stop - at;
        if (this.#remaining === 0) this.#finishMessage(events);
        return stop;
      }
      case "chunked": {
        const chunks = this.#chunks!;
        const next = chunks.decode(bytes, at, events);
        if (chunks.done) {
          this.#phase = "trailers";
          this.#scanner = new HeadScanner(this.#limits.trailers);
        }
        return next;
      }
      case "trailers": {
        const stop = this.#scanner!.scan(bytes, at);
        if (stop < 0) return this.#hold(bytes, at);
        checkTrailers(this.#section(bytes, at, stop));
        this.#finishMessage(events);
        return stop;
      }
      case "until-close":
        this.#received += bytes.length - at;
        if (this.#received > this.#limits.maxBodyBytes) throw this.#bodyTooLarge();
        events.push({ kind: "body", bytes: bytes.subarray(at) });
        return bytes.length;
      default:
        return bytes.length;
    }
  }

  #beforeHead(bytes: Uint8Array, at: number): number {
    const first = bytes[at]!;
    if (first === CR && this.#role.skipsEmptyLine && !this.#emptyLineSkipped) {
      this.#emptyLineSkipped = true;
      this.#phase = "empty-line";
      return at + 1;
    }
    this.#role.begin(first);
    this.#phase = "head";
    this.#scanner = new HeadScanner(this.#limits.head);
    return at;
  }

  /** A whole head or trailer section that ends before `stop`: as a view where it came in one piece. */
  #section(bytes: Uint8Array, at: number, stop: number): Uint8Array {
    this.#scanner = undefined;
    const last = bytes.subarray(at, stop);
    if (this.#heldLength === 0) return last;
    this.#hold(last, 0);
    const section = this.#held.subarray(0, this.#heldLength);
    this.#held = nothing;
    this.#heldLength = 0;
    return section;
  }

  /** Keeps `bytes` from `at`; returns where they end. */
  #hold(bytes: Uint8Array, at: number): number {
    const length = this.#heldLength + bytes.length - at;
    if (length > this.#held.length) {
      const larger = new Uint8Array(Math.max(length, this.#held.length * 2, 1024));
      larger.set(this.#held.subarray(0, this.#heldLength));
      this.#held = larger;
    }
    this.#held.set(at === 0 ? bytes : bytes.subarray(at), this.#heldLength);
    this.#heldLength = length;
    return bytes.length;
  }

  #finishHead(bytes: Uint8Array, events: HttpEvent[]): void {
    const { event, body, last } = this.#role.head(bytes);
    if (body.kind === "length" && body.length > this.#limits.maxBodyBytes) throw this.#bodyTooLarge();
    this.#last = last;
    events.push(event);
    switch (body.kind) {
      case "none":
        this.#finishMessage(events);
        return;
      case "length":
        if (body.length === 0) {
          this.#finishMessage(events);
          return;
        }
        this.#phase = "length";
        this.#remaining = body.length;
        return;
      case "chunked":
        this.#phase = "chunked";
        this.#chunks = new ChunkedDecoder(this.#limits);
        return;
      case "close":
        this.#phase = "until-close";
        this.#received = 0;
    }
  }

  #finishMessage(events: HttpEvent[]): void {
    events.push(end);
    this.#emptyLineSkipped = false;
    this.#chunks = undefined;
    this.#phase = this.#last ? "dropping" : "before-head";
  }

  #bodyTooLarge(): HttpError {
    return new HttpError(
      "HttpTooLarge",
      `read HTTP body: it is longer than the limit of ${this.#limits.maxBodyBytes} bytes`,
      413,
    );
  }
}
