/** A host: owns the session with one machine for one account, and everything that is done there. @module */
import type { ActorRef, Behaviour, ChildSpec, Context, StopReason } from "../kernel/actor.ts";
import type { Connector } from "../ports.ts";
import type { SchedulerMessage } from "../scheduler/mod.ts";
import { crashedResult } from "./events.ts";
import { execution, type ExecutionMessage, type ExecutionReport, type ExecutionSpec } from "./execution.ts";
import { lease, type LeaseMessage, type LeaseReport, type LeaseSpec } from "./lease.ts";
import { session, type SessionMessage } from "./session.ts";
import type { HostTarget } from "./target.ts";

/** Messages that a host takes. */
export type HostMessage =
  /** Runs one command for a job. */
  | { readonly kind: "execute"; readonly spec: ExecutionSpec; readonly job: ActorRef<ExecutionReport> }
  /** Cancels what it does for a job. */
  | { readonly kind: "cancel"; readonly job: ActorRef<ExecutionReport>; readonly index: number }
  /** Opens a shell for a script. */
  | { readonly kind: "lease"; readonly spec: LeaseSpec; readonly owner: ActorRef<LeaseReport> }
  | { readonly kind: "workGone"; readonly work: ActorRef<never>; readonly clean: boolean }
  | { readonly kind: "sessionGone"; readonly session: ActorRef<SessionMessage> }
  | { readonly kind: "idle" };

/** Tells the fleet that a host actor has nothing to do, after the first `taken` pieces of work that it was sent. */
export interface IdleMessage {
  readonly kind: "hostIdle";
  readonly target: HostTarget;
  readonly host: ActorRef<HostMessage>;
  readonly taken: number;
}

/** Milliseconds without work after which the connections are closed and the host actor ends. */
const idleMs = 10_000;

/** A host actor for `target`, child of `fleet`. */
export function host(
  target: HostTarget,
  fleet: ActorRef<IdleMessage>,
  connector: Connector,
  scheduler: ActorRef<SchedulerMessage>,
): ChildSpec<HostMessage> {
  return { start: () => new Host(target, fleet, connector, scheduler) };
}

interface Work {
  readonly job: ActorRef<ExecutionReport>;
  readonly index: number;
}

class Host implements Behaviour<HostMessage> {
  readonly #target: HostTarget;
  readonly #fleet: ActorRef<IdleMessage>;
  readonly #connector: Connector;
  readonly #scheduler: ActorRef<SchedulerMessage>;
  readonly #executions = new Map<ActorRef<ExecutionMessage>, Work>();
  readonly #leases = new Set<ActorRef<LeaseMessage>>();
  #session: ActorRef<SessionMessage> | undefined;
  #idleSince = 0;
  /** Whether `idle` is to come: one timer serves all pauses, however short they are. */
  #idleAwaited = false;
  #taken = 0;

  constructor(
    target: HostTarget,
    fleet: ActorRef<IdleMessage>,
    connector: Connector,
    scheduler: ActorRef<SchedulerMessage>,
  ) {
    this.#target = target;
    this.#fleet = fleet;
    this.#connector = connector;
    this.#scheduler = scheduler;
  }

  handle(message: HostMessage, context: Context<HostMessage>): void {
    switch (message.kind) {
      case "execute": {
        this.#taken++;
        const ref = context.spawn(
          execution(message.spec, this.#openSession(context), this.#scheduler, message.job),
        );
        this.#executions.set(ref, { job: message.job, index: message.spec.index });
        context.watch(ref, (reason) => ({ kind: "workGone", work: ref, clean: reason.kind === "normal" }));
        return;
      }
      case "cancel":
        for (const [ref, work] of this.#executions) {
          if (work.job === message.job && work.index === message.index) context.send(ref, { kind: "cancel" });
        }
        return;
      case "lease": {
        this.#taken++;
        const ref = context.spawn(
          lease(message.spec, this.#openSession(context), this.#scheduler, message.owner),
        );
        this.#leases.add(ref);
        context.watch(ref, (reason) => ({ kind: "workGone", work: ref, clean: reason.kind === "normal" }));
        return;
      }
      case "workGone":
        this.#workGone(message, context);
        return;
      case "sessionGone":
        if (this.#session === message.session) this.#session = undefined;
        return;
      case "idle":
        this.#idleAwaited = false;
        if (!this.#busy) this.#idle(context);
        return;
    }
  }

  /** Whatever ends it: no job is left without its results. */
  stopped(_reason: StopReason, context: Context<HostMessage>): void {
    for (const work of this.#executions.values()) this.#giveUp(work, context);
  }

  describe(): string {
    return `${this.#executions.size} executions, ${this.#leases.size} shells of scripts`;
  }

  get #busy(): boolean {
    return this.#executions.size > 0 || this.#leases.size > 0;
  }

  #openSession(context: Context<HostMessage>): ActorRef<SessionMessage> {
    if (this.#session !== undefined) return this.#session;
    const ref = context.spawn(session(this.#target, this.#connector));
    context.watch(ref, () => ({ kind: "sessionGone", session: ref }));
    return this.#session = ref;
  }

  #workGone(message: Extract<HostMessage, { kind: "workGone" }>, context: Context<HostMessage>): void {
    const work = this.#executions.get(message.work as ActorRef<ExecutionMessage>);
    this.#executions.delete(message.work as ActorRef<ExecutionMessage>);
    this.#leases.delete(message.work as ActorRef<LeaseMessage>);
    // A crash of our own: what the command did is not known, and its job must not wait for ever.
    if (work !== undefined && !message.clean) this.#giveUp(work, context);
    if (this.#busy) return;
    this.#idleSince = context.now();
    this.#idle(context);
  }

  /** Offers its end to the fleet when nothing was to do for long enough, else looks again when that may be so. */
  #idle(context: Context<HostMessage>): void {
    const leftMs = this.#idleSince + idleMs - context.now();
    if (leftMs <= 0) {
      context.send(this.#fleet, {
        kind: "hostIdle",
        target: this.#target,
        host: context.self,
        taken: this.#taken,
      });
    } else if (!this.#idleAwaited) {
      this.#idleAwaited = true;
      context.timer(leftMs, { kind: "idle" });
    }
  }

  #giveUp(work: Work, context: Context<HostMessage>): void {
    context.send(work.job, { kind: "result", index: work.index, result: crashedResult() });
    context.send(work.job, { kind: "released", index: work.index });
  }
}
