/** Virtual time for several actor systems at once: the machines of a simulation. One seed gives one run. @module */
import { ActorSystem } from "../../actors/kernel/system.ts";
import type { CrashReport } from "../../actors/kernel/crash_report.ts";
import type { Clock } from "../../actors/ports.ts";
import { SeededRandom, VirtualClock } from "../helpers/virtual_clock.ts";

/** Steps after which a run counts as a livelock. */
const maxSteps = 5_000_000;

/** An actor system on a machine that can die without warning. */
export interface Machine {
  readonly name: string;
  readonly system: ActorSystem;
  readonly clock: Clock;
  readonly random: SeededRandom;
  /** Milliseconds by which the machine's wall clock is off; may be changed at any time. */
  skewMs: number;
  readonly alive: () => boolean;
  /** `kill -9`: nothing of it happens from now on. */
  kill(): void;
}

/** See the module. */
export class World {
  readonly clock = new VirtualClock();
  readonly random: SeededRandom;
  readonly crashes: { readonly machine: string; readonly report: CrashReport }[] = [];
  /** Calls of the clock so far. */
  steps = 0;
  #tasks: (() => void)[] = [];
  #hash = 0x811c9dc5;
  /** Told every trace line, for `--trace`. */
  onTrace: ((line: string) => void) | undefined;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }

  /** Hash of everything that was traced. */
  get traceHash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0");
  }

  /** Adds a line to the trace. */
  trace(line: string): void {
    const text = `${this.clock.monotonic()} ${line}\n`;
    let hash = this.#hash;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    this.#hash = hash;
    this.onTrace?.(text.trimEnd());
  }

  /** A source of its own, so that one machine's draws do not shift another's. */
  fork(): SeededRandom {
    return new SeededRandom(this.random.uint32());
  }

  /** Starts a machine without actors. */
  machine(name: string): Machine {
    let alive = true;
    const { clock } = this;
    const random = this.fork();
    const own: Clock = {
      now: () => clock.now() + machine.skewMs,
      monotonic: () => clock.monotonic(),
      schedule: (delayMs, wake) => clock.schedule(delayMs, () => alive && wake()),
    };
    const soon = (task: () => void) => void this.#tasks.push(() => alive && task());
    const machine: Machine = {
      name,
      clock: own,
      random,
      skewMs: 0,
      alive: () => alive,
      kill: () => void (alive = false),
      system: new ActorSystem({
        clock: own,
        random,
        soon,
        yieldToIo: soon,
        onCrash: (report) => {
          this.trace(`crash ${name} ${report.path}`);
          this.crashes.push({ machine: name, report });
        },
      }),
    };
    return machine;
  }

  /** Calls `wake` after `ms`. */
  at(ms: number, wake: () => void): void {
    this.clock.schedule(Math.max(0, ms - this.clock.monotonic()), wake);
  }

  /** Runs what can run without time passing. */
  run(): void {
    while (this.#tasks.length > 0) {
      const now = this.#tasks;
      this.#tasks = [];
      for (const task of now) task();
    }
  }

  /** Runs until `done`, at most until `limit` (virtual milliseconds). Returns whether it is done. */
  runUntil(limit: number, done: () => boolean = () => false): boolean {
    this.run();
    while (!done()) {
      if (!this.clock.step(limit)) return done();
      if (++this.steps > maxSteps) throw new Error(`livelock: ${maxSteps} steps`);
      this.run();
    }
    return true;
  }
}
