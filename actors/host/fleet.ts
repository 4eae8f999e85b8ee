/** The fleet: supervisor of the host actors, which it starts on first use. @module */
import type { ActorRef, Behaviour, ChildSpec, Context } from "../kernel/actor.ts";
import type { Connector } from "../ports.ts";
import type { SchedulerMessage } from "../scheduler/mod.ts";
import type { ExecutionReport, ExecutionSpec } from "./execution.ts";
import { host, type HostMessage, type IdleMessage } from "./host.ts";
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
  | IdleMessage
  | { readonly kind: "hostGone"; readonly target: HostTarget; readonly host: ActorRef<HostMessage> };

/** A fleet over `connector` and `scheduler`. */
export function fleet(connector: Connector, scheduler: ActorRef<SchedulerMessage>): ChildSpec<FleetMessage> {
  return {
    name: "fleet",
    start: () => new Fleet(connector, scheduler),
    mailbox: { capacity: 65_536, overflow: "wait" },
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

  constructor(connector: Connector, scheduler: ActorRef<SchedulerMessage>) {
    this.#connector = connector;
    this.#scheduler = scheduler;
  }

  handle(message: FleetMessage, context: Context<FleetMessage>): void {
    switch (message.kind) {
      case "execute":
        context.send(this.#host(message.target, context), {
          kind: "execute",
          spec: message.spec,
          job: message.job,
        });
        return;
      case "lease":
        context.send(this.#host(message.target, context), {
          kind: "lease",
          spec: message.spec,
          owner: message.owner,
        });
        return;
      case "cancel": {
        const ref = this.#hosts.get(message.target)?.ref;
        if (ref !== undefined) context.send(ref, { kind: "cancel", job: message.job, index: message.index });
        return;
      }
      case "hostIdle":
        // Not when work is on its way to it.
        if (this.#hosts.get(message.target)?.sent !== message.taken) return;
        this.#hosts.delete(message.target);
        context.stop(message.host);
        return;
      case "hostGone":
        if (this.#hosts.get(message.target)?.ref === message.host) this.#hosts.delete(message.target);
        return;
    }
  }

  describe(): string {
    return `${this.#hosts.size} hosts`;
  }

  #host(target: HostTarget, context: Context<FleetMessage>): ActorRef<HostMessage> {
    let entry = this.#hosts.get(target);
    if (entry === undefined) {
      const ref = context.spawn(host(target, context.self, this.#connector, this.#scheduler));
      context.watch(ref, () => ({ kind: "hostGone", target, host: ref }));
      this.#hosts.set(target, entry = { ref, sent: 0 });
    }
    entry.sent++;
    return entry.ref;
  }
}
