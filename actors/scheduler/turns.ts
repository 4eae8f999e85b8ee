/** The order in which jobs are served. @module */
import { Chain, type Link } from "./chain.ts";
import type { Job } from "./lanes.ts";
import { ranks, Round } from "./round.ts";

/** Jobs that could be granted something, in turn. */
export class Turns {
  readonly #jobs: readonly Chain<Job>[] = Array.from({ length: ranks }, () => new Chain<Job>());
  readonly #round = new Round();
  readonly #has = (rank: number) => this.#jobs[rank]!.size > 0;

  /** The job whose turn it is; it takes a share of the round. */
  take(): Job | undefined {
    const rank = this.#round.next(this.#has);
    if (rank === undefined) return undefined;
    this.#round.take(rank);
    return this.#jobs[rank]!.first!.value;
  }

  /** Lets a job take part, after all others of its rank; does nothing when it does already. */
  append(place: Link<Job>): void {
    this.#jobs[place.value.rank]!.append(place);
  }
}
