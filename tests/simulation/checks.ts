/** The invariants by name. Each time one is looked at is counted: what was never checked was never proven. @module */

/** All invariants, in the order of summaries. */
export const invariants = [
  "one result per host",
  "a job ends once, in time",
  "nothing comes after an end",
  "a status is proven",
  "nothing goes wrong where nothing is broken",
  "what a quota refuses is tried for long",
  "output is what was written, in order",
  "a proven end has the whole output",
  "input is what was given",
  "a slow sink holds up its command",
  "output counts as taken when it is on disk",
  "what is kept contradicts nothing that was kept before",
  "an answered wish is on disk",
  "a batch begins after those before it",
  "no batch begins after too many failures",
  "work is sent once",
  "a command runs once",
  "requests belong to work that is under way",
  "operations of a user stay within the limit",
  "shells of a user stay within the limit",
  "users of a host stay within the limit",
  "processes of a shell stay within the limit",
  "the throttle of a job is kept",
  "connections stay within the budget",
  "a sweep leaves no shell of a dead instance",
  "a sweep deletes no shell of others",
  "a host is not stormed with connections",
  "no actor crashes",
  "no actor is left",
  "no timer is left",
  "no permit is left",
  "no connection is left",
  "no process or shell is left at a far end",
  "no shell is left to its idle time-out",
  "a circuit opens only after failures in a row",
  "a host that returns is reached again",
  "small jobs are not stuck behind large ones",
] as const;

/** Name of an invariant. */
export type Invariant = typeof invariants[number];

/** Counts of checks, and what was violated. */
export class Checks {
  readonly counts = new Map<Invariant, number>();
  readonly violations: string[] = [];
  readonly #trace: (line: string) => void;

  /** `trace` is told every violation at its place among the other events. */
  constructor(trace: (line: string) => void) {
    this.#trace = trace;
  }

  /** `name` was looked at: it `holds`, or `text` says what is wrong. Returns `holds`. */
  check(name: Invariant, holds: boolean, text: () => string): boolean {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
    if (holds) return true;
    const violation = `${name}: ${text()}`;
    this.#trace(`VIOLATION ${violation}`);
    this.violations.push(violation);
    return false;
  }
}
