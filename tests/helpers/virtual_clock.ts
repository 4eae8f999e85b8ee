/**
 * Virtual time and seeded random for actors: nothing here uses a platform timer, and one seed gives one run.
 * @module
 */
import type { Clock, RandomSource } from "../../actors/ports.ts";
import type { CrashReport } from "../../actors/kernel/crash_report.ts";
import { ActorSystem } from "../../actors/kernel/system.ts";
import { type HeapItem, TimerHeap } from "../../actors/kernel/timer_heap.ts";

interface Wake extends HeapItem {
  readonly wake: () => void;
}

/** A clock that stands still until it is moved. */
export class VirtualClock implements Clock {
  /** Offset of the wall clock; change it to let the wall clock jump. */
  wallOffset = 1_700_000_000_000;
  readonly #wakes = new TimerHeap<Wake>();
  #now = 0;
  #order = 0;

  now(): number {
    return this.wallOffset + this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  schedule(delayMs: number, wake: () => void): () => void {
    const item: Wake = { due: this.#now + Math.max(0, delayMs), order: ++this.#order, slot: -1, wake };
    this.#wakes.insert(item);
    return () => this.#wakes.remove(item);
  }

  /** Number of calls that are scheduled. */
  get pending(): number {
    return this.#wakes.size;
  }

  /** Time of the next scheduled call. */
  get nextDue(): number | undefined {
    return this.#wakes.first?.due;
  }

  /** Makes the next call that is due until `limit`; `false` when there is none (time then is at `limit`). */
  step(limit: number): boolean {
    const next = this.#wakes.first;
    if (next === undefined || next.due > limit) {
      if (limit < Infinity) this.#now = Math.max(this.#now, limit);
      return false;
    }
    this.#wakes.remove(next);
    this.#now = Math.max(this.#now, next.due);
    next.wake();
    return true;
  }
}

/** Reproducible bytes (mulberry32). Not for secrets. */
export class SeededRandom implements RandomSource {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 32 random bits. */
  uint32(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** A whole number in [0, bound). */
  below(bound: number): number {
    return Math.floor((this.uint32() / 2 ** 32) * bound);
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) bytes[i] = this.uint32() & 0xff;
    return bytes;
  }
}

/** An actor system in virtual time. Nothing happens until `run` or `advance` is called. */
export interface TestSystem {
  readonly system: ActorSystem;
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  /** Every crash so far. */
  readonly crashes: CrashReport[];
  /** How often the loop has yielded to I/O. */
  readonly yields: () => number;
  /** Queues `task` behind the loop's turns: for simulated ports that act "soon". */
  readonly later: (task: () => void) => void;
  /** Runs everything that can run without time passing. */
  run(): void;
  /** Lets `ms` pass, step by step, running everything on the way. */
  advance(ms: number): void;
  /** Runs until nothing is left to do or to wait for, at most `maxMs` of virtual time. */
  settle(maxMs?: number): void;
  /** As {@link settle}, giving promise continuations their chance between the steps, until `promise` is settled. */
  until<T>(promise: Promise<T>, maxMs?: number): Promise<T>;
}

/** Makes a system of which every run is determined by `seed`. */
export function createTestSystem(
  options: { readonly seed?: number; readonly maxTurn?: number; readonly clock?: VirtualClock } = {},
): TestSystem {
  const clock = options.clock ?? new VirtualClock();
  const random = new SeededRandom(options.seed ?? 1);
  const crashes: CrashReport[] = [];
  let tasks: (() => void)[] = [];
  let yields = 0;
  const later = (task: () => void) => void tasks.push(task);
  const system = new ActorSystem({
    clock,
    random,
    soon: later,
    yieldToIo: (turn) => {
      yields++;
      later(turn);
    },
    onCrash: (report) => crashes.push(report),
  }, options.maxTurn === undefined ? {} : { maxTurn: options.maxTurn });

  const run = () => {
    while (tasks.length > 0) {
      const now = tasks;
      tasks = [];
      for (const task of now) task();
    }
  };
  const advanceTo = (limit: number) => {
    run();
    while (clock.step(limit)) run();
  };
  return {
    system,
    clock,
    random,
    crashes,
    yields: () => yields,
    later,
    run,
    advance: (ms) => advanceTo(clock.monotonic() + ms),
    settle: (maxMs = 3_600_000) => {
      const limit = clock.monotonic() + maxMs;
      run();
      while ((clock.nextDue ?? Infinity) <= limit && clock.step(limit)) run();
    },
    until: async (promise, maxMs = 3_600_000) => {
      let settled = false;
      const mark = () => void (settled = true);
      promise.then(mark, mark);
      const limit = clock.monotonic() + maxMs;
      for (;;) {
        run();
        // Promise chains need several microtasks; what they start shows up as tasks.
        for (let i = 0; i < 20 && !settled && tasks.length === 0; i++) await undefined;
        if (settled) return promise;
        if (tasks.length === 0 && !clock.step(limit)) throw new Error("nothing left to wait for");
      }
    },
  };
}
