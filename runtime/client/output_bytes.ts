/** Output of remote commands as scripts get it. @module */

/** Bytes with a way to read them as text. */
export class OutputBytes extends Uint8Array {
  /**
   * The bytes as text; what is not valid becomes U+FFFD.
   *
   * @param encoding label as in the Encoding Standard, default `utf-8`
   */
  text(encoding = "utf-8"): string {
    return new TextDecoder(encoding, { ignoreBOM: true }).decode(this);
  }

  /** The same memory as `bytes`, with {@link OutputBytes.text}. */
  static wrap(bytes: Uint8Array): OutputBytes {
    return new OutputBytes(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Slices and maps are plain arrays. */
  static get [Symbol.species](): Uint8ArrayConstructor {
    return Uint8Array;
  }
}
