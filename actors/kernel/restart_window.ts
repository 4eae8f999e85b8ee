/** How often children may be restarted: a sliding window, and the delay before the next restart. @module */
import type { Supervision } from "./actor.ts";

/** One-for-one, at most 3 restarts in 5 seconds, no delay. */
export const defaultSupervision: Supervision = { strategy: "oneForOne", maxRestarts: 3, windowMs: 5000 };

/** Counts the restarts of one supervisor. */
export class RestartWindow {
  readonly #supervision: Supervision;
  #times: number[] = [];

  /** A window with no restart in it. */
  constructor(supervision: Supervision) {
    this.#supervision = supervision;
  }

  /**
   * Counts one restart at monotonic time `now`. Gives the delay in milliseconds before it, or `undefined` when there were
   * too many. `jitter` is in [0, 1): half of the delay is fixed, half is random, so that many actors do not return at once.
   */
  allow(now: number, jitter: () => number): number | undefined {
    const { maxRestarts, windowMs, backoffMs = 0, maxBackoffMs = 30_000 } = this.#supervision;
    this.#times = this.#times.filter((time) => now - time < windowMs);
    if (this.#times.length >= maxRestarts) return undefined;
    this.#times.push(now);
    if (backoffMs <= 0) return 0;
    const delay = Math.min(maxBackoffMs, backoffMs * 2 ** (this.#times.length - 1));
    return delay / 2 + (delay / 2) * jitter();
  }
}
