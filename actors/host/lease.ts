/**
 * A lease: one shell that a script opened, with its permit, for as long as the script holds it. Commands in it ask for permits of
 * their own. As with an execution, a shell that a quota has refused is asked for again.
 * @module
 */
import { type DroverError, NetworkError } from "../../protocol/errors.ts";
import type { CreateShellOptions } from "../../protocol/shell/mod.ts";
import type { ActorRef, Behaviour, ChildSpec, Context, StopReason } from "../kernel/actor.ts";
import type { SchedulerMessage } from "../scheduler/mod.ts";
import type { CommandReport, CommandSpec, CommandTimes } from "./command.ts";
import { crashed } from "./events.ts";
import type { SessionRequest } from "./exchange.ts";
import { type PermitAnswer, type PermitMessage, type PermitTerms, WorkPermit } from "./permit.ts";
import { shell, type ShellMessage, type ShellReport } from "./shell.ts";

/** The shell that a script wants. */
export interface LeaseSpec extends PermitTerms {
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
  | PermitMessage
  | {
    readonly kind: "run";
    readonly id: number;
    readonly spec: CommandSpec;
    readonly owner: ActorRef<CommandReport>;
    /** Milliseconds that it may wait for its permit; default: as long as it takes. */
    readonly waitMs?: number | undefined;
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
  return { label: "lease", start: (context) => new Lease(spec, session, scheduler, owner, context) };
}

class Lease implements Behaviour<LeaseMessage> {
  readonly #spec: LeaseSpec;
  readonly #session: ActorRef<SessionRequest>;
  readonly #scheduler: ActorRef<SchedulerMessage>;
  readonly #owner: ActorRef<LeaseReport>;
  readonly #permit: WorkPermit;
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
    this.#permit = new WorkPermit(scheduler, spec, {});
    this.#permit.ask(context);
  }

  handle(message: LeaseMessage, context: Context<LeaseMessage>): void {
    switch (message.kind) {
      case "permit":
        this.#begin(message, context);
        return;
      case "again":
        this.#permit.ask(context);
        return;
      case "noMoreTries":
        if (!this.#permit.held) this.#fail(this.#permit.refusal!, context);
        return;
      case "shellOpened":
        this.#permit.returnOperations(context);
        context.send(this.#owner, { kind: "leaseOpened", lease: context.self, shellId: message.shellId });
        return;
      case "shellFailed":
        if (this.#closeAsked && !message.left) {
          this.#closed(true, context);
          return;
        }
        if (!message.left && this.#tryAgain(message.error, context)) return;
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
          this.#permit.withdraw(context);
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

  #begin({ permit, overdue }: PermitAnswer, context: Context<LeaseMessage>): void {
    if (permit === undefined) {
      const state = overdue
        ? `its turn did not come within ${this.#spec.waitMs} ms`
        : "the fleet was closed before its turn came";
      const error = new NetworkError("NotStarted", `open shell: ${state}; nothing was sent`);
      this.#fail(this.#permit.refusal ?? error, context);
      return;
    }
    this.#permit.take(permit);
    const quota = { ...this.#spec, scheduler: this.#scheduler, operations: 0 } as const;
    this.#shell = context.spawn(
      shell(this.#spec.shell, this.#session, context.self, this.#spec.times, quota),
    );
  }

  #tryAgain(error: DroverError, context: Context<LeaseMessage>): boolean {
    if (!this.#permit.mayTryAgain(error, undefined, context)) return false;
    if (!this.#permit.tryLater(context)) return false;
    this.#shell = undefined;
    return true;
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
    this.#permit.giveBack(this.#spec.shell, shellLeft, context);
    context.stop();
  }
}
