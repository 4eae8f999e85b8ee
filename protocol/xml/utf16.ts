/** UTF-16 documents are read as their UTF-8 form; error positions are positions there. @module */
import { utf8 } from "../bytes.ts";
import { ProtocolError } from "../errors.ts";

/** Turns UTF-16 chunks, split anywhere, into UTF-8. */
export class Utf16Transcoder {
  readonly #decoder: TextDecoder;

  /** Begins behind the byte order mark. */
  constructor(littleEndian: boolean) {
    this.#decoder = new TextDecoder(littleEndian ? "utf-16le" : "utf-16be", { fatal: true, ignoreBOM: true });
  }

  /**
   * The characters that are complete with `chunk`.
   *
   * @throws ProtocolError `XmlEncoding` on a lone surrogate
   */
  write(chunk: Uint8Array): Uint8Array {
    return this.#decode(chunk, true);
  }

  /**
   * What is left.
   *
   * @throws ProtocolError `XmlEncoding` when half a character is
   */
  end(): Uint8Array {
    return this.#decode(new Uint8Array(0), false);
  }

  #decode(chunk: Uint8Array, stream: boolean): Uint8Array {
    let text: string;
    try {
      text = this.#decoder.decode(chunk, { stream });
    } catch {
      throw new ProtocolError("XmlEncoding", "read XML: text is not valid UTF-16");
    }
    return utf8(text);
  }
}
