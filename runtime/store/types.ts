/** What the store keeps beside jobs, and what it is asked. Times are milliseconds since 1970. @module */
import type { StoreErrorCode } from "../../actors/daemon/job_store.ts";
import type {
  Job,
  JobHostResult,
  JobRequest,
  JobState,
  StoredEvent,
  StoredEventType,
} from "../../actors/daemon/job_types.ts";

/** A job that is to be kept: it becomes `queued`. */
export interface NewJob {
  /** UUIDv7. */
  readonly id: string;
  /** What was asked for; `stdinBytes` is set by the store. */
  readonly request: JobRequest;
  /** Bytes for standard input. */
  readonly stdin?: Uint8Array;
  /** Names of the hosts, in the order of their places. */
  readonly hosts: readonly string[];
  /** When. */
  readonly createdAt: number;
  /** Name of the token that asked for it. */
  readonly createdBy: string;
  /** The job whose hosts it runs once more. */
  readonly retryOf?: string;
  /** What the audit says of it: kept with it, or neither is. */
  readonly audit?: AuditRecord;
  /** The schedule that asked for it, and the due time; `null`: it was run by hand. */
  readonly schedule?: { readonly name: string; readonly dueAt: number | null };
  /** Makes the same request find the same job. */
  readonly idempotency?: {
    /** Idempotency-Key of the caller. */
    readonly key: string;
    /** Id of its token: keys of other tokens are other keys. */
    readonly token: string;
    /** Digest of the request's body. */
    readonly digest: string;
    /** When the key is forgotten. */
    readonly expiresAt: number;
  };
}

/** What became of a new job. Every kind but `created` has written nothing. */
export type JobCreation =
  | { readonly kind: "created"; readonly job: Job }
  /** The same key came with the same digest before: this is its job. */
  | { readonly kind: "repeated"; readonly job: string }
  /** The same key came with another digest before. */
  | { readonly kind: "keyReused"; readonly job: string }
  /** There is a job of this id. */
  | { readonly kind: "exists" };

/** A page, and where the next one begins; `next` is `null` at the end. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Opaque. */
  readonly next: string | null;
}

/** Which jobs, and in which order. */
export interface JobQuery {
  readonly states?: readonly JobState[];
  readonly createdBy?: string;
  readonly retryOf?: string;
  /** Name of a schedule. */
  readonly scheduledBy?: string;
  /** Jobs created at this time or later. */
  readonly createdFrom?: number;
  /** Jobs created before this time. */
  readonly createdBefore?: number;
  /** `-` in front: latest first. `endedAt` leaves out what has not ended. Default `-createdAt`. */
  readonly sort?: "createdAt" | "-createdAt" | "endedAt" | "-endedAt";
  /** `next` of the page before, of the same query. */
  readonly cursor?: string;
  /** Up to 1,000. Default 100. */
  readonly limit?: number;
}

/** Which hosts of a job, in the order of their places. */
export interface JobHostQuery {
  readonly states?: readonly JobHostResult["state"][];
  readonly statuses?: readonly NonNullable<JobHostResult["status"]>[];
  /** Exact names. */
  readonly hosts?: readonly string[];
  readonly cursor?: string;
  /** Up to 1,000. Default 100. */
  readonly limit?: number;
}

/** One run of one host, for its history. */
export interface HostRun extends JobHostResult {
  /** Id of the job. */
  readonly job: string;
}

/** Which events. */
export interface EventQuery {
  /** Only events with a higher seq. 0: from the beginning. */
  readonly after: number;
  /** Only of this job. */
  readonly job?: string;
  /** Only about these hosts (and none about the job as a whole). */
  readonly hosts?: readonly string[];
  readonly types?: readonly StoredEventType[];
  /** Events in the page at most: up to 5,000. Default 500. */
  readonly limit?: number;
  /** Bytes of output in the page at most (one event always fits). Default 1 MiB. */
  readonly maxBytes?: number;
}

/** Some events in order. */
export interface EventPage {
  readonly events: readonly StoredEvent[];
  /** `after` of the next page: everything up to here was looked at, also where the filter let nothing pass. */
  readonly next: number;
  /** More was already there: ask again at once. Otherwise wait for {@link Store.subscribe}. */
  readonly more: boolean;
  /** Events behind `after` were deleted by retention. Never with `job`. */
  readonly trimmed: boolean;
}

/** Bytes of one stream of one host. */
export interface OutputRange {
  /** From `offset`; at most what was asked for. */
  readonly data: Uint8Array;
  readonly offset: number;
  /** Bytes of the stream that are kept until now. */
  readonly total: number;
}

/** What is kept under a key with a version, for an ETag. */
export interface Versioned<T> {
  readonly key: string;
  /** 1, 2, 3 …; never again the same one for the same key. */
  readonly version: number;
  readonly updatedAt: number;
  readonly value: T;
}

/** What became of a change. `conflict` has written nothing; its `version` is what is there, `null`: nothing. */
export type Change =
  | { readonly kind: "stored"; readonly version: number }
  | { readonly kind: "removed" }
  | { readonly kind: "conflict"; readonly version: number | null };

/** What has to be there for a change to happen: this version, nothing, or anything (`any` includes nothing). */
export type Expected = number | "absent" | "any";

/** An uploaded inventory; its key is its name. */
export interface StoredInventory {
  readonly text: string;
  readonly format: string;
  /** Number of hosts in it. */
  readonly hosts: number;
  readonly updatedBy: string;
}

/** A host added through the API; its key is its name. */
export interface StoredHost {
  /** Variables as an inventory has them; no secrets. */
  readonly variables: Readonly<Record<string, unknown>>;
  readonly groups: readonly string[];
  readonly updatedBy: string;
}

/** What is done about due times that nobody was there for: nothing, or the latest of them is run. */
export type MissedPolicy = "skip" | "runOnce";

/** What is done about a due time while a job of the schedule is not done. */
export type OverlapPolicy = "skip" | "allow";

/** What a host is, as it said when it was asked; its key is the host's name. */
export interface StoredFacts {
  /** Where it was asked: what was found there says nothing of a host of the same name elsewhere. */
  readonly address: string;
  readonly port: number;
  /** When; `null`: it was never answered. */
  readonly gatheredAt: number | null;
  readonly facts: Readonly<Record<string, string | number | boolean>>;
  /** What it did not say, and why. */
  readonly missing: readonly { readonly part: string; readonly code: string; readonly message: string }[];
  /** The last try, where it failed; the rest is of one before it. */
  readonly failure: { readonly at: number; readonly code: string; readonly message: string } | null;
}

/** Work that recurs; its key is its name. Standard input of its jobs is kept apart. */
export interface StoredSchedule {
  /** Five fields. */
  readonly cron: string;
  /** IANA name. */
  readonly timeZone: string;
  readonly missed: MissedPolicy;
  readonly overlap: OverlapPolicy;
  readonly enabled: boolean;
  readonly request: JobRequest;
  /** The token by which it was last changed: its jobs may do what this token may, and no more than it could then. */
  readonly owner: {
    /** Id. */
    readonly token: string;
    readonly name: string;
    /** Its host patterns. */
    readonly hosts: readonly string[];
  };
}

/** What became of a due time: a job, or nothing, because nobody was there, its last job still ran, or it was not allowed. */
export type ScheduleOutcome = "started" | "missed" | "overlapped" | "refused";

/** How a schedule stands. */
export interface ScheduleState {
  /** Due times up to here are done with. */
  readonly settledTo: number;
  /** What was done last. */
  readonly last: {
    /** `null`: it was run by hand. */
    readonly dueAt: number | null;
    readonly at: number;
    readonly outcome: ScheduleOutcome;
    /** Why it was refused. */
    readonly detail: string | null;
    /** The job, where there was one. */
    readonly job: string | null;
  } | null;
}

/** A job that a schedule asks for. */
export interface NewScheduleRun {
  readonly name: string;
  /** Of the schedule, as it was read. */
  readonly version: number;
  /** `null`: by hand, beside its due times. */
  readonly dueAt: number | null;
  readonly job: NewJob;
}

/** What became of it. Every kind but `created` has made no job. */
export type ScheduleRunCreation =
  | JobCreation
  /** It was changed or removed meanwhile. */
  | { readonly kind: "changed" }
  /** The due time is done with. */
  | { readonly kind: "settled" }
  /** A job of it is not done, and it is not to overlap. */
  | { readonly kind: "overlapped" };

/** A due time that becomes no job. */
export interface SettledDue {
  readonly name: string;
  /** Of the schedule, as it was read. */
  readonly version: number;
  readonly dueAt: number;
  /** Now. */
  readonly at: number;
  readonly outcome: Exclude<ScheduleOutcome, "started">;
  readonly detail: string | null;
  /** Name of the schedule's token, for the audit. */
  readonly who: string;
}

/** A token; the token itself is never kept. */
export interface StoredToken {
  readonly id: string;
  /** Unique. */
  readonly name: string;
  /** SHA-256 of the token. */
  readonly hash: Uint8Array;
  readonly scopes: readonly string[];
  /** Host patterns that it may work on. */
  readonly hosts: readonly string[];
  readonly createdAt: number;
  readonly createdBy: string;
  readonly expiresAt: number | null;
}

/** Who did what, where, when, with which outcome. */
export interface AuditRecord {
  readonly at: number;
  /** Name of the token, or `system`. */
  readonly who: string;
  /** Address of the caller. */
  readonly from: string | null;
  /** Stable name of the action, e.g. `job.create`. */
  readonly action: string;
  /** What it was done to, e.g. the id of a job. */
  readonly target: string;
  /** `ok`, or the code of the problem. */
  readonly outcome: string;
  /** More about it; no secrets. */
  readonly detail: Readonly<Record<string, unknown>>;
}

/** Which audit records, latest first. */
export interface AuditQuery {
  readonly who?: string;
  readonly action?: string;
  readonly target?: string;
  readonly from?: number;
  readonly before?: number;
  readonly cursor?: string;
  /** Up to 1,000. Default 100. */
  readonly limit?: number;
}

/** What retention may delete. Jobs that are not done are never deleted. */
export interface RetentionTerms {
  /** Jobs that ended before this time go. */
  readonly endedBefore?: number;
  /** The oldest ended jobs go until no more than this are left. */
  readonly maxJobs?: number;
  /** The oldest ended jobs go until the store uses no more bytes than this. */
  readonly maxBytes?: number;
  /** Audit records before this time go. */
  readonly auditBefore?: number;
  /** Idempotency keys that expired before this time go. */
  readonly now: number;
}

/** What retention has done. */
export interface RetentionReport {
  readonly jobs: number;
  readonly events: number;
  readonly audit: number;
  /** Bytes given back to the file system. */
  readonly freedBytes: number;
}

/** Figures of the store. */
export interface StoreStats {
  /** Highest seq that is on disk. */
  readonly head: number;
  /** Bytes of the file in use. */
  readonly usedBytes: number;
  /** Bytes of the file. */
  readonly fileBytes: number;
  /** Batches committed since the start, and bytes in them (roughly, each row with some). */
  readonly batches: number;
  readonly writtenBytes: number;
  /** Milliseconds from each batch's way to the writer until it was on disk, summed up. */
  readonly commitMs: number;
  /** Bytes that wait to be written. */
  readonly queuedBytes: number;
  /** Why the last batch was not kept; `null`: it was. */
  readonly failure: StoreErrorCode | null;
}
