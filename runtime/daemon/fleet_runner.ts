/** Runs durable jobs on the actors of a fleet. @module */
import {
  type DurableHost,
  durableJob,
  type DurableJobEnd,
  type DurableJobMessage,
  type JobStore,
  StoreError,
  type StoreErrorCode,
  type WishMessage,
} from "../../actors/daemon/mod.ts";
import type { Job, UnfinishedJob } from "../../actors/daemon/job_types.ts";
import {
  fleet,
  type FleetMessage,
  fleetPicture,
  type HostCircuit,
  type HostPicture,
  type HostTarget,
  type InquiryOutcome,
  limitsWatcher,
  type Question,
  sweepQuestion,
  type Swept,
} from "../../actors/host/mod.ts";
import type { ActorRef } from "../../actors/kernel/actor.ts";
import type { CrashReport } from "../../actors/kernel/crash_report.ts";
import type { SnapshotOptions, SystemSnapshot } from "../../actors/kernel/snapshot.ts";
import type { ActorSystem } from "../../actors/kernel/system.ts";
import type { Connector } from "../../actors/ports.ts";
import { type HostLimits, scheduler, type SchedulerMessage } from "../../actors/scheduler/mod.ts";
import { DroverError } from "../../protocol/errors.ts";
import { cleanupTimeoutMs, inquire } from "../client/fleet_host.ts";
import type { PingAnswer } from "../client/any_fleet.ts";
import { pingHost } from "../client/ping.ts";
import { slotsOf } from "../client/slots.ts";
import { Sweeper } from "../client/sweeper.ts";
import { connectionLimit } from "../os/limits.ts";
import { createSystem } from "../system.ts";
import { createConnector } from "../transports/mod.ts";
import { paced } from "./paced.ts";
import { watchedStore, type WorkWatch } from "./operation/watch.ts";
import type { JobRunner } from "./runner.ts";

/** Hosts at once of a job that does not say. */
const defaultThrottle = 32;

/** Milliseconds that what runs has to end when the daemon stops. */
const defaultDrainMs = 10_000;

/** Milliseconds until the scheduler is taken to have no answer. */
const askMs = 5_000;

/** Milliseconds for a wish to be on disk. */
const wishMs = 30_000;

/** What a runner needs. */
export interface FleetRunnerOptions {
  readonly store: JobStore;
  /**
   * Folder of this daemon alone, in which it notes where it makes shells, so that its next life can delete those that it leaves behind
   * when it dies. Others must not use it: they would delete shells that the next life wants to ask. Default: nothing is noted.
   */
  readonly livesDir?: string;
  /** Told about defects of Drover itself. */
  readonly onCrash?: (report: CrashReport) => void;
  /** Hosts at once of a job that does not say; default 32. */
  readonly throttle?: () => number;
  /** Takes secrets out of a text. */
  readonly redact?: (text: string) => string;
  /** Told of jobs and exchanges. */
  readonly watch?: WorkWatch;
}

/** See the module. */
export class FleetRunner implements JobRunner {
  readonly #store: JobStore;
  readonly #throttle: () => number;
  readonly #watch: WorkWatch | undefined;
  readonly #system: ActorSystem;
  readonly #connector: Connector;
  readonly #scheduler: ActorRef<SchedulerMessage>;
  readonly #fleet: ActorRef<FleetMessage>;
  readonly #pictures = paced(() => this.#picture(), () => performance.now());
  readonly #jobs = new Map<string, Running>();
  readonly #sweeper: Sweeper;
  /** Names of shells of earlier lives whose commands are to be asked for. */
  readonly #asked = new Set<string>();

  /** Connects to nothing yet. */
  constructor(
    { store, livesDir, onCrash, redact, throttle = () => defaultThrottle, watch }: FleetRunnerOptions,
  ) {
    this.#store = watch === undefined ? store : watchedStore(store, watch);
    this.#watch = watch;
    this.#throttle = throttle;
    this.#system = createSystem({
      ...(onCrash === undefined ? {} : { onCrash }),
      ...(redact === undefined ? {} : { redact }),
    });
    const maxConnections = connectionLimit();
    this.#scheduler = this.#system.spawn(scheduler({ slots: slotsOf(undefined, maxConnections) }));
    this.#connector = createConnector();
    const limits = {
      ...(maxConnections === undefined ? {} : { maxConnections }),
      ...(watch === undefined ? {} : { observer: watch }),
    };
    this.#fleet = this.#system.spawn(fleet(this.#connector, this.#scheduler, limits));
    this.#system.spawn(limitsWatcher(this.#fleet, this.#scheduler));
    this.#sweeper = new Sweeper(
      livesDir,
      (target, owner) => this.#sweep(target, owner),
    );
  }

  start(job: Job, targets: readonly (HostTarget | DroverError)[], stdin: Uint8Array | undefined): void {
    const hosts = targets.map((found, index): DurableHost => {
      const host = { index, intent: null, startedAt: null };
      if (!(found instanceof DroverError)) return { ...host, target: found };
      return { ...host, target: undefined, refusal: { code: found.code, message: found.message } };
    });
    this.#run(job, stdin, hosts, false);
  }

  recover(
    jobs: readonly UnfinishedJob[],
    target: (host: string) => HostTarget | undefined,
    hosts: readonly string[],
  ): void {
    for (const { hosts } of jobs) {
      for (const { intent } of hosts) if (intent !== null) this.#asked.add(intent.shellName);
    }
    for (const { job, stdin, hosts } of jobs) {
      const found = hosts.map((host) => ({ ...host, target: target(host.host) }));
      this.#run(job, stdin, found, true);
      const ended = this.#jobs.get(job.id)?.ended;
      void ended?.then((end) => {
        if (end === "done") this.#sweepAsked(found);
      });
    }
    // In the background, and only where dead lives have noted that they made shells.
    this.#sweeper.sweep(hosts.flatMap((host) => target(host) ?? []));
  }

  cancel(id: string): Promise<void> {
    return this.#wish(id, "cancel");
  }

  pause(id: string): Promise<void> {
    return this.#wish(id, "pause");
  }

  resume(id: string): Promise<void> {
    return this.#wish(id, "resume");
  }

  inspect(options: SnapshotOptions = {}): SystemSnapshot | undefined {
    return this.#system.snapshot(options);
  }

  fleet(): Promise<ReadonlyMap<string, HostPicture>> {
    return this.#pictures();
  }

  async #picture(): Promise<ReadonlyMap<string, HostPicture>> {
    const circuits = await this.#system.ask<FleetMessage, readonly HostCircuit[]>(
      this.#fleet,
      (replyTo) => ({ kind: "circuits", replyTo }),
      askMs,
    );
    return fleetPicture(
      this.#system.inspectAt("/fleet"),
      circuits.kind === "answered" ? circuits.value : [],
    );
  }

  inquire<T>(target: HostTarget, question: Question<T>): Promise<InquiryOutcome<T>> {
    return inquire({ system: this.#system, fleet: this.#fleet }, target, question);
  }

  shellName(target: HostTarget): string {
    this.#sweeper.begin([target]);
    return this.#sweeper.shellName(crypto.randomUUID().slice(0, 8));
  }

  async limits({ quotaKey }: HostTarget): Promise<HostLimits | undefined> {
    const answer = await this.#system.ask<SchedulerMessage, HostLimits>(
      this.#scheduler,
      (replyTo) => ({ kind: "limitsOf", quotaKey, replyTo }),
      askMs,
    );
    return answer.kind === "answered" ? answer.value : undefined;
  }

  ping(target: HostTarget): Promise<PingAnswer> {
    return pingHost(this.#system, this.#connector, target);
  }

  async close(drainMs = defaultDrainMs, hurry?: AbortSignal, overdue?: () => void): Promise<void> {
    for (const { ref } of this.#jobs.values()) this.#system.send(ref, { kind: "drain" });
    const ended = Promise.all([...this.#jobs.values()].map(({ ended }) => ended));
    await within(drainMs, ended, hurry);
    overdue?.();
    await this.#sweeper.settle();
    const left = await this.#keysLeft();
    // Whatever runs still is stopped by its host, which tells its job.
    this.#system.stop(this.#fleet);
    await within(drainMs, ended);
    await this.#system.shutdown();
    this.#sweeper.close(left);
  }

  #run(job: Job, stdin: Uint8Array | undefined, hosts: readonly DurableHost[], resumed: boolean): void {
    // Two of one job would each send what the other has sent.
    if (this.#jobs.has(job.id)) throw new Error(`run job: ${job.id} is running already`);
    const { promise, resolve } = Promise.withResolvers<DurableJobEnd>();
    this.#watch?.jobBegan(job, hosts.length, resumed);
    this.#sweeper.begin(hosts.flatMap(({ target }) => target === undefined ? [] : [target]));
    const key = job.id.replaceAll("-", "");
    const ref = this.#system.spawn(durableJob(
      {
        job,
        stdin,
        hosts,
        shellName: (index) => this.#sweeper.shellName(`${key}.${index}`),
        throttle: this.#throttle(),
        cleanupTimeoutMs,
      },
      this.#fleet,
      this.#store,
      (end) => {
        this.#jobs.delete(job.id);
        this.#watch?.jobLeft(job.id);
        resolve(end);
      },
    ));
    this.#jobs.set(job.id, { ref, ended: promise });
  }

  async #wish(id: string, kind: WishMessage["kind"]): Promise<void> {
    const job = this.#jobs.get(id);
    if (job === undefined) return;
    const answer = await this.#system.ask<DurableJobMessage, StoreError | undefined>(
      job.ref,
      (replyTo) => ({ kind, replyTo }),
      wishMs,
    );
    // A job that has ended meanwhile is done, or left to a later life that may not know of the wish.
    const error = answer.kind === "answered"
      ? answer.value
      : answer.kind === "targetStopped"
      ? (await job.ended) === "done" ? undefined : notKept("StoreClosed", kind, "it ended before that")
      : notKept("StoreBusy", kind, "the store has not answered in time");
    if (error !== undefined) throw error;
  }

  /** Shells that a job had to ask are of no use once it is done: what is left of them goes now, not with the next start. */
  #sweepAsked(hosts: readonly DurableHost[]): void {
    const asked = hosts.filter(({ intent }) => intent !== null);
    for (const { intent } of asked) this.#asked.delete(intent!.shellName);
    void this.#sweeper.sweep(asked.flatMap(({ target }) => target ?? []));
  }

  /** Deletes what a dead life has left, but for shells that are to be asked: as long as there are any, it is looked for again. */
  async #sweep(target: HostTarget, owner: string): Promise<InquiryOutcome<Swept>> {
    const question = sweepQuestion(owner, this.#asked);
    const outcome = await inquire({ system: this.#system, fleet: this.#fleet }, target, question);
    if (outcome.kind === "failed" || outcome.value.kept === undefined) return outcome;
    const error = new DroverError(
      "system",
      "ShellsKept",
      `sweep shells: ${outcome.value.kept} are left for jobs that go on`,
    );
    return { kind: "done", value: { ...outcome.value, error } };
  }

  /** Keys at which a service may still have shells of this life. */
  async #keysLeft(): Promise<ReadonlySet<string>> {
    // Work that is stopped now may not come to the end of its clean-up.
    if (this.#jobs.size > 0) return this.#sweeper.keys;
    const answer = await this.#system.ask<SchedulerMessage, readonly string[]>(
      this.#scheduler,
      (replyTo) => ({ kind: "keysOfKeptShells", replyTo }),
      askMs,
    );
    return answer.kind === "answered" ? new Set(answer.value) : this.#sweeper.keys;
  }
}

function notKept(code: StoreErrorCode, wish: string, why: string): StoreError {
  return new StoreError(code, `${wish} job: ${why}; it was told, but may be forgotten by the next start`);
}

interface Running {
  readonly ref: ActorRef<DurableJobMessage>;
  readonly ended: Promise<DurableJobEnd>;
}

/** Waits for `promise`, but not for longer than `ms`, nor once `hurry` is aborted. */
async function within(ms: number, promise: Promise<unknown>, hurry?: AbortSignal): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const end = () => resolve();
  const timer = setTimeout(end, ms);
  if (hurry?.aborted) end();
  hurry?.addEventListener("abort", end);
  await Promise.race([promise, over]);
  hurry?.removeEventListener("abort", end);
  clearTimeout(timer);
}
