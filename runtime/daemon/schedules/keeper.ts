/**
 * Makes the jobs of schedules when they are due. What is due is decided by the store's record of what is settled, never by timers: these
 * only say when to look. So it does not matter whether the daemon was down, or the clock was put forward or back.
 * @module
 */
import type { Clock } from "../../../actors/ports.ts";
import type { Store } from "../../store/api.ts";
import type {
  NewJob,
  ScheduleRunCreation,
  ScheduleState,
  StoredSchedule,
  Versioned,
} from "../../store/types.ts";
import type { HostBook } from "../host_book.ts";
import type { JobRunner } from "../runner.ts";
import { uuidv7 } from "../uuid.ts";
import { hostsOf, type Refusal } from "./rights.ts";
import { ScheduleTimes } from "./times.ts";

/** Milliseconds after a due time for which it is no missed one: so long a start or a busy moment may take. */
const lateMs = 60_000;
/** Milliseconds without a look at the most: a clock that was put elsewhere is noticed after this. */
const lookMs = 30_000;
/** Milliseconds until the next attempt when the store refused. */
const retryMs = 5_000;
/** Milliseconds that the clock may be behind what is settled before that is taken for an error of the clock's past. */
const behindMs = 3_600_000;

/** Schedules that one look begins with: many share a commit, and others have their turn in between. */
const atOnce = 32;

/** What a keeper works with. */
export interface KeeperOptions {
  readonly store: Store;
  readonly book: HostBook;
  readonly runner: Pick<JobRunner, "start">;
  readonly clock: Clock;
  /** Told when the store refuses, or about defects. */
  readonly onError: (error: unknown) => void;
}

/** A schedule that is enabled. */
interface Plan {
  readonly version: number;
  readonly times: ScheduleTimes;
  readonly settledTo: number;
  /** The first due time that is not settled. */
  readonly next: number | undefined;
  /** After a failure: not before this monotonic time. */
  readonly notBefore: number;
}

/** What a run by hand has to say. */
export interface ManualRun extends Pick<NewJob, "createdBy" | "idempotency"> {
  /** Address that it came from. */
  readonly from: string;
}

/** See the module. */
export class ScheduleKeeper {
  readonly #options: KeeperOptions;
  readonly #plans = new Map<string, Plan>();
  /** Schedules that are being treated: their hosts' credentials may take long, which is no other schedule's concern. */
  readonly #busy = new Map<string, Promise<void>>();
  /** Jobs that are being made. */
  readonly #making = new Set<Promise<unknown>>();
  #cancel = () => {};
  #state: "new" | "started" | "stopped" = "new";

  /** Does nothing yet. */
  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** Begins; what was missed meanwhile is treated at once as its schedules say. */
  start(): void {
    this.#state = "started";
    const { schedules } = this.#options.store.read;
    let cursor: string | null = "";
    while (cursor !== null) {
      const page: ReturnType<typeof schedules.list> = schedules.list({ cursor, limit: 100 });
      for (const schedule of page.items) this.#plan(schedule);
      cursor = page.next;
    }
    this.look();
  }

  /** Makes no further job, and ends when those that it makes have begun. */
  async stop(): Promise<void> {
    this.#state = "stopped";
    this.#cancel();
    await Promise.allSettled(this.#making);
  }

  /** Takes a schedule that was added, changed or removed. */
  changed(name: string): void {
    this.#reload(name);
    this.#arm();
  }

  /** Resolves when nothing is being treated. */
  get idle(): Promise<void> {
    return this.#settled();
  }

  /** Looks now for what is due. */
  look(): void {
    if (this.#state !== "started") return;
    const { clock } = this.#options;
    const now = clock.now();
    const monotonic = clock.monotonic();
    let begun = 0;
    for (const [name, plan] of this.#plans) {
      const { settledTo, next, notBefore } = plan;
      const behind = now < settledTo - behindMs;
      const due = behind || (next !== undefined && next <= now);
      if (!due || notBefore > monotonic || this.#busy.has(name)) continue;
      if (begun++ === atOnce) break;
      const treated = this.#treat(name, plan, now, behind).finally(() => {
        this.#busy.delete(name);
        this.#arm();
      });
      this.#busy.set(name, treated);
    }
    this.#arm();
  }

  /** Makes a job of it now, beside its due times. */
  async run(name: string, manual: ManualRun): Promise<ScheduleRunCreation | Refusal | undefined> {
    const schedule = this.#options.store.read.schedules.get(name);
    return schedule === undefined ? undefined : await this.#create(schedule, null, manual);
  }

  async #settled(): Promise<void> {
    while (this.#busy.size > 0) await Promise.all(this.#busy.values());
  }

  async #treat(name: string, plan: Plan, now: number, behind: boolean): Promise<void> {
    const { store, clock, onError } = this.#options;
    try {
      if (behind) await store.write.schedules.rewind(name, now);
      else await this.#due(name, plan, now);
      this.#reload(name);
    } catch (error) {
      if (this.#state !== "started") return;
      onError(error);
      if (this.#plans.get(name) === plan) {
        this.#plans.set(name, { ...plan, notBefore: clock.monotonic() + retryMs });
      }
    }
  }

  /** Treats the latest due time; with it all before are settled. */
  async #due(name: string, plan: Plan, now: number): Promise<void> {
    const { store } = this.#options;
    const schedule = store.read.schedules.get(name);
    const dueAt = plan.times.latest(plan.settledTo, now) ?? plan.next;
    if (schedule?.version !== plan.version || dueAt === undefined) return;
    const { missed, owner } = schedule.value;
    const settle = (outcome: "missed" | "refused", detail: string | null) =>
      store.write.schedules.settle({
        name,
        version: plan.version,
        dueAt,
        at: now,
        outcome,
        detail,
        who: owner.name,
      });
    if (now - dueAt > lateMs && missed === "skip") {
      await settle("missed", null);
      return;
    }
    const creation = await this.#create(schedule, dueAt, { createdBy: owner.name });
    if ("code" in creation) await settle("refused", `${creation.code}: ${creation.message}`);
  }

  /** Makes a job of a schedule, if it may. */
  async #create(
    schedule: Versioned<StoredSchedule>,
    dueAt: number | null,
    { from, ...asked }: Pick<NewJob, "createdBy"> & Partial<ManualRun>,
  ): Promise<ScheduleRunCreation | Refusal> {
    const { store, book, runner, clock } = this.#options;
    const { key: name, version, value } = schedule;
    const at = clock.now();
    const found = await hostsOf({ store, book }, value, at);
    if ("code" in found) return found;
    if (this.#state !== "started") return { kind: "changed" };
    const stdin = store.read.schedules.stdin(name);
    const id = uuidv7(at);
    const who = asked.createdBy;
    const job: NewJob = {
      ...asked,
      id,
      request: value.request,
      hosts: found.names,
      createdAt: at,
      ...(stdin === undefined ? {} : { stdin }),
      // The store writes of due times by itself.
      ...(from === undefined ? {} : {
        audit: { at, who, from, action: "schedule.run", target: name, outcome: "ok", detail: { job: id } },
      }),
    };
    const making = store.write.schedules.run({ name, version, dueAt, job }).then((creation) => {
      if (creation.kind === "created") runner.start(creation.job, found.targets, stdin);
      return creation;
    });
    this.#making.add(making);
    return await making.finally(() => this.#making.delete(making));
  }

  #reload(name: string): void {
    this.#plans.delete(name);
    const schedule = this.#options.store.read.schedules.get(name);
    if (schedule !== undefined) this.#plan(schedule);
  }

  #plan({ key, version, value }: Versioned<StoredSchedule>): void {
    const state: ScheduleState | undefined = this.#options.store.read.schedules.state(key);
    if (!value.enabled || state === undefined) return;
    const { settledTo } = state;
    try {
      const times = new ScheduleTimes(value.cron, value.timeZone);
      this.#plans.set(key, { version, times, settledTo, next: times.next(settledTo), notBefore: 0 });
    } catch (error) {
      // A time zone that this machine does not know (any more) stops no other schedule.
      this.#options.onError(error);
    }
  }

  #arm(): void {
    if (this.#state !== "started") return;
    const { clock } = this.#options;
    const now = clock.now();
    const monotonic = clock.monotonic();
    let delay = lookMs;
    for (const [name, { next, notBefore }] of this.#plans) {
      if (next === undefined || this.#busy.has(name)) continue;
      delay = Math.min(delay, Math.max(next - now, notBefore - monotonic));
    }
    this.#cancel();
    this.#cancel = clock.schedule(Math.max(delay, 1), () => this.look());
  }
}
