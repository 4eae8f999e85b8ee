/** What the scheduler keeps: jobs, keys, and the lanes between them in which requests wait. No rules here. @module */
import { Chain, Link } from "./chain.ts";
import type { HostLimits } from "./limits.ts";
import type { Round } from "./round.ts";

/** A job, once for its requests with a slot and once for those without. */
export class Job {
  /** Slots that it may use at once. */
  throttle = Infinity;
  /** Rank of its priority. Changed only while it takes no part in the turns. */
  rank = 1;
  /** Permits that it holds. */
  used = 0;
  /** Where it has requests waiting. */
  readonly lanes: Map<Key, Lane> = new Map();
  /** Lanes whose first request fits at its key. */
  readonly ready: Chain<Lane> = new Chain();
  /** Its place in the turn of jobs. */
  readonly place: Link<Job> = new Link<Job>(this);

  /** A job without requests. */
  constructor(readonly name: string, readonly withSlots: boolean) {}
}

/** The users of one host: keys that have something waiting, held or learnt. Most hosts have one, so a plain list is enough. */
export class HostGroup {
  /** The first one; the others by {@link Key.nextAtHost}. */
  first: Key | undefined;
  /** How many of them have shells. */
  users = 0;
  #last: Key | undefined;

  /** A host without users. */
  constructor(readonly name: string) {}

  /** A key has come; it is the last one. */
  add(key: Key): void {
    if (this.#last === undefined) this.first = key;
    else this.#last.nextAtHost = key;
    this.#last = key;
  }

  /** A key is gone. */
  remove(key: Key): void {
    let before: Key | undefined;
    for (let at = this.first; at !== undefined && at !== key; at = at.nextAtHost) before = at;
    if (before === undefined) this.first = key.nextAtHost;
    else before.nextAtHost = key.nextAtHost;
    if (this.#last === key) this.#last = before;
  }
}

/** A host and user. */
export class Key {
  /** What holds now. */
  limits: HostLimits;
  /** What learning may go up to again. */
  ceiling: HostLimits;
  /** Operations in use. */
  operations = 0;
  /** Requests that wait or are held. */
  entries = 0;
  /** Shells in use. */
  shells = 0;
  /** Lanes whose first request needs more than one operation. */
  wideLanes = 0;
  /** Processes in use, by shell; made when there are some. */
  processes: Map<string, number> | undefined;
  /** Lanes with requests, in turn. */
  readonly lanes: Chain<Lane> = new Chain();
  /** What the priorities have left here, for requests with a slot; made when jobs of more than one have met. */
  round: Round | undefined;
  /** The same for requests without. */
  slotlessRound: Round | undefined;
  /** Signals and Deletes that wait; made when there are some. */
  cleanups: Chain<Entry> | undefined;
  /** The next one of the users of its host. */
  nextAtHost: Key | undefined;

  /** A key with nothing in use. */
  constructor(readonly name: string, readonly host: HostGroup, limits: HostLimits) {
    this.limits = this.ceiling = limits;
    host.add(this);
  }
}

/** The requests of one job at one key, first come first served. */
export class Lane {
  /** The requests. */
  readonly waiting: Chain<Entry> = new Chain();
  /** Its place in the turn at the key. */
  readonly atKey: Link<Lane> = new Link<Lane>(this);
  /** Its place in the turn within the job. */
  readonly atJob: Link<Lane> = new Link<Lane>(this);
  /** Whether its first request needs more than one operation. */
  wide = false;

  /** An empty lane. */
  constructor(readonly job: Job, readonly key: Key) {}
}

/** One request, waiting or granted. */
export class Entry {
  /** Granted and not given back. */
  held = false;
  /** Its place among those that wait. */
  readonly place: Link<Entry> = new Link<Entry>(this);

  /** A request. `lane`: `undefined` for a cleanup. */
  constructor(
    readonly id: number,
    readonly key: Key,
    readonly lane: Lane | undefined,
    readonly operations: number,
    readonly shells: number,
    readonly processOf: string | undefined,
  ) {}
}
