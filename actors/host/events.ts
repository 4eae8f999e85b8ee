/** What a job tells the world about its hosts. @module */
import { DroverError } from "../../protocol/errors.ts";
import type { OutputStream } from "../ports.ts";
import type { LogonUsed } from "./logon.ts";

/** How a host ended. Exactly one of these for each host of a job; `unknown` is never passed off as another one. */
export type HostStatus =
  /** Exit code 0. */
  | "succeeded"
  /** Another exit code, or a fault which proves that the command did not run. */
  | "failed"
  /** No byte of Command was sent. */
  | "unreachable"
  /** 401, 403 or AccessDenied. */
  | "denied"
  /** Stopped at its deadline, confirmed by the service. */
  | "timedOut"
  /** Stopped on request, confirmed by the service. */
  | "cancelled"
  /** It may have run; its end is not known. */
  | "unknown";

/** All statuses in the order in which summaries show them. */
export const hostStatuses: readonly HostStatus[] = [
  "succeeded",
  "failed",
  "unreachable",
  "denied",
  "timedOut",
  "cancelled",
  "unknown",
];

/** Why a host did not succeed. */
export interface HostError {
  /** Stable code, e.g. `ConnectRefused` or `ERROR_WSMAN_QUOTA_MAX_SHELLS`. */
  readonly code: string;
  /** What happened and what to do. */
  readonly message: string;
}

/** The final result of one host. */
export interface HostResult {
  /** How it ended. */
  readonly status: HostStatus;
  /** Exit code, when it is known. */
  readonly exitCode: number | undefined;
  /** Milliseconds from the permit to this result; 0 without a permit. */
  readonly durationMs: number;
  /** Present unless the command exited. */
  readonly error: HostError | undefined;
}

/** A host got its permit: work begins. */
export interface ProgressEvent {
  /** Tells it from other events. */
  readonly type: "progress";
  /** The inventory's name. */
  readonly host: string;
  /** What it begins with. When its command runs, only what it writes tells. */
  readonly phase: "connecting";
}

/** Output of a host as it arrived: a chunk may end inside a character. */
export interface OutputEvent {
  /** Tells it from other events. */
  readonly type: "output";
  /** The inventory's name. */
  readonly host: string;
  /** Which stream. */
  readonly stream: OutputStream;
  /** The bytes. */
  readonly data: Uint8Array;
}

/** The only result of a host. */
export interface ResultEvent extends HostResult {
  /** Tells it from other events. */
  readonly type: "result";
  /** The inventory's name. */
  readonly host: string;
  /** What its fleet has last logged on to it with; absent: it has not, or a daemon has. */
  readonly logon?: LogonUsed;
}

/** One event of a run. */
export type RunEvent = ProgressEvent | OutputEvent | ResultEvent;

/** Takes the events of a job. */
export interface RunSink {
  /** The job has begun; `cancel` stops it, at any time and as often as wanted. */
  began?(cancel: () => void): void;
  /** Takes events; `taken` is called once they are stored or shown: until then the remote command may be held up. */
  deliver(events: readonly RunEvent[], taken: () => void): void;
  /** Every host has its result, which was delivered, and everything that was opened is closed. */
  finished(): void;
}

/** A defect of our own: what it was doing has no known end. */
export function crashed(): DroverError {
  return new DroverError(
    "caller",
    "Crashed",
    "run command: an internal error ended its supervision; please report it",
  );
}

/** The result of a host whose actors have crashed. */
export function crashedResult(): HostResult {
  const { code, message } = crashed();
  return { status: "unknown", exitCode: undefined, durationMs: 0, error: { code, message } };
}
