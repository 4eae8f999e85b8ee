/** A run by a daemon, as a script sees it. @module */
import type { ResultEvent } from "../../../actors/host/mod.ts";
import { UsageError } from "../../../protocol/errors.ts";
import { type AnyRun, resultsOf } from "../any_fleet.ts";
import type { DaemonConnection } from "./connection.ts";
import { type JobDocument, type JobHostEvent, jobPath } from "./documents.ts";
import { followJob } from "./follow.ts";
import { delay } from "./patience.ts";

/** Milliseconds between two looks at a job that is being cancelled: the first, and the longest. */
const [firstLookMs, longestLookMs] = [50, 1_000];

/**
 * A run that a daemon was asked for: iterate over its events, once. Leaving the loop early cancels the job at the daemon and waits for
 * its end; so do `cancel()`, the signal of the run and the fleet's `close()`. When this process dies, or the daemon stays away until
 * `NetworkError` is thrown, the job goes on: `RemoteFleet.follow` finds it by its id.
 */
export class RemoteRun implements AnyRun {
  readonly #connection: DaemonConnection;
  readonly #job: Promise<JobDocument>;
  readonly #ended: () => void;
  /** Aborted with the error of a cancel that failed. */
  readonly #uncancellable = new AbortController();
  #cancelled: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;
  #iterated = false;

  /** Made by `RemoteFleet.run`; `ended` is called when nothing is left to cancel. */
  constructor(
    connection: DaemonConnection,
    job: Promise<JobDocument>,
    signal: AbortSignal | undefined,
    ended: () => void,
  ) {
    this.#connection = connection;
    this.#job = job;
    const cancel = () => this.cancel();
    this.#ended = () => {
      signal?.removeEventListener("abort", cancel);
      ended();
    };
    signal?.addEventListener("abort", cancel, { once: true });
    // Whoever iterates is told.
    job.catch(() => this.#ended());
  }

  /** The job, as it was when the daemon had taken it. */
  get job(): Promise<JobDocument> {
    return this.#job;
  }

  /** Stops what runs; every host still gets its result. When the daemon cannot be told, the iteration throws why. */
  cancel(): void {
    this.#cancelled ??= this.#cancel();
    this.#cancelled.catch((error) => this.#uncancellable.abort(error));
  }

  /** Cancels, and waits until the daemon says that the job is done. Idempotent. */
  stop(): Promise<void> {
    return this.#stopped ??= this.#stop();
  }

  /** Takes all events and gives back the results, in the order in which hosts ended. */
  results(): Promise<ResultEvent[]> {
    return resultsOf(this);
  }

  /** Events in the order in which they happened. */
  async *[Symbol.asyncIterator](): AsyncGenerator<JobHostEvent, void, undefined> {
    if (this.#iterated) throw new UsageError("AlreadyIterated", "iterate run: its events were already taken");
    this.#iterated = true;
    const { id } = await this.#job;
    const events = followJob(this.#connection, id, { signal: this.#uncancellable.signal });
    let left = true;
    try {
      while (true) {
        const next = await events.next().catch((error) => {
          // What the daemon can no longer be asked for is not to be cancelled either.
          left = false;
          throw error;
        });
        if (next.done === true) break;
        if (next.value.type !== "job") yield next.value;
      }
      left = false;
    } finally {
      await events.return();
      if (left) await this.stop();
      else this.#ended();
    }
  }

  async #stop(): Promise<void> {
    try {
      this.cancel();
      await this.#cancelled;
      const { id } = await this.#job;
      for (let ms = firstLookMs;; ms = Math.min(ms * 2, longestLookMs)) {
        const { state } = await this.#connection.json<JobDocument>("GET", jobPath(id));
        if (state === "done") return;
        await delay(ms, undefined);
      }
    } finally {
      this.#ended();
    }
  }

  async #cancel(): Promise<void> {
    const { id } = await this.#job;
    await this.#connection.json("POST", `${jobPath(id)}/cancel`, { repeatable: true });
  }
}
