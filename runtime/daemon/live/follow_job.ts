/** One follower of a job: everything behind its cursor, at its own pace. @module */
import type { Store } from "../../store/api.ts";
import { knownPage } from "./known_page.ts";
import { encodeEvents, isLast, type JobLog, type JobLogs } from "./job_log.ts";
import type { PartSource } from "./part_source.ts";

/** Events, and bytes of output, of a page that a follower who is behind reads by itself. */
const pageEvents = 256;
const pageBytes = 256 * 1024;

/** Gives what follows until the job is done, or the daemon stops; each part is looked for when it is asked for. */
export class JobFollower implements PartSource {
  readonly #store: Store;
  readonly #job: string;
  readonly #log: JobLog;
  readonly #leave: () => void;
  readonly #stopping: AbortSignal;
  #after: number;
  #over = false;
  #ended = false;
  #wake: (() => void) | undefined;
  #forget: (() => void) | undefined;

  /** Begins behind `after`. What is on disk when `stopping` aborts is still given. */
  constructor(store: Store, logs: JobLogs, job: string, after: number, stopping: AbortSignal) {
    this.#store = store;
    this.#job = job;
    this.#after = after;
    const { log, leave } = logs.follow(job);
    this.#log = log;
    this.#leave = leave;
    this.#stopping = stopping;
    stopping.addEventListener("abort", this.#woken);
  }

  take(): Uint8Array | "later" | undefined {
    if (this.#over || this.#ended) return undefined;
    while (this.#after < this.#log.first) {
      if (this.#stopping.aborted) return undefined;
      const page = knownPage(this.#store, {
        after: this.#after,
        job: this.#job,
        limit: pageEvents,
        maxBytes: pageBytes,
      });
      // What the store has is never less than what was in the log.
      this.#after = page.more ? page.next : Math.max(page.next, this.#log.first);
      if (page.events.length === 0) continue;
      this.#over = page.events.some(isLast);
      return encodeEvents(page.events);
    }
    const part = this.#log.read(this.#after);
    if (part === undefined) return this.#stopping.aborted ? undefined : "later";
    this.#after = part.next;
    this.#over = part.over;
    return part.bytes;
  }

  wait(wake: () => void): void {
    this.#wake = wake;
    this.#forget = this.#log.wait(this.#woken);
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stopping.removeEventListener("abort", this.#woken);
    this.#leave();
    this.#woken();
  }

  readonly #woken = (): void => {
    this.#forget?.();
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  };
}

/** All events of a job that is done. */
export class DoneJob implements PartSource {
  readonly #store: Store;
  readonly #job: string;
  #after: number;
  #over = false;

  /** Begins behind `after`. */
  constructor(store: Store, job: string, after: number) {
    this.#store = store;
    this.#job = job;
    this.#after = after;
  }

  take(): Uint8Array | undefined {
    while (!this.#over) {
      const query = { after: this.#after, job: this.#job, limit: pageEvents, maxBytes: pageBytes };
      const { events, more, next } = this.#store.read.events.page(query);
      this.#over = !more;
      this.#after = next;
      if (events.length > 0) return encodeEvents(events);
    }
    return undefined;
  }

  wait(wake: () => void): void {
    queueMicrotask(wake);
  }

  end(): void {
    this.#over = true;
  }
}
