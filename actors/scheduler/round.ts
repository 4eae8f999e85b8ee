/**
 * Whose turn it is: deficit round robin over priorities, plain round robin within one. Every request costs one, so between jobs
 * of the same priority deficit round robin and taking turns are the same.
 *
 * In each round a priority may be granted as many requests as it has shares, the highest first; what it does not want at that
 * moment goes to the next one. A round ends when nobody who could be served has shares left, so that each priority
 * that has something to do gets its shares of every round: none starves.
 * @module
 */
/** How urgent a job is beside others. */
export type Priority = "high" | "normal" | "low";

/** Grants in one round, by rank: high, normal, low. */
const shares: readonly number[] = [16, 4, 1];

/** Number of priorities. */
export const ranks = shares.length;

/** Place of a priority in the order: the lower the earlier. */
export function rankOf(priority: Priority): number {
  return priority === "high" ? 0 : priority === "normal" ? 1 : 2;
}

/** What each priority has left of a round. */
export class Round {
  #left: number[] = [...shares];

  /**
   * The rank that is served next: the first that `has` something and has shares left, of a new round if need be; `undefined`: none
   * has anything.
   */
  next(has: (rank: number) => boolean): number | undefined {
    let waiting = false;
    for (let rank = 0; rank < ranks; rank++) {
      if (!has(rank)) continue;
      if (this.#left[rank]! > 0) return rank;
      waiting = true;
    }
    if (!waiting) return undefined;
    for (let rank = 0; rank < ranks; rank++) this.#left[rank] = shares[rank]!;
    return this.next(has);
  }

  /** Takes a share of `rank`. */
  take(rank: number): void {
    this.#left[rank]!--;
  }
}
