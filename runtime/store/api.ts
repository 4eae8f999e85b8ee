/** The store as the daemon sees it. @module */
import type { JobStore, StoreRecord } from "../../actors/daemon/job_store.ts";
import type { Job, JobHostResult, UnfinishedJob } from "../../actors/daemon/job_types.ts";
import type { OutputStream } from "../../actors/ports.ts";
import type {
  AuditQuery,
  AuditRecord,
  Change,
  EventPage,
  EventQuery,
  Expected,
  HostRun,
  JobCreation,
  JobHostQuery,
  JobQuery,
  NewJob,
  NewScheduleRun,
  OutputRange,
  Page,
  RetentionReport,
  RetentionTerms,
  ScheduleRunCreation,
  ScheduleState,
  SettledDue,
  StoredFacts,
  StoredHost,
  StoredInventory,
  StoredSchedule,
  StoredToken,
  StoreStats,
  Versioned,
} from "./types.ts";

/** Reads of values with a version. */
export interface DocumentReads<T> {
  get(key: string): Versioned<T> | undefined;
  /** By key. `cursor` is the last key of the page before. Default limit 100, up to 1,000. */
  list(query?: { readonly cursor?: string; readonly limit?: number }): Page<Versioned<T>>;
}

/** Changes of values with a version. */
export interface DocumentWrites<T> {
  /** Keeps a value. */
  put(key: string, value: T, at: number, expected: Expected): Change;
  /** Removes it; removing nothing under `any` is `removed`. */
  remove(key: string, expected: Expected): Change;
}

/** Everything that can be read. Synchronous, bounded, and only what is on disk. */
export interface StoreReads {
  readonly jobs: {
    get(id: string): Job | undefined;
    list(query: JobQuery): Page<Job>;
    /** Standard input of a job; `undefined`: it has none. */
    stdin(id: string): Uint8Array | undefined;
    unfinished(): UnfinishedJob[];
  };
  readonly jobHosts: {
    get(job: string, index: number): JobHostResult | undefined;
    /** Hosts of a job; none of an unknown one. */
    list(job: string, query?: JobHostQuery): Page<JobHostResult>;
    /** Runs of one host, latest job first. */
    history(
      host: string,
      query?: { readonly cursor?: string; readonly limit?: number },
    ): Page<HostRun>;
    /** The last result of a host, of jobs of `createdBy` only where it is given; looks at its last 200 runs. */
    latest(host: string, createdBy?: string): HostRun | undefined;
  };
  readonly events: { page(query: EventQuery): EventPage };
  readonly output: {
    /** Up to `length` bytes from `offset` (at most 4 MiB at once); `undefined`: no such job or host. */
    range(job: string, index: number, stream: OutputStream, offset: number, length: number):
      | OutputRange
      | undefined;
  };
  readonly inventories: DocumentReads<StoredInventory>;
  readonly hosts: DocumentReads<StoredHost>;
  readonly schedules: DocumentReads<StoredSchedule> & {
    /** How it stands; `undefined`: there is none of this name. */
    state(name: string): ScheduleState | undefined;
    /** Standard input of its jobs; `undefined`: they have none. */
    stdin(name: string): Uint8Array | undefined;
  };
  readonly settings: DocumentReads<unknown>;
  /** By name of the host. */
  readonly facts: DocumentReads<StoredFacts>;
  readonly tokens: {
    get(id: string): StoredToken | undefined;
    byHash(hash: Uint8Array): StoredToken | undefined;
    byName(name: string): StoredToken | undefined;
    /** By name. */
    list(): StoredToken[];
  };
  readonly audit: { page(query?: AuditQuery): Page<AuditRecord & { readonly seq: number }> };
  readonly idempotency: {
    find(
      token: string,
      key: string,
      now: number,
    ): { readonly job: string; readonly digest: string } | undefined;
  };
}

/** Everything that can be written beside records of jobs, as it runs inside the writer. Each call is one whole. */
export interface StoreTables {
  readonly jobs: { create(job: NewJob): JobCreation };
  readonly inventories: DocumentWrites<StoredInventory>;
  readonly hosts: DocumentWrites<StoredHost>;
  readonly schedules: {
    /** Keeps one. Where its times are new, those up to `at` are none of its own. */
    put(
      name: string,
      value: StoredSchedule,
      stdin: Uint8Array | undefined,
      at: number,
      expected: Expected,
    ): Change;
    /** Removes it; its jobs stay. */
    remove(name: string, expected: Expected): Change;
    /** Makes a job of it and settles its due time, both or neither. */
    run(run: NewScheduleRun): ScheduleRunCreation;
    /** Settles a due time, and all before it, without a job; `false`: it was changed meanwhile. */
    settle(due: SettledDue): boolean;
    /** After the clock was put back far: due times after `to` are looked at again, but for those that became jobs. */
    rewind(name: string, to: number): void;
  };
  readonly settings: DocumentWrites<unknown>;
  readonly facts: DocumentWrites<StoredFacts>;
  readonly tokens: {
    /** `false`: there is one of this name, id or hash, or jobs or schedules of an earlier one of this name. */
    create(token: StoredToken): boolean;
    /** `false`: there was none. */
    remove(id: string): boolean;
  };
  readonly audit: { add(record: AuditRecord): void };
}

/** The same as promises: kept when they resolve. They reject with `StoreError`, `StoreBusy` when too much waits. */
export type StoreWrites = {
  readonly [Table in keyof StoreTables]: {
    readonly [Name in keyof StoreTables[Table]]: StoreTables[Table][Name] extends
      (...args: infer Args) => infer Result ? (...args: Args) => Promise<Result> : never;
  };
};

/** An open store. One writer in a thread of its own; reads happen here. */
export interface Store extends JobStore {
  readonly path: string;
  readonly read: StoreReads;
  readonly write: StoreWrites;
  /** Highest seq that is on disk. */
  readonly head: number;
  /** Rises with everything that was written, before whoever asked for it is told: reads with the same number read the same. */
  readonly changes: number;
  /** Calls `listener` with the new head after it rose (several commits may be one call), until the function given back. */
  subscribe(listener: (head: number) => void): () => void;
  /** `append` as a promise. */
  record(records: readonly StoreRecord[]): Promise<void>;
  /** Resolves when less than the limit waits to be written; for who appends much without waiting. */
  room(): Promise<void>;
  stats(): StoreStats;
  /** Deletes what is old, in small steps between the batches. One at a time. */
  retain(terms: RetentionTerms): Promise<RetentionReport>;
  /** Writes a consistent copy to a new file (0600) while work goes on. */
  backup(path: string): Promise<void>;
  /** SQLite's integrity check in a thread of its own; what is wrong, or nothing. Takes time by the size of the file. */
  check(): Promise<readonly string[]>;
  /** Writes what waits, and closes. What is appended after it gets `StoreClosed`. */
  close(): Promise<void>;
}
