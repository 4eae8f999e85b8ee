/** Which keys were said to be crowded, so that none is said to be so again and again. @module */

/** Told to who asked for it: at this key of host and user requests wait, or are refused, because of limits that may be wrong. */
export interface CrowdedMessage {
  /** Tells it from other messages. */
  readonly kind: "crowded";
  /** Key of host and user. */
  readonly quotaKey: string;
}

/** Milliseconds for which a key is not told again. */
const quietMs = 600_000;

/** What was told when; keys that may be told again are forgotten. */
export class Crowding {
  /** Monotonic milliseconds by key, the oldest first. */
  readonly #told = new Map<string, number>();

  /** Whether to tell of `quotaKey` at `now`. `true` counts as told. */
  due(quotaKey: string, now: number): boolean {
    for (const [key, at] of this.#told) {
      if (now - at < quietMs) break;
      this.#told.delete(key);
    }
    if (this.#told.has(quotaKey)) return false;
    this.#told.set(quotaKey, now);
    return true;
  }
}
