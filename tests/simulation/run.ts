/** Runs one plan: the product's client on one machine, far ends on others, all in one virtual time. @module */
import type { ConnectTarget } from "../../actors/ports.ts";
import { SimulatedNetwork } from "../../runtime/transports/simulated.ts";
import type { Invariant } from "./checks.ts";
import { ClientEnd } from "./client_end.ts";
import { type CrashPlan, CrashPoints } from "./crash_points.ts";
import { DurableJobs } from "./daemon.ts";
import { DroverEnd, type FarEnd, type FarEndOptions } from "./drover_end.ts";
import { checkEnd, checkFairness, checkResults, type Grant, type JobState } from "./invariants.ts";
import { Observer } from "./observer.ts";
import { clientAddress, type JobPlan, makePlan, type Plan, planConnection } from "./plan.ts";
import type { ScenarioName } from "./scenarios.ts";
import { WindowsEnd } from "./windows_end.ts";
import { World } from "./world.ts";

/** Virtual milliseconds after which users of a daemon that is away ask again, and until one returns that has ended in order. */
const retryMs = 500;
const returnMs = 1_000;
/** Virtual milliseconds after which a job counts as hung. */
const hungMs = 3_600_000;
/** Virtual milliseconds after which nothing of a run may be left at the client, but kept places of lost shells. */
const quietMs = 120_000;
/** Virtual milliseconds after which nothing at all may be left: every idle time-out is over, but no MaxShellRunTime. */
const endMs = 2_700_000;

/** What became of a run. */
export interface RunReport {
  readonly scenario: ScenarioName;
  readonly seed: number;
  readonly violations: readonly string[];
  /** How often each invariant was looked at. */
  readonly checks: ReadonlyMap<Invariant, number>;
  readonly traceHash: string;
  readonly steps: number;
  readonly messages: number;
  readonly bytes: number;
  readonly virtualMs: number;
  readonly hosts: number;
  readonly statuses: ReadonlyMap<string, number>;
  readonly faults: ReadonlyMap<string, number>;
  readonly requests: ReadonlyMap<string, number>;
  /** Shells that only their idle time-out has ended. */
  readonly expired: number;
}

/** Runs `scenario` with `seed`. */
export function simulate(scenario: ScenarioName, seed: number, onTrace?: (line: string) => void): RunReport {
  return simulatePlan(makePlan(scenario, seed), onTrace);
}

/** Runs `plan`. */
export function simulatePlan(plan: Plan, onTrace?: (line: string) => void): RunReport {
  return new Simulation(plan, onTrace).run();
}

class Simulation {
  readonly #plan: Plan;
  readonly #world: World;
  readonly #observer: Observer;
  readonly #network: SimulatedNetwork;
  readonly #ends = new Map<string, FarEnd>();
  #client: ClientEnd;
  readonly #jobs: JobState[] = [];
  readonly #grants: Grant[] = [];
  /** Whose connection an object given to `connect` makes. */
  readonly #userOf = new Map<ConnectTarget, string>();
  #life = 0;
  #messages = 0;
  /** Jobs and scripts whose time has come while there was no client. */
  #missed = 0;
  readonly #durable: DurableJobs | undefined;
  readonly #points: CrashPoints;
  /** The client is dead, or ends, and will return. */
  #returning = false;

  constructor(plan: Plan, onTrace: ((line: string) => void) | undefined) {
    this.#plan = plan;
    const world = this.#world = new World(plan.seed);
    world.onTrace = onTrace;
    this.#observer = new Observer(
      {
        ...plan.limits,
        connections: plan.connections ?? Infinity,
        throttle: new Map([
          ...plan.jobs.map(({ id, throttle }) => [id, Math.min(throttle, plan.slots)] as const),
          ...plan.leases.map(({ id }) => [id, 1] as const),
        ]),
      },
      (line) => world.trace(line),
      () => world.clock.monotonic(),
    );
    const connections = world.fork();
    const machines = new Map(plan.machines.map((machine) => [machine.address, machine]));
    this.#network = new SimulatedNetwork({
      clock: world.clock,
      random: world.fork(),
      observer: this.#observer,
      plan: (link, target) => {
        this.#observer.connection(link, this.#userOf.get(target) ?? "");
        return planConnection(machines.get(link.server)!, connections);
      },
    });
    const works = [
      ...plan.jobs.flatMap(({ hosts }) => hosts),
      ...plan.leases.flatMap(({ commands }) => commands),
    ];
    const scripts = new Map(works.map(({ token, script }) => [token, script]));
    for (const { address, windows, settings } of plan.machines) {
      const options: FarEndOptions = {
        world,
        network: this.#network,
        observer: this.#observer,
        scripts,
        address,
        tls: false,
        settings,
      };
      this.#ends.set(
        address,
        windows === undefined ? new DroverEnd(options) : new WindowsEnd(options, windows),
      );
    }
    this.#points = new CrashPoints(plan.crashes, (crash) => this.#crash(crash));
    this.#durable = plan.commitMs === undefined
      ? undefined
      : new DurableJobs(plan, world, this.#observer, (job) => this.#startNext(job));
    this.#client = this.#startClient();
  }

  run(): RunReport {
    const world = this.#world;
    const observer = this.#observer;
    let limit = 0;
    try {
      limit = this.#run();
    } catch (error) {
      const text = error instanceof Error ? error.stack ?? error.message : String(error);
      observer.check("a job ends once, in time", false, () => text);
    }
    observer.check(
      "no actor crashes",
      world.crashes.length === 0,
      () =>
        world.crashes.map(({ machine, report: { path, lastMessage, error } }) =>
          `on ${machine} ${path} in ${lastMessage}: ${
            error instanceof Error ? error.stack ?? error.message : String(error)
          }`
        ).join("\n"),
    );
    const statuses = new Map<string, number>();
    for (const { results } of this.#jobs) {
      for (const [last] of results.values()) {
        if (last !== undefined) statuses.set(last.status, (statuses.get(last.status) ?? 0) + 1);
      }
    }
    let expired = 0;
    for (const shell of observer.shells.values()) if (shell.closed === "expired") expired++;
    return {
      scenario: this.#plan.scenario,
      seed: this.#plan.seed,
      violations: observer.checks.violations,
      checks: observer.checks.counts,
      traceHash: world.traceHash,
      steps: world.steps,
      messages: this.#messages + this.#client.stats.messages,
      bytes: observer.bytes,
      virtualMs: limit,
      hosts: observer.records.size,
      statuses,
      faults: observer.faults,
      requests: observer.requests,
      expired,
    };
  }

  #run(): number {
    const world = this.#world;
    for (const plan of this.#plan.jobs) {
      if (plan.afterMs !== undefined) continue;
      world.at(plan.startMs, () => this.#begin((client) => client.startJob(plan)));
    }
    for (const plan of this.#plan.leases) {
      world.at(plan.startMs, () => this.#begin((client) => client.startLease(plan)));
    }
    for (const event of this.#plan.events) {
      world.at(event.atMs, () => this.#happen(event));
    }

    const all = this.#plan.jobs.length + this.#plan.leases.length;
    const returns = this.#plan.events.filter(({ kind }) => kind === "startClient").length;
    if (this.#durable !== undefined) this.#cancels();
    const over = (state: JobState) => state.finished > 0 || state.dead();
    const done = () =>
      !this.#returning && this.#life > returns &&
      (this.#client.dead ||
        this.#jobs.length + this.#missed === all && this.#jobs.every(over) && this.#client.sweeps === 0);
    this.#observer.check("a job ends once, in time", world.runUntil(hungMs, done), () => {
      const hung = this.#jobs.filter((state) => !over(state)).map(({ plan }) => plan.id);
      return `${hung.join(", ")} have not ended after ${hungMs} ms`;
    });
    const endedAt = world.clock.monotonic();
    world.trace("over");
    checkResults(this.#plan, this.#observer, this.#jobs);
    this.#durable?.check();
    if (this.#plan.fair) checkFairness(this.#plan.slots, this.#observer, this.#jobs, this.#grants);
    for (const event of this.#plan.events) if (event.kind === "hold") this.#network.heal(event.address);
    world.runUntil(endedAt + quietMs);
    const client = this.#client;
    const left = client.stats.actors - client.idle.actors;
    this.#observer.check(
      "no actor is left",
      client.dead || left <= 0,
      () => `${left} at the client, ${quietMs} ms after the last job`,
    );
    world.runUntil(endedAt + endMs);
    checkEnd({
      observer: this.#observer,
      client: client.dead ? undefined : client.stats,
      idle: client.idle,
      network: this.#network,
      ends: [...this.#ends.values()],
      scheduler: client.scheduler,
      budget: client.budget,
    });
    return endedAt;
  }

  #startClient(): ClientEnd {
    this.#points.begin();
    return new ClientEnd({
      plan: this.#plan,
      world: this.#world,
      network: this.#network,
      observer: this.#observer,
      life: ++this.#life,
      jobs: this.#jobs,
      grants: this.#grants,
      ended: (job) => this.#startNext(job),
      connects: (target, user) => this.#userOf.set(target, user),
      durable: this.#durable,
      happened: (kind) => this.#points.happened(kind),
    });
  }

  /** A job has ended: another one may wait for that. */
  #startNext(job: JobPlan): void {
    const next = this.#plan.jobs[this.#plan.jobs.indexOf(job) + 1];
    if (next?.afterMs === undefined) return;
    this.#in(next.afterMs, () => this.#begin((client) => client.startJob(next)));
  }

  #in(ms: number, wake: () => void): void {
    this.#world.at(this.#world.clock.monotonic() + ms, wake);
  }

  /** The daemon dies at one of its effects, and returns. */
  #crash({ kind, backMs }: CrashPlan): void {
    this.#observer.fault(`crash at ${kind}`, clientAddress);
    this.#returning = true;
    this.#client.kill();
    this.#in(backMs, () => this.#return());
  }

  #return(): void {
    this.#returning = false;
    this.#messages += this.#client.stats.messages;
    this.#client = this.#startClient();
    this.#client.recover();
    if (!this.#client.dead) this.#client.sweep();
  }

  /** Users of durable jobs cancel them by their ids, in whichever life. */
  #cancels(): void {
    for (const { id, startMs, cancelMs } of this.#plan.jobs) {
      if (cancelMs === undefined) continue;
      const cancel = () => {
        if (this.#durable!.disk.jobs.has(id)) this.#client.tell(id, "cancel");
        else this.#in(retryMs, cancel);
      };
      this.#world.at(startMs + cancelMs, cancel);
    }
  }

  #begin(start: (client: ClientEnd) => void): void {
    if (!this.#client.dead && !this.#client.stopping) start(this.#client);
    else if (this.#durable === undefined) this.#missed++;
    // A daemon returns, and so do its users.
    else this.#in(retryMs, () => this.#begin(start));
  }

  #happen({ kind, address, jumpMs, drainMs }: Plan["events"][number]): void {
    const end = this.#ends.get(address);
    this.#world.trace(`${kind} ${address}`);
    switch (kind) {
      case "kill":
        return end?.kill("peers");
      case "powerLoss":
        return end?.kill("nobody");
      case "start":
        return end?.start();
      case "hold":
        return this.#network.hold(address);
      case "heal":
        return this.#network.heal(address);
      case "clockJump":
        // It must not matter: whatever is measured is measured by the other clock.
        this.#observer.fault("clock jump", clientAddress);
        if (address === clientAddress) this.#client.jump(jumpMs ?? 3_600_000);
        else end?.jump(jumpMs ?? 3_600_000);
        return;
      case "diskFull":
        this.#observer.fault("disk full", clientAddress);
        this.#durable!.disk.full = true;
        return;
      case "diskFails":
        this.#observer.fault("disk failure", clientAddress);
        this.#durable!.disk.trouble = "StoreFailed";
        return;
      case "diskConflicts":
        this.#observer.fault("records said to contradict", clientAddress);
        this.#durable!.disk.trouble = "StoreConflict";
        return;
      case "diskFree":
        this.#durable!.disk.trouble = undefined;
        return;
      case "pause":
      case "resume":
        for (const { id } of this.#plan.jobs) this.#client.tell(id, kind);
        return;
      case "killClient":
        return this.#client.kill();
      case "startClient":
        if (this.#client.dead) this.#return();
        return;
      case "stopClient":
        this.#observer.fault("orderly end", clientAddress);
        this.#returning = true;
        this.#client.stop(drainMs!);
        // So long its jobs have to tell the store what its hosts have said.
        this.#in(2 * drainMs!, () => this.#client.kill());
        this.#in(2 * drainMs! + returnMs, () => this.#return());
        return;
    }
  }
}
