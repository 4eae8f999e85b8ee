/**
 * The user lane of one actor: a ring of entries with the time at which each was queued. Entries that come from others count
 * against the bound; what an actor has asked for itself (timers, completions, outcomes) is an {@link OwnMessage} and does not.
 * @module
 */
import type { ActorRef } from "./actor.ts";

/** A message past the bound, valid only for the incarnation that asked for it. */
export class OwnMessage {
  /** Cancelled after it was due. */
  dropped = false;

  /** An own message of `incarnation`. */
  constructor(readonly incarnation: number) {}
}

/** A completion that was posted, or a timer's message. */
export class Posted extends OwnMessage {
  /** `message` for `incarnation`. */
  constructor(incarnation: number, readonly message: unknown) {
    super(incarnation);
  }
}

/** An outcome (of an ask or a watch) that the actor's own function turns into a message, in the actor's turn. */
export class Outcome extends OwnMessage {
  /** `make(value)` for `incarnation`. */
  constructor(incarnation: number, readonly make: (value: unknown) => unknown, readonly value: unknown) {
    super(incarnation);
  }
}

/** A message that came back because its receiver is full or gone. */
export class Returned extends OwnMessage {
  /** `message` to `to` came back to `incarnation`. */
  constructor(
    incarnation: number,
    readonly to: ActorRef<never>,
    readonly message: unknown,
    readonly reason: "full" | "stopped",
  ) {
    super(incarnation);
  }
}

const INITIAL = 4;
const KEEP = 64;

/** The ring. Two arrays side by side instead of an object per message. */
export class Mailbox {
  #entries: unknown[] = new Array(INITIAL).fill(undefined);
  #times: number[] = new Array(INITIAL).fill(0);
  #head = 0;
  #size = 0;

  /** Entries of every kind. */
  get size(): number {
    return this.#size;
  }

  /** When the first entry was queued; only meaningful when `size` is above 0. */
  get oldestAt(): number {
    return this.#times[this.#head] ?? 0;
  }

  /** Adds at the end. `at`: whole milliseconds. */
  push(entry: unknown, at: number): void {
    if (this.#size === this.#entries.length) this.#resize(this.#size * 2);
    const slot = (this.#head + this.#size) & (this.#entries.length - 1);
    this.#entries[slot] = entry;
    this.#times[slot] = at;
    this.#size++;
  }

  /** Takes the first entry. Call only when `size` is above 0. */
  shift(): unknown {
    const entry = this.#entries[this.#head];
    this.#entries[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#entries.length - 1);
    this.#size--;
    if (this.#size === 0 && this.#entries.length > KEEP) this.#resize(INITIAL);
    return entry;
  }

  /** Drops the oldest entry that counts against the bound. The own messages before it keep their order. */
  shedOldest(): void {
    const mask = this.#entries.length - 1;
    let distance = 0;
    while (
      distance < this.#size && this.#entries[(this.#head + distance) & mask] instanceof OwnMessage
    ) distance++;
    if (distance === this.#size) return;
    for (; distance > 0; distance--) {
      const to = (this.#head + distance) & mask;
      const from = (this.#head + distance - 1) & mask;
      this.#entries[to] = this.#entries[from];
      this.#times[to] = this.#times[from] ?? 0;
    }
    this.shift();
  }

  #resize(capacity: number): void {
    const entries: unknown[] = new Array(capacity).fill(undefined);
    const times: number[] = new Array(capacity).fill(0);
    const mask = this.#entries.length - 1;
    for (let i = 0; i < this.#size; i++) {
      entries[i] = this.#entries[(this.#head + i) & mask];
      times[i] = this.#times[(this.#head + i) & mask] ?? 0;
    }
    this.#entries = entries;
    this.#times = times;
    this.#head = 0;
  }
}
