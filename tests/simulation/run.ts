/** Runs one plan: the product's client on one machine, far ends on others, all in one virtual time. @module */
import {
  type CommandEnd,
  type CommandSpec,
  fleet,
  type FleetMessage,
  type HostResult,
  type HostTarget,
  job,
  type RunEvent,
} from "../../actors/host/mod.ts";
import { DeniedError, type DroverError } from "../../protocol/errors.ts";
import { ReportedFault } from "../../protocol/wsman/mod.ts";
import type { ActorRef } from "../../actors/kernel/actor.ts";
import type { ConnectTarget } from "../../actors/ports.ts";
import { scheduler } from "../../actors/scheduler/mod.ts";
import { targetOf } from "../../runtime/client/targets.ts";
import { SimulatedNetwork } from "../../runtime/transports/simulated.ts";
import { initiator, password, wrongPassword } from "./accounts.ts";
import type { Invariant } from "./checks.ts";
import { DroverEnd, type FarEnd, type FarEndOptions, ports } from "./drover_end.ts";
import { checkEnd, checkResults, type JobState } from "./invariants.ts";
import { leaseUser } from "./lease_user.ts";
import { Observer } from "./observer.ts";
import {
  clientAddress,
  type JobPlan,
  type LeasePlan,
  makePlan,
  type Plan,
  planConnection,
  type ScenarioName,
  type WorkPlan,
} from "./plan.ts";
import { WindowsEnd } from "./windows_end.ts";
import { type Machine, World } from "./world.ts";

/** Outputs of one host that may wait for their sink at once, as ARCHITECTURE.md promises. */
const outputWindow = 2;
/** Virtual milliseconds after which a job counts as hung. */
const hungMs = 3_600_000;
/** Virtual milliseconds after which nothing of a run may be left at the client, but kept places of lost shells. */
const quietMs = 120_000;
/** Virtual milliseconds after which nothing at all may be left: every idle time-out is over, but no MaxShellRunTime. */
const endMs = 1_800_000;

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
  return new Simulation(makePlan(scenario, seed), onTrace).run();
}

class Simulation {
  readonly #plan: Plan;
  readonly #world: World;
  readonly #observer: Observer;
  readonly #network: SimulatedNetwork;
  readonly #ends = new Map<string, FarEnd>();
  readonly #client: Machine;
  readonly #jobs: JobState[] = [];
  readonly #targets = new Map<string, HostTarget>();
  /** Whose connection an object given to `connect` makes. */
  readonly #userOf = new Map<ConnectTarget, string>();
  #clientDead = false;

  constructor(plan: Plan, onTrace: ((line: string) => void) | undefined) {
    this.#plan = plan;
    const world = this.#world = new World(plan.seed);
    world.onTrace = onTrace;
    this.#observer = new Observer(
      {
        ...plan.limits,
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
    this.#client = world.machine(clientAddress);
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
      messages: this.#client.system.stats.messages,
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
    const { system } = this.#client;
    const schedulerRef = system.spawn(scheduler({ slots: this.#plan.slots, limits: this.#plan.limits }));
    const fleetRef = system.spawn(fleet(this.#network.connector(clientAddress), schedulerRef));
    world.run();
    const idle = { ...system.stats };
    for (const plan of this.#plan.jobs) {
      world.at(plan.startMs, () => {
        if (!this.#clientDead) this.#startJob(plan, fleetRef);
      });
    }
    for (const plan of this.#plan.leases) {
      world.at(plan.startMs, () => {
        if (!this.#clientDead) this.#startLease(plan, fleetRef);
      });
    }
    for (const event of this.#plan.events) {
      world.at(event.atMs, () => this.#happen(event.kind, event.address));
    }

    const done = () =>
      this.#clientDead ||
      (this.#jobs.length === this.#plan.jobs.length + this.#plan.leases.length &&
        this.#jobs.every((state) => state.finished > 0));
    this.#observer.check("a job ends once, in time", world.runUntil(hungMs, done), () => {
      const hung = this.#jobs.filter((state) => state.finished === 0).map(({ plan }) => plan.id);
      return `${hung.join(", ")} have not ended after ${hungMs} ms`;
    });
    const over = world.clock.monotonic();
    world.trace("over");
    checkResults(this.#plan, this.#observer, this.#jobs, this.#clientDead);
    for (const event of this.#plan.events) if (event.kind === "hold") this.#network.heal(event.address);
    world.runUntil(over + quietMs);
    const left = system.stats.actors - idle.actors;
    this.#observer.check(
      "no actor is left",
      this.#clientDead || left <= 0,
      () => `${left} at the client, ${quietMs} ms after the last job`,
    );
    world.runUntil(over + endMs);
    checkEnd({
      observer: this.#observer,
      client: this.#clientDead ? undefined : system.stats,
      idle,
      network: this.#network,
      ends: [...this.#ends.values()],
      scheduler: system.inspect().children.find(({ path }) => path === schedulerRef.path)?.doing ?? "",
    });
    return over;
  }

  #startJob(plan: JobPlan, fleetRef: ActorRef<FleetMessage>): void {
    const state = this.#begin(plan);
    for (const { token, address, user } of plan.hosts) this.#observer.expect(token, plan.id, address, user);
    const spec: Parameters<typeof job>[0] = {
      id: plan.id,
      hosts: plan.hosts.map((host) => ({ target: this.#target(host), command: commandOf(host) })),
      shell: { idleTimeoutMs: this.#plan.idleTimeoutMs },
      throttle: plan.throttle,
      timeoutMs: plan.timeoutMs,
      cleanupTimeoutMs: this.#plan.cleanupTimeoutMs,
    };
    this.#client.system.spawn(job(spec, fleetRef, {
      began: (cancel) => {
        const { cancelMs } = plan;
        if (cancelMs !== undefined) {
          this.#world.at(plan.startMs + cancelMs, () => this.#clientDead || cancel());
        }
      },
      deliver: (events, taken) => {
        for (const event of events) this.#take(state, event);
        const output = events.find(({ type }) => type === "output");
        if (output === undefined) taken();
        else this.#hold(state, output.host, taken);
      },
      finished: () => this.#finished(state),
    }));
  }

  /** A script is watched as a job of which each command is a host. */
  #startLease(plan: LeasePlan, fleetRef: ActorRef<FleetMessage>): void {
    const { id, shell, commands, closeMs, sinkMs, startMs } = plan;
    const stopped = closeMs !== undefined || commands.some(({ stopMs }) => stopMs !== undefined);
    const state = this.#begin({
      id,
      startMs,
      cancelMs: stopped ? 0 : undefined,
      throttle: 1,
      timeoutMs: undefined,
      sinkMs,
      hosts: commands,
    }, true);
    const record = this.#observer.expect(shell.token, id, shell.address, shell.user);
    for (const { token, address, user } of commands) this.#observer.expect(token, id, address, user, record);
    const target = this.#target(shell);
    const { operationTimeoutMs } = target;
    const nameOf = (index: number) => commands[index]!.token;
    this.#client.system.spawn(leaseUser(
      {
        target,
        lease: {
          job: id,
          quotaKey: target.quotaKey,
          throttle: 1,
          shell: { name: `drover-${id}`, idleTimeoutMs: this.#plan.idleTimeoutMs },
          times: {
            operationTimeoutMs,
            cleanupTimeoutMs: this.#plan.cleanupTimeoutMs,
            guardMs: target.networkDelayMs + 60_000,
          },
        },
        commands: commands.map((command) => ({
          spec: commandOf(command),
          atMs: command.atMs,
          stopMs: command.stopMs,
        })),
        closeMs,
      },
      fleetRef,
      {
        output: (index, pieces, taken) => {
          for (const { stream, bytes } of pieces) {
            this.#take(state, { type: "output", host: nameOf(index), stream, data: bytes });
          }
          this.#hold(state, nameOf(index), taken);
        },
        ended: (index, end) =>
          this.#take(state, { type: "result", host: nameOf(index), ...resultOfEnd(end) }),
        lost: (index, started, error) =>
          this.#take(state, { type: "result", host: nameOf(index), ...resultOfLoss(started, error) }),
        finished: () => {
          this.#observer.told(record);
          this.#finished(state);
        },
      },
    ));
  }

  #begin(plan: JobPlan, script = false): JobState {
    const state: JobState = { plan, script, results: new Map(), finished: 0, held: new Map() };
    this.#jobs.push(state);
    return state;
  }

  #finished(state: JobState): void {
    state.finished++;
    this.#world.trace(`finished ${state.plan.id}`);
  }

  /** The user takes an output: at once, or after a while. */
  #hold(state: JobState, host: string, taken: () => void): void {
    const held = (state.held.get(host) ?? 0) + 1;
    state.held.set(host, held);
    this.#observer.check(
      "a slow sink holds up its command",
      held <= outputWindow,
      () => `${host}: ${held} outputs are with the sink at once`,
    );
    this.#client.clock.schedule(state.plan.sinkMs, () => {
      state.held.set(host, state.held.get(host)! - 1);
      taken();
    });
  }

  #take(state: JobState, event: RunEvent): void {
    // Jobs name a host as its inventory does; that of a script's command has its token already.
    const token = event.host.includes("@") ? event.host : `${state.plan.id}@${event.host}`;
    const record = this.#observer.records.get(token)!;
    const over = state.finished > 0 || (event.type === "output" && state.results.has(token));
    this.#observer.check("nothing comes after an end", !over, () => `${event.type} of ${token}`);
    if (event.type === "output") {
      record.got[event.stream].push(event.data.slice());
      this.#world.trace(`output ${token} ${event.stream} ${event.data.length}`);
    } else if (event.type === "result") {
      const all = state.results.get(token);
      if (all === undefined) state.results.set(token, [event]);
      else all.push(event);
      this.#observer.told(record);
      this.#world.trace(`result ${token} ${event.status} ${event.exitCode} ${event.error?.code}`);
    }
  }

  #target(work: WorkPlan): HostTarget {
    const { address, user, wrongPassword } = work;
    // As in a fleet, jobs share a host's connections.
    const key = `${user}@${address} ${wrongPassword}`;
    let target = this.#targets.get(key);
    if (target === undefined) this.#targets.set(key, target = this.#makeTarget(work));
    return target;
  }

  #makeTarget(work: WorkPlan): HostTarget {
    const { address, user, auth } = work;
    const target = targetOf(
      {
        name: address,
        groups: [],
        address,
        port: auth === "tls" ? ports.https : ports.http,
        scheme: auth === "tls" ? "https" : "http",
        path: undefined,
        user,
        password: work.wrongPassword ? wrongPassword : password,
        auth: auth === "basic" ? "basic" : auth === "ntlm" ? "ntlm" : undefined,
        connection: undefined,
        certValidation: auth === "tls" ? "ignore" : undefined,
        caFile: undefined,
        messageEncryption: undefined,
        operationTimeoutMs: this.#plan.operationTimeoutMs,
        readTimeoutMs: undefined,
        maxEnvelopeSize: undefined,
        variables: new Map(),
      },
      {},
      () => "",
    );
    this.#userOf.set(target.connect, user);
    const { authentication } = target;
    if (authentication.kind !== "negotiate") return target;
    const wrap = auth === "ntlm" ? "raw" : "spnego";
    return {
      ...target,
      authentication: {
        ...authentication,
        initiator: initiator(this.#observer, { user, wrong: work.wrongPassword, wrap, host: address }),
      },
    };
  }

  #happen(kind: Plan["events"][number]["kind"], address: string): void {
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
        this.#observer.fault("clock jump", address);
        this.#client.skewMs += 3_600_000;
        return;
      case "killClient":
        this.#clientDead = true;
        this.#client.kill();
        return this.#network.crash(clientAddress, "peers");
    }
  }
}

function commandOf({ token, auth, stdin }: WorkPlan): CommandSpec {
  return {
    command: auth === "ntlm" ? ["sim", token] : `sim ${token}`,
    ...(stdin === undefined ? {} : { stdin }),
  };
}

/** What the end of a script's command says, in the words of a job. */
function resultOfEnd(end: CommandEnd): HostResult {
  switch (end.kind) {
    case "exited":
      return result(end.exitCode === 0 ? "succeeded" : "failed", undefined, end.exitCode);
    case "notSent":
      return result("unreachable", end.error);
    case "refused":
      return result("failed", end.error);
    case "stopped":
      return result("cancelled", undefined);
    case "unknown":
      return result("unknown", end.error);
  }
}

/** The same of one whose end nobody saw. */
function resultOfLoss(started: boolean, error: DroverError | undefined): HostResult {
  if (started) return result("unknown", error);
  if (error instanceof DeniedError) return result("denied", error);
  return result(error instanceof ReportedFault ? "failed" : "unreachable", error);
}

function result(status: HostResult["status"], error: DroverError | undefined, exitCode?: number): HostResult {
  return {
    status,
    exitCode,
    durationMs: 0,
    error: error === undefined ? undefined : { code: error.code, message: error.message },
  };
}
