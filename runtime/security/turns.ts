/** Work of logons on the event loop, a little in each of its turns: thousands may begin at once. @module */
import { setImmediate } from "node:timers";
import { systemClock } from "../clock.ts";
import type { Sooner } from "./sooner.ts";

/** Milliseconds of work within one turn of the event loop. A piece more may begin before they are over. */
const turnMs = 1;

/** Pieces of work in the order in which they came. Each begins at once where the turn has time left for it. */
export class Turns {
  readonly #now: () => number;
  readonly #soon: (next: () => void) => void;
  readonly #waiting: (() => void)[] = [];
  #spentMs = 0;
  #begun = false;
  #working = false;

  /** Nothing to do yet. `now`: monotonic milliseconds; `soon` calls in the next turn of the event loop. */
  constructor(now = systemClock.monotonic, soon: (next: () => void) => void = setImmediate) {
    this.#now = now;
    this.#soon = soon;
  }

  /** Runs `work` now or in a later turn; as a part of other work at once. What it does after its first `await` does not count. */
  run(work: () => void): void {
    if (this.#working) return work();
    if (this.#waiting.length > 0 || this.#spentMs >= turnMs) this.#waiting.push(work);
    else this.#do(work);
    if (this.#begun) return;
    this.#begun = true;
    this.#soon(() => this.#next());
  }

  /** The outcome of `work`, which runs now or in a later turn. As a part of other work: what `work` itself gives. */
  take<T>(work: () => Sooner<T>): Sooner<T> {
    if (this.#working) return work();
    return new Promise((resolve, reject) =>
      this.run(() => {
        try {
          resolve(work());
        } catch (error) {
          reject(error);
        }
      })
    );
  }

  #next(): void {
    this.#begun = false;
    // What was done in this turn already counts: it came with messages, which are read before this is called.
    let done = 0;
    while (done < this.#waiting.length && this.#spentMs < turnMs) this.#do(this.#waiting[done++]!);
    this.#waiting.splice(0, done);
    this.#spentMs = 0;
    if (this.#waiting.length === 0 || this.#begun) return;
    this.#begun = true;
    this.#soon(() => this.#next());
  }

  #do(work: () => void): void {
    const begin = this.#now();
    this.#working = true;
    try {
      work();
    } finally {
      this.#working = false;
      this.#spentMs += this.#now() - begin;
    }
  }
}

/** All logons of this process share its event loop. */
export const turns = new Turns();
