/**
 * Who may do how much at once: a pure, synchronous data structure. Requests wait in lanes, one per job and key (host and user);
 * a grant takes everything that a request needs, or nothing.
 *
 * Fairness: jobs take turns, so that a job of five hosts is not stuck behind one of five thousand; at a key that has room for one more
 * only, the jobs that wait there take turns. A higher priority goes first, but in every round the lower ones have their shares too, here and there
 * ({@link Round}). A decision costs O(1) plus the number of jobs that wait at the same key, and, where users of one host come and
 * go, of those that wait at the others' keys; jobs and keys that cannot be served now are not looked at.
 *
 * A request that needs two operations is not overtaken for ever by those that need one: while it waits first in its lane, they leave
 * one operation more. Where the limit is below what a single request needs, it goes when nothing else is in use at its key.
 *
 * Signal and Delete (`cleanup`) go before everything else, need no throttle, and alone may use the last operation of a key:
 * without them nothing would ever be given back.
 * @module
 */
import { UsageError } from "../../protocol/errors.ts";
import { Chain } from "./chain.ts";
import { Entry, HostGroup, Job, Key, Lane } from "./lanes.ts";
import {
  conservativeLimits,
  halved,
  type HostLimits,
  lowered,
  operationsWithin,
  quotaOf,
  raised,
  sane,
} from "./limits.ts";
import { type Priority, rankOf, Round } from "./round.ts";
import { Turns } from "./turns.ts";

/** What a request takes of its key and of the throttles. */
export interface PermitCost {
  /**
   * A slot of the global throttle and of the job's own; default 1. With 0 the request stands in a lane of its own: it is
   * work inside something that holds a slot already.
   */
  readonly slots?: 0 | 1;
  /** Operations of the key that may be open at once; default 1. */
  readonly operations?: 0 | 1 | 2;
  /** A shell of the key; default 1. */
  readonly shells?: 0 | 1;
  /** One process of this shell (any name that is unique at the key); default none. */
  readonly processOf?: string;
}

/** A request for a permit. */
export interface PermitRequest {
  /** Chosen by the requester; unique among what is waiting or held. */
  readonly id: number;
  /** Key of the job. */
  readonly job: string;
  /** Key of host and user: `user@host`. What stands behind the last `@` is the host, whose users are counted together. */
  readonly quotaKey: string;
  /** Slots of this job that may be in use at once; the last request of a job decides. Default: no limit. */
  readonly throttle?: number;
  /** How urgent the job is beside others; the last request of a job decides. Default: `normal`. */
  readonly priority?: Priority;
  /** Default: one command in a shell of its own, i.e. one slot, one operation, one shell. */
  readonly cost?: PermitCost;
  /** A Signal or Delete: one operation, before everything else. `cost` and `throttle` are ignored. */
  readonly cleanup?: boolean;
}

/** What may be used until it is released. */
export interface PermitGrant {
  /** The request's `id`. */
  readonly id: number;
}

/** Options of a scheduler. */
export interface SchedulerOptions {
  /** Slots in use at once over all jobs; default 1,000. */
  readonly slots?: number;
  /** Limits of a key of which nothing is known; what is not given is as in {@link conservativeLimits}. */
  readonly limits?: Partial<HostLimits>;
}

/** What a scheduler is doing. */
export interface SchedulerInfo {
  /** Requests that wait. */
  readonly waiting: number;
  /** Permits that are held. */
  readonly held: number;
  /** Slots in use. */
  readonly slotsUsed: number;
  /** Slots that may be in use. */
  readonly slots: number;
  /** Jobs that have something waiting or held (counted apart with and without slots). */
  readonly jobs: number;
  /** Keys with something waiting or held, or with limits of their own. */
  readonly keys: number;
}

/** What was learnt about limits. */
export interface LearntLimits {
  /** Keys with limits of their own. */
  readonly count: number;
  /** Some of them; `lowered`: a fault has taken them down, and they rise again. */
  readonly first: readonly {
    readonly quotaKey: string;
    readonly limits: HostLimits;
    readonly lowered: boolean;
  }[];
}

/** See the module. */
export class Scheduler {
  readonly #jobs = new Map<string, Job>();
  readonly #slotless = new Map<string, Job>();
  readonly #keys = new Map<string, Key>();
  readonly #hosts = new Map<string, HostGroup>();
  readonly #entries = new Map<number, Entry>();
  /** Jobs with a ready lane and room below their throttle, in turn. */
  readonly #turns = new Turns();
  /** The same for requests that need no slot. */
  readonly #slotlessTurns = new Turns();
  /** By rank, for one decision: the first lane at a key that could be served. */
  readonly #firsts: (Lane | undefined)[] = [];
  /** Grants that {@link Scheduler.next} has not given out. */
  #granted: PermitGrant[] = [];
  /** Keys that {@link Scheduler.crowded} has not given out. */
  readonly #crowded = new Set<string>();
  readonly #defaults: HostLimits;
  #slots: number;
  #slotsUsed = 0;
  #waiting = 0;

  /** An idle scheduler. */
  constructor(options: SchedulerOptions = {}) {
    this.#slots = Math.max(1, options.slots ?? 1000);
    this.#defaults = sane(options.limits ?? {}, conservativeLimits);
  }

  /**
   * Asks for a permit: given at once, or later by {@link Scheduler.next}. Throws `UsageError` `DuplicatePermitRequest`.
   */
  acquire(request: PermitRequest): PermitGrant | "queued" {
    const entry = this.#enter(request);
    const { lane, key } = entry;
    this.#waiting++;
    if (lane === undefined) {
      (key.cleanups ??= new Chain<Entry>()).append(entry.place);
      this.#grantCleanups(key);
      this.#refreshKey(key);
    } else {
      lane.waiting.append(entry.place);
      this.#refresh(lane);
    }
    this.#drain();
    if (!entry.held) {
      this.#noteCrowd(entry);
      return "queued";
    }
    const at = this.#granted.findLastIndex((grant) => grant.id === entry.id);
    return this.#granted.splice(at, 1)[0] ?? "queued";
  }

  /** Whether a request of this number waits or is held. */
  knows(id: number): boolean {
    return this.#entries.has(id);
  }

  /** Permits that were granted since the last call, in order. */
  next(): PermitGrant[] {
    const granted = this.#granted;
    if (granted.length > 0) this.#granted = [];
    return granted;
  }

  /**
   * Keys at which, since the last call, a quota fault came, or a request began to wait for limits that nobody has learnt
   * ({@link Scheduler.adjust}): to read `winrm/config` there may be worth its while.
   */
  crowded(): string[] {
    if (this.#crowded.size === 0) return [];
    const keys = [...this.#crowded];
    this.#crowded.clear();
    return keys;
  }

  /** Gives a permit back. `false`: it is not held (given back before, or never granted). */
  release(id: number): boolean {
    const entry = this.#entries.get(id);
    if (entry === undefined || !entry.held) return false;
    const { key, lane } = entry;
    this.#entries.delete(id);
    key.entries--;
    this.#count(entry, -1);
    this.#changed(key, lane);
    return true;
  }

  /**
   * Gives a permit back but for its shell, which the service may still have: nobody else gets its place in between. It is given
   * back whole by {@link Scheduler.release}. `false`: it is not held, or has no shell.
   */
  keepShell(id: number): boolean {
    const entry = this.#entries.get(id);
    if (entry === undefined || !entry.held || entry.shells === 0) return false;
    this.#replace(entry, new Entry(id, entry.key, undefined, 0, entry.shells, undefined));
    return true;
  }

  /**
   * Gives the operations of a permit back, and nothing else: what it is for has nothing open at the service, and will ask again
   * before it has. `false`: it is not held.
   */
  returnOperations(id: number): boolean {
    const entry = this.#entries.get(id);
    if (entry === undefined || !entry.held) return false;
    const { key, lane, shells, processOf } = entry;
    this.#replace(entry, new Entry(id, key, lane, 0, shells, processOf));
    return true;
  }

  /** Withdraws a request that waits. `false`: it does not wait (it was granted, or never made). */
  cancel(id: number): boolean {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.held) return false;
    const { key, lane } = entry;
    this.#entries.delete(id);
    key.entries--;
    this.#waiting--;
    entry.place.chain?.remove(entry.place);
    // What stood behind it may fit.
    if (lane !== undefined) this.#refresh(lane);
    this.#drain();
    this.#forget(lane?.job, key);
    return true;
  }

  /**
   * The service at `quotaKey` refused with a quota fault: its limit goes down at once, to what was in use without the refused
   * request. `false`: the code is not about a quota. Call {@link Scheduler.raise} now and then afterwards.
   */
  onQuotaFault(quotaKey: string, code: number, shell?: string): boolean {
    const quota = quotaOf(code);
    if (quota === undefined) return false;
    const key = this.#key(quotaKey);
    key.limits = lowered(key.limits, quota, usedOf(key, quota, shell) ?? key.limits[quota]);
    this.#crowded.add(quotaKey);
    this.#changed(key);
    return true;
  }

  /** The service at `quotaKey` shows that it has too much to do (HTTP 503, a reset): half of the operations in use at once. */
  onOverload(quotaKey: string): void {
    const key = this.#key(quotaKey);
    key.limits = halved(key.limits, key.operations);
    this.#changed(key);
  }

  /** One step up after a while without such faults. `false`: the limits are back where they were, nothing more to do. */
  raise(quotaKey: string): boolean {
    const key = this.#keys.get(quotaKey);
    if (key === undefined || key.limits === key.ceiling) return false;
    key.limits = raised(key.limits, key.ceiling);
    this.#changed(key);
    return key.limits !== key.ceiling;
  }

  /** Limits of a key were learnt, e.g. from `winrm/config`; what is not given is as before. */
  adjust(quotaKey: string, limits: Partial<HostLimits>): void {
    const key = this.#key(quotaKey);
    key.limits = key.ceiling = sane(limits, key.ceiling);
    this.#changed(key);
  }

  /** Changes the global throttle. */
  setSlots(slots: number): void {
    this.#slots = Math.max(1, slots);
    this.#drain();
  }

  /** The limits that hold at a key now. */
  limitsOf(quotaKey: string): HostLimits {
    return this.#keys.get(quotaKey)?.limits ?? this.#defaults;
  }

  /** What is in use at a key now. */
  usageOf(quotaKey: string): { readonly operations: number; readonly shells: number } {
    const key = this.#keys.get(quotaKey);
    return { operations: key?.operations ?? 0, shells: key?.shells ?? 0 };
  }

  /** How many keys have limits of their own (learnt, or lowered by a fault), and the first `most` of them. Looks at all keys. */
  learnt(most: number): LearntLimits {
    let count = 0;
    const first: LearntLimits["first"][number][] = [];
    for (const { name, limits, ceiling } of this.#keys.values()) {
      if (limits === this.#defaults) continue;
      count++;
      if (first.length < most) first.push({ quotaKey: name, limits, lowered: limits !== ceiling });
    }
    return { count, first };
  }

  /** Keys at which shells are kept ({@link Scheduler.keepShell}). Looks at all that waits or is held. */
  keysOfKeptShells(): string[] {
    const names = new Set<string>();
    for (const { held, lane, shells, key } of this.#entries.values()) {
      if (held && lane === undefined && shells > 0) names.add(key.name);
    }
    return [...names];
  }

  /** Counts. */
  inspect(): SchedulerInfo {
    return {
      waiting: this.#waiting,
      held: this.#entries.size - this.#waiting,
      slotsUsed: this.#slotsUsed,
      slots: this.#slots,
      jobs: this.#jobs.size + this.#slotless.size,
      keys: this.#keys.size,
    };
  }

  // ---- decisions

  #drain(): void {
    for (let job = this.#slotlessTurns.take(); job !== undefined; job = this.#slotlessTurns.take()) {
      this.#grantTo(job);
    }
    while (this.#slotsUsed < this.#slots) {
      const job = this.#turns.take();
      if (job === undefined) return;
      this.#grantTo(job);
    }
  }

  /** It is the turn of `job`, at its first ready key; where that has room for one only, the lane whose turn it is there gets it. */
  #grantTo(job: Job): void {
    const own = job.ready.first?.value;
    if (own === undefined) return;
    const lane = this.#isTight(own) ? this.#laneAt(own) : own;
    const entry = lane.waiting.first?.value;
    if (entry === undefined) return;
    lane.waiting.remove(entry.place);
    lane.key.lanes.rotate(lane.atKey);
    lane.job.ready.rotate(lane.atJob);
    lane.job.place.chain?.rotate(lane.job.place);
    this.#grant(entry);
    this.#refreshKey(lane.key);
  }

  /** The lane whose turn it is at the key of `own`, which could be served. */
  #laneAt(own: Lane): Lane {
    const { key } = own;
    const { withSlots } = own.job;
    const firsts = this.#firsts;
    firsts.length = 0;
    let met = 0;
    for (let at = key.lanes.first; at !== undefined; at = at.next) {
      const lane = at.value;
      const { job } = lane;
      const eligible = lane.atJob.chain !== undefined && job.place.chain !== undefined;
      if (!eligible || job.withSlots !== withSlots || firsts[job.rank] !== undefined) continue;
      firsts[job.rank] = lane;
      met++;
    }
    if (met === 1) return firsts[own.job.rank] ?? own;
    const round = withSlots ? key.round ??= new Round() : key.slotlessRound ??= new Round();
    const rank = round.next((candidate) => firsts[candidate] !== undefined);
    if (rank === undefined) return own;
    round.take(rank);
    return firsts[rank] ?? own;
  }

  #grantCleanups(key: Key): void {
    const { cleanups } = key;
    if (cleanups === undefined) return;
    for (let first = cleanups.first; first !== undefined; first = cleanups.first) {
      if (key.operations >= operationsWithin(key.limits)) return;
      cleanups.remove(first);
      this.#grant(first.value);
    }
  }

  #grant(entry: Entry): void {
    entry.held = true;
    this.#waiting--;
    this.#count(entry, 1);
    this.#granted.push({ id: entry.id });
  }

  #count(entry: Entry, sign: 1 | -1): void {
    const { key, lane, processOf } = entry;
    key.operations += sign * entry.operations;
    key.shells += sign * entry.shells;
    if (processOf !== undefined) {
      const all = key.processes ??= new Map<string, number>();
      const processes = (all.get(processOf) ?? 0) + sign;
      if (processes === 0) all.delete(processOf);
      else all.set(processOf, processes);
    }
    if (lane !== undefined) {
      lane.job.used += sign;
      if (lane.job.withSlots) this.#slotsUsed += sign;
    }
    // The first shell of a user, or the end of the last one.
    if (entry.shells > 0 && key.shells === (sign > 0 ? entry.shells : 0)) this.#countUser(key, sign);
  }

  /** The other users of the host may have a place now, or none any more. */
  #countUser(user: Key, sign: 1 | -1): void {
    const { host } = user;
    host.users += sign;
    for (let key = host.first; key !== undefined; key = key.nextAtHost) {
      if (key !== user) this.#refreshKey(key);
    }
  }

  /** What was granted as `entry` is from now on `kept`, which is less. */
  #replace(entry: Entry, kept: Entry): void {
    kept.held = true;
    this.#entries.set(kept.id, kept);
    this.#count(kept, 1);
    this.#count(entry, -1);
    this.#changed(entry.key, entry.lane);
  }

  /** Notes the key of a request that waits, if it is the key's own limits that keep back who stands first in its lane. */
  #noteCrowd({ key, lane }: Entry): void {
    if (key.ceiling !== this.#defaults) return;
    const first = lane?.waiting.first?.value;
    if (first === undefined || !this.#fits(first)) this.#crowded.add(key.name);
  }

  /** Whether a request of a job fits at its key, one operation being reserved. */
  #fits(entry: Entry): boolean {
    const { key, processOf } = entry;
    const { limits } = key;
    return (entry.operations === 0 || this.#fitsOperations(entry)) &&
      (entry.shells === 0 || key.shells < limits.shells) &&
      (entry.shells === 0 || key.shells > 0 || key.host.users < limits.users) &&
      (processOf === undefined || (key.processes?.get(processOf) ?? 0) < limits.processesPerShell);
  }

  #fitsOperations({ key, operations }: Entry): boolean {
    const spare = operations === 1 && key.wideLanes > 0 ? 1 : 0;
    return key.operations + operations + spare < operationsWithin(key.limits) || key.operations === 0;
  }

  /** Whether the key has no room for two requests like the first of `lane`: whoever gets the one takes it from the others there. */
  #isTight({ key, waiting }: Lane): boolean {
    const first = waiting.first?.value;
    if (first === undefined) return false;
    const { operations, shells, processOf } = first;
    const { limits } = key;
    return (operations > 0 && key.operations + 2 * operations >= operationsWithin(limits)) ||
      (shells > 0 && key.shells + 2 * shells > limits.shells) ||
      (processOf !== undefined && (key.processes?.get(processOf) ?? 0) + 2 > limits.processesPerShell);
  }

  // ---- bookkeeping

  #enter(request: PermitRequest): Entry {
    const { id } = request;
    if (this.#entries.has(id)) {
      throw new UsageError("DuplicatePermitRequest", `acquire permit: request ${id} waits or is held`);
    }
    const key = this.#key(request.quotaKey);
    const { slots = 1, operations = 1, shells = 1, processOf } = request.cost ?? {};
    const entry = request.cleanup === true
      ? new Entry(id, key, undefined, 1, 0, undefined)
      : new Entry(id, key, this.#lane(this.#job(request, slots === 1), key), operations, shells, processOf);
    this.#entries.set(id, entry);
    key.entries++;
    return entry;
  }

  #key(name: string): Key {
    let key = this.#keys.get(name);
    if (key === undefined) this.#keys.set(name, key = new Key(name, this.#host(name), this.#defaults));
    return key;
  }

  #host(quotaKey: string): HostGroup {
    const name = quotaKey.slice(quotaKey.lastIndexOf("@") + 1);
    let host = this.#hosts.get(name);
    if (host === undefined) this.#hosts.set(name, host = new HostGroup(name));
    return host;
  }

  #job(request: PermitRequest, withSlots: boolean): Job {
    const jobs = withSlots ? this.#jobs : this.#slotless;
    let job = jobs.get(request.job);
    if (job === undefined) jobs.set(request.job, job = new Job(request.job, withSlots));
    if (withSlots && request.throttle !== undefined) job.throttle = Math.max(1, request.throttle);
    const rank = rankOf(request.priority ?? "normal");
    if (rank !== job.rank) {
      job.place.chain?.remove(job.place);
      job.rank = rank;
      this.#place(job);
    }
    return job;
  }

  #lane(job: Job, key: Key): Lane {
    let lane = job.lanes.get(key);
    if (lane === undefined) job.lanes.set(key, lane = new Lane(job, key));
    return lane;
  }

  /** Puts a lane where it belongs after its requests or its key have changed. */
  #refresh(lane: Lane): void {
    const first = lane.waiting.first?.value;
    const { key } = lane;
    if (first === undefined) {
      key.lanes.remove(lane.atKey);
      lane.job.lanes.delete(key);
    } else key.lanes.append(lane.atKey);
    const wide = first !== undefined && first.operations > 1;
    if (wide !== lane.wide) {
      lane.wide = wide;
      key.wideLanes += wide ? 1 : -1;
      // For those that need one operation there is one less now, or one more.
      if (key.wideLanes === (wide ? 1 : 0)) this.#refreshKey(key);
    }
    if (first !== undefined && this.#fits(first)) lane.job.ready.append(lane.atJob);
    else lane.job.ready.remove(lane.atJob);
    this.#place(lane.job);
  }

  #refreshKey(key: Key): void {
    for (let at = key.lanes.first; at !== undefined;) {
      const { value, next } = at;
      this.#refresh(value);
      at = next;
    }
  }

  #place(job: Job): void {
    const turns = job.withSlots ? this.#turns : this.#slotlessTurns;
    if (job.ready.size > 0 && job.used < job.throttle) turns.append(job.place);
    else job.place.chain?.remove(job.place);
  }

  /** There may be more room at `key` (something of `lane` was given back, or a limit has changed): who waits may have it now. */
  #changed(key: Key, lane?: Lane): void {
    this.#grantCleanups(key);
    this.#refreshKey(key);
    if (lane !== undefined) this.#place(lane.job);
    this.#drain();
    this.#forget(lane?.job, key);
  }

  /** Drops what has nothing waiting, nothing held and nothing learnt. */
  #forget(job: Job | undefined, key: Key): void {
    if (job !== undefined && job.used === 0 && job.lanes.size === 0) {
      (job.withSlots ? this.#jobs : this.#slotless).delete(job.name);
    }
    if (key.entries === 0 && key.limits === this.#defaults && key.ceiling === this.#defaults) {
      this.#keys.delete(key.name);
      key.host.remove(key);
      if (key.host.first === undefined) this.#hosts.delete(key.host.name);
    }
  }
}

/** What is in use of a quota at a key; `undefined`: not known. */
function usedOf(key: Key, quota: keyof HostLimits, shell: string | undefined): number | undefined {
  switch (quota) {
    case "processesPerShell":
      return shell === undefined ? undefined : key.processes?.get(shell);
    case "users":
      return key.host.users;
    case "connections":
      return key.operations;
    default:
      return key[quota];
  }
}
