/**
 * Slows down who guesses. What counts are failed logons of one name from one address: the next ones wait, longer with every failure,
 * and nobody else does. A name alone is never slowed, so nobody can lock an administrator out from elsewhere.
 *
 * The wait comes before the check and not before the answer, and only one check of a name and address that is being slowed runs at a
 * time: else a thousand guesses at once would all be checked before the first of them has failed.
 *
 * Whoever waits holds a connection, so those are few: what comes beyond is refused like a wrong password, and is not checked. Until
 * its first logon a connection makes room for others when the service is full (`Strangers`), so waiting keeps nobody out.
 * @module
 */
import type { Clock } from "../../actors/ports.ts";
import type { LogonAttempt } from "../../protocol/auth/mod.ts";

/** Failures that cost nothing: people mistype. */
export const freeFailures = 3;
/** Milliseconds that the first slowed logon waits after the last failure; each further failure doubles it. */
export const firstDelayMs = 1_000;
/** The longest such wait: below the 30 s that clients have for an answer, and connections for their logon. */
export const longestDelayMs = 16_000;
/** Milliseconds that a logon waits in all, also for others before it; then it is refused unchecked. */
export const longestWaitMs = 20_000;
/** Failures are forgotten when this long none came. */
export const forgetMs = 15 * 60_000;
/** Checks of a name and address at once, before any has failed: clients log on with several connections. */
export const checksAtOnce = 16;
/** Logons that wait: of one name and address, of all names of one address, and of all. */
export const waitersEach = 32;
export const waitersOfNetwork = 64;
export const waitersInAll = 256;
/**
 * Names and addresses with failures that are remembered; of more, those whose last failure is oldest are forgotten, and before them
 * those that nothing slows yet: else whoever makes up names could make us forget the one that it guesses at.
 */
export const rememberedInAll = 10_000;

interface Waiter {
  readonly turn: (attempt: LogonAttempt | undefined) => void;
  readonly network: string;
  readonly until: number;
}

interface Entry {
  failures: number;
  lastFailure: number;
  /** The next check may not begin before. */
  notBefore: number;
  checking: number;
  readonly waiting: Waiter[];
  wake: (() => void) | undefined;
}

/** See the module. */
export class LogonThrottle {
  readonly #clock: Clock;
  /** In the order of their last failures. */
  readonly #entries = new Map<string, Entry>();
  /** Keys of those that nothing slows yet, in the same order. */
  readonly #unslowed = new Set<string>();
  #waiting = 0;
  /** Of each network where anybody waits. */
  readonly #waitingOf = new Map<string, number>();

  /** Nobody has failed yet. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How much is remembered, and who waits. */
  get stats(): { readonly remembered: number; readonly waiting: number } {
    return { remembered: this.#entries.size, waiting: this.#waiting };
  }

  /**
   * Asks for a check of `account` (in its one spelling) from an IP address; as `LogonGate.enter`.
   */
  enter(account: string, address: string, turn: (attempt: LogonAttempt | undefined) => void): () => void {
    // No real name is longer; two long ones that begin alike share their failures.
    const network = networkOf(address);
    const key = `${network} ${account.slice(0, 256)}`;
    const entry = this.#entryOf(key);
    if (entry.waiting.length === 0 && this.#mayBegin(entry)) {
      this.#begin(key, entry, turn);
      return () => {};
    }
    const neighbours = this.#waitingOf.get(network) ?? 0;
    if (
      entry.waiting.length >= waitersEach || neighbours >= waitersOfNetwork || this.#waiting >= waitersInAll
    ) {
      turn(undefined);
      return () => {};
    }
    const waiter: Waiter = { turn, network, until: this.#clock.monotonic() + longestWaitMs };
    entry.waiting.push(waiter);
    this.#count(network, 1);
    this.#arm(key, entry);
    return () => {
      const place = entry.waiting.indexOf(waiter);
      if (place < 0) return;
      entry.waiting.splice(place, 1);
      this.#count(network, -1);
      this.#goOn(key, entry);
    };
  }

  #count(network: string, change: 1 | -1): void {
    this.#waiting += change;
    const left = (this.#waitingOf.get(network) ?? 0) + change;
    if (left === 0) this.#waitingOf.delete(network);
    else this.#waitingOf.set(network, left);
  }

  #entryOf(key: string): Entry {
    const now = this.#clock.monotonic();
    const known = this.#entries.get(key);
    if (known !== undefined) {
      if (now - known.lastFailure >= forgetMs) known.failures = 0;
      return known;
    }
    const entry: Entry = {
      failures: 0,
      lastFailure: now,
      notBefore: now,
      checking: 0,
      waiting: [],
      wake: undefined,
    };
    this.#put(key, entry);
    this.#forgetOld(now, key);
    return entry;
  }

  #mayBegin({ failures, checking, notBefore }: Entry): boolean {
    if (failures === 0) return checking < checksAtOnce;
    if (failures < freeFailures) return checking < freeFailures - failures;
    return checking === 0 && this.#clock.monotonic() >= notBefore;
  }

  #begin(key: string, entry: Entry, turn: Waiter["turn"]): void {
    entry.checking++;
    let ended = false;
    turn({
      end: (outcome) => {
        if (ended) return;
        ended = true;
        entry.checking--;
        if (outcome === "wrong") this.#failed(key, entry);
        else if (outcome === "right") entry.failures = 0;
        this.#goOn(key, entry);
      },
    });
  }

  #failed(key: string, entry: Entry): void {
    const now = this.#clock.monotonic();
    entry.failures++;
    entry.lastFailure = now;
    const slowed = entry.failures - freeFailures;
    entry.notBefore = slowed < 0 ? now : now + Math.min(longestDelayMs, firstDelayMs * 2 ** slowed);
    this.#remove(key);
    this.#put(key, entry);
  }

  #put(key: string, entry: Entry): void {
    this.#entries.set(key, entry);
    if (entry.failures < freeFailures) this.#unslowed.add(key);
  }

  #remove(key: string): void {
    this.#entries.delete(key);
    this.#unslowed.delete(key);
  }

  /** Lets go on whoever may, and forgets an entry that says nothing. */
  #goOn(key: string, entry: Entry): void {
    const now = this.#clock.monotonic();
    while (entry.waiting.length > 0) {
      const waiter = entry.waiting[0]!;
      const late = now >= waiter.until;
      if (!late && !this.#mayBegin(entry)) break;
      entry.waiting.shift();
      this.#count(waiter.network, -1);
      if (late) waiter.turn(undefined);
      else this.#begin(key, entry, waiter.turn);
    }
    this.#arm(key, entry);
    const idle = entry.failures === 0 && entry.checking === 0 && entry.waiting.length === 0;
    if (idle && this.#entries.get(key) === entry) this.#remove(key);
  }

  #arm(key: string, entry: Entry): void {
    entry.wake?.();
    entry.wake = undefined;
    const first = entry.waiting[0];
    if (first === undefined) return;
    const now = this.#clock.monotonic();
    const turn = entry.checking === 0 && entry.notBefore > now ? entry.notBefore : Infinity;
    entry.wake = this.#clock.schedule(Math.min(turn, first.until) - now, () => this.#goOn(key, entry));
  }

  /** `newcomer` is about to be used. */
  #forgetOld(now: number, newcomer: string): void {
    for (const [key, entry] of this.#entries) {
      if (now - entry.lastFailure < forgetMs) break;
      this.#forget(key, entry);
    }
    for (const keys of [this.#unslowed, this.#entries.keys()]) {
      for (const key of keys) {
        if (this.#entries.size <= rememberedInAll) return;
        if (key !== newcomer) this.#forget(key, this.#entries.get(key)!);
      }
    }
  }

  #forget(key: string, { checking, waiting }: Entry): void {
    if (checking === 0 && waiting.length === 0) this.#remove(key);
  }
}

/** An IPv4 address, or the 64 bits of an IPv6 address that its owner cannot choose. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped !== null) return mapped[1]!;
  if (!address.includes(":")) return address;
  const [head, tail] = address.replace(/%.*$/, "").split("::") as [string, string | undefined];
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  const groups = [...left, ...Array<string>(zeros).fill("0"), ...right];
  return `${groups.slice(0, 4).map((group) => parseInt(group, 16).toString(16)).join(":")}::/64`;
}
