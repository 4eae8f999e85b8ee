/** A queue of events between actors and a script's `for await`, with an end and with acknowledgement. @module */
import { Fifo } from "../../actors/kernel/fifo.ts";
import { UsageError } from "../../protocol/errors.ts";

/** What a run hands to its consumer; `taken` is called when the consumer asks for the next one. */
interface Entry<T> {
  readonly value: T;
  readonly taken: () => void;
}

/** One producer, one consumer. */
export class EventQueue<T> implements AsyncIterable<T> {
  /** Keeps nothing of what was taken: one event may hold hundreds of kilobytes. */
  readonly #entries = new Fifo<Entry<T>>();
  readonly #onAbandoned: () => Promise<void>;
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
        for (let entry = this.#entries.shift(); entry !== undefined; entry = this.#entries.shift()) {
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
        for (let entry = this.#entries.shift(); entry !== undefined; entry = this.#entries.shift()) {
          entry.taken();
        }
        await this.#onAbandoned();
      }
    }
  }
}
