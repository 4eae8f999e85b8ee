/** Jobs that were just asked for, as long as nothing was written since: who polls a job costs no look into the store. @module */
import type { Job } from "../../actors/daemon/job_types.ts";
import type { Store } from "../store/api.ts";
import { jobDocument } from "./documents.ts";

/** Jobs that are kept. */
const maxKept = 1_024;

/** A job and how the API shows it. */
export interface CachedJob {
  readonly job: Job;
  /** JSON of its document. */
  readonly text: string;
}

/** Whatever is written to the store empties it. */
export class JobCache {
  readonly #store: Store;
  readonly #kept = new Map<string, CachedJob>();
  #changes = -1;

  /** Keeps nothing yet. */
  constructor(store: Store) {
    this.#store = store;
  }

  /** A job; `undefined`: there is none. */
  get(id: string): CachedJob | undefined {
    const { changes, read } = this.#store;
    if (changes !== this.#changes || this.#kept.size > maxKept) {
      this.#kept.clear();
      this.#changes = changes;
    }
    const kept = this.#kept.get(id);
    if (kept !== undefined) return kept;
    const job = read.jobs.get(id);
    if (job === undefined) return undefined;
    const made = { job, text: JSON.stringify(jobDocument(job)) };
    this.#kept.set(id, made);
    return made;
  }
}
