/** What a run tells its reporters. @module */

/** How a host ended; each host has exactly one. */
export type Status = "succeeded" | "failed" | "unreachable" | "denied" | "timedOut" | "cancelled" | "unknown";

/** Every status, in the order in which reports list them. */
export const statuses: readonly Status[] = [
  "succeeded",
  "failed",
  "unreachable",
  "denied",
  "timedOut",
  "cancelled",
  "unknown",
];

/** Output of a host as it arrived: a chunk may end inside a character. */
export interface OutputEvent {
  readonly type: "output";
  readonly host: string;
  readonly stream: "stdout" | "stderr";
  readonly data: Uint8Array;
}

/** The end of a host. */
export interface ResultEvent {
  readonly type: "result";
  readonly host: string;
  readonly status: Status;
  /** Exit code of the command, where its end was seen. */
  readonly exitCode: number | undefined;
  /** From the host's permit to its result, milliseconds. */
  readonly durationMs: number;
  readonly error: { readonly code: string; readonly message: string } | undefined;
}

/** A host went from waiting to working. */
export interface ProgressEvent {
  readonly type: "progress";
  readonly host: string;
  readonly phase: "connecting" | "running";
}

/** What happens to a host during a run. */
export type RunEvent = OutputEvent | ResultEvent | ProgressEvent;

/** The run as a whole, when it is over. */
export interface RunSummary {
  readonly total: number;
  readonly durationMs: number;
  readonly counts: Readonly<Record<Status, number>>;
}

/** Shows a run. */
export interface Reporter {
  /** Takes one event, in order. */
  event(event: RunEvent): void;
  /** Writes what is left and the summary; call it once, last. */
  finish(summary: RunSummary): void;
}

/** Counts results by status. */
export function countStatuses(results: Iterable<{ readonly status: Status }>): Record<Status, number> {
  const counts = {
    succeeded: 0,
    failed: 0,
    unreachable: 0,
    denied: 0,
    timedOut: 0,
    cancelled: 0,
    unknown: 0,
  };
  for (const { status } of results) counts[status]++;
  return counts;
}
