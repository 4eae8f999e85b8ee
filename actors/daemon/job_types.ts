/** What a durable job is: the documents that the store keeps and the API shows. Times are milliseconds since 1970. @module */
import type { HostError, HostStatus } from "../host/mod.ts";
import type { OutputStream } from "../ports.ts";
import type { Priority } from "../scheduler/mod.ts";

/** Where a job stands. `done` is the end: every host has its one result. */
export type JobState = "queued" | "running" | "paused" | "cancelling" | "done";

/** All states of a job, in the order of its life. */
export const jobStates: readonly JobState[] = ["queued", "running", "paused", "cancelling", "done"];

/** Where one host of a job stands. */
export type JobHostState = "waiting" | "running" | "done";

/** The shell that a job opens on each host, with WinRM's names in camel case. */
export interface JobShell {
  /** WorkingDirectory. */
  readonly cwd?: string;
  /** Environment variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** WINRS_CODEPAGE. */
  readonly codepage?: number;
  /** WINRS_NOPROFILE. */
  readonly noProfile?: boolean;
  /** IdleTimeout of the shell in milliseconds. */
  readonly idleTimeoutMs?: number;
}

/** Batches of a rolling job. */
export interface RollingTerms {
  /** Hosts of one batch: a number, or a share of all hosts like `10%`. */
  readonly batch: number | string;
  /** Failed hosts after which no batch is begun any more; without it every batch is. */
  readonly maxFailures?: number;
}

/** What was asked for. Standard input is kept apart: it may be large, and lists of jobs never need it. */
export interface JobRequest {
  /** A line for the shell, or a program with exactly these arguments. */
  readonly command: string | readonly string[];
  /** Host pattern of the inventory. */
  readonly hosts: string;
  /** Order among jobs; `normal` when absent. */
  readonly priority?: Priority;
  /** Hosts at once. */
  readonly throttle?: number;
  /** Deadline of each host from its permit, in milliseconds. */
  readonly timeoutMs?: number;
  /** Longest wait of each host for its permit, in milliseconds. */
  readonly waitTimeoutMs?: number;
  /** Bytes of standard input; absent: none. */
  readonly stdinBytes?: number;
  /** The shell. */
  readonly shell?: JobShell;
  /** Present for rolling jobs. */
  readonly rolling?: RollingTerms;
}

/** How many hosts of a job ended in each status. */
export type StatusCounts = Readonly<Record<HostStatus, number>>;

/** One job as it stands. */
export interface Job {
  /** UUIDv7: sorts by time of creation. */
  readonly id: string;
  /** Where it stands. */
  readonly state: JobState;
  /** What was asked for. */
  readonly request: JobRequest;
  /** Number of hosts. */
  readonly hosts: number;
  /** Hosts that ended, by status. */
  readonly counts: StatusCounts;
  /** When it was taken. */
  readonly createdAt: number;
  /** When its first host began; `null` before. */
  readonly startedAt: number | null;
  /** When it was done; `null` before. */
  readonly endedAt: number | null;
  /** Name of the token that asked for it. */
  readonly createdBy: string;
  /** The job whose hosts it runs once more; `null` for others. */
  readonly retryOf: string | null;
  /** Name of the schedule that asked for it. */
  readonly scheduledBy: string | null;
}

/** One host of a job as it stands. */
export interface JobHostResult {
  /** Place in the job, from 0. */
  readonly index: number;
  /** Name in the inventory. */
  readonly host: string;
  /** Where it stands. */
  readonly state: JobHostState;
  /** How it ended; `null` before. */
  readonly status: HostStatus | null;
  /** `null`: not known, or not ended. */
  readonly exitCode: number | null;
  /** Milliseconds from the permit to the result; 0 before the result. */
  readonly durationMs: number;
  /** Why it did not succeed. */
  readonly error: HostError | null;
  /** Bytes of standard output that are kept. */
  readonly stdoutBytes: number;
  /** Bytes of standard error that are kept. */
  readonly stderrBytes: number;
  /** When its permit came; `null` before. */
  readonly startedAt: number | null;
  /** When its result came; `null` before. */
  readonly endedAt: number | null;
}

/** What is on disk before Command is sent to a host: by it a host can be asked after a crash. */
export interface Intent {
  /** Name of the shell: unique per job and host. */
  readonly shellName: string;
  /** ShellId, where it is known before. */
  readonly shellId: string | null;
  /** CommandId that we chose. */
  readonly commandId: string;
  /** When it was written. */
  readonly at: number;
}

/** A host that has no result yet. Without `intent` its Command was never sent: it may be run. */
export interface UnfinishedHost {
  /** Place in the job. */
  readonly index: number;
  /** Name in the inventory. */
  readonly host: string;
  /** Present: Command may have been sent, and must never be sent again. */
  readonly intent: Intent | null;
  /** Bytes of standard output that are kept. */
  readonly stdoutBytes: number;
  /** Bytes of standard error that are kept. */
  readonly stderrBytes: number;
  /** When its permit came; `null` before. */
  readonly startedAt: number | null;
}

/** A job that is not done, and its hosts that have no result. */
export interface UnfinishedJob {
  /** The job. */
  readonly job: Job;
  /** Its standard input. */
  readonly stdin: Uint8Array | undefined;
  /** Hosts without a result, by place. */
  readonly hosts: readonly UnfinishedHost[];
}

/** What all events have. */
interface EventHead {
  /** Place among all events of the store: ascending in the order of commits, without gaps. The cursor. */
  readonly seq: number;
  /** When it happened. */
  readonly at: number;
  /** Id of the job. */
  readonly job: string;
}

/** What events about one host have besides. */
interface HostEventHead extends EventHead {
  /** Place of the host in the job. */
  readonly index: number;
  /** Its name in the inventory. */
  readonly host: string;
}

/** The job's state changed. */
export interface JobStateEvent extends EventHead {
  readonly type: "job";
  /** The whole job after the change. */
  readonly document: Job;
}

/** A host works. */
export interface JobProgressEvent extends HostEventHead {
  readonly type: "progress";
  readonly phase: "connecting";
}

/** Output of a host. A piece may end inside a character. */
export interface JobOutputEvent extends HostEventHead {
  readonly type: "output";
  readonly stream: OutputStream;
  /** Bytes of this stream before it. */
  readonly offset: number;
  readonly data: Uint8Array;
}

/** Output of a host may be missing here. */
export interface JobGapEvent extends HostEventHead {
  readonly type: "gap";
  /** `null`: of both streams. */
  readonly stream: OutputStream | null;
  readonly reason: string;
}

/** The one result of a host. */
export interface JobResultEvent extends HostEventHead {
  readonly type: "result";
  readonly status: HostStatus;
  readonly exitCode: number | null;
  readonly durationMs: number;
  readonly error: HostError | null;
}

/** One event as the store keeps it. */
export type StoredEvent = JobStateEvent | JobProgressEvent | JobOutputEvent | JobGapEvent | JobResultEvent;

/** Kinds of events. */
export type StoredEventType = StoredEvent["type"];
