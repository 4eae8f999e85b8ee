/** What a run tells its reporters. @module */

import { type HostStatus as Status, hostStatuses as statuses } from "../../../actors/host/mod.ts";
import type { RunEvent as CertainEvent } from "../../../actors/host/mod.ts";
import type { GapEvent } from "../../client/any_fleet.ts";

/** What happens in a run; gaps only where a daemon ran it. */
export type RunEvent = CertainEvent | GapEvent;

export type { OutputEvent, ProgressEvent, ResultEvent } from "../../../actors/host/mod.ts";
export { type Status, statuses };

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
  /** Tells the person at the terminal something of our own. */
  notice(text: string): void;
  /** Writes what is left, and the summary where the end was seen; call it once, last. */
  finish(summary: RunSummary | undefined): void;
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
