/**
 * An execution: one command on one host for one job, from the permit to the last confirmed clean-up.
 *
 * It decides the host's status. The rule: what is not proven is `unknown`. A stop (deadline or cancel) counts only when
 * the service confirmed the Signal, or the Delete of the shell. Only work that a quota has refused, so that it certainly did
 * not run, is tried again; nothing else is ever sent a second time.
 * @module
 */
import { DeniedError, type DroverError, NetworkError } from "../../protocol/errors.ts";
import type { CreateShellOptions } from "../../protocol/shell/mod.ts";
import { ReportedFault } from "../../protocol/wsman/mod.ts";
import type { ActorRef, Behaviour, ChildSpec, Context, StopReason, TimerHandle } from "../kernel/actor.ts";
import type { PermitGrant, SchedulerMessage } from "../scheduler/mod.ts";
import { quotaFault, Tries } from "./retry.ts";
import type { CommandEnd, CommandMessage, CommandReport, CommandSpec, CommandTimes } from "./command.ts";
import { crashed, type HostResult, type HostStatus } from "./events.ts";
import type { SessionRequest } from "./exchange.ts";
import { returned } from "./kept_shell.ts";
import { askPermit } from "./permit.ts";
import { shell, type ShellMessage, type ShellReport } from "./shell.ts";

/** What to do on one host. */
export interface ExecutionSpec {
  /** Number of the host in its job; comes back in every report. */
  readonly index: number;
  /** Key of the job, for the scheduler's fairness. */
  readonly job: string;
  /** Key of host and user, for the scheduler's quotas. */
  readonly quotaKey: string;
  /** Hosts of this job that may be active at once. */
  readonly throttle: number;
  /** The shell to make. */
  readonly shell: CreateShellOptions;
  /** The command to run. */
  readonly command: CommandSpec;
  /** Milliseconds from the first permit to the end; `undefined`: no deadline. */
  readonly timeoutMs: number | undefined;
  /** Time-outs of single requests. */
  readonly times: CommandTimes;
}

/** What an execution tells its job. */
export type ExecutionReport =
  | { readonly kind: "started"; readonly index: number }
  | {
    readonly kind: "output";
    readonly index: number;
    readonly command: ActorRef<CommandMessage>;
    readonly pieces: Extract<CommandReport, { kind: "output" }>["pieces"];
  }
  | { readonly kind: "result"; readonly index: number; readonly result: HostResult }
  /** Nothing of it is left. */
  | { readonly kind: "released"; readonly index: number };

/** Messages that an execution takes. */
export type ExecutionMessage =
  | ShellReport
  | CommandReport
  | { readonly kind: "permit"; readonly permit: PermitGrant | undefined }
  | { readonly kind: "cancel" }
  | { readonly kind: "deadline" }
  /** Time for another try of what a quota has refused, or for no more. */
  | { readonly kind: "again" }
  | { readonly kind: "noMoreTries" }
  | { readonly kind: "giveUp"; readonly shell: ActorRef<ShellMessage> };

/** An execution of `spec` over `session`, reporting to `job`. */
export function execution(
  spec: ExecutionSpec,
  session: ActorRef<SessionRequest>,
  scheduler: ActorRef<SchedulerMessage>,
  job: ActorRef<ExecutionReport>,
): ChildSpec<ExecutionMessage> {
  return { start: (context) => new Execution(spec, session, scheduler, job, context) };
}

class Execution implements Behaviour<ExecutionMessage> {
  readonly #spec: ExecutionSpec;
  readonly #session: ActorRef<SessionRequest>;
  readonly #scheduler: ActorRef<SchedulerMessage>;
  readonly #job: ActorRef<ExecutionReport>;
  #permit: PermitGrant | undefined;
  /** Monotonic milliseconds of the first permit. */
  #since: number | undefined;
  #shell: ActorRef<ShellMessage> | undefined;
  #stop: "timedOut" | "cancelled" | undefined;
  /** The end of a command that was asked to stop, until Delete decides. */
  #undecided: DroverError | undefined;
  /** What Done said, seen while the command was being stopped. */
  #exitSeen: number | undefined;
  /** In this try. */
  #commandSent = false;
  /** There since a quota has refused the work for the first time. */
  #tries: Tries | undefined;
  /** A Command was sent, and refused by a quota. */
  #commandRefused = false;
  /** The shell is being closed so that there can be another try. */
  #closingForRetry = false;
  #reported = false;
  #giveUp: TimerHandle | undefined;

  constructor(
    spec: ExecutionSpec,
    session: ActorRef<SessionRequest>,
    scheduler: ActorRef<SchedulerMessage>,
    job: ActorRef<ExecutionReport>,
    context: Context<ExecutionMessage>,
  ) {
    this.#spec = spec;
    this.#session = session;
    this.#scheduler = scheduler;
    this.#job = job;
    this.#acquire(context);
  }

  handle(message: ExecutionMessage, context: Context<ExecutionMessage>): void {
    switch (message.kind) {
      case "permit":
        this.#begin(message.permit, context);
        return;
      case "shellOpened":
        if (this.#stop !== undefined) return;
        this.#commandSent = true;
        context.send(this.#shell!, { kind: "run", id: 0, spec: this.#spec.command, owner: context.self });
        return;
      case "shellFailed":
        this.#shellFailed(message, context);
        return;
      case "commandStarted":
        return;
      case "output":
        context.send(this.#job, { ...message, index: this.#spec.index });
        return;
      case "exitSeen":
        this.#exitSeen = message.exitCode;
        return;
      case "ended":
        this.#ended(message.end, context);
        return;
      case "shellClosed":
        this.#shellClosed(message.confirmed, context);
        return;
      case "cancel":
        this.#halt("cancelled", context);
        return;
      case "deadline":
        this.#halt("timedOut", context);
        return;
      case "again":
        if (!this.#reported) this.#acquire(context);
        return;
      case "noMoreTries":
        if (this.#permit === undefined && !this.#reported) this.#endUnstarted(context);
        return;
      case "giveUp":
        if (message.shell === this.#shell) this.#shellClosed(false, context);
        return;
    }
  }

  childEnded(_child: ActorRef<never>, reason: StopReason, context: Context<ExecutionMessage>): void {
    if (reason.kind !== "crashed") return;
    this.#report("unknown", crashed(), context);
    this.#release(context, true);
  }

  describe(): string {
    if (this.#permit === undefined) {
      return this.#tries === undefined ? "waiting for a permit" : "refused by a quota, to be tried again";
    }
    return this.#reported ? "cleaning up" : this.#commandSent ? "running" : "opening a shell";
  }

  #acquire(context: Context<ExecutionMessage>): void {
    askPermit<ExecutionMessage>(
      this.#scheduler,
      this.#spec,
      context,
      (permit) => ({ kind: "permit", permit }),
    );
  }

  #begin(permit: PermitGrant | undefined, context: Context<ExecutionMessage>): void {
    if (permit === undefined) {
      this.#endUnstarted(context);
      return;
    }
    this.#permit = permit;
    if (this.#since === undefined) {
      this.#since = context.now();
      context.send(this.#job, { kind: "started", index: this.#spec.index });
      if (this.#spec.timeoutMs !== undefined) {
        context.timer(this.#spec.timeoutMs, { kind: "deadline" });
      }
    }
    this.#shell = context.spawn(shell(this.#spec.shell, this.#session, context.self, this.#spec.times));
  }

  /** Ends without a permit: nothing was sent, or all that was sent was refused. */
  #endUnstarted(context: Context<ExecutionMessage>): void {
    if (this.#tries !== undefined) this.#report("failed", this.#tries.refusal, context);
    else {
      const state = this.#stop === undefined
        ? "the run ended before its turn came"
        : "it was cancelled before its turn came";
      this.#report("unreachable", notStarted(state), context);
    }
    this.#release(context);
  }

  /** Lets the scheduler learn from a quota fault, and from signs that the service has too much to do. */
  #learn(error: DroverError, context: Context<ExecutionMessage>): void {
    const { quotaKey } = this.#spec;
    const code = quotaFault(error)?.faultCode;
    if (code !== undefined) context.send(this.#scheduler, { kind: "quotaFault", quotaKey, code });
    else if (error.code === "Http503" || error.code === "ConnectionReset") {
      context.send(this.#scheduler, { kind: "overload", quotaKey });
    }
  }

  /** Whether what `error` refused may be tried again, as far as one can say before its shell is gone. */
  #mayTryAgain(error: DroverError, context: Context<ExecutionMessage>): boolean {
    const refusal = quotaFault(error);
    if (refusal === undefined || this.#stop !== undefined) return false;
    if (this.#tries === undefined) {
      const { timeoutMs } = this.#spec;
      const deadline = timeoutMs === undefined ? undefined : this.#since! + timeoutMs;
      this.#tries = new Tries(refusal, context.now(), deadline);
      if (deadline === undefined) {
        context.timer(this.#tries.until - context.now(), { kind: "noMoreTries" });
      }
    } else this.#tries.refusal = refusal;
    return true;
  }

  /** Nothing of the last try is left: gives its permit back, so that others go on, and asks for another one after a pause. */
  #tryAgain(context: Context<ExecutionMessage>): void {
    const tries = this.#tries!;
    const pause = tries.pause(context.now(), context.random);
    if (pause === undefined) {
      this.#report("failed", tries.refusal, context);
      this.#release(context);
      return;
    }
    if (this.#permit !== undefined) {
      context.send(this.#scheduler, { kind: "release", permit: this.#permit });
    }
    this.#permit = undefined;
    this.#shell = undefined;
    this.#commandSent = false;
    if (this.#giveUp !== undefined) context.cancel(this.#giveUp);
    this.#giveUp = undefined;
    context.timer(pause, { kind: "again" });
  }

  #shellFailed(
    message: Extract<ShellReport, { kind: "shellFailed" }>,
    context: Context<ExecutionMessage>,
  ): void {
    this.#learn(message.error, context);
    if (!message.left && this.#mayTryAgain(message.error, context)) {
      this.#tryAgain(context);
      return;
    }
    const denied = isDenied(message.error);
    const refused = message.error instanceof ReportedFault;
    this.#report(denied ? "denied" : refused ? "failed" : "unreachable", message.error, context);
    if (message.left) this.#watchCleanup(context);
    else this.#release(context);
  }

  #ended(end: CommandEnd, context: Context<ExecutionMessage>): void {
    switch (end.kind) {
      case "exited":
        this.#exited(end.exitCode, context);
        break;
      case "notSent":
        this.#learn(end.error, context);
        this.#report("unreachable", end.error, context);
        break;
      case "refused":
        this.#learn(end.error, context);
        if (this.#mayTryAgain(end.error, context)) {
          this.#commandRefused = true;
          this.#closingForRetry = true;
          break;
        }
        this.#report(isDenied(end.error) ? "denied" : "failed", end.error, context);
        break;
      case "stopped":
        this.#report(this.#stop ?? "cancelled", this.#stopError(), context);
        break;
      case "unknown":
        this.#learn(end.error, context);
        if (end.stopAsked) this.#undecided = end.error;
        else this.#report("unknown", end.error, context);
        break;
    }
    this.#close(context);
  }

  #shellClosed(confirmed: boolean, context: Context<ExecutionMessage>): void {
    if (this.#closingForRetry) {
      this.#closingForRetry = false;
      if (confirmed && this.#stop === undefined) {
        this.#tryAgain(context);
        return;
      }
      // It may be counted still: what would be tried again could be refused because of it.
      this.#report("failed", this.#tries!.refusal, context);
    }
    if (!this.#reported) {
      if (confirmed && this.#stop !== undefined) this.#report(this.#stop, this.#stopError(), context);
      else if (this.#exitSeen !== undefined) this.#exited(this.#exitSeen, context);
      else this.#report("unknown", this.#undecided ?? unconfirmed(), context);
    }
    this.#release(context, !confirmed);
  }

  #exited(exitCode: number, context: Context<ExecutionMessage>): void {
    this.#report(exitCode === 0 ? "succeeded" : "failed", undefined, context, exitCode);
  }

  #halt(reason: "timedOut" | "cancelled", context: Context<ExecutionMessage>): void {
    if (this.#stop !== undefined || this.#reported) return;
    this.#stop = reason;
    if (this.#permit === undefined) {
      context.send(this.#scheduler, { kind: "cancel", id: context.self.id });
      this.#endUnstarted(context);
      return;
    }
    this.#close(context);
  }

  #close(context: Context<ExecutionMessage>): void {
    context.send(this.#shell!, { kind: "close" });
    this.#watchCleanup(context);
  }

  /** A dead host must not hold its job: clean-up has a deadline of its own, counted once. */
  #watchCleanup(context: Context<ExecutionMessage>): void {
    this.#giveUp ??= context.timer(this.#spec.times.cleanupTimeoutMs, {
      kind: "giveUp",
      shell: this.#shell!,
    });
  }

  #report(
    status: HostStatus,
    error: DroverError | undefined,
    context: Context<ExecutionMessage>,
    exitCode?: number,
  ): void {
    if (this.#reported) return;
    this.#reported = true;
    // Before Command was sent there is nothing that could be unknown.
    const known = status === "unknown" && !this.#commandSent ? "unreachable" : status;
    if (known === "unreachable" && this.#commandRefused) {
      // An earlier try has reached the service, whose refusal proves that the command did not run.
      status = "failed";
      error = this.#tries?.refusal;
    } else status = known;
    context.send(this.#job, {
      kind: "result",
      index: this.#spec.index,
      result: {
        status,
        exitCode,
        durationMs: this.#since === undefined ? 0 : context.now() - this.#since,
        error: error === undefined ? undefined : { code: error.code, message: error.message },
      },
    });
  }

  /** `shellLeft`: the service may still have the shell. Its place is then kept until its time is over; the slot is free. */
  #release(context: Context<ExecutionMessage>, shellLeft = false): void {
    if (this.#permit !== undefined) {
      context.send(this.#scheduler, returned(this.#permit, this.#spec.shell, shellLeft));
    }
    context.send(this.#job, { kind: "released", index: this.#spec.index });
    context.stop();
  }

  #stopError(): DroverError {
    return this.#stop === "timedOut"
      ? new NetworkError(
        "TimedOut",
        `run command: it was stopped at its deadline of ${this.#spec.timeoutMs} ms`,
      )
      : new NetworkError("Cancelled", "run command: it was stopped on request");
  }
}

function isDenied(error: DroverError): boolean {
  return error instanceof DeniedError || (error instanceof ReportedFault && error.isAccessDenied);
}

function notStarted(state: string): NetworkError {
  return new NetworkError("NotStarted", `run command: ${state}; nothing was sent`);
}

function unconfirmed(): NetworkError {
  return new NetworkError("Unconfirmed", "stop command: the service did not confirm it in time");
}
