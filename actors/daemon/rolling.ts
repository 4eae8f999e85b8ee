/** Batches of a rolling job: which hosts may begin, and whether further ones may at all. Pure data, no time. @module */
import { UsageError } from "../../protocol/errors.ts";
import type { RollingTerms } from "./job_types.ts";

/** A host without a result, as a rolling job finds it when it begins, or goes on after a restart. */
export interface RollingHost {
  /** Place in the job. */
  readonly index: number;
  /** Something was done for it already. */
  readonly begun: boolean;
}

/**
 * Hosts of one batch: a number, or a share of `total`, rounded down, of at least one.
 *
 * @throws UsageError `BadBatch`
 */
export function batchSize(batch: RollingTerms["batch"], total: number): number {
  const share = typeof batch === "string" ? /^(\d{1,3}(?:\.\d{1,3})?)%$/.exec(batch)?.[1] : undefined;
  const size = typeof batch === "number"
    ? batch
    : share === undefined
    ? NaN
    : Math.max(1, Math.floor(total * Number(share) / 100));
  if (
    !Number.isInteger(size) || size < 1 ||
    (share !== undefined && !(Number(share) > 0 && Number(share) <= 100))
  ) {
    throw new UsageError(
      "BadBatch",
      `read batch: ${batch} is neither a number from 1 on nor a share like 10%`,
    );
  }
  return size;
}

/**
 * Hosts stand in batches by their places. A batch begins when every host of those before it has its result, and no batch begins
 * once as many hosts have failed as may. The first one always begins.
 */
export class Rolling {
  readonly #size: number;
  readonly #total: number;
  readonly #maxFailures: number;
  /** By batch: hosts without a result. */
  readonly #left: number[];
  #failures: number;
  /** The latest batch that has begun. */
  #batch = 0;
  #stopped = false;

  /**
   * `unfinished`: hosts without a result; all others of the `total` have one, and `failures` of these did not succeed.
   *
   * @throws UsageError `BadBatch`
   */
  constructor(total: number, terms: RollingTerms, unfinished: readonly RollingHost[], failures: number) {
    this.#size = batchSize(terms.batch, total);
    this.#total = total;
    this.#maxFailures = terms.maxFailures ?? Infinity;
    this.#failures = failures;
    this.#left = new Array<number>(Math.ceil(total / this.#size)).fill(0);
    for (const { index } of unfinished) this.#left[this.#batchOf(index)]!++;
    // A batch of which anything is done has begun, and goes on whatever has failed since.
    for (let batch = 0; batch < this.#left.length; batch++) {
      const size = Math.min(this.#size, total - batch * this.#size);
      if (this.#left[batch]! < size) this.#batch = batch;
    }
    for (const { index, begun } of unfinished) {
      if (begun) this.#batch = Math.max(this.#batch, this.#batchOf(index));
    }
    this.#advance();
  }

  /** Hosts below this place may begin. */
  get limit(): number {
    return Math.min(this.#total, (this.#batch + 1) * this.#size);
  }

  /** No further batch will begin: what is not below {@link Rolling.limit} never will. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Hosts that did not succeed so far. */
  get failures(): number {
    return this.#failures;
  }

  /** A host has its result; once for each. */
  ended(index: number, succeeded: boolean): void {
    if (!succeeded) this.#failures++;
    this.#left[this.#batchOf(index)]!--;
    this.#advance();
  }

  #advance(): void {
    while (!this.#stopped && this.#left[this.#batch] === 0 && this.#batch + 1 < this.#left.length) {
      if (this.#failures > 0 && this.#failures >= this.#maxFailures) this.#stopped = true;
      else this.#batch++;
    }
  }

  #batchOf(index: number): number {
    return Math.floor(index / this.#size);
  }
}
