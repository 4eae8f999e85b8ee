/** Base64 that arrives in pieces split anywhere (RFC 4648 section 4; white space as in XML Schema's base64Binary). @module */

const options = { lastChunkHandling: "stop-before-partial" } as const;

/** Decodes one text. All methods throw `SyntaxError` on characters or padding that do not belong. */
export class Base64Decoder {
  /** Up to three characters (and padding) of a quartet that is not complete yet. */
  #rest = "";
  /** Padding was read: only white space may follow. */
  #ended = false;

  /** Begins a new text. */
  reset(): void {
    this.#rest = "";
    this.#ended = false;
  }

  /** Decodes all complete quartets; a fresh array, or undefined when there is none. */
  push(piece: string): Uint8Array | undefined {
    const text = this.#rest === "" ? piece : this.#rest + piece;
    const bytes = new Uint8Array((text.length >>> 2) * 3);
    const { read, written } = bytes.setFromBase64(text, options);
    const whole = read === text.length;
    // A form feed is white space for the decoder, yet no XML character. Where all is digits there is none to look for.
    if (!(whole && written === bytes.length) && text.includes("\f")) throw new SyntaxError("form feed");
    this.#rest = whole ? "" : text.slice(read).replace(/[\t\n\r ]+/g, "");
    if (this.#ended && (written > 0 || this.#rest !== "")) throw new SyntaxError("digits after padding");
    if (written === 0) return undefined;
    if (text.charCodeAt(read - 1) === 0x3d) {
      this.#ended = true;
      if (this.#rest !== "") throw new SyntaxError("digits after padding");
    }
    return written === bytes.length ? bytes : bytes.subarray(0, written);
  }

  /** Ends the text; false when a quartet is incomplete. */
  finish(): boolean {
    return this.#rest === "";
  }
}
