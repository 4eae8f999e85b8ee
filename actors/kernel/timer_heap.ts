/** A binary heap of timers: insert and remove in O(log n), no tombstones. @module */

/** What the heap needs of an item. The heap alone writes `slot`. */
export interface HeapItem {
  /** Monotonic milliseconds at which it is due. */
  readonly due: number;
  /** Breaks ties, so that equal times fire in the order in which they were asked for. */
  readonly order: number;
  /** Index in the heap; -1 when it is in none. */
  slot: number;
}

/** Earliest first. */
export class TimerHeap<T extends HeapItem> {
  readonly #items: T[] = [];

  /** Number of pending items. */
  get size(): number {
    return this.#items.length;
  }

  /** The earliest item. */
  get first(): T | undefined {
    return this.#items[0];
  }

  /** Adds `item`, which must be in no heap. */
  insert(item: T): void {
    this.#items.push(item);
    this.#up(item, this.#items.length - 1);
  }

  /** Removes `item`; does nothing when it is not in the heap. */
  remove(item: T): void {
    const slot = item.slot;
    if (slot < 0) return;
    item.slot = -1;
    const last = this.#items.pop();
    if (last === undefined || last === item) return;
    this.#up(last, slot);
    this.#down(last, last.slot);
  }

  #up(item: T, from: number): void {
    let slot = from;
    while (slot > 0) {
      const above = (slot - 1) >> 1;
      const parent = this.#items[above];
      if (parent === undefined || before(parent, item)) break;
      this.#items[slot] = parent;
      parent.slot = slot;
      slot = above;
    }
    this.#items[slot] = item;
    item.slot = slot;
  }

  #down(item: T, from: number): void {
    let slot = from;
    for (;;) {
      const left = this.#items[slot * 2 + 1];
      if (left === undefined) break;
      const right = this.#items[slot * 2 + 2];
      const child = right !== undefined && before(right, left) ? right : left;
      if (before(item, child)) break;
      const below = child.slot;
      this.#items[slot] = child;
      child.slot = slot;
      slot = below;
    }
    this.#items[slot] = item;
    item.slot = slot;
  }
}

function before(a: HeapItem, b: HeapItem): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order);
}
