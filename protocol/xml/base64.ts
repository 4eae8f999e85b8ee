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
    const rest = this.#rest;
    const bytes = new Uint8Array(((rest.length + piece.length) >>> 2) * 3);
    if (rest === "") {
      const written = this.#decode(piece, bytes);
      return written === 0 ? undefined : written === bytes.length ? bytes : bytes.subarray(0, written);
    }
    // Only the open quartet is put together: joining it with all of the piece would copy that.
    let head = 0;
    for (let missing = 4 - rest.length; missing > 0 && head < piece.length; head++) {
      if (!isSpace(piece.charCodeAt(head))) missing--;
    }
    let written = this.#decode(rest + piece.slice(0, head), bytes);
    if (head < piece.length) written += this.#decode(piece.slice(head), bytes.subarray(written));
    return written === 0 ? undefined : written === bytes.length ? bytes : bytes.subarray(0, written);
  }

  #decode(text: string, bytes: Uint8Array): number {
    const { read, written } = bytes.setFromBase64(text, options);
    const whole = read === text.length;
    // A form feed is white space for the decoder, yet no XML character. Where all is digits there is none to look for.
    if (!(whole && written * 4 === read * 3) && text.includes("\f")) throw new SyntaxError("form feed");
    this.#rest = whole ? "" : text.slice(read).replace(/[\t\n\r ]+/g, "");
    if (this.#ended && (written > 0 || this.#rest !== "")) throw new SyntaxError("digits after padding");
    if (written > 0 && text.charCodeAt(read - 1) === 0x3d) {
      this.#ended = true;
      if (this.#rest !== "") throw new SyntaxError("digits after padding");
    }
    return written;
  }

  /** Ends the text; false when a quartet is incomplete. */
  finish(): boolean {
    return this.#rest === "";
  }
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}
