/** The connections of one service that nobody has logged on with yet. @module */
import type { ActorRef } from "../kernel/actor.ts";

/** A connection that may be asked to go. */
export type Stranger = ActorRef<{ readonly kind: "makeRoom" }>;

/** Milliseconds that a connection is given to log on, however many wait behind it: a logon takes several messages. */
export const graceMs = 1_000;

/**
 * In the order of their arrival. When a service is full, the one that has been silent for longest makes room, so that
 * silence keeps nobody out; unless all have come just now, among them perhaps somebody whose logon is on its way.
 */
export class Strangers {
  readonly #byId = new Map<number, { readonly stranger: Stranger; readonly since: number }>();

  /** One has come, at `now` (monotonic milliseconds). */
  add(stranger: Stranger, now: number): void {
    this.#byId.set(stranger.id, { stranger, since: now });
  }

  /** It has logged on, or it is gone. */
  forget(id: number): void {
    this.#byId.delete(id);
  }

  /** Takes out the one that has been here longest, if its grace is over. */
  takeOldest(now: number): Stranger | undefined {
    const [oldest] = this.#byId.values();
    if (oldest === undefined || now - oldest.since < graceMs) return undefined;
    this.#byId.delete(oldest.stranger.id);
    return oldest.stranger;
  }

  /** How many there are. */
  get size(): number {
    return this.#byId.size;
  }
}
