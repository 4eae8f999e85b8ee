/** How long something that failed is tried again, and how often. @module */

/** First wait, milliseconds; each further one is twice as long. */
const firstMs = 100;
/** Longest wait. */
const longestMs = 5_000;

/** Waits between tries, longer each time, until `limitMs` after the first failure. */
export class Patience {
  readonly #limitMs: () => number;
  #since: number | undefined;
  #tries = 0;

  /** `limitMs` is asked at each failure. */
  constructor(limitMs: () => number) {
    this.#limitMs = limitMs;
  }

  /** It went well: the next failure is the first one again. */
  renew(): void {
    this.#since = undefined;
    this.#tries = 0;
  }

  /**
   * It failed: waits, at least `leastMs`, or says `false`: not again.
   *
   * @throws whatever the reason of `signal` is
   */
  async wait(signal: AbortSignal | undefined, leastMs = 0): Promise<boolean> {
    const now = performance.now();
    this.#since ??= now;
    // Some of many clients come earlier than others, lest they come all at once to a daemon that was restarted.
    const chosen = Math.min(longestMs, firstMs * 2 ** this.#tries++) * (0.5 + Math.random() / 2);
    const ms = Math.max(leastMs, chosen);
    if (now + ms - this.#since > this.#limitMs()) return false;
    await delay(ms, signal);
    return true;
  }
}

/** Waits; rejects with the reason of `signal`. */
export function delay(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason);
    const aborted = () => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", aborted);
      resolve();
    }, ms);
    signal?.addEventListener("abort", aborted, { once: true });
  });
}
