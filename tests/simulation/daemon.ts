/** Durable jobs of a simulation: what is on their disk outlives the lives of the client, and is checked against what happened. @module */
import { batchSize, type StoreRecord } from "../../actors/daemon/mod.ts";
import type { EffectKind } from "./crash_points.ts";
import { Disk, MemoryStore } from "../helpers/memory_store.ts";
import type { JobState } from "./invariants.ts";
import type { Observer } from "./observer.ts";
import type { JobPlan, Plan, WorkPlan } from "./plan.ts";
import type { World } from "./world.ts";

/** What users want of a job. */
export type Wish = "cancel" | "pause" | "resume";

/** What a user has asked for. */
export interface Wished {
  readonly id: string;
  readonly wish: Wish;
  /** The daemon has said that it is on disk. */
  answered: boolean;
}

/** See the module. */
export class DurableJobs {
  readonly disk = new Disk();
  /** All wishes so far: a daemon that dies may forget one that it has not answered, and users of the next one ask again. */
  readonly wishes: Wished[] = [];
  /** Told every job that is done. */
  readonly #ended: (job: JobPlan) => void;
  readonly #plan: Plan;
  readonly #world: World;
  readonly #observer: Observer;
  readonly #states = new Map<string, JobState>();

  constructor(plan: Plan, world: World, observer: Observer, ended: (job: JobPlan) => void) {
    this.#ended = ended;
    this.#plan = plan;
    this.#world = world;
    this.#observer = observer;
    observer.durable = true;
    this.disk.onKept = (record) => this.#kept(record);
  }

  /** The store of one life. */
  store(happened: (kind: EffectKind) => void): MemoryStore {
    const random = this.#world.fork();
    const [least, most] = this.#plan.commitMs!;
    const schedule = (ms: number, task: () => void) => void this.#world.clock.schedule(ms, task);
    const told = (what: "store" | "kept") => (records: readonly StoreRecord[]) => {
      for (const { kind } of records) happened(`${what} ${kind}`);
    };
    return new MemoryStore(this.disk, schedule, () => least + random.below(most - least + 1), {
      given: (records) => {
        for (const record of records) if (record.kind === "result") this.#over(record.job, record.index);
        told("store")(records);
      },
      kept: told("kept"),
    });
  }

  /** Takes a new job. */
  create(plan: JobPlan): JobState {
    const { id, hosts, timeoutMs, throttle, rolling } = plan;
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
        ...(rolling === undefined ? {} : { rolling }),
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

  /** Wishes that their users ask for again when a daemon has died: without an answer, and wanted still. */
  get open(): Wished[] {
    return this.wishes.filter(({ id, wish, answered }, at) =>
      !answered &&
      (wish === "cancel" ||
        !this.wishes.some((later, index) => index > at && later.id === id && later.answered))
    );
  }

  /** The daemon says that a wish is on disk. */
  answered(wished: Wished): void {
    wished.answered = true;
    const { id, wish } = wished;
    const last = this.wishes.findLast((other) => other.id === id);
    const { states } = this.disk.jobs.get(id)!;
    const state = states.at(-1)!;
    const kept = wish === "cancel"
      ? state === "cancelling" || state === "done"
      // A later wish may be there already.
      : last !== wished || state === "cancelling" || state === "done" ||
        (state === "paused") === (wish === "pause");
    this.#observer.check("an answered wish is on disk", kept, () => `${wish} of ${id}, which is ${state}`);
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
      if (record.state === "done") {
        state.finished++;
        this.#ended(state.plan);
      }
      return;
    }
    const { token } = this.work(record.job, record.index);
    const work = this.#observer.records.get(token)!;
    this.#world.trace(`kept ${token} ${record.kind}`);
    if (record.kind === "intent") this.#begins(state, record.index);
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

  /** The job has the result of a host: its place may be another's from now on. */
  #over(id: string, index: number): void {
    this.#observer.inactive(this.#observer.records.get(this.work(id, index).token)!);
  }

  /** A host of a rolling job begins only when all batches before its own have their results, and few enough of them have failed. */
  #begins({ plan: { id, hosts, rolling } }: JobState, index: number): void {
    if (rolling === undefined) return;
    const size = batchSize(rolling.batch, hosts.length);
    const before = this.disk.jobs.get(id)!.hosts.slice(0, index - index % size);
    const failures = before.filter(({ results }) => results[0]?.status !== "succeeded").length;
    this.#observer.check(
      "a batch begins after those before it",
      before.every(({ results }) => results.length > 0),
      () => `host ${index} of ${id}`,
    );
    this.#observer.check(
      "no batch begins after too many failures",
      failures === 0 || failures < (rolling.maxFailures ?? Infinity),
      () => `host ${index} of ${id}, after ${failures} have failed`,
    );
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
