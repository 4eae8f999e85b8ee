/** How much one token may ask for: requests a second, requests at once, streams at once. @module */
import { Problem } from "../problems.ts";

/** Limits of one token. */
export interface AccessLimits {
  /** Requests a second, on average; twice as many at once after a rest. */
  readonly requestsPerSecond: number;
  /** Requests that are being answered at once. */
  readonly requests: number;
  /** Event streams and WebSockets that are open at once. */
  readonly streams: number;
}

/** Limits unless others are given. */
export const defaultAccessLimits: AccessLimits = { requestsPerSecond: 2_000, requests: 256, streams: 2_048 };

/** Use of one token, or of all strangers together. */
class Use {
  tokens: number;
  at: number;
  requests = 0;
  streams = 0;

  constructor(tokens: number, at: number) {
    this.tokens = tokens;
    this.at = at;
  }
}

/** Counts what tokens use. */
export class AccessMeter {
  readonly #limits: AccessLimits;
  readonly #now: () => number;
  readonly #uses = new Map<string, Use>();

  /** `now`: milliseconds that never go back. */
  constructor(limits: AccessLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
  }

  /**
   * Takes a place for a request or stream of `key`; call the result once, when it has ended.
   *
   * @throws Problem 429, with Retry-After
   */
  enter(key: string, kind: "requests" | "streams"): () => void {
    const { requestsPerSecond } = this.#limits;
    const now = this.#now();
    let use = this.#uses.get(key);
    if (use === undefined) this.#uses.set(key, use = new Use(requestsPerSecond * 2, now));
    use.tokens = Math.min(requestsPerSecond * 2, use.tokens + (now - use.at) * requestsPerSecond / 1_000);
    use.at = now;
    if (use.tokens < 1) {
      throw tooMany("RateExceeded", `more than ${requestsPerSecond} requests a second with this token`);
    }
    const limit = this.#limits[kind];
    if (use[kind] >= limit) {
      throw tooMany("ConcurrencyExceeded", `more than ${limit} ${kind} at once with this token`);
    }
    use.tokens--;
    use[kind]++;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      use[kind]--;
    };
  }

  /** Places that are taken now, by all together. */
  open(kind: "requests" | "streams"): number {
    let sum = 0;
    for (const use of this.#uses.values()) sum += use[kind];
    return sum;
  }

  /** Forgets a token that is no more. */
  forget(key: string): void {
    this.#uses.delete(key);
  }
}

function tooMany(code: string, detail: string): Problem {
  return new Problem(429, code, detail, { headers: { "Retry-After": "1" } });
}
