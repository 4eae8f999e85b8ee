/** Who came without a valid token: a line of the log for each address, at most one a minute. @module */
import { logOf } from "./logs.ts";

const security = logOf("security");

const quietMs = 60_000;
const maxAddresses = 1_000;

/** Counts refusals, so that whoever tries tokens fills nobody's disk with lines. */
export class RefusalLog {
  readonly #now: () => number;
  readonly #addresses = new Map<string, { until: number; untold: number }>();

  /** `now`: milliseconds that never go back. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** A request from this address was refused. */
  add(from: string): void {
    const now = this.#now();
    const known = this.#addresses.get(from);
    if (known !== undefined && now < known.until) {
      known.untold++;
      return;
    }
    this.#addresses.delete(from);
    this.#addresses.set(from, { until: now + quietMs, untold: 0 });
    for (const oldest of this.#addresses.keys()) {
      if (this.#addresses.size <= maxAddresses) break;
      this.#addresses.delete(oldest);
    }
    security.warn("a request without a valid token came from {from}", {
      from,
      ...(known === undefined || known.untold === 0 ? {} : { before: known.untold }),
    });
  }
}
