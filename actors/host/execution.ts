/**
 * An execution: one command on one host for one job, from the permit to the last confirmed clean-up.
 *
 * It decides the host's status. The rule: what is not proven is `unknown`. A stop (deadline or cancel) counts only when
 * the service confirmed the Signal, or the Delete of the shell. Only work that a quota has refused, so that it certainly did
 * not run, is tried again; nothing else is ever sent a second time.
 * @module
 */
import { DeniedError, type DroverError, NetworkError } from "../../protocol/errors.ts";
import { guidFromRandom } from "../../protocol/guid.ts";
import type { CreateShellOptions } from "../../protocol/shell/mod.ts";
import { ReportedFault } from "../../protocol/wsman/mod.ts";
import type { ActorRef, Behaviour, ChildSpec, Context, StopReason, TimerHandle } from "../kernel/actor.ts";
import type { SchedulerMessage } from "../scheduler/mod.ts";
import type { CommandEnd, CommandMessage, CommandReport, CommandSpec, CommandTimes } from "./command.ts";
import { crashed, type HostResult, type HostStatus } from "./events.ts";
import type { SessionRequest } from "./exchange.ts";
import {
  operationsOf,
  type PermitAnswer,
  type PermitMessage,
  type PermitTerms,
  WorkPermit,
} from "./permit.ts";
import { shell, type ShellMessage, type ShellReport } from "./shell.ts";

/** What to do on one host. */
export interface ExecutionSpec extends PermitTerms {
  /** Number of the host in its job; comes back in every report. */
  readonly index: number;
  /** The shell to make. */
  readonly shell: CreateShellOptions;
  /** The command to run. */
  readonly command: CommandSpec;
  /** Milliseconds from the first permit to the end; `undefined`: no deadline. */
  readonly timeoutMs: number | undefined;
  /** Time-outs of single requests. */
  readonly times: CommandTimes;
  /** Command is sent only after its job has answered `intends` by `proceed`. Default false: at once. */
  readonly intent?: boolean;
  /** A command that an earlier life of the client has sent: it is received until its end, and nothing is begun. */
  readonly attach?: Attachment;
}

/** A command that was sent by somebody who has died since. */
export interface Attachment {
  readonly shellId: string;
  readonly commandId: string;
}

/** What an execution tells its job. */
export type ExecutionReport =
  | { readonly kind: "started"; readonly index: number }
  /** Its shell is open, and Command is the next request: once, however often a quota refuses it. */
  | (
    & { readonly kind: "intends"; readonly index: number; readonly execution: ActorRef<IntentAnswer> }
    & Attachment
  )
  | {
    readonly kind: "output";
    readonly index: number;
    readonly command: ActorRef<CommandMessage>;
    readonly pieces: Extract<CommandReport, { kind: "output" }>["pieces"];
  }
  | { readonly kind: "result"; readonly index: number; readonly result: HostResult }
  /** Nothing of it is left. */
  | { readonly kind: "released"; readonly index: number };

/** What a job answers to `intends`. */
export type IntentAnswer =
  | { readonly kind: "proceed" }
  /** Nothing must be sent, for the reason `error`. */
  | { readonly kind: "refuse"; readonly error: DroverError };

/** Messages that an execution takes. */
export type ExecutionMessage =
  | ShellReport
  | IntentAnswer
  | CommandReport
  | PermitMessage
  | { readonly kind: "cancel" }
  | { readonly kind: "deadline" }
  | { readonly kind: "giveUp"; readonly shell: ActorRef<ShellMessage> };

/** An execution of `spec` over `session`, reporting to `job`. */
export function execution(
  spec: ExecutionSpec,
  session: ActorRef<SessionRequest>,
  scheduler: ActorRef<SchedulerMessage>,
  job: ActorRef<ExecutionReport>,
): ChildSpec<ExecutionMessage> {
  return { label: "execution", start: (context) => new Execution(spec, session, scheduler, job, context) };
}

class Execution implements Behaviour<ExecutionMessage> {
  readonly #spec: ExecutionSpec;
  readonly #session: ActorRef<SessionRequest>;
  readonly #scheduler: ActorRef<SchedulerMessage>;
  readonly #job: ActorRef<ExecutionReport>;
  readonly #permit: WorkPermit;
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
  /** A Command was sent, and refused by a quota. */
  #commandRefused = false;
  /** The same in each try, so that the intent to send it holds for all of them. */
  #commandId: string | undefined;
  #mayRun: boolean;
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
    this.#commandId = spec.attach?.commandId;
    this.#mayRun = spec.intent !== true;
    this.#permit = new WorkPermit(scheduler, spec, { operations: operationsOf(spec.command.stdin) });
    this.#permit.ask(context);
  }

  handle(message: ExecutionMessage, context: Context<ExecutionMessage>): void {
    switch (message.kind) {
      case "permit":
        this.#begin(message, context);
        return;
      case "shellOpened":
        if (this.#stop !== undefined) return;
        if (this.#mayRun) this.#run(context);
        else this.#intend(message.shellId, context);
        return;
      case "proceed":
        this.#mayRun = true;
        // It may have been stopped, or have crashed, meanwhile.
        if (this.#stop === undefined && !this.#reported) this.#run(context);
        return;
      case "refuse":
        if (this.#stop !== undefined || this.#reported) return;
        this.#report("unreachable", message.error, context);
        this.#close(context);
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
        if (!this.#reported) this.#permit.ask(context);
        return;
      case "noMoreTries":
        if (!this.#permit.held && !this.#reported) this.#endUnstarted("", context);
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
    if (!this.#permit.held) {
      return this.#permit.refusal === undefined
        ? "waiting for a permit"
        : "refused by a quota, to be tried again";
    }
    return this.#reported ? "cleaning up" : this.#commandSent ? "running" : "opening a shell";
  }

  figures(): Readonly<Record<string, number>> {
    return this.#permit.held ? { permits: 1 } : {};
  }

  #begin({ permit, overdue }: PermitAnswer, context: Context<ExecutionMessage>): void {
    if (permit === undefined) {
      const state = overdue
        ? `its turn did not come within ${this.#spec.waitMs} ms`
        : "the run ended before its turn came";
      this.#endUnstarted(state, context);
      return;
    }
    this.#permit.take(permit);
    if (this.#since === undefined) {
      this.#since = context.now();
      context.send(this.#job, { kind: "started", index: this.#spec.index });
      if (this.#spec.timeoutMs !== undefined) {
        context.timer(this.#spec.timeoutMs, { kind: "deadline" });
      }
    }
    const quota = {
      ...this.#spec,
      place: this.#spec,
      scheduler: this.#scheduler,
      operations: operationsOf(this.#spec.command.stdin),
    };
    this.#shell = context.spawn(
      shell(
        this.#spec.shell,
        this.#session,
        context.self,
        this.#spec.times,
        quota,
        this.#spec.attach?.shellId,
      ),
    );
  }

  #intend(shellId: string, context: Context<ExecutionMessage>): void {
    const commandId = this.#commandId ??= guidFromRandom(context.random.bytes(16));
    const { index } = this.#spec;
    context.send(this.#job, { kind: "intends", index, execution: context.self, shellId, commandId });
  }

  #run(context: Context<ExecutionMessage>): void {
    this.#commandSent = true;
    context.send(this.#shell!, {
      kind: "run",
      id: 0,
      spec: this.#spec.command,
      owner: context.self,
      deadline: this.#deadline,
      commandId: this.#commandId,
      attached: this.#spec.attach !== undefined,
    });
  }

  /** Monotonic milliseconds of the host's end; `undefined`: none. */
  get #deadline(): number | undefined {
    const { timeoutMs } = this.#spec;
    return timeoutMs === undefined ? undefined : this.#since! + timeoutMs;
  }

  /** Ends without a permit: nothing was sent, for the reason `state`, or all that was sent was refused. */
  #endUnstarted(state: string, context: Context<ExecutionMessage>): void {
    const { refusal } = this.#permit;
    if (refusal !== undefined) this.#report("failed", refusal, context);
    else this.#report("unreachable", notStarted(state), context);
    this.#release(context);
  }

  /** Whether what `error` refused may be tried again, as far as one can say before its shell is gone. */
  #mayTryAgain(error: DroverError, context: Context<ExecutionMessage>): boolean {
    return this.#stop === undefined && this.#permit.mayTryAgain(error, this.#deadline, context);
  }

  /** Nothing of the last try is left. */
  #tryAgain(context: Context<ExecutionMessage>): void {
    if (!this.#permit.tryLater(context)) {
      this.#report("failed", this.#permit.refusal, context);
      this.#release(context);
      return;
    }
    this.#shell = undefined;
    this.#commandSent = false;
    if (this.#giveUp !== undefined) context.cancel(this.#giveUp);
    this.#giveUp = undefined;
  }

  #shellFailed(
    message: Extract<ShellReport, { kind: "shellFailed" }>,
    context: Context<ExecutionMessage>,
  ): void {
    if (!message.left && this.#mayTryAgain(message.error, context)) {
      this.#tryAgain(context);
      return;
    }
    const denied = isDenied(message.error);
    const refused = message.error instanceof ReportedFault;
    const error = this.#asStopped(message.error);
    this.#report(denied ? "denied" : refused ? "failed" : "unreachable", error, context);
    if (message.left) this.#watchCleanup(context);
    else this.#release(context);
  }

  #ended(end: CommandEnd, context: Context<ExecutionMessage>): void {
    switch (end.kind) {
      case "exited":
        this.#exited(end.exitCode, context);
        break;
      case "notSent":
        this.#report("unreachable", this.#asStopped(end.error), context);
        break;
      case "refused":
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
      this.#report("failed", this.#permit.refusal, context);
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
    if (!this.#permit.held) {
      this.#permit.withdraw(context);
      this.#endUnstarted("it was cancelled before its turn came", context);
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
      error = this.#permit.refusal;
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
    this.#permit.giveBack(this.#spec.shell, shellLeft, context);
    context.send(this.#job, { kind: "released", index: this.#spec.index });
    context.stop();
  }

  #stopError(): DroverError {
    const code = this.#stop === "timedOut" ? "TimedOut" : "Cancelled";
    return new NetworkError(code, `run command: it was ${this.#stopReason}`);
  }

  /** A stop takes back what still waits for a connection: then the host is slow or silent, which `NotSent` does not say. */
  #asStopped(error: DroverError): DroverError {
    if (this.#stop === undefined || error.code !== "NotSent") return error;
    const state =
      `it was ${this.#stopReason}, while the host had no connection ready for it; it was not sent`;
    return new NetworkError("NotSent", `run command: ${state}`);
  }

  get #stopReason(): string {
    return this.#stop === "timedOut"
      ? `stopped at its deadline of ${this.#spec.timeoutMs} ms`
      : "stopped on request";
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
