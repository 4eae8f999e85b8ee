/** The fleet: supervisor of the host actors, which it starts on first use and stops when they have nothing to do. @module */
import type { ActorRef, AskOutcome, Behaviour, ChildSpec, Context, ReplyTo } from "../kernel/actor.ts";
import type { Connector, ExchangeObserver } from "../ports.ts";
import type { CrowdedMessage, SchedulerMessage } from "../scheduler/mod.ts";
import { approached, type Circuit } from "./breaker.ts";
import { type BudgetMessage, connectionBudget } from "./budget.ts";
import type { ExecutionReport, ExecutionSpec } from "./execution.ts";
import { host, type HostMessage, hostShutdownMs, type IdleHost } from "./host.ts";
import type { InquireMessage } from "./inquiry.ts";
import type { LeaseReport, LeaseSpec } from "./lease.ts";
import type { HostTarget } from "./target.ts";

/** Messages that the fleet takes. */
export type FleetMessage =
  | {
    readonly kind: "execute";
    readonly target: HostTarget;
    readonly spec: ExecutionSpec;
    readonly job: ActorRef<ExecutionReport>;
  }
  | {
    readonly kind: "cancel";
    readonly target: HostTarget;
    readonly job: ActorRef<ExecutionReport>;
    readonly index: number;
  }
  | {
    readonly kind: "lease";
    readonly target: HostTarget;
    readonly spec: LeaseSpec;
    readonly owner: ActorRef<LeaseReport>;
  }
  | InquireMessage
  | CrowdedMessage
  /** Which circuits of hosts without an actor are not closed. */
  | { readonly kind: "circuits"; readonly replyTo: ReplyTo<readonly HostCircuit[]> }
  | {
    readonly kind: "hostIdle";
    readonly target: HostTarget;
    readonly host: ActorRef<HostMessage>;
    readonly outcome: AskOutcome<IdleHost>;
  }
  | { readonly kind: "hostGone"; readonly target: HostTarget; readonly host: ActorRef<HostMessage> };

/** A circuit that is not closed. */
export interface HostCircuit {
  /** Name of the host. */
  readonly host: string;
  readonly circuit: Circuit;
}

/** Limits of a fleet, and who is told of its work. */
export interface FleetLimits {
  /** Connections that all its hosts may have at once; default: as many as they want. */
  readonly maxConnections?: number;
  /** Told of every exchange of its hosts. */
  readonly observer?: ExchangeObserver;
}

/** Circuits that are remembered for hosts without an actor; beyond that the oldest is forgotten. */
const maxCircuits = 10_000;

/** A fleet over `connector` and `scheduler`. */
export function fleet(
  connector: Connector,
  scheduler: ActorRef<SchedulerMessage>,
  limits: FleetLimits = {},
): ChildSpec<FleetMessage> {
  return {
    name: "fleet",
    start: (context) => new Fleet(connector, scheduler, limits, context),
    mailbox: { capacity: 65_536, overflow: "wait" },
    // All hosts stop side by side.
    shutdownMs: hostShutdownMs + 5_000,
  };
}

interface HostEntry {
  readonly ref: ActorRef<HostMessage>;
  /** Pieces of work that it was sent. */
  sent: number;
}

class Fleet implements Behaviour<FleetMessage> {
  readonly #connector: Connector;
  readonly #scheduler: ActorRef<SchedulerMessage>;
  /** By identity: two targets with one name (other user, other port) are two hosts. */
  readonly #hosts = new Map<HostTarget, HostEntry>();
  readonly #budget: ActorRef<BudgetMessage> | undefined;
  readonly #observer: ExchangeObserver | undefined;
  /** Circuits that are not closed, of hosts without an actor. */
  readonly #circuits = new Map<HostTarget, Circuit>();
  #stopping = false;

  constructor(
    connector: Connector,
    scheduler: ActorRef<SchedulerMessage>,
    { maxConnections, observer }: FleetLimits,
    context: Context<FleetMessage>,
  ) {
    this.#connector = connector;
    this.#scheduler = scheduler;
    this.#observer = observer;
    this.#budget = maxConnections === undefined ? undefined : context.spawn(connectionBudget(maxConnections));
  }

  handle(message: FleetMessage, context: Context<FleetMessage>): void {
    switch (message.kind) {
      case "execute":
        // Who sent it hears of our end.
        if (this.#stopping) return;
        context.send(this.#host(message.target, context), {
          kind: "execute",
          spec: message.spec,
          job: message.job,
        });
        return;
      case "lease":
        if (this.#stopping) return;
        context.send(this.#host(message.target, context), {
          kind: "lease",
          spec: message.spec,
          owner: message.owner,
        });
        return;
      case "inquire": {
        if (this.#stopping) return;
        const { question, replyTo } = message;
        context.send(this.#host(message.target, context), { kind: "inquire", question, replyTo });
        return;
      }
      case "crowded":
        this.#crowded(message.quotaKey, context);
        return;
      case "circuits":
        context.reply(
          message.replyTo,
          [...this.#circuits].map(([{ name }, circuit]) => ({
            host: name,
            circuit: approached(circuit, context.now()),
          })),
        );
        return;
      case "cancel": {
        const ref = this.#hosts.get(message.target)?.ref;
        if (ref !== undefined) context.send(ref, { kind: "cancel", job: message.job, index: message.index });
        return;
      }
      case "hostIdle":
        this.#hostIdle(message, context);
        return;
      case "hostGone":
        if (this.#hosts.get(message.target)?.ref === message.host) this.#hosts.delete(message.target);
        if (this.#stopping && this.#hosts.size === 0) context.stop();
        return;
    }
  }

  /** Children end one after the other; so that no host waits for another's clean-up, all are told at once. */
  stopping(context: Context<FleetMessage>): boolean {
    this.#stopping = true;
    for (const { ref } of this.#hosts.values()) context.stop(ref);
    return this.#hosts.size === 0;
  }

  describe(): string {
    const open = this.#circuits.size;
    return `${this.#hosts.size} hosts${open === 0 ? "" : `, ${open} others with an open circuit`}`;
  }

  /** Circuits of hosts that have no actor now; the others are told by their sessions. */
  figures(): Readonly<Record<string, number>> {
    return { circuitsOpen: this.#circuits.size };
  }

  /** This is rare, and a map by key for it would cost memory for every host. */
  #crowded(quotaKey: string, context: Context<FleetMessage>): void {
    for (const [target, { ref }] of this.#hosts) {
      if (target.quotaKey === quotaKey) return context.send(ref, { kind: "learnLimits" });
    }
  }

  #host(target: HostTarget, context: Context<FleetMessage>): ActorRef<HostMessage> {
    let entry = this.#hosts.get(target);
    if (entry === undefined) {
      const circuit = this.#circuits.get(target);
      this.#circuits.delete(target);
      const options = { connector: this.#connector, budget: this.#budget, observer: this.#observer, circuit };
      const ref = context.spawn(host(target, options, this.#scheduler));
      context.watch(ref, () => ({ kind: "hostGone", target, host: ref }));
      this.#hosts.set(target, entry = { ref, sent: 0 });
      this.#awaitIdle(target, ref, context);
    }
    entry.sent++;
    return entry.ref;
  }

  /** Answers never wait: however many hosts become idle in one instant, they can say so. */
  #awaitIdle(target: HostTarget, ref: ActorRef<HostMessage>, context: Context<FleetMessage>): void {
    context.ask<HostMessage, IdleHost>(
      ref,
      (replyTo) => ({ kind: "whenIdle", replyTo }),
      Infinity,
      (outcome) => ({ kind: "hostIdle", target, host: ref, outcome }),
    );
  }

  #hostIdle(
    { target, host: ref, outcome }: Extract<FleetMessage, { kind: "hostIdle" }>,
    context: Context<FleetMessage>,
  ): void {
    const entry = this.#hosts.get(target);
    if (outcome.kind !== "answered" || this.#stopping || entry?.ref !== ref) return;
    const { taken, circuit } = outcome.value;
    // Work is on its way to it.
    if (entry.sent !== taken) return this.#awaitIdle(target, ref, context);
    this.#hosts.delete(target);
    context.stop(ref);
    if (circuit.kind === "closed") return;
    this.#circuits.set(target, circuit);
    if (this.#circuits.size <= maxCircuits) return;
    for (const oldest of this.#circuits.keys()) {
      this.#circuits.delete(oldest);
      return;
    }
  }
}
