/** RC4, which NTLM's sealing needs ([MS-NLMP] 3.4.3) and the platform's crypto does not have. @module */

/** One RC4 key stream. Encrypting and decrypting are the same operation. */
export class Rc4 {
  /**
   * 256 numbers, and behind them as they were in the beginning. Of 32 bits: V8 makes a loop of it that is a quarter faster than with
   * bytes.
   */
  readonly #state = new Int32Array(512);
  #i = 0;
  #j = 0;

  /** Schedules `key` (1 to 256 bytes). */
  constructor(key: Uint8Array) {
    const state = this.#state;
    for (let i = 0; i < 256; i++) state[i] = i;
    for (let i = 0, j = 0; i < 256; i++) {
      const swapped = state[i]!;
      j = (j + swapped + key[i % key.length]!) & 255;
      state[i] = state[j]!;
      state[j] = swapped;
    }
    state.copyWithin(256, 0, 256);
  }

  /** Enciphers `input` with the next bytes of the key stream into a new array, or into one of the same length (which may be itself). */
  apply(
    input: Uint8Array,
    output: Uint8Array<ArrayBuffer> = new Uint8Array(input.length),
  ): Uint8Array<ArrayBuffer> {
    if (output !== input) output.set(input);
    // Words where they begin in the memory, bytes behind them; bytes everywhere if they begin nowhere, or are not worth the view.
    const wordCount = output.byteOffset % 4 === 0 && output.length >= 64 ? output.length >> 2 : 0;
    if (wordCount > 0) this.#applyWords(new Int32Array(output.buffer, output.byteOffset, wordCount));
    this.#applyBytes(output, 4 * wordCount);
    return output;
  }

  /** In place. The indices live in locals during the loops: they are the hot path of every sealed message. */
  #applyBytes(data: Uint8Array, from: number): void {
    const state = this.#state;
    let i = this.#i;
    let j = this.#j;
    for (let at = from; at < data.length; at++) {
      i = (i + 1) & 255;
      const a = state[i]!;
      j = (j + a) & 255;
      const b = state[j]!;
      state[i] = b;
      state[j] = a;
      data[at]! ^= state[(a + b) & 255]!;
    }
    this.#i = i;
    this.#j = j;
  }

  /** Four bytes of the key stream at once, the first one the lowest. Written out: a loop is a quarter slower. */
  #applyWords(data: Int32Array): void {
    const state = this.#state;
    let i = this.#i;
    let j = this.#j;
    let a = 0;
    let b = 0;
    for (let at = 0; at < data.length; at++) {
      i = (i + 1) & 255;
      a = state[i]!;
      j = (j + a) & 255;
      b = state[j]!;
      state[i] = b;
      state[j] = a;
      let stream = state[(a + b) & 255]!;
      i = (i + 1) & 255;
      a = state[i]!;
      j = (j + a) & 255;
      b = state[j]!;
      state[i] = b;
      state[j] = a;
      stream |= state[(a + b) & 255]! << 8;
      i = (i + 1) & 255;
      a = state[i]!;
      j = (j + a) & 255;
      b = state[j]!;
      state[i] = b;
      state[j] = a;
      stream |= state[(a + b) & 255]! << 16;
      i = (i + 1) & 255;
      a = state[i]!;
      j = (j + a) & 255;
      b = state[j]!;
      state[i] = b;
      state[j] = a;
      stream |= state[(a + b) & 255]! << 24;
      data[at]! ^= stream;
    }
    this.#i = i;
    this.#j = j;
  }

  /** Goes back to the beginning of the key stream, as after an exchange of mechListMIC ([MS-SPNG] 3.3.5.1). */
  rewind(): void {
    this.#state.copyWithin(0, 256);
    this.#i = 0;
    this.#j = 0;
  }

  /** Overwrites the key schedule. */
  wipe(): void {
    this.#state.fill(0);
    this.#i = 0;
    this.#j = 0;
  }
}
