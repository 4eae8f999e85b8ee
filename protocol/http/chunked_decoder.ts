/** Decodes `Transfer-Encoding: chunked` (RFC 9112 7.1) across any split, without copying. @module */
import { CR, HTAB, LF, SP, valueBytes } from "./characters.ts";
import type { HttpEvent } from "./events.ts";
import { HttpError, malformed } from "./http_error.ts";
import type { HttpLimits } from "./limits.ts";

const SEMICOLON = 0x3b;
/** 15 hexadecimal digits are below 2^60; leading zeros count. */
const maxSizeDigits = 15;

type Phase = "size" | "extension" | "size-lf" | "data" | "data-cr" | "data-lf" | "done";

/** Value of a hexadecimal digit, or -1. */
function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** Decodes the chunks of one message, up to and with the line of the last chunk; trailers are the caller's. */
export class ChunkedDecoder {
  readonly #limits: HttpLimits;
  #phase: Phase = "size";
  #size = 0;
  #digits = 0;
  #remaining = 0;
  #total = 0;
  #extensionBytes = 0;
  #afterSpace = false;

  constructor(limits: HttpLimits) {
    this.#limits = limits;
  }

  /** Whether the last chunk's line was read; the trailer section follows. */
  get done(): boolean {
    return this.#phase === "done";
  }

  /** Decodes from `at`, appends body events, returns the index behind what was used. Throws `HttpError`. */
  decode(bytes: Uint8Array, at: number, events: HttpEvent[]): number {
    while (at < bytes.length && this.#phase !== "done") {
      if (this.#phase === "data") {
        const end = Math.min(bytes.length, at + this.#remaining);
        events.push({ kind: "body", bytes: bytes.subarray(at, end) });
        this.#remaining -= end - at;
        at = end;
        if (this.#remaining === 0) this.#phase = "data-cr";
      } else {
        this.#frame(bytes[at++]!);
      }
    }
    return at;
  }

  #frame(byte: number): void {
    switch (this.#phase) {
      case "size": {
        const digit = hexDigit(byte);
        if (digit >= 0) {
          if (++this.#digits > maxSizeDigits) {
            throw malformed("read HTTP chunk: the size has too many digits");
          }
          this.#size = this.#size * 16 + digit;
        } else if (this.#digits === 0) throw malformed("read HTTP chunk: the size is missing");
        else if (byte === CR) this.#phase = "size-lf";
        else if (byte === SEMICOLON) this.#phase = "extension";
        else throw malformed("read HTTP chunk: the size is not hexadecimal");
        return;
      }
      case "extension":
        if (byte === CR) {
          // The grammar has white space around ";" and "=" only.
          if (this.#afterSpace) throw malformed("read HTTP chunk: an extension ends in white space");
          this.#phase = "size-lf";
        } else if (valueBytes[byte] !== 1) {
          throw malformed("read HTTP chunk: an extension has a control character");
        } else if (++this.#extensionBytes > this.#limits.maxChunkExtension) {
          throw new HttpError(
            "HttpTooLarge",
            `read HTTP chunk: extensions are longer than the limit of ${this.#limits.maxChunkExtension} bytes`,
            413,
          );
        }
        this.#afterSpace = byte === SP || byte === HTAB;
        return;
      case "size-lf":
        if (byte !== LF) throw malformed("read HTTP chunk: the size does not end in CRLF");
        this.#beginData();
        return;
      case "data-cr":
        if (byte !== CR) throw malformed("read HTTP chunk: the data are longer than their size");
        this.#phase = "data-lf";
        return;
      default:
        if (byte !== LF) throw malformed("read HTTP chunk: the data do not end in CRLF");
        this.#phase = "size";
    }
  }

  #beginData(): void {
    // Beyond 2^53 the sum is no longer exact, but stays far over every limit, and `Infinity` is caught here.
    if (this.#total + this.#size > Math.min(this.#limits.maxBodyBytes, Number.MAX_SAFE_INTEGER)) {
      throw new HttpError(
        "HttpTooLarge",
        `read HTTP chunk: the body is longer than the limit of ${this.#limits.maxBodyBytes} bytes`,
        413,
      );
    }
    this.#total += this.#size;
    this.#remaining = this.#size;
    this.#phase = this.#size === 0 ? "done" : "data";
    this.#size = 0;
    this.#digits = 0;
    this.#afterSpace = false;
  }
}
