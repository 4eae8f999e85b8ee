/** Who is told of the daemon's work as it happens: logs, metrics, traces. @module */
import type { JobStore, StoreRecord } from "../../../actors/daemon/job_store.ts";
import type { Job } from "../../../actors/daemon/job_types.ts";
import type { ExchangeNote, ExchangeObserver } from "../../../actors/ports.ts";

/** Told of jobs and of exchanges with hosts. Its calls are short and throw nothing. */
export interface WorkWatch extends ExchangeObserver {
  /** A job runs in this process from now on; `hosts` of it have no result yet. `resumed`: an earlier life has begun it. */
  jobBegan(job: Job, hosts: number, resumed: boolean): void;
  /** Records are on their way to the disk. */
  recording(records: readonly StoreRecord[]): void;
  /** They are on disk. */
  recorded(records: readonly StoreRecord[]): void;
  /** Nothing of a job runs in this process any more. It is done, or a later life goes on with it. */
  jobLeft(id: string): void;
}

/** Tells several watchers, in order. */
export function watchAll(watches: readonly WorkWatch[]): WorkWatch {
  return {
    exchangeBegan() {
      for (const watch of watches) watch.exchangeBegan();
    },
    exchangeEnded(note: ExchangeNote) {
      for (const watch of watches) watch.exchangeEnded(note);
    },
    jobBegan(job, hosts, resumed) {
      for (const watch of watches) watch.jobBegan(job, hosts, resumed);
    },
    recording(records) {
      for (const watch of watches) watch.recording(records);
    },
    recorded(records) {
      for (const watch of watches) watch.recorded(records);
    },
    jobLeft(id) {
      for (const watch of watches) watch.jobLeft(id);
    },
  };
}

/** A store that tells what the actors of jobs give it. */
export function watchedStore(store: JobStore, watch: WorkWatch): JobStore {
  return {
    append(records, done) {
      watch.recording(records);
      store.append(records, (error) => {
        if (error === undefined) watch.recorded(records);
        done(error);
      });
    },
    unfinished: (done) => store.unfinished(done),
  };
}
