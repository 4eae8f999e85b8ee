/** A run as a script sees it: events to iterate over, and a way to cancel. @module */
import type { RunEvent, RunSink } from "../../actors/host/mod.ts";
import { EventQueue } from "./event_queue.ts";

/** A run of one command on many hosts. Iterate over it once; leaving the loop early cancels it and waits for the clean-up. */
export class Run implements AsyncIterable<RunEvent>, RunSink {
  readonly #queue: EventQueue<RunEvent>;
  readonly #done = Promise.withResolvers<void>();
  #cancelJob: (() => void) | undefined;
  #cancelled = false;
  #abandoned = false;

  /** Made by the fleet. */
  constructor() {
    this.#queue = new EventQueue(async () => {
      this.#abandoned = true;
      this.cancel();
      await this.#done.promise;
    });
  }

  /** Resolves when every host has its result and everything that was opened is closed. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  /** Stops what runs: commands are signalled, shells deleted; each host still gets its result. Idempotent. */
  cancel(): void {
    this.#cancelled = true;
    this.#cancelJob?.();
  }

  /** @ignore */
  began(cancel: () => void): void {
    this.#cancelJob = cancel;
    if (this.#cancelled) cancel();
  }

  /** @ignore */
  deliver(events: readonly RunEvent[], taken: () => void): void {
    if (this.#abandoned || events.length === 0) {
      taken();
      return;
    }
    events.forEach((event, index) => this.#queue.push(event, index === events.length - 1 ? taken : nothing));
  }

  /** @ignore */
  finished(): void {
    this.#queue.end();
    this.#done.resolve();
  }

  /** Events in the order in which they happened. */
  [Symbol.asyncIterator](): AsyncIterator<RunEvent> {
    return this.#queue[Symbol.asyncIterator]();
  }
}

function nothing(): void {}
