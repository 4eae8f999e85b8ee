/** The boundary between the API and the work: who begins jobs, and stops them. @module */
import type { Job, UnfinishedJob } from "../../actors/daemon/job_types.ts";
import type { HostPicture, HostTarget, InquiryOutcome, Question } from "../../actors/host/mod.ts";
import type { SnapshotOptions, SystemSnapshot } from "../../actors/kernel/snapshot.ts";
import type { HostLimits } from "../../actors/scheduler/mod.ts";
import type { DroverError } from "../../protocol/errors.ts";
import type { PingAnswer } from "../client/any_fleet.ts";

/** Runs jobs that the store has. Whatever becomes of them is told to the store, and to nobody else. */
export interface JobRunner {
  /**
   * Begins a job that the store has just taken, with all its hosts in the order of their places. An error stands for a host that
   * cannot be reached for its sake: it becomes that host's result.
   */
  start(job: Job, targets: readonly (HostTarget | DroverError)[], stdin: Uint8Array | undefined): void;
  /**
   * Goes on with jobs of earlier lives of the daemon: what was never sent is begun, what was is asked. `target`: how to reach a host,
   * `undefined` when nobody knows any more. `hosts`: all that are known; what dead lives have left at them is deleted.
   */
  recover(
    jobs: readonly UnfinishedJob[],
    target: (host: string) => HostTarget | undefined,
    hosts: readonly string[],
  ): void;
  /**
   * Stops a job; every host still gets its result. What is done already stays done. Resolves when this is on disk, so that a crash
   * does not undo it; jobs that do not run are passed over. The same holds for `pause` and `resume`.
   *
   * @throws StoreError it could not be kept: it holds for this life of the daemon, and perhaps for no other
   */
  cancel(id: string): Promise<void>;
  /** Begins no further host of a job; what runs goes on. */
  pause(id: string): Promise<void>;
  /** Goes on with a job that was paused. */
  resume(id: string): Promise<void>;
  /** A picture of the actors, those at `path` and below. */
  inspect(options?: SnapshotOptions): SystemSnapshot | undefined;
  /** What hosts do that have work or are not tried for a while, by name; none of them: it is quiet. */
  fleet(): Promise<ReadonlyMap<string, HostPicture>>;
  /** Asks a host something that is no command. */
  inquire<T>(target: HostTarget, question: Question<T>): Promise<InquiryOutcome<T>>;
  /** Name for a shell that is made at a host for something else than a job; what is left of it is deleted by a later life. */
  shellName(target: HostTarget): string;
  /** What one user may do at once at a host, as far as is known now; `undefined`: nobody can say. */
  limits(target: HostTarget): Promise<HostLimits | undefined>;
  /** Asks a host which service answers. */
  ping(target: HostTarget): Promise<PingAnswer>;
  /**
   * Takes no more work and begins no further host, waits `drainMs` for what runs, then stops it, and ends when nothing is left. Jobs
   * that have hosts without a result stay so: a later life goes on with them. `hurry`: ends the waiting; `overdue` is called when it
   * is over.
   */
  close(drainMs?: number, hurry?: AbortSignal, overdue?: () => void): Promise<void>;
}
