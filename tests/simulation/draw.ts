/** Numbers of a run, drawn from its seed. @module */
import { SeededRandom } from "../helpers/virtual_clock.ts";

/** Draws of their own for each purpose: what is drawn for one does not shift those of another. */
export function drawOf(seed: number, name: string): Draw {
  const random = new SeededRandom(seed ^ hash(name));
  // The first numbers of close seeds resemble each other.
  for (let i = 0; i < 4; i++) random.uint32();
  return new Draw(random);
}

function hash(text: string): number {
  let value = 7;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value;
}

/** Draws with names. */
export class Draw {
  readonly #random: SeededRandom;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  below(bound: number): number {
    return this.#random.below(bound);
  }

  between(least: number, most: number): number {
    return least + this.#random.below(most - least + 1);
  }

  /** True `chance` times in 1,000. */
  chance(chance: number): boolean {
    return this.#random.below(1_000) < chance;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.#random.below(values.length)]!;
  }

  /** Bytes for a standard input. */
  input(): Uint8Array {
    const bytes = new Uint8Array(this.below(this.pick([2, 100, 200_000])));
    let state = this.below(1_000_000);
    for (let i = 0; i < bytes.length; i++) bytes[i] = (state = Math.imul(state + i, 0x9e3779b1)) >>> 24;
    return bytes;
  }
}
