/** A growing ring buffer: first in, first out, without allocation per item. Serves as run queue and as the rarer lanes. @module */

const INITIAL = 8;
/** A larger buffer is given back when it has become empty. */
const KEEP = 1024;

/** First in, first out. Memory follows the content: nothing before the first `push`, little after it was emptied. */
export class Fifo<T> {
  #slots: (T | undefined)[] = [];
  #head = 0;
  #size = 0;

  /** Number of items. */
  get size(): number {
    return this.#size;
  }

  /** Adds at the end. */
  push(item: T): void {
    if (this.#size === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.#size) & (this.#slots.length - 1)] = item;
    this.#size++;
  }

  /** Takes the first; `undefined` when empty. */
  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#size--;
    if (this.#size === 0 && this.#slots.length > KEEP) {
      this.#slots = [];
      this.#head = 0;
    }
    return item;
  }

  #grow(): void {
    const old = this.#slots;
    const grown: (T | undefined)[] = new Array(Math.max(INITIAL, old.length * 2)).fill(undefined);
    for (let i = 0; i < this.#size; i++) grown[i] = old[(this.#head + i) & (old.length - 1)];
    this.#slots = grown;
    this.#head = 0;
  }
}
