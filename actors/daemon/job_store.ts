/** The port by which the actors of durable jobs reach the store. The real one is `runtime/store/`. @module */
import { DroverError } from "../../protocol/errors.ts";
import type { HostError, HostStatus } from "../host/mod.ts";
import type { OutputStream } from "../ports.ts";
import type { Intent, JobState, UnfinishedJob } from "./job_types.ts";

/** What can be wrong with a store. */
export type StoreErrorCode =
  /** Another daemon has it open. */
  | "StoreLocked"
  /** It was written by a newer Drover. */
  | "StoreNewer"
  /** The file is no store of Drover. */
  | "StoreForeign"
  /** The file or its folder can be read or changed by others. */
  | "StoreExposed"
  /** It cannot be opened or made: missing folder, no permission, read-only. */
  | "StoreUnusable"
  /** It is truncated or damaged. */
  | "StoreCorrupt"
  /** No room on the disk. Nothing of the batch was kept; the store works again when there is room. */
  | "StoreFull"
  /** The disk or SQLite failed. Nothing of the batch was kept. */
  | "StoreFailed"
  /** Too much waits to be written. */
  | "StoreBusy"
  /** It was closed; nothing of the batch was kept. */
  | "StoreClosed"
  /** The record contradicts what is kept, e.g. a second intent or a second result of a host. It was not written. */
  | "StoreConflict";

const callers: ReadonlySet<StoreErrorCode> = new Set([
  "StoreLocked",
  "StoreNewer",
  "StoreForeign",
  "StoreExposed",
  "StoreUnusable",
  "StoreConflict",
]);

/** The store refused or failed. Nothing that it refused was kept in part. */
export class StoreError extends DroverError {
  declare readonly code: StoreErrorCode;

  /** Makes one; whose fault it is follows from the code. */
  constructor(code: StoreErrorCode, message: string, options?: { cause?: unknown }) {
    super(callers.has(code) ? "caller" : "system", code, message, options);
  }
}

/** What all records have. */
interface RecordHead {
  /** Id of the job; it must have been created. */
  readonly job: string;
  /** When it happened, milliseconds since 1970. */
  readonly at: number;
}

/** What records about one host have besides. */
interface HostRecordHead extends RecordHead {
  /** Place of the host in the job. */
  readonly index: number;
}

/**
 * One fact for the store. They are kept in the order in which they are given, and each but `intent` makes one event;
 * pieces of output of a host that follow each other may become one event.
 */
export type StoreRecord =
  /** The job's state changed. `running` sets its start for the first time, `done` its end. Nothing follows `done`. */
  | RecordHead & { readonly kind: "state"; readonly state: JobState }
  /** A host works. The first one makes it `running`. */
  | HostRecordHead & { readonly kind: "progress"; readonly phase: "connecting" }
  /** Command is about to be sent: only after `done` of its append. A second one for a host is a `StoreConflict`. */
  | HostRecordHead & { readonly kind: "intent" } & Omit<Intent, "at">
  /** Output. The array belongs to the store from now on. */
  | HostRecordHead & { readonly kind: "output"; readonly stream: OutputStream; readonly data: Uint8Array }
  /** Output may be missing here. */
  | HostRecordHead & { readonly kind: "gap"; readonly stream: OutputStream | null; readonly reason: string }
  /** The one result of a host; nothing of this host may follow. */
  | HostRecordHead & {
    readonly kind: "result";
    readonly status: HostStatus;
    readonly exitCode: number | null;
    readonly durationMs: number;
    readonly error: HostError | null;
  };

/** Where durable jobs are kept. */
export interface JobStore {
  /**
   * Keeps records, in order, after all that were appended before. `done` is called once: without an error when all of
   * them are on disk (power loss included). With `StoreConflict` the records that contradict were left out and the others are
   * on disk; with every other error none of them is.
   *
   * It never refuses for lack of room in its queue: who appends must bound what is not yet done.
   */
  append(records: readonly StoreRecord[], done: (error: StoreError | undefined) => void): void;
  /** Jobs that are not done, oldest first, as they are on disk. Asked for once, before anything is appended. */
  unfinished(done: (jobs: readonly UnfinishedJob[] | StoreError) => void): void;
}
