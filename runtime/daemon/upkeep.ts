/** Deletes what is old from the store, from time to time and in small steps, so that a daemon can run for years. @module */
import type { Clock } from "../../actors/ports.ts";
import type { Store } from "../store/api.ts";
import type { RetentionReport, RetentionTerms } from "../store/types.ts";

/** How long finished jobs are kept. Jobs that are not done are never deleted. */
export interface KeepTerms {
  /** Days after their end; default 30. */
  readonly days?: number;
  /** How many at most, the latest ones; default: any number. */
  readonly jobs?: number;
  /** Bytes that the store may use; the oldest finished jobs go first. Default: any number. */
  readonly maxBytes?: number;
}

/** Days that jobs are kept unless something else is said. */
export const defaultKeepDays = 30;

/** Milliseconds between two rounds, and until the first one: a start has other work. */
const roundMs = 300_000;
const dayMs = 86_400_000;
/** Days that audit records are kept at least. */
const auditDays = 366;
/** A clock that gained this many milliseconds at once is believed only after as long: nothing is deleted for a wrong one. */
const jumpMs = 3_600_000;

/** What upkeep works with. */
export interface UpkeepOptions {
  readonly store: Pick<Store, "retain">;
  readonly clock: Clock;
  readonly keep: KeepTerms;
  /** Told what a round has deleted, where it was something. */
  readonly onReport?: (report: RetentionReport) => void;
  /** Told when the store refuses. */
  readonly onError: (error: unknown) => void;
}

/** See the module. */
export class Upkeep {
  readonly #options: UpkeepOptions;
  #cancel = () => {};
  #stopped = false;
  /** Time of day less monotonic time; a change is a jump of the clock. */
  #offset: number;
  /** In monotonic time. */
  #distrustedUntil = -Infinity;
  #round: Promise<void> = Promise.resolve();

  /** Begins: the first round comes after some minutes. */
  constructor(options: UpkeepOptions) {
    this.#options = options;
    const { clock } = options;
    this.#offset = clock.now() - clock.monotonic();
    this.#arm();
  }

  /** Resolves when the round that runs is over. */
  get idle(): Promise<void> {
    return this.#round;
  }

  /** Begins no further round. One that runs ends with the store. */
  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  #arm(): void {
    if (this.#stopped) return;
    this.#cancel = this.#options.clock.schedule(roundMs, () => {
      this.#round = this.#run().finally(() => this.#arm());
    });
  }

  async #run(): Promise<void> {
    try {
      const report = await this.#options.store.retain(this.#terms());
      const { jobs, events, audit, freedBytes } = report;
      if (jobs + events + audit + freedBytes > 0) this.#options.onReport?.(report);
    } catch (error) {
      if (!this.#stopped) this.#options.onError(error);
    }
  }

  #terms(): RetentionTerms {
    const { clock, keep } = this.#options;
    const now = clock.now();
    const monotonic = clock.monotonic();
    const offset = now - monotonic;
    if (offset > this.#offset + jumpMs) this.#distrustedUntil = monotonic + jumpMs;
    this.#offset = offset;
    const days = keep.days ?? defaultKeepDays;
    return {
      ...(keep.jobs === undefined ? {} : { maxJobs: keep.jobs }),
      ...(keep.maxBytes === undefined ? {} : { maxBytes: keep.maxBytes }),
      ...(monotonic < this.#distrustedUntil ? { now: 0 } : {
        now,
        endedBefore: now - days * dayMs,
        auditBefore: now - Math.max(days, auditDays) * dayMs,
      }),
    };
  }
}
