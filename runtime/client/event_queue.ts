/** A queue of events between actors and a script's `for await`, with an end and with acknowledgement. @module */

import { UsageError } from "../../protocol/errors.ts";

/** What a run hands to its consumer; `taken` is called when the consumer asks for the next one. */
interface Entry<T> {
  readonly value: T;
  readonly taken: () => void;
}

/** One producer, one consumer. */
export class EventQueue<T> implements AsyncIterable<T> {
  readonly #entries: Entry<T>[] = [];
  readonly #onAbandoned: () => Promise<void>;
  #head = 0;
  #ended = false;
  #wake: (() => void) | undefined;
  #iterated = false;

  /** `onAbandoned` runs when the consumer leaves its loop before the end. */
  constructor(onAbandoned: () => Promise<void>) {
    this.#onAbandoned = onAbandoned;
  }

  /** Adds one; `taken` runs after the consumer has handled it. */
  push(value: T, taken: () => void): void {
    this.#entries.push({ value, taken });
    this.#wake?.();
  }

  /** Nothing more comes. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** Events in order; one iteration only. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    if (this.#iterated) throw new UsageError("AlreadyIterated", "iterate run: its events were already taken");
    this.#iterated = true;
    let whole = false;
    try {
      while (true) {
        while (this.#head < this.#entries.length) {
          const entry = this.#entries[this.#head++]!;
          if (this.#head > 1024 && this.#head * 2 > this.#entries.length) {
            this.#entries.splice(0, this.#head);
            this.#head = 0;
          }
          try {
            yield entry.value;
          } finally {
            entry.taken();
          }
        }
        if (this.#ended) break;
        await new Promise<void>((resolve) => this.#wake = resolve);
        this.#wake = undefined;
      }
      whole = true;
    } finally {
      if (!whole) {
        for (const entry of this.#entries.splice(this.#head)) entry.taken();
        this.#head = 0;
        await this.#onAbandoned();
      }
    }
  }
}
