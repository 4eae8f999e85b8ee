/** The fuzzers' source of numbers. @module */

/** xorshift32: the same numbers for the same seed. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0 || 1;
  }

  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) % limit;
  }

  /** One of `from`, which is not empty. */
  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }

  /** `whole` in pieces: all single bytes, two at any place, or many of random length. */
  cut(whole: Uint8Array): Uint8Array[] {
    const kind = this.below(4);
    if (kind === 0) return Array.from(whole, (_, i) => whole.subarray(i, i + 1));
    if (kind === 1) {
      const at = this.below(whole.length + 1);
      return [whole.subarray(0, at), whole.subarray(at)].filter(({ length }) => length > 0);
    }
    const pieces: Uint8Array[] = [];
    const most = 1 + this.below(40);
    for (let at = 0; at < whole.length;) {
      const end = Math.min(whole.length, at + 1 + this.below(most));
      pieces.push(whole.subarray(at, end));
      at = end;
    }
    return pieces;
  }
}
