/** Finds the end of a head or trailer section across any split, within limits, without holding bytes. @module */
import { CR, LF } from "./characters.ts";
import { HttpError, malformed } from "./http_error.ts";

/** Limits of one section. */
export interface SectionLimits {
  /** Longest first line in bytes, where the section has a start line; 0 where it has none (trailers). */
  readonly maxStartLine: number;
  /** All field lines together, in bytes. */
  readonly maxBytes: number;
  /** Number of field lines. */
  readonly maxLines: number;
}

/**
 * Looks for the empty line that ends a section. Lines end in CRLF only: RFC 9112 2.2 lets a recipient take a bare
 * LF, but two recipients that differ there can be played against each other.
 */
export class HeadScanner {
  readonly #limits: SectionLimits;
  #inStartLine: boolean;
  #lineBytes = 0;
  #fieldBytes = 0;
  #lines = 0;
  #last = 0;

  constructor(limits: SectionLimits) {
    this.#limits = limits;
    this.#inStartLine = limits.maxStartLine > 0;
  }

  /**
   * Scans `bytes` from `at`, which continues what was scanned before. Returns the index just behind the section,
   * or -1 when all bytes belong to it and more must come. Throws `HttpError` on bare LF or a passed limit.
   */
  scan(bytes: Uint8Array, at: number): number {
    let from = at;
    for (;;) {
      const lf = bytes.indexOf(LF, from);
      const stop = lf < 0 ? bytes.length : lf + 1;
      this.#lineBytes += stop - from;
      this.#checkLimits(stop - from);
      if (lf < 0) {
        if (stop > at) this.#last = bytes[stop - 1]!;
        return -1;
      }
      if ((lf > at ? bytes[lf - 1] : this.#last) !== CR) {
        throw malformed("read HTTP head: a line ends in a bare LF");
      }
      if (this.#lineBytes === 2) {
        if (this.#inStartLine) throw malformed("read HTTP head: the start line is empty");
        return stop;
      }
      if (this.#inStartLine) this.#inStartLine = false;
      else this.#lines++;
      this.#lineBytes = 0;
      this.#last = LF;
      from = stop;
    }
  }

  #checkLimits(added: number): void {
    if (this.#inStartLine) {
      if (this.#lineBytes > this.#limits.maxStartLine + 2) {
        throw new HttpError(
          "HttpTooLarge",
          `read HTTP head: the start line is longer than the limit of ${this.#limits.maxStartLine} bytes`,
          431,
        );
      }
      return;
    }
    this.#fieldBytes += added;
    // The empty line that ends the section does not count. Of two limits that one piece passes, the one that it passed first
    // is told, as if the bytes had come one by one.
    const beyondBytes = this.#fieldBytes - this.#limits.maxBytes - 2;
    const beyondLines = this.#lines < this.#limits.maxLines ? 0 : this.#lineBytes - 2;
    if (beyondBytes > 0 && beyondBytes > beyondLines) {
      throw new HttpError(
        "HttpTooLarge",
        `read HTTP head: the fields are longer than the limit of ${this.#limits.maxBytes} bytes`,
        431,
      );
    }
    if (beyondLines > 0) {
      throw new HttpError(
        "HttpTooLarge",
        `read HTTP head: there are more fields than the limit of ${this.#limits.maxLines}`,
        431,
      );
    }
  }
}
