/**
 * What the daemon's API shows and takes, as scripts get it. `tests/runtime/client/remote_types_test.ts` holds that these are the types
 * of the schemas by which the daemon checks; a script loads none of those.
 * @module
 */
import type { JobHostState, JobState, RollingTerms } from "../../../actors/daemon/job_types.ts";
import type { HostError, HostStatus } from "../../../actors/host/mod.ts";
import type { Priority } from "../../../actors/scheduler/mod.ts";
import type { CommonRunOptions, FleetEvent, GapEvent } from "../any_fleet.ts";
import type { ShellOptions } from "../fleet_host.ts";
import type { LogonDocument } from "../logons.ts";

/** What a job was asked for. */
export interface JobTerms {
  /** A line for the shell, or a program with exactly these arguments. */
  readonly command: string | readonly string[];
  /** Pattern of hosts. */
  readonly hosts: string;
  /** Order among jobs; default `normal`. */
  readonly priority?: Priority | undefined;
  /** Hosts at once; default 32. */
  readonly throttle?: number | undefined;
  /** Milliseconds for each host from its permit to its result. */
  readonly timeoutMs?: number | undefined;
  /** Milliseconds for each host until its permit. */
  readonly waitTimeoutMs?: number | undefined;
  /** Bytes of standard input. */
  readonly stdinBytes?: number | undefined;
  /** The shells. */
  readonly shell?: { readonly [name in keyof ShellOptions]?: ShellOptions[name] | undefined } | undefined;
  /** Batches, one after the other. */
  readonly rolling?: { readonly [name in keyof RollingTerms]: RollingTerms[name] | undefined } | undefined;
}

/** A job of a daemon as it stands. Times are ISO 8601. */
export interface JobDocument {
  /** UUIDv7: sorts by time of creation. */
  readonly id: string;
  /** Where it stands; `done` is the end: every host has its one result. */
  readonly state: JobState;
  /** What was asked for. */
  readonly request: JobTerms;
  /** Number of hosts. */
  readonly hosts: number;
  /** Hosts that ended, by status. */
  readonly counts: Readonly<Record<HostStatus, number>>;
  /** When the daemon took it. */
  readonly createdAt: string;
  /** When its first host began; `null` before. */
  readonly startedAt: string | null;
  /** When it was done; `null` before. */
  readonly endedAt: string | null;
  /** Name of the token that asked for it. */
  readonly createdBy: string;
  /** The job whose hosts it runs once more; `null` for others. */
  readonly retryOf: string | null;
  /** Name of the schedule that asked for it; `null` for others. */
  readonly scheduledBy: string | null;
}

/** One host of a job as it stands. Times are ISO 8601. */
export interface JobHostDocument {
  /** Place in the job, from 0. */
  readonly index: number;
  /** The inventory's name. */
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
  readonly startedAt: string | null;
  /** When its result came; `null` before. */
  readonly endedAt: string | null;
}

/** Body of a request for a job. */
export interface JobRequestBody
  extends Omit<JobTerms, "hosts" | "stdinBytes" | "command" | "shell" | "rolling"> {
  readonly command: string | string[];
  readonly hosts?: string;
  /** Base64. */
  readonly stdin?: string;
  readonly shell?: Omit<ShellOptions, "env"> & { readonly env?: Record<string, string> };
  readonly rolling?: RollingTerms;
}

/** A host as the daemon shows it. */
export interface HostDocument {
  readonly name: string;
  readonly address: string;
  readonly port: number | null;
  readonly scheme: "http" | "https" | null;
  readonly auth: string | null;
  readonly groups: readonly string[];
}

/** A ping as the daemon answers it. */
export interface PingDocument {
  readonly vendor: string | null;
  readonly version: string | null;
  readonly durationMs: number | null;
  readonly logon: LogonDocument | null;
  readonly error: HostError | null;
}

/** Which jobs. */
export interface JobFilter {
  /** Only these. */
  readonly state?: JobState;
  /** Only jobs that have this host. */
  readonly host?: string;
  /** Name of the token that asked for them. */
  readonly createdBy?: string;
  /** Name of the schedule that asked for them. */
  readonly scheduledBy?: string;
  /** Created then or later, ISO 8601. */
  readonly since?: string;
  /** Created before, ISO 8601. */
  readonly until?: string;
  /** Default `newest` first. */
  readonly order?: "newest" | "oldest";
}

/** Which hosts of a job. */
export interface JobHostFilter {
  /** Only hosts that stand there. */
  readonly state?: JobHostState;
  /** Only hosts that ended so. */
  readonly status?: HostStatus;
}

/** Options of a job of a daemon. */
export interface SubmitOptions extends Omit<CommonRunOptions, "signal"> {
  /** Batches, one after the other. */
  readonly rolling?: RollingTerms;
  /**
   * The same key with the same request finds the same job, for 24 hours: give one where a script may be started again. Default: one for
   * this call, so that a request whose answer was lost is asked again without a second job.
   */
  readonly idempotencyKey?: string;
}

/** Options of a run by a daemon. */
export interface RemoteRunOptions extends SubmitOptions {
  /** Cancels the run. */
  readonly signal?: AbortSignal;
}

/** Which hosts of a job to run once more; default: all that did not succeed, without those whose status is `unknown`. */
export interface RetryOptions {
  /** Names of hosts of the job. */
  readonly hosts?: readonly string[];
  /** Hosts that ended so. */
  readonly statuses?: readonly HostStatus[];
  /** As for {@link SubmitOptions}. */
  readonly idempotencyKey?: string;
}

/** Where an event stands. */
export interface EventPlace {
  /** Place among all events of the daemon: later ones have higher ones. */
  readonly seq: number;
  /** When it happened, ISO 8601. */
  readonly at: string;
  /** Id of the job. */
  readonly job: string;
}

/** The job changed. */
export interface JobChange {
  /** Tells it from other events. */
  readonly type: "job";
  /** The whole job after the change. */
  readonly document: JobDocument;
}

/** What happens to the hosts of a job. */
export type JobHostEvent = (FleetEvent | GapEvent) & EventPlace;

/** What happens to a job. */
export type JobEvent = JobHostEvent | JobChange & EventPlace;

/** Path of a job. */
export function jobPath(id: string): string {
  return `/v1/jobs/${encodeURIComponent(id)}`;
}

/** Body of the request for a job. */
export function jobRequest(command: string | readonly string[], options: SubmitOptions): JobRequestBody {
  const { hosts, timeout, throttle, priority, waitTimeout, stdin, shell, rolling } = options;
  const bytes = typeof stdin === "string" ? new TextEncoder().encode(stdin) : stdin;
  return {
    command: typeof command === "string" ? command : [...command],
    ...(hosts === undefined ? {} : { hosts }),
    ...(priority === undefined ? {} : { priority }),
    ...(throttle === undefined ? {} : { throttle: Math.min(throttle, mostHosts) }),
    ...milliseconds("timeoutMs", timeout),
    ...milliseconds("waitTimeoutMs", waitTimeout),
    ...(bytes === undefined ? {} : { stdin: bytes.toBase64() }),
    ...(shell === undefined ? {} : { shell: { ...shell, ...(shell.env && { env: { ...shell.env } }) } }),
    ...(rolling === undefined ? {} : { rolling }),
  };
}

/** Hosts that a job may have. */
const mostHosts = 65_536;

/** The API takes whole milliseconds from 1 on; without end is without the field. */
function milliseconds<N extends string>(name: N, value: number | undefined): { readonly [n in N]?: number } {
  if (value === undefined || value === Infinity) return {};
  return { [name]: Math.max(1, Math.ceil(value)) } as { readonly [n in N]: number };
}
