/**
 * A map that is small while it has one entry: 48 bytes, where a `Map` takes 216. Most actors have one child, most hosts one
 * link, and there are many of them.
 * @module
 */

/** Like a `Map`, entries in the order of insertion. What is added while it is being iterated may not be seen. */
export class SmallMap<K, V extends object> {
  // The entry, while there is exactly one.
  #key: K | undefined;
  #value: V | undefined;
  /** Present while there are several. */
  #many: Map<K, V> | undefined;

  /** Begins empty. */
  constructor() {}

  /** Number of entries. */
  get size(): number {
    return this.#many?.size ?? (this.#value === undefined ? 0 : 1);
  }

  /** Whether `key` is there. */
  has(key: K): boolean {
    return this.get(key) !== undefined;
  }

  /** The value of `key`. */
  get(key: K): V | undefined {
    if (this.#many !== undefined) return this.#many.get(key);
    return this.#key === key ? this.#value : undefined;
  }

  /** Adds an entry, or changes the value of `key`. */
  set(key: K, value: V): void {
    if (this.#many !== undefined) this.#many.set(key, value);
    else if (this.#value === undefined || this.#key === key) {
      this.#key = key;
      this.#value = value;
    } else {
      this.#many = new Map<K, V>().set(this.#key!, this.#value).set(key, value);
      this.#key = this.#value = undefined;
    }
  }

  /** Removes an entry; `false`: there was none. */
  delete(key: K): boolean {
    const many = this.#many;
    if (many === undefined) {
      if (this.#value === undefined || this.#key !== key) return false;
      this.#key = this.#value = undefined;
      return true;
    }
    const deleted = many.delete(key);
    if (many.size === 1) {
      this.#many = undefined;
      for (const [last, value] of many) {
        this.#key = last;
        this.#value = value;
      }
    }
    return deleted;
  }

  /** The keys. */
  keys(): IterableIterator<K> {
    return this.#many?.keys() ?? (this.#value === undefined ? [] : [this.#key!]).values();
  }

  /** The values. */
  values(): IterableIterator<V> {
    return this.#many?.values() ?? (this.#value === undefined ? [] : [this.#value]).values();
  }

  /** The entries. */
  [Symbol.iterator](): IterableIterator<[K, V]> {
    if (this.#many !== undefined) return this.#many.entries();
    const entries: [K, V][] = this.#value === undefined ? [] : [[this.#key!, this.#value]];
    return entries.values();
  }
}
