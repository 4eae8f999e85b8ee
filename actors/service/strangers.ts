/** The connections of one service that nobody has logged on with yet. @module */
import type { ActorRef } from "../kernel/actor.ts";

/** A connection that may be asked to go. */
export type Stranger = ActorRef<{ readonly kind: "makeRoom" }>;

/** In the order of their arrival: when a service is full, the oldest one makes room, so that silence keeps nobody out. */
export class Strangers {
  readonly #byId = new Map<number, Stranger>();

  /** One has come. */
  add(stranger: Stranger): void {
    this.#byId.set(stranger.id, stranger);
  }

  /** It has logged on, or it is gone. */
  forget(id: number): void {
    this.#byId.delete(id);
  }

  /** Takes out the one that has been here longest. */
  takeOldest(): Stranger | undefined {
    const [oldest] = this.#byId.values();
    if (oldest !== undefined) this.#byId.delete(oldest.id);
    return oldest;
  }

  /** How many there are. */
  get size(): number {
    return this.#byId.size;
  }
}
