/** Whether the daemon lives, and whether work should be sent to it. Both are told to everybody, so they tell nothing else. @module */
import { logOf } from "./logs.ts";
import type { Store } from "../../store/api.ts";

/** Where its life stands. */
export type Phase = "starting" | "ready" | "draining" | "stopped";

/** Why no work should come. Stable. */
export type UnreadyReason = "Starting" | "Stopping" | "StoreUnusable";

/** Milliseconds between two tries to write to a store that has failed. */
const probeMs = 5_000;

const log = logOf("store");

/** See the module. */
export class Health {
  readonly #store: Store;
  readonly #now: () => number;
  #phase: Phase = "starting";
  #probedAt = -Infinity;

  /** `now`: milliseconds that never go back. */
  constructor(store: Store, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  /** Where its life stands. */
  get phase(): Phase {
    return this.#phase;
  }

  /** It goes on to another phase. */
  enter(phase: Phase): void {
    this.#phase = phase;
  }

  /** Why no work should come; none: it should. */
  reasons(): readonly UnreadyReason[] {
    const reasons: UnreadyReason[] = [];
    if (this.#phase === "starting") reasons.push("Starting");
    if (this.#phase === "draining" || this.#phase === "stopped") reasons.push("Stopping");
    else if (this.#store.stats().failure !== null) {
      reasons.push("StoreUnusable");
      this.#probe();
    }
    return reasons;
  }

  /**
   * A store that has failed is only known to work again when something was written; as long as it is said to be unusable, nobody sends
   * work. So it is tried now and then, with a record that says what it is.
   */
  #probe(): void {
    const now = this.#now();
    if (now - this.#probedAt < probeMs) return;
    this.#probedAt = now;
    const record = {
      at: Date.now(),
      who: "system",
      from: null,
      action: "store.recover",
      target: "store",
      outcome: "ok",
      detail: {},
    };
    this.#store.write.audit.add(record).then(
      () => log.info("the store takes writes again"),
      (error) => log.warn("the store takes no writes: {error}", { error }),
    );
  }
}
