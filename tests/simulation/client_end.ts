/** One life of the product's client: its scheduler, its fleet, and the jobs and scripts of a plan. @module */
import {
  type CommandEnd,
  type CommandSpec,
  fleet,
  type FleetMessage,
  type HostResult,
  type HostTarget,
  job,
  limitsWatcher,
  type RunEvent,
  shellName,
  sweepQuestion,
  type Swept,
} from "../../actors/host/mod.ts";
import { durableJob, type DurableJobMessage } from "../../actors/daemon/mod.ts";
import type { ActorRef } from "../../actors/kernel/actor.ts";
import type { ConnectTarget } from "../../actors/ports.ts";
import { scheduler } from "../../actors/scheduler/mod.ts";
import { DeniedError, type DroverError } from "../../protocol/errors.ts";
import { ReportedFault } from "../../protocol/wsman/mod.ts";
import { targetOf } from "../../runtime/client/targets.ts";
import type { SimulatedNetwork } from "../../runtime/transports/simulated.ts";
import type { MemoryStore } from "../helpers/memory_store.ts";
import { initiator, password, wrongPassword } from "./accounts.ts";
import { asker, wisher } from "./asker.ts";
import { type EffectKind, mortal } from "./crash_points.ts";
import type { DurableJobs, Wish, Wished } from "./daemon.ts";
import { ports } from "./drover_end.ts";
import type { Grant, JobState } from "./invariants.ts";
import { leaseUser } from "./lease_user.ts";
import type { Observer } from "./observer.ts";
import { clientAddress, type JobPlan, type LeasePlan, type Plan, type WorkPlan } from "./plan.ts";
import type { Machine, World } from "./world.ts";

/** Outputs of one host that may wait for their sink at once, as ARCHITECTURE.md promises. */
const outputWindow = 2;

/** What a life of the client is made with. */
export interface ClientOptions {
  readonly plan: Plan;
  readonly world: World;
  readonly network: SimulatedNetwork;
  readonly observer: Observer;
  /** Counted up from 1; part of the names of its shells. */
  readonly life: number;
  /** Every job and script is added here when it begins. */
  readonly jobs: JobState[];
  /** Every permit of a host is added here. */
  readonly grants: Grant[];
  /** Told every job that has ended. */
  readonly ended: (job: JobPlan) => void;
  /** Told whose connections an object given to `connect` makes. */
  readonly connects: (target: ConnectTarget, user: string) => void;
  /** Present: its jobs are durable. */
  readonly durable: DurableJobs | undefined;
  /** Told every effect; the client may be dead after it. */
  readonly happened: (kind: EffectKind) => void;
}

/** See the module. */
export class ClientEnd {
  dead = false;
  /** It takes no work any more. */
  stopping = false;
  /** Hosts that are being swept. */
  sweeps = 0;
  /** Actors and timers before there was any work. */
  readonly idle: { readonly actors: number; readonly timers: number };
  readonly #plan: Plan;
  readonly #world: World;
  readonly #network: SimulatedNetwork;
  readonly #observer: Observer;
  readonly #life: number;
  readonly #jobs: JobState[];
  readonly #grants: Grant[];
  readonly #ended: (job: JobPlan) => void;
  readonly #connects: (target: ConnectTarget, user: string) => void;
  readonly #machine: Machine;
  readonly #fleet: ActorRef<FleetMessage>;
  readonly #schedulerPath: string;
  readonly #targets = new Map<string, HostTarget>();
  readonly #durable: DurableJobs | undefined;
  readonly #store: MemoryStore | undefined;
  readonly #durableJobs = new Map<string, ActorRef<DurableJobMessage>>();
  readonly #happened: (kind: EffectKind) => void;

  constructor(options: ClientOptions) {
    const { plan, world, network, observer, life, jobs, grants, ended, connects, durable, happened } =
      options;
    this.#durable = durable;
    this.#store = durable?.store(happened);
    this.#happened = happened;
    this.#plan = plan;
    this.#world = world;
    this.#network = network;
    this.#observer = observer;
    this.#life = life;
    this.#jobs = jobs;
    this.#grants = grants;
    this.#ended = ended;
    this.#connects = connects;
    observer.life = life;
    this.#machine = world.machine(clientAddress);
    const { system } = this.#machine;
    const schedulerRef = system.spawn(scheduler({ slots: plan.slots, limits: plan.limits }));
    this.#schedulerPath = schedulerRef.path;
    const { connections } = plan;
    this.#fleet = system.spawn(
      fleet(
        mortal(network.connector(clientAddress), () => this.dead, () => observer.takeKind(), happened),
        schedulerRef,
        connections === undefined ? {} : { maxConnections: connections },
      ),
    );
    system.spawn(limitsWatcher(this.#fleet, schedulerRef));
    world.run();
    const { actors, timers } = system.stats;
    this.idle = { actors, timers };
  }

  /** Messages, actors and timers. */
  get stats(): Machine["system"]["stats"] {
    return this.#machine.system.stats;
  }

  /** What its scheduler says that it is doing. */
  get scheduler(): string {
    const { children } = this.#machine.system.inspect();
    return children.find(({ path }) => path === this.#schedulerPath)?.doing ?? "";
  }

  /** What its budget of connections says; empty when it has none. */
  get budget(): string {
    const { children } = this.#machine.system.inspect();
    const own = children.find(({ path }) => path === this.#fleet.path)?.children ?? [];
    return own.find(({ path }) => path.endsWith("/budget"))?.doing ?? "";
  }

  /** Its wall clock jumps. */
  jump(ms: number): void {
    this.#machine.skewMs += ms;
  }

  /** `kill -9`. */
  kill(): void {
    this.dead = true;
    this.#machine.kill();
    this.#store?.die();
    this.#network.crash(clientAddress, "peers");
    this.#observer.clientDied(this.#life);
  }

  /** An orderly end: no host begins, what runs has `drainMs`, then all hosts are stopped. */
  stop(drainMs: number): void {
    this.stopping = true;
    const { system } = this.#machine;
    for (const ref of this.#durableJobs.values()) system.send(ref, { kind: "drain" });
    this.#machine.clock.schedule(drainMs, () => system.stop(this.#fleet));
  }

  /** Deletes what earlier lives have left behind, everywhere where they worked; those before the last were swept by it. */
  sweep(): void {
    const first = this.#durable === undefined ? this.#life - 1 : 1;
    for (let life = first; life < this.#life; life++) this.#sweep(life);
  }

  #sweep(life: number): void {
    const works = [
      ...this.#plan.jobs.flatMap(({ hosts }) => hosts),
      ...this.#plan.leases.map(({ shell }) => shell),
    ];
    const targets = new Set(works.map((work) => this.#target(work)));
    for (const target of targets) {
      this.sweeps++;
      const address = target.connect.host;
      const user = target.quotaKey.slice(0, target.quotaKey.indexOf("@"));
      const asked = this.#durable?.asked(address, user);
      const question = sweepQuestion(owner(life), asked?.names);
      this.#machine.system.spawn(asker(this.#fleet, target, question, (outcome) => {
        this.sweeps--;
        if (this.dead) return;
        this.#world.trace(`swept ${address} ${outcome?.kind}`);
        if (outcome?.kind === "done" && (outcome.value as Swept).error === undefined) {
          this.#observer.swept(target.quotaKey, address, life, asked?.tokens);
        }
      }));
    }
  }

  #shellName(id: string): string {
    return shellName(owner(this.#life), id);
  }

  /** Goes on with the jobs that an earlier life has not ended. */
  recover(): void {
    const durable = this.#durable;
    if (durable === undefined) return;
    for (const { job, hosts } of durable.disk.unfinished()) {
      for (const { index } of hosts) this.#observer.goesOn(durable.work(job.id, index).token);
      this.#run(job.id);
      this.#happened("job recovered");
      if (this.dead) return;
    }
    for (const wished of durable.open) this.#tell(wished);
  }

  /** A user wants something of a durable job. */
  tell(id: string, wish: Wish): void {
    if (!this.#durable!.disk.jobs.has(id)) return;
    const wished = { id, wish, answered: false };
    this.#durable!.wishes.push(wished);
    if (!this.dead) this.#tell(wished);
  }

  #tell(wished: Wished): void {
    const ref = this.#durableJobs.get(wished.id);
    if (ref === undefined) return;
    this.#machine.system.spawn(wisher(ref, wished.wish, () => {
      if (this.dead) return;
      this.#durable!.answered(wished);
      this.#happened("wish answered");
    }));
  }

  #run(id: string): void {
    const durable = this.#durable!;
    const { job, hosts, stdin } = durable.disk.unfinished().find(({ job }) => job.id === id)!;
    const ref = this.#machine.system.spawn(durableJob(
      {
        job,
        stdin,
        hosts: hosts.map((host) => ({ ...host, target: this.#target(durable.work(id, host.index)) })),
        shellName: () => this.#shellName(id),
        throttle: 32,
        cleanupTimeoutMs: this.#plan.cleanupTimeoutMs,
      },
      this.#fleet,
      this.#store!,
      (end) => this.#world.trace(`ended ${id} ${end}`),
    ));
    this.#durableJobs.set(id, ref);
  }

  startJob(plan: JobPlan): void {
    if (this.#durable !== undefined) {
      this.#jobs.push(this.#durable.create(plan));
      this.#happened("job created");
      if (!this.dead) this.#run(plan.id);
      return;
    }
    const state = this.#begin(plan);
    for (const { token, address, user } of plan.hosts) this.#observer.expect(token, plan.id, address, user);
    const spec: Parameters<typeof job>[0] = {
      id: plan.id,
      hosts: plan.hosts.map((host) => ({ target: this.#target(host), command: commandOf(host) })),
      shell: { name: this.#shellName(plan.id), idleTimeoutMs: this.#plan.idleTimeoutMs },
      throttle: plan.throttle,
      timeoutMs: plan.timeoutMs,
      ...(plan.priority === undefined ? {} : { priority: plan.priority }),
      cleanupTimeoutMs: this.#plan.cleanupTimeoutMs,
    };
    this.#machine.system.spawn(job(spec, this.#fleet, {
      began: (cancel) => {
        const { cancelMs } = plan;
        if (cancelMs !== undefined) {
          this.#world.at(plan.startMs + cancelMs, () => this.dead || cancel());
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
  startLease(plan: LeasePlan): void {
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
    this.#machine.system.spawn(leaseUser(
      {
        target,
        lease: {
          job: id,
          quotaKey: target.quotaKey,
          throttle: 1,
          shell: { name: this.#shellName(id), idleTimeoutMs: this.#plan.idleTimeoutMs },
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
      this.#fleet,
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
    const state: JobState = {
      plan,
      script,
      results: new Map(),
      finished: 0,
      granted: 0,
      held: new Map(),
      dead: () => this.dead,
    };
    this.#jobs.push(state);
    return state;
  }

  #finished(state: JobState): void {
    state.finished++;
    this.#world.trace(`finished ${state.plan.id}`);
    if (!state.script) this.#ended(state.plan);
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
    this.#machine.clock.schedule(state.plan.sinkMs, () => {
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
    } else if (event.type === "progress") this.#granted(state);
    else {
      this.#observer.circuit(record, event.error?.code === "CircuitOpen");
      const all = state.results.get(token);
      if (all === undefined) state.results.set(token, [event]);
      else all.push(event);
      this.#observer.told(record);
      this.#world.trace(`result ${token} ${event.status} ${event.exitCode} ${event.error?.code}`);
    }
  }

  /** A host of a job has got its permit. */
  #granted(state: JobState): void {
    state.granted++;
    const waiting = this.#jobs.filter(({ plan, granted }) => granted < plan.hosts.length);
    this.#grants.push({ job: state.plan.id, waiting: waiting.map(({ plan }) => plan.id) });
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
    this.#connects(target.connect, user);
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
}

/** Name of a life, in the names of its shells. */
function owner(life: number): string {
  return `i${life}`;
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
