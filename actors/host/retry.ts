/**
 * Whether work that a quota has refused is tried again, and when. It did not run: the service said so. Work whose fate is not known is
 * never tried again, whatever was refused before.
 * @module
 */
import type { DroverError } from "../../protocol/errors.ts";
import { ReportedFault } from "../../protocol/wsman/mod.ts";
import type { RandomSource } from "../ports.ts";
import { quotaOf } from "../scheduler/mod.ts";
import { jittered } from "./jitter.ts";

/** Milliseconds before the first further try, doubled for each one after it. */
const firstMs = 500;
/** Longest pause between tries, in milliseconds. */
const longestMs = 15_000;
/** Milliseconds of tries for work without a deadline, from the first refusal on. */
const patienceMs = 120_000;

/** The quota fault that `error` is; `undefined`: another failure, after which nothing is tried again. */
export function quotaFault(error: DroverError): ReportedFault | undefined {
  if (!(error instanceof ReportedFault) || error.faultCode === undefined) return undefined;
  return quotaOf(error.faultCode) === undefined ? undefined : error;
}

/** The tries of one piece of work. */
export class Tries {
  /** Monotonic milliseconds after which there is no further try. */
  readonly until: number;
  /** The last refusal: the result, if no try succeeds. */
  refusal: ReportedFault;
  #pauses = 0;

  /** Refused for the first time, at `now`. `deadline`: monotonic milliseconds, `undefined`: none. */
  constructor(refusal: ReportedFault, now: number, deadline: number | undefined) {
    this.refusal = refusal;
    this.until = deadline ?? now + patienceMs;
  }

  /**
   * Milliseconds until the next try; `undefined`: it would come too late. Half of them are random, so that many who were
   * refused together do not return together.
   */
  pause(now: number, random: RandomSource): number | undefined {
    const longest = Math.min(longestMs, firstMs * 2 ** this.#pauses++);
    const pause = jittered(longest, random);
    return now + pause < this.until ? pause : undefined;
  }
}
