/** A lease: one shell that a script opened, with its permit, for as long as the script holds it. @module */
import { type DroverError, NetworkError } from "../../protocol/errors.ts";
import type { CreateShellOptions } from "../../protocol/shell/mod.ts";
import type { ActorRef, Behaviour, ChildSpec, Context, StopReason } from "../kernel/actor.ts";
import type { PermitGrant, SchedulerMessage } from "../scheduler/mod.ts";
import type { CommandReport, CommandSpec, CommandTimes } from "./command.ts";
import { crashed } from "./events.ts";
import type { SessionRequest } from "./exchange.ts";
import { returned } from "./kept_shell.ts";
import { askPermit } from "./permit.ts";
import { shell, type ShellMessage, type ShellReport } from "./shell.ts";

/** The shell that a script wants. */
export interface LeaseSpec {
  /** Key of the script, for the scheduler's fairness. */
  readonly job: string;
  /** Key of host and user. */
  readonly quotaKey: string;
  /** Shells of this script that may be open at once. */
  readonly throttle: number;
  /** The shell to make. */
  readonly shell: CreateShellOptions;
  /** Time-outs of single requests. */
  readonly times: CommandTimes;
}

/** What a lease tells its owner. */
export type LeaseReport =
  /** It exists and waits for its permit; it takes `close` from now on. */
  | { readonly kind: "leaseMade"; readonly lease: ActorRef<LeaseMessage> }
  | { readonly kind: "leaseOpened"; readonly lease: ActorRef<LeaseMessage>; readonly shellId: string }
  | { readonly kind: "leaseFailed"; readonly error: DroverError }
  | Extract<ShellReport, { kind: "commandStarted" }>
  | { readonly kind: "leaseClosed"; readonly confirmed: boolean };

/** Messages that a lease takes. */
export type LeaseMessage =
  | ShellReport
  | { readonly kind: "permit"; readonly permit: PermitGrant | undefined }
  | {
    readonly kind: "run";
    readonly id: number;
    readonly spec: CommandSpec;
    readonly owner: ActorRef<CommandReport>;
  }
  | { readonly kind: "close" }
  | { readonly kind: "giveUp" };

/** A lease over `session` that reports to `owner`. */
export function lease(
  spec: LeaseSpec,
  session: ActorRef<SessionRequest>,
  scheduler: ActorRef<SchedulerMessage>,
  owner: ActorRef<LeaseReport>,
): ChildSpec<LeaseMessage> {
  return { start: (context) => new Lease(spec, session, scheduler, owner, context) };
}

class Lease implements Behaviour<LeaseMessage> {
  readonly #spec: LeaseSpec;
  readonly #session: ActorRef<SessionRequest>;
  readonly #scheduler: ActorRef<SchedulerMessage>;
  readonly #owner: ActorRef<LeaseReport>;
  #permit: PermitGrant | undefined;
  #shell: ActorRef<ShellMessage> | undefined;
  #failed = false;
  #closeAsked = false;

  constructor(
    spec: LeaseSpec,
    session: ActorRef<SessionRequest>,
    scheduler: ActorRef<SchedulerMessage>,
    owner: ActorRef<LeaseReport>,
    context: Context<LeaseMessage>,
  ) {
    this.#spec = spec;
    this.#session = session;
    this.#scheduler = scheduler;
    this.#owner = owner;
    context.send(owner, { kind: "leaseMade", lease: context.self });
    askPermit<LeaseMessage>(scheduler, spec, context, (permit) => ({ kind: "permit", permit }));
  }

  handle(message: LeaseMessage, context: Context<LeaseMessage>): void {
    switch (message.kind) {
      case "permit":
        if (message.permit === undefined) {
          this.#fail(
            new NetworkError("NotStarted", "open shell: the fleet was closed before its turn came"),
            context,
          );
          return;
        }
        this.#permit = message.permit;
        this.#shell = context.spawn(shell(this.#spec.shell, this.#session, context.self, this.#spec.times));
        return;
      case "shellOpened":
        context.send(this.#owner, { kind: "leaseOpened", lease: context.self, shellId: message.shellId });
        return;
      case "shellFailed":
        if (this.#closeAsked && !message.left) {
          this.#closed(true, context);
          return;
        }
        this.#failed = true;
        context.send(this.#owner, { kind: "leaseFailed", error: message.error });
        if (message.left) context.timer(this.#spec.times.cleanupTimeoutMs, { kind: "giveUp" });
        else this.#release(context);
        return;
      case "commandStarted":
        context.send(this.#owner, message);
        return;
      case "run":
        context.send(this.#shell!, message);
        return;
      case "close":
        if (this.#shell === undefined) {
          context.send(this.#scheduler, { kind: "cancel", id: context.self.id });
          this.#closed(true, context);
          return;
        }
        this.#closeAsked = true;
        context.send(this.#shell, { kind: "close" });
        context.timer(this.#spec.times.cleanupTimeoutMs, { kind: "giveUp" });
        return;
      case "shellClosed":
        this.#closed(message.confirmed, context);
        return;
      case "giveUp":
        this.#closed(false, context);
        return;
    }
  }

  childEnded(_child: ActorRef<never>, reason: StopReason, context: Context<LeaseMessage>): void {
    if (reason.kind !== "crashed") return;
    if (!this.#failed) context.send(this.#owner, { kind: "leaseFailed", error: crashed() });
    this.#failed = true;
    this.#closed(false, context);
  }

  #fail(error: DroverError, context: Context<LeaseMessage>): void {
    context.send(this.#owner, { kind: "leaseFailed", error });
    this.#release(context);
  }

  #closed(confirmed: boolean, context: Context<LeaseMessage>): void {
    if (!this.#failed) context.send(this.#owner, { kind: "leaseClosed", confirmed });
    this.#release(context, !confirmed);
  }

  #release(context: Context<LeaseMessage>, shellLeft = false): void {
    if (this.#permit !== undefined) {
      context.send(this.#scheduler, returned(this.#permit, this.#spec.shell, shellLeft));
    }
    context.stop();
  }
}
