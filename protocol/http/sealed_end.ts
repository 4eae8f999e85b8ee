/** Finds where the sealed bytes of a part end, although they may contain the boundary's text. @module */

const CR = 0x0d;
const LF = 0x0a;
const DASH = 0x2d;
/** No mechanism has tokens longer than this; a greater number is not a token length. */
const maxTokenBytes = 4096;
/** Header of a TLS record. */
const recordHeaderBytes = 5;
const applicationData = 0x17;

/** Where the sealed bytes end. */
export interface SealedEnd {
  /** Number of sealed bytes. */
  readonly length: number;
  /** Index behind the delimiter, its dashes or its line end. */
  readonly next: number;
  /** Whether the delimiter closes the multipart. */
  readonly closed: boolean;
}

/** What stands at a place where a delimiter may be. */
type Delimiter = "more" | "none" | { readonly next: number; readonly closed: boolean };

/**
 * Looks for the end of one part's sealed bytes.
 *
 * Their form is token length (4 bytes, little-endian), token, ciphertext, and no header tells the whole length. NTLM
 * and Kerberos keep the plaintext's length ([MS-WSMV] 2.2.9.1), so the end is known and the delimiter must be just
 * there. CredSSP has TLS records behind the token length, whose headers tell the end. For anything else the first
 * delimiter behind the shortest possible ciphertext counts.
 */
export class SealedEndFinder {
  readonly #least: number;
  readonly #delimiter: Uint8Array;
  #way: "token-length" | "records" | "search" = "token-length";
  /** Where the current way goes on; what lies before it is settled. */
  #at = 4;

  /** `plainLength`: bytes of the plaintext; `delimiter`: `--` and the boundary. */
  constructor(plainLength: number, delimiter: Uint8Array) {
    this.#least = 4 + plainLength;
    this.#delimiter = delimiter;
  }

  /** The end in `bytes`, all that came of the part so far; `undefined` while it cannot be told. */
  find(bytes: Uint8Array): SealedEnd | undefined {
    if (bytes.length < this.#least) return undefined;
    if (this.#way === "token-length") {
      const tokenBytes = (bytes[0]! | bytes[1]! << 8 | bytes[2]! << 16 | bytes[3]! << 24) >>> 0;
      if (tokenBytes <= maxTokenBytes) {
        const end = this.#least + tokenBytes;
        const there = delimiterAt(bytes, end, this.#delimiter, true);
        if (there === "more") return undefined;
        if (there !== "none") return { length: end, ...there };
      }
      this.#way = "records";
    }
    if (this.#way === "records") {
      const end = this.#walkRecords(bytes);
      if (end !== "none") return end;
      this.#way = "search";
      this.#at = this.#least;
    }
    return this.#search(bytes);
  }

  /** Goes from TLS record to TLS record until a delimiter follows one; "none" when they are no such records. */
  #walkRecords(bytes: Uint8Array): SealedEnd | undefined | "none" {
    for (;;) {
      if (this.#at > 4 && this.#at >= this.#least) {
        const there = delimiterAt(bytes, this.#at, this.#delimiter, true);
        if (there === "more") return undefined;
        if (there !== "none") return { length: this.#at, ...there };
      }
      if (bytes.length < this.#at + recordHeaderBytes) return undefined;
      if (bytes[this.#at] !== applicationData || bytes[this.#at + 1] !== 3) return "none";
      this.#at += recordHeaderBytes + (bytes[this.#at + 3]! << 8 | bytes[this.#at + 4]!);
    }
  }

  #search(bytes: Uint8Array): SealedEnd | undefined {
    for (let at = bytes.indexOf(DASH, this.#at); at >= 0; at = bytes.indexOf(DASH, at + 1)) {
      const there = delimiterAt(bytes, at, this.#delimiter, false);
      if (there === "more") {
        this.#at = at;
        return undefined;
      }
      if (there !== "none") return { length: at, ...there };
    }
    this.#at = bytes.length;
    return undefined;
  }
}

/**
 * Whether at `at` there is a delimiter with `--` or CRLF behind it. Where the end is known, a CRLF may come before it;
 * a searcher could not tell that from sealed bytes.
 */
function delimiterAt(bytes: Uint8Array, at: number, delimiter: Uint8Array, mayBreak: boolean): Delimiter {
  let i = at;
  if (mayBreak && bytes[i] === CR) {
    if (i + 1 === bytes.length) return "more";
    if (bytes[i + 1] === LF) i += 2;
  }
  for (const byte of delimiter) {
    if (i >= bytes.length) return "more";
    if (bytes[i++] !== byte) return "none";
  }
  if (i + 2 > bytes.length) return "more";
  if (bytes[i] === DASH && bytes[i + 1] === DASH) return { next: i + 2, closed: true };
  if (bytes[i] === CR && bytes[i + 1] === LF) return { next: i + 2, closed: false };
  return "none";
}
