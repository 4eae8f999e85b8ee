/** Durable jobs of a simulation: what is on their disk outlives the lives of the client, and is checked against what happened. @module */
import type { StoreRecord } from "../../actors/daemon/mod.ts";
import { Disk, MemoryStore } from "../helpers/memory_store.ts";
import type { JobState } from "./invariants.ts";
import type { Observer } from "./observer.ts";
import type { JobPlan, Plan, WorkPlan } from "./plan.ts";
import type { World } from "./world.ts";

/** What users want of a job. */
export type Wish = "cancel" | "pause" | "resume";

/** See the module. */
export class DurableJobs {
  readonly disk = new Disk();
  /** All wishes so far: a daemon that dies may forget one, and users of the next one ask again. */
  readonly wishes: { readonly id: string; readonly wish: Wish }[] = [];
  readonly #plan: Plan;
  readonly #world: World;
  readonly #observer: Observer;
  readonly #states = new Map<string, JobState>();

  constructor(plan: Plan, world: World, observer: Observer) {
    this.#plan = plan;
    this.#world = world;
    this.#observer = observer;
    observer.durable = true;
    this.disk.onKept = (record) => this.#kept(record);
  }

  /** The store of one life. */
  store(): MemoryStore {
    const random = this.#world.fork();
    const [least, most] = this.#plan.commitMs!;
    const schedule = (ms: number, task: () => void) => void this.#world.clock.schedule(ms, task);
    return new MemoryStore(this.disk, schedule, () => least + random.below(most - least + 1));
  }

  /** Takes a new job. */
  create(plan: JobPlan): JobState {
    const { id, hosts, timeoutMs, throttle } = plan;
    for (const { token, address, user } of hosts) this.#observer.expect(token, id, address, user);
    const state: JobState = {
      plan,
      script: false,
      results: new Map(),
      finished: 0,
      granted: 0,
      held: new Map(),
      dead: () => false,
    };
    this.#states.set(id, state);
    this.disk.create(
      id,
      {
        command: `sim ${id}@here`,
        hosts: "all",
        throttle,
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
        shell: { idleTimeoutMs: this.#plan.idleTimeoutMs },
      },
      hosts.map(({ address }) => address),
      hosts[0]!.stdin,
    );
    return state;
  }

  /** Tokens and Names of shells of an earlier life that are to be asked for, at one host for one account. */
  asked(address: string, user: string): { readonly tokens: Set<string>; readonly names: Set<string> } {
    const tokens = new Set<string>();
    const names = new Set<string>();
    for (const { job, hosts } of this.disk.unfinished()) {
      for (const { index, intent } of hosts) {
        const work = this.work(job.id, index);
        if (intent === null || work.address !== address || work.user !== user) continue;
        tokens.add(work.token);
        names.add(intent.shellName);
      }
    }
    return { tokens, names };
  }

  /** The plan of one host. */
  work(id: string, index: number): WorkPlan {
    return this.#states.get(id)!.plan.hosts[index]!;
  }

  /** After a run. */
  check(): void {
    const { conflicts, jobs } = this.disk;
    this.#observer.check(
      "what is kept contradicts nothing that was kept before",
      conflicts.length === 0,
      () => conflicts.join(", "),
    );
    for (const { id, hosts } of jobs.values()) {
      for (const [index, { intent, results, gaps, output }] of hosts.entries()) {
        const { token } = this.work(id, index);
        const status = results[0]?.status;
        this.#observer.check(
          "a status is proven",
          status !== "unknown" || intent !== null,
          () => `${token} is unknown without an intent`,
        );
        this.#observer.check(
          "a status is proven",
          gaps.length === 0 || status === "unknown",
          () => `${token} is ${status}, with a gap in its output`,
        );
        for (const stream of ["stdout", "stderr"] as const) {
          const whole = this.#observer.records.get(token)!.wrote[stream].bytes();
          const kept = new Uint8Array(output[stream].flatMap((piece) => [...piece]));
          const ends = [...gaps.map((gap) => gap[stream]), kept.length];
          this.#observer.check(
            "output is what was written, in order",
            isInOrder(whole, kept, ends),
            () => `${token}: ${stream} has pieces that were not written so`,
          );
        }
      }
    }
  }

  #kept(record: StoreRecord): void {
    const state = this.#states.get(record.job)!;
    if (record.kind === "state") {
      this.#world.trace(`kept ${record.job} ${record.state}`);
      if (record.state === "done") state.finished++;
      return;
    }
    const { token } = this.work(record.job, record.index);
    const work = this.#observer.records.get(token)!;
    this.#world.trace(`kept ${token} ${record.kind}`);
    if (record.kind === "output") {
      this.#observer.kept(work, record.data.length);
      const { gaps } = this.disk.jobs.get(record.job)!.hosts[record.index]!;
      if (gaps.length === 0) work.got[record.stream].push(record.data.slice());
    } else if (record.kind === "result") {
      const { status, exitCode, durationMs, error } = record;
      const result = { status, exitCode: exitCode ?? undefined, durationMs, error: error ?? undefined };
      this.#observer.circuit(work, error?.code === "CircuitOpen");
      state.results.set(token, [
        ...state.results.get(token) ?? [],
        { type: "result", host: token, ...result },
      ]);
      this.#observer.told(work);
      this.#world.trace(`result ${token} ${status} ${exitCode} ${error?.code}`);
    }
  }
}

/** Whether the pieces of `kept` that end at `ends` stand in `whole` one after the other, the first one at its beginning. */
function isInOrder(whole: Uint8Array, kept: Uint8Array, ends: readonly number[]): boolean {
  let from = 0;
  let at = 0;
  for (const [index, end] of ends.entries()) {
    const piece = kept.subarray(from, end);
    while (!startsWith(whole, at, piece)) if (index === 0 || ++at > whole.length) return false;
    at += piece.length;
    from = end;
  }
  return true;
}

function startsWith(whole: Uint8Array, at: number, piece: Uint8Array): boolean {
  if (at + piece.length > whole.length) return false;
  for (let i = 0; i < piece.length; i++) if (whole[at + i] !== piece[i]) return false;
  return true;
}
