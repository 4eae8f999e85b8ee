/** A host: owns the session with one machine for one account, and everything that is done there. @module */
import type {
  ActorRef,
  AskOutcome,
  Behaviour,
  ChildSpec,
  Context,
  ReplyTo,
  StopReason,
} from "../kernel/actor.ts";
import { SmallMap } from "../kernel/small_map.ts";
import type { SchedulerMessage } from "../scheduler/mod.ts";
import { type Circuit, closedCircuit } from "./breaker.ts";
import { crashedResult } from "./events.ts";
import { execution, type ExecutionMessage, type ExecutionReport, type ExecutionSpec } from "./execution.ts";
import { inquiry, type InquiryMessage, type InquiryOutcome, type Question } from "./inquiry.ts";
import { lease, type LeaseMessage, type LeaseReport, type LeaseSpec } from "./lease.ts";
import { limitsQuestion } from "./questions.ts";
import { session, type SessionMessage, type SessionOptions } from "./session.ts";
import type { HostTarget } from "./target.ts";

/** Messages that a host takes. */
export type HostMessage =
  /** Runs one command for a job. */
  | { readonly kind: "execute"; readonly spec: ExecutionSpec; readonly job: ActorRef<ExecutionReport> }
  /** Cancels what it does for a job. */
  | { readonly kind: "cancel"; readonly job: ActorRef<ExecutionReport>; readonly index: number }
  /** Opens a shell for a script. */
  | { readonly kind: "lease"; readonly spec: LeaseSpec; readonly owner: ActorRef<LeaseReport> }
  /** Asks it something that is no command. */
  | {
    readonly kind: "inquire";
    readonly question: Question<unknown>;
    readonly replyTo: ReplyTo<InquiryOutcome<unknown>>;
  }
  /** What it may do at once seems to be too little: winrm/config knows better. */
  | { readonly kind: "learnLimits" }
  | { readonly kind: "limitsRead"; readonly outcome: AskOutcome<InquiryOutcome<unknown>> }
  | { readonly kind: "workGone"; readonly work: ActorRef<never>; readonly clean: boolean }
  | { readonly kind: "sessionGone"; readonly session: ActorRef<SessionMessage> }
  | { readonly kind: "idle" }
  /** Answered once it has had nothing to do for long enough. */
  | { readonly kind: "whenIdle"; readonly replyTo: ReplyTo<IdleHost> }
  | { readonly kind: "circuit"; readonly circuit: Circuit };

/** What a host without work says: it may end, and what is to be known when it is wanted again. */
export interface IdleHost {
  /** Pieces of work that it was sent so far. */
  readonly taken: number;
  readonly circuit: Circuit;
}

/** Milliseconds without work after which the connections are closed and the host actor ends. */
const idleMs = 10_000;

/** Milliseconds in which a host that is stopped may cancel what it does and delete its shells. */
export const hostShutdownMs = 15_000;

/** A host actor for `target`, whose sessions are made with `options`. */
export function host(
  target: HostTarget,
  options: SessionOptions,
  scheduler: ActorRef<SchedulerMessage>,
): ChildSpec<HostMessage> {
  return {
    label: target.name,
    start: () => new Host(target, options, scheduler),
    shutdownMs: hostShutdownMs,
  };
}

/** Messages that begin something. */
const newWork: ReadonlySet<HostMessage["kind"]> = new Set(["execute", "lease", "inquire", "learnLimits"]);

interface Work {
  readonly job: ActorRef<ExecutionReport>;
  readonly index: number;
}

class Host implements Behaviour<HostMessage> {
  readonly #target: HostTarget;
  readonly #options: SessionOptions;
  readonly #scheduler: ActorRef<SchedulerMessage>;
  readonly #executions = new SmallMap<ActorRef<ExecutionMessage>, Work>();
  /** Kinds of work that most hosts never see have no set until there is some. */
  #leases: Set<ActorRef<LeaseMessage>> | undefined;
  #inquiries: Set<ActorRef<InquiryMessage>> | undefined;
  /** How winrm/config was read, for inspection. */
  #limits = "";
  #session: ActorRef<SessionMessage> | undefined;
  #idleSince = 0;
  /** Whether `idle` is to come: one timer serves all pauses, however short they are. */
  #idleAwaited = false;
  #taken = 0;
  #whenIdle: ReplyTo<IdleHost> | undefined;
  #stopping = false;

  constructor(target: HostTarget, options: SessionOptions, scheduler: ActorRef<SchedulerMessage>) {
    this.#target = target;
    this.#options = options;
    this.#scheduler = scheduler;
  }

  handle(message: HostMessage, context: Context<HostMessage>): void {
    // Nobody would end it; who sent it hears of the fleet's end.
    if (this.#stopping && newWork.has(message.kind)) return;
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
        (this.#leases ??= new Set()).add(ref);
        context.watch(ref, (reason) => ({ kind: "workGone", work: ref, clean: reason.kind === "normal" }));
        return;
      }
      case "inquire":
        this.#taken++;
        context.send(this.#inquiry(message.question, context), { kind: "begin", replyTo: message.replyTo });
        return;
      case "learnLimits":
        context.ask<InquiryMessage, InquiryOutcome<unknown>>(
          this.#inquiry(limitsQuestion(this.#target.quotaKey), context),
          (replyTo) => ({ kind: "begin", replyTo }),
          Infinity,
          (outcome) => ({ kind: "limitsRead", outcome }),
        );
        return;
      case "limitsRead":
        this.#limits = describeLimits(message.outcome);
        return;
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
      case "whenIdle":
        this.#whenIdle = message.replyTo;
        if (this.#taken > 0 && !this.#busy) this.#idle(context);
        return;
      case "circuit":
        this.#idleAwaited = false;
        if (this.#busy || this.#whenIdle === undefined) return;
        context.reply(this.#whenIdle, { taken: this.#taken, circuit: message.circuit });
        this.#whenIdle = undefined;
        return;
    }
  }

  /** What was opened at the service is closed before the end, as far as the time for it goes. */
  stopping(context: Context<HostMessage>): boolean {
    this.#stopping = true;
    for (const ref of this.#executions.keys()) context.send(ref, { kind: "cancel" });
    for (const ref of this.#leases ?? []) context.send(ref, { kind: "close" });
    for (const ref of this.#inquiries ?? []) context.stop(ref);
    return !this.#busy;
  }

  /** Whatever ends it: no job is left without its results. */
  stopped(_reason: StopReason, context: Context<HostMessage>): void {
    for (const work of this.#executions.values()) this.#giveUp(work, context);
  }

  describe(): string {
    return `${this.#executions.size} executions, ${this.#leases?.size ?? 0} shells of scripts${this.#limits}`;
  }

  get #busy(): boolean {
    return this.#executions.size > 0 || (this.#leases?.size ?? 0) > 0 || (this.#inquiries?.size ?? 0) > 0;
  }

  #openSession(context: Context<HostMessage>): ActorRef<SessionMessage> {
    if (this.#session !== undefined) return this.#session;
    const ref = context.spawn(session(this.#target, this.#options));
    context.watch(ref, () => ({ kind: "sessionGone", session: ref }));
    return this.#session = ref;
  }

  #inquiry(question: Question<unknown>, context: Context<HostMessage>): ActorRef<InquiryMessage> {
    const ref = context.spawn(inquiry(question, this.#target, this.#openSession(context), this.#scheduler));
    (this.#inquiries ??= new Set()).add(ref);
    context.watch(ref, (reason) => ({ kind: "workGone", work: ref, clean: reason.kind === "normal" }));
    return ref;
  }

  #workGone(message: Extract<HostMessage, { kind: "workGone" }>, context: Context<HostMessage>): void {
    const work = this.#executions.get(message.work as ActorRef<ExecutionMessage>);
    this.#executions.delete(message.work as ActorRef<ExecutionMessage>);
    this.#leases?.delete(message.work as ActorRef<LeaseMessage>);
    this.#inquiries?.delete(message.work as ActorRef<InquiryMessage>);
    // A crash of our own: what the command did is not known, and its job must not wait for ever.
    if (work !== undefined && !message.clean) this.#giveUp(work, context);
    if (this.#busy) return;
    if (this.#stopping) return context.stop();
    this.#idleSince = context.now();
    this.#idle(context);
  }

  /** Offers its end when nothing was to do for long enough, else looks again when that may be so. */
  #idle(context: Context<HostMessage>): void {
    if (this.#idleAwaited) return;
    this.#idleAwaited = true;
    const leftMs = this.#idleSince + idleMs - context.now();
    if (leftMs > 0) context.timer(leftMs, { kind: "idle" });
    else {
      context.ask<SessionMessage, Circuit>(
        this.#openSession(context),
        (replyTo) => ({ kind: "circuit", replyTo }),
        Infinity,
        (outcome) => ({
          kind: "circuit",
          circuit: outcome.kind === "answered" ? outcome.value : closedCircuit,
        }),
      );
    }
  }

  #giveUp(work: Work, context: Context<HostMessage>): void {
    context.send(work.job, { kind: "result", index: work.index, result: crashedResult() });
    context.send(work.job, { kind: "released", index: work.index });
  }
}

/** Part of a host's line in an inspection. */
function describeLimits(outcome: AskOutcome<InquiryOutcome<unknown>>): string {
  if (outcome.kind !== "answered") return "";
  return outcome.value.kind === "done"
    ? ", limits of its winrm/config"
    : `, winrm/config not readable (${outcome.value.error.code})`;
}
