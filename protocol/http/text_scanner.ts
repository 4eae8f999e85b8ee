/** A cursor over the text of one field value. @module */
import { token68Bytes, tokenBytes } from "./characters.ts";
import { type HttpError, malformed } from "./http_error.ts";

/** Reads the pieces of RFC 9110 5.6 from a field value. No value is ever part of an error's text: it may be secret. */
export class TextScanner {
  readonly #text: string;
  readonly #what: string;
  /** Index of the next character. */
  at = 0;

  /** `what` names the field in error texts. */
  constructor(text: string, what: string) {
    this.#text = text;
    this.#what = what;
  }

  /** Whether all was read. */
  get done(): boolean {
    return this.at >= this.#text.length;
  }

  /** The next character, or "" at the end. */
  get next(): string {
    return this.#text.charAt(this.at);
  }

  /** Skips spaces and tabs; says whether there were any. */
  skipSpace(): boolean {
    const start = this.at;
    while (this.next === " " || this.next === "\t") this.at++;
    return this.at > start;
  }

  /** Skips `character` if it is next; says whether it was. */
  skip(character: string): boolean {
    if (this.next !== character) return false;
    this.at++;
    return true;
  }

  /** Reads a token. Throws `HttpMalformed` when there is none. */
  token(): string {
    const start = this.at;
    while (this.at < this.#text.length && tokenBytes[this.#text.charCodeAt(this.at)] === 1) this.at++;
    if (this.at === start) throw this.error("a name is missing");
    return this.#text.slice(start, this.at);
  }

  /** Reads up to one of `stops` or the end, without white space around it. */
  until(stops: string): string {
    const start = this.at;
    while (this.at < this.#text.length && !stops.includes(this.next)) this.at++;
    return this.#text.slice(start, this.at).trim();
  }

  /** Reads a quoted-string, whose opening quote is next, and undoes its escapes. Throws `HttpMalformed`. */
  quoted(): string {
    let value = "";
    let start = ++this.at;
    for (; this.at < this.#text.length; this.at++) {
      const character = this.next;
      if (character === '"') {
        value += this.#text.slice(start, this.at);
        this.at++;
        return value;
      }
      if (character === "\\") {
        value += this.#text.slice(start, this.at);
        start = ++this.at;
      }
    }
    throw this.error("a quoted string does not end");
  }

  /** Reads a token68 (RFC 9110 11.2) if one stands here up to a comma or the end; else nothing moves. */
  token68(): string | undefined {
    const start = this.at;
    const text = this.#text;
    let end = start;
    while (end < text.length && token68Bytes[text.charCodeAt(end)] === 1) end++;
    if (end === start) return undefined;
    while (text.charAt(end) === "=") end++;
    this.at = end;
    this.skipSpace();
    if (this.done || this.next === ",") return text.slice(start, end);
    this.at = start;
    return undefined;
  }

  /** An `HttpMalformed` error about this field. */
  error(state: string): HttpError {
    return malformed(`parse ${this.#what}: ${state}`);
  }
}
