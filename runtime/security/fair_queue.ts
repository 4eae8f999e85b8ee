/** Costly work that strangers can ask for: bounded, and in turns between those who ask. @module */

/** What is done at once, and what may wait. */
export interface FairQueueLimits {
  readonly atOnce: number;
  /** Of one who asks. */
  readonly atOnceEach: number;
  readonly waitingEach: number;
  readonly waiting: number;
}

interface Asker {
  running: number;
  readonly waiting: (() => void)[];
}

/** Whoever asks for much waits for itself: each turn goes to the next one who asks, however many jobs another has waiting. */
export class FairQueue {
  readonly #limits: FairQueueLimits;
  /** In the order of their turns. */
  readonly #askers = new Map<string, Asker>();
  #running = 0;
  #waiting = 0;

  /** Nothing to do yet. */
  constructor(limits: FairQueueLimits) {
    this.#limits = limits;
  }

  /** Does the work when its turn comes; `undefined`: too much waits already, and it is not done. Rejects as `work` does. */
  run<T>(who: string, work: () => Promise<T>): Promise<T> | undefined {
    const { waiting, waitingEach } = this.#limits;
    const asker = this.#askers.get(who) ?? { running: 0, waiting: [] };
    if (this.#waiting >= waiting || asker.waiting.length >= waitingEach) return undefined;
    this.#askers.set(who, asker);
    const turn = new Promise<void>((resolve) => asker.waiting.push(resolve));
    this.#waiting++;
    this.#next();
    return turn.then(work).finally(() => {
      asker.running--;
      this.#running--;
      if (asker.running === 0 && asker.waiting.length === 0) this.#askers.delete(who);
      this.#next();
    });
  }

  #next(): void {
    while (this.#running < this.#limits.atOnce) {
      const next = [...this.#askers].find(([, asker]) =>
        asker.waiting.length > 0 && asker.running < this.#limits.atOnceEach
      );
      if (next === undefined) return;
      const [who, asker] = next;
      this.#askers.delete(who);
      this.#askers.set(who, asker);
      asker.running++;
      this.#running++;
      this.#waiting--;
      asker.waiting.shift()!();
    }
  }
}
