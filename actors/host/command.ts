/**
 * A command in a shell: Command, Send, Receive until its end, Signal terminate ([MS-WSMV] 3.2.4.1).
 *
 * What happened is told to its owner: output piece by piece as it is verified, then exactly one end. Output waits for
 * the owner: at most {@link outputWindow} answers are on their way at once, so a slow reader slows the remote command.
 * @module
 */
import { DeniedError, type DroverError, NetworkError, ProtocolError } from "../../protocol/errors.ts";
import { guidFromRandom } from "../../protocol/guid.ts";
import type { Envelope } from "../../protocol/soap/mod.ts";
import {
  advance,
  commandLine,
  type CommandOptions,
  type CommandState,
  type CommandStep,
  commandTransitions,
  type CreatedShell,
  readCommandResponse,
  readReceiveResponse,
  receiveOutput,
  runCommand,
  sendInput,
  signalCommand,
} from "../../protocol/shell/mod.ts";
import type { ReportedFault } from "../../protocol/wsman/mod.ts";
import type { ActorRef, Behaviour, ChildSpec, Context, StopReason } from "../kernel/actor.ts";
import { Credit } from "../kernel/credit.ts";
import type { OutputStream } from "../ports.ts";
import { asDroverError } from "./client_http.ts";
import {
  type ExchangeMessage,
  type ExchangeOutcome,
  exchangeOutcome,
  type ExchangePriority,
  type ExchangeRequest,
  type SessionRequest,
} from "./exchange.ts";
import {
  askCleanup,
  askPermit,
  learn,
  operationsOf,
  type PermitAnswer,
  returnCleanup,
  type ShellQuota,
} from "./permit.ts";
import { quotaFault, Tries } from "./retry.ts";

/** How a command ended, as far as anybody knows. */
export type CommandEnd =
  /** The service said Done. */
  | { readonly kind: "exited"; readonly exitCode: number }
  /** No byte of Command was sent. */
  | { readonly kind: "notSent"; readonly error: DroverError }
  /** The service refused it: it did not run. */
  | { readonly kind: "refused"; readonly error: DroverError }
  /** It was stopped on our wish, and the service confirmed the Signal. */
  | { readonly kind: "stopped" }
  /** It may have run, or runs still. `stopAsked`: a stop was asked for, but not confirmed by the Signal. */
  | { readonly kind: "unknown"; readonly error: DroverError; readonly stopAsked: boolean };

/** What a command tells its owner. */
export type CommandReport =
  | {
    readonly kind: "output";
    readonly command: ActorRef<CommandMessage>;
    readonly pieces: readonly { readonly stream: OutputStream; readonly bytes: Uint8Array }[];
  }
  /** While it was being stopped the service said Done; `ended` follows when the Signal was answered, or was not. */
  | { readonly kind: "exitSeen"; readonly exitCode: number }
  | { readonly kind: "ended"; readonly command: ActorRef<CommandMessage>; readonly end: CommandEnd };

/** Messages that a command takes. */
export type CommandMessage =
  /** The owner has taken one output. */
  | { readonly kind: "taken" }
  /** Stop it: Signal terminate. */
  | { readonly kind: "stop" }
  | { readonly kind: "accepted"; readonly outcome: ExchangeOutcome }
  | { readonly kind: "received"; readonly outcome: ExchangeOutcome }
  | {
    readonly kind: "inputSent";
    readonly outcome: ExchangeOutcome;
    readonly piece: Uint8Array;
    readonly end: boolean;
  }
  | PermitAnswer
  /** Time to send again what a quota has refused. */
  | { readonly kind: "receiveAgain" }
  | { readonly kind: "sendAgain"; readonly piece: Uint8Array; readonly end: boolean }
  | { readonly kind: "signalNow" }
  | { readonly kind: "signalAgain" }
  | { readonly kind: "signalled"; readonly outcome: ExchangeOutcome }
  | { readonly kind: "drained" };

/** What to run and how. */
export interface CommandSpec extends Omit<CommandOptions, "command" | "args" | "commandId"> {
  /** A text goes to the remote shell as it is; words are quoted for the target, so that the program gets exactly them. */
  readonly command: string | readonly string[];
  /** Bytes for standard input, which is closed after them; `undefined` leaves it open. */
  readonly stdin?: Uint8Array;
}

/** Time-outs of a command's requests. */
export interface CommandTimes {
  /** Milliseconds that the service may hold a Receive. */
  readonly operationTimeoutMs: number;
  /** Milliseconds for the answer to a Signal or Delete. */
  readonly cleanupTimeoutMs: number;
  /** Milliseconds beyond all of these until an ask is given up; larger than the link's own deadline. */
  readonly guardMs: number;
}

/** On which terms a command runs. */
export interface CommandTerms {
  readonly quota: ShellQuota;
  /** Its shell: for as long as that lives, the place of a process is kept whose end nobody has confirmed. */
  readonly shell: ActorRef<never>;
  /** Milliseconds after which that place comes back all the same: the service deletes a shell that nobody uses for so long. */
  readonly keepMs: number;
  /** Milliseconds that it may wait for a permit of its own; `undefined`: as long as it takes. */
  readonly waitMs: number | undefined;
  /** Monotonic milliseconds of its end; `undefined`: none. */
  readonly deadline: number | undefined;
  /** CommandId to propose; `undefined`: one of its own choice. */
  readonly commandId?: string | undefined;
  /** It was sent before, under `commandId`, by somebody who has died: it is only received. */
  readonly attached?: boolean | undefined;
}

/** Answers with output that may be on their way to the owner at once. */
export const outputWindow = 2;

/** Bytes of standard input in one Send: 64 KB become 88 KB of base64, below the 150 KB of the oldest services. */
const inputPieceBytes = 65_536;

/** After a confirmed stop, milliseconds that the Receive still under way may take to bring the last output. */
const drainMs = 1_000;

/** A command in `shell`. */
export function command(
  spec: CommandSpec,
  shell: CreatedShell,
  session: ActorRef<SessionRequest>,
  owner: ActorRef<CommandReport>,
  times: CommandTimes,
  terms: CommandTerms,
): ChildSpec<CommandMessage> {
  return {
    label: "command",
    start: (context) => new Command(spec, shell, session, owner, times, terms, context),
  };
}

class Command implements Behaviour<CommandMessage> {
  readonly #spec: CommandSpec;
  readonly #shell: CreatedShell;
  readonly #session: ActorRef<SessionRequest>;
  readonly #owner: ActorRef<CommandReport>;
  readonly #times: CommandTimes;
  readonly #terms: CommandTerms;
  /** Operations that it may have open by its permit, or its shell's. */
  readonly #operations: number;
  #state: CommandState = "idle";
  /** Proposed by us, so that even a command whose answer is lost can be signalled; the answer may bring another one. */
  #commandId: string;
  #exitCode: number | undefined;
  #stopAsked = false;
  #signalAsked = false;
  #receiving = false;
  readonly #credit = new Credit(outputWindow);
  #inputAt = 0;
  #reported = false;
  /** Command, Sends and Receives that were asked for and have no outcome. */
  #asked = 0;
  /** Whether its Signal has an operation beside those of its permit, or asks for one. */
  #cleanup = false;
  /** Its process may be there. */
  #mayRun = false;
  /** A Receive that a quota has refused goes out again after a pause. */
  #receivesLater = false;
  /** Since the last Receive, or Send, that was not refused. */
  #receiveTries: Tries | undefined;
  #sendTries: Tries | undefined;
  #signalTries: Tries | undefined;

  constructor(
    spec: CommandSpec,
    shell: CreatedShell,
    session: ActorRef<SessionRequest>,
    owner: ActorRef<CommandReport>,
    times: CommandTimes,
    terms: CommandTerms,
    context: Context<CommandMessage>,
  ) {
    this.#spec = spec;
    this.#shell = shell;
    this.#session = session;
    this.#owner = owner;
    this.#times = times;
    this.#terms = terms;
    this.#operations = terms.quota.operations || operationsOf(spec.stdin);
    this.#commandId = terms.commandId ?? guidFromRandom(context.random.bytes(16));
    if (terms.quota.operations > 0) this.#begin(context);
    else {
      const { scheduler, job, quotaKey, priority } = terms.quota;
      const cost = {
        slots: 0,
        shells: 0,
        operations: operationsOf(spec.stdin),
        processOf: shell.shellId,
      } as const;
      askPermit(
        scheduler,
        { job, quotaKey, throttle: Infinity, cost, ...(priority === undefined ? {} : { priority }) },
        context,
        { waitMs: terms.waitMs, owner: terms.shell },
      );
    }
  }

  #begin(context: Context<CommandMessage>): void {
    if (this.#terms.attached === true) return this.#attach(context);
    let request: ExchangeRequest;
    try {
      const options = commandOptions(this.#spec, this.#shell.platform);
      request = runCommand(this.#shell.shellId, { ...options, commandId: this.#commandId });
    } catch (error) {
      this.#step("refused");
      this.#end({ kind: "refused", error: asDroverError(error, "BadCommand", "quote command") }, context);
      return;
    }
    this.#step("send");
    this.#mayRun = true;
    this.#ask(request, "accepted", "ordinary", this.#times.operationTimeoutMs, context);
  }

  #attach(context: Context<CommandMessage>): void {
    this.#step("send");
    this.#step("accepted");
    this.#mayRun = true;
    this.#receive(context);
  }

  /** Its turn in the shell has come, or will not come. */
  #permitted({ permit, overdue }: PermitAnswer, context: Context<CommandMessage>): void {
    if (this.#reported) return;
    if (permit !== undefined) this.#begin(context);
    else {
      const state = overdue
        ? `its turn did not come within ${this.#terms.waitMs} ms`
        : "the run ended before its turn came";
      this.#endUnstarted(state, context);
    }
  }

  #endUnstarted(state: string, context: Context<CommandMessage>): void {
    this.#step("refused");
    const error = new NetworkError("NotStarted", `run command: ${state}; nothing was sent`);
    this.#end({ kind: "notSent", error }, context);
  }

  handle(message: CommandMessage, context: Context<CommandMessage>): void {
    switch (message.kind) {
      case "accepted":
        this.#asked--;
        this.#learn(message.outcome, context);
        this.#accepted(message.outcome, context);
        return;
      case "received":
        this.#asked--;
        this.#learn(message.outcome, context);
        this.#received(message.outcome, context);
        return;
      case "taken":
        this.#credit.grant(1);
        this.#receive(context);
        return;
      case "inputSent":
        this.#asked--;
        this.#learn(message.outcome, context);
        this.#inputSent(message, context);
        return;
      case "permit":
        this.#permitted(message, context);
        return;
      case "receiveAgain":
        this.#receivesLater = false;
        this.#receive(context);
        return;
      case "sendAgain":
        if (this.#state === "running") this.#send(message.piece, message.end, context);
        return;
      case "stop":
        if (this.#reported) return;
        this.#stopAsked = true;
        if (this.#state === "running") {
          this.#step("stop");
          this.#signal(context);
        } else if (this.#state === "idle") {
          this.#endUnstarted("it was cancelled before its turn came", context);
        }
        return;
      case "signalNow":
        this.#sendSignal(context);
        return;
      case "signalAgain":
        this.#signal(context);
        return;
      case "signalled":
        this.#learn(message.outcome, context);
        this.#signalled(message.outcome, context);
        return;
      case "drained":
        this.#end({ kind: "stopped" }, context);
        return;
    }
  }

  stopped(_reason: StopReason, context: Context<CommandMessage>): void {
    this.#withdraw(context);
    const { quota } = this.#terms;
    if (this.#cleanup) returnCleanup(quota, context);
    if (quota.operations > 0) return;
    const { id } = context.self;
    if (this.#mayRun) {
      context.send(quota.scheduler, { kind: "returnOperations", permit: { id } });
      context.send(quota.scheduler, { kind: "release", permit: { id }, afterMs: this.#terms.keepMs });
    } else context.send(quota.scheduler, { kind: "cancel", id });
  }

  describe(): string {
    return `${this.#state} ${this.#commandId}`;
  }

  figures(): Readonly<Record<string, number>> {
    return { credit: this.#credit.left };
  }

  #step(step: CommandStep): void {
    this.#state = advance(commandTransitions, this.#state, step);
  }

  #learn(outcome: ExchangeOutcome, context: Context<CommandMessage>): void {
    if (outcome.kind === "answered") return;
    const error = outcome.kind === "fault" ? outcome.fault : outcome.error;
    learn(error, this.#terms.quota, this.#shell.shellId, context);
  }

  #ask(
    request: ExchangeRequest,
    kind: "accepted" | "received" | "signalled" | ((outcome: ExchangeOutcome) => CommandMessage),
    priority: ExchangePriority,
    operationTimeoutMs: number,
    context: Context<CommandMessage>,
  ): void {
    if (priority !== "urgent") this.#asked++;
    context.ask<ExchangeMessage, ExchangeOutcome>(
      this.#session,
      (replyTo) => ({
        kind: "exchange",
        request,
        priority,
        operationTimeoutMs,
        owner: context.self,
        place: this.#terms.quota.place,
        replyTo,
      }),
      operationTimeoutMs + this.#times.guardMs,
      (outcome) =>
        typeof kind === "string"
          ? { kind, outcome: exchangeOutcome(outcome) }
          : kind(exchangeOutcome(outcome)),
    );
  }

  #accepted(outcome: ExchangeOutcome, context: Context<CommandMessage>): void {
    if (outcome.kind === "failed") {
      if (!outcome.sent) {
        this.#step("refused");
        this.#end({ kind: "notSent", error: outcome.error }, context);
      } else if (outcome.error instanceof DeniedError) {
        this.#step("refused");
        this.#end({ kind: "refused", error: outcome.error }, context);
      } else this.#lost(outcome.error, context);
      return;
    }
    if (outcome.kind === "fault") {
      if (mayHaveStarted(outcome.fault)) this.#lost(outcome.fault, context);
      else {
        this.#step("refused");
        this.#end({ kind: "refused", error: outcome.fault }, context);
      }
      return;
    }
    try {
      this.#commandId = readCommandResponse(outcome.envelope);
    } catch (error) {
      this.#lost(asDroverError(error, "BadAnswer", "read CommandResponse"), context);
      return;
    }
    this.#step("accepted");
    if (this.#stopAsked) {
      this.#step("stop");
      this.#signal(context);
    } else this.#input(context);
    this.#receive(context);
  }

  #input(context: Context<CommandMessage>): void {
    const stdin = this.#spec.stdin;
    if (stdin === undefined || this.#state !== "running" || this.#inputAt > stdin.length) return;
    const piece = stdin.subarray(this.#inputAt, this.#inputAt + inputPieceBytes);
    const end = this.#inputAt + piece.length >= stdin.length;
    this.#inputAt = end ? stdin.length + 1 : this.#inputAt + piece.length;
    this.#send(piece, end, context);
  }

  #send(piece: Uint8Array, end: boolean, context: Context<CommandMessage>): void {
    const request = sendInput(this.#shell.shellId, this.#commandId, piece, end);
    this.#ask(
      request,
      (outcome) => ({ kind: "inputSent", outcome, piece, end }),
      "ordinary",
      this.#times.operationTimeoutMs,
      context,
    );
  }

  /**
   * A command that reads no more needs no more input. Any other failure leaves it without its input's end, waiting for what will
   * never come: then its end is not worth waiting for.
   */
  #inputSent(
    message: Extract<CommandMessage, { kind: "inputSent" }>,
    context: Context<CommandMessage>,
  ): void {
    const { outcome, piece, end } = message;
    if (outcome.kind === "answered") {
      this.#sendTries = undefined;
      this.#input(context);
      return;
    }
    const refusal = outcome.kind === "fault" && this.#state === "running"
      ? quotaFault(outcome.fault)
      : undefined;
    if (refusal !== undefined) {
      // Nothing of it was taken.
      this.#sendTries ??= this.#tries(refusal, context);
      if (this.#later(this.#sendTries, { kind: "sendAgain", piece, end }, context)) return;
    }
    if (this.#state !== "running" || (outcome.kind === "fault" && readsNoMore(outcome.fault))) return;
    else if (
      outcome.kind === "fault" && outcome.fault.isOperationTimeout && this.#shell.platform === "posix"
    ) {
      // Our own service takes a Send whole or, at its time-out, not at all; of others nobody knows.
      this.#send(piece, end, context);
    } else this.#lost(outcome.kind === "fault" ? outcome.fault : outcome.error, context);
  }

  #receive(context: Context<CommandMessage>): void {
    if (this.#receiving || this.#receivesLater || this.#credit.left === 0) return;
    if (this.#state !== "running" && this.#state !== "stopping") return;
    this.#receiving = true;
    const request = receiveOutput(this.#shell.shellId, this.#commandId);
    this.#ask(request, "received", "poll", this.#times.operationTimeoutMs, context);
  }

  #received(outcome: ExchangeOutcome, context: Context<CommandMessage>): void {
    this.#receiving = false;
    if (this.#state !== "running" && this.#state !== "stopping") {
      // The last Receive, answered after a confirmed stop: its output counts, its end is no news.
      if (outcome.kind === "answered" && !this.#reported) this.#output(outcome.envelope, context);
      if (this.#state === "ended" && this.#stopAsked) this.#end({ kind: "stopped" }, context);
      return;
    }
    if (outcome.kind === "answered") {
      this.#receiveTries = undefined;
      const exitCode = this.#output(outcome.envelope, context);
      if (exitCode !== undefined) this.#exited(exitCode, context);
      else this.#receive(context);
      return;
    }
    if (outcome.kind === "fault" && outcome.fault.isOperationTimeout) {
      this.#receive(context);
      return;
    }
    // While stopping, the Signal's answer decides; its own failure is the last word.
    if (this.#state === "stopping") return;
    const refusal = outcome.kind === "fault" ? quotaFault(outcome.fault) : undefined;
    if (refusal !== undefined) {
      // It was not executed: what it would have brought comes with the next one.
      this.#receiveTries ??= this.#tries(refusal, context);
      this.#receivesLater = this.#later(this.#receiveTries, { kind: "receiveAgain" }, context);
      if (this.#receivesLater) return;
    }
    this.#lost(outcome.kind === "fault" ? outcome.fault : outcome.error, context);
  }

  #tries(refusal: ReportedFault, context: Context<CommandMessage>): Tries {
    return new Tries(refusal, context.now(), this.#terms.deadline);
  }

  /** Lets `message` come after a pause. `false`: for too long now. Where there is a deadline, its stop has the last word. */
  #later(tries: Tries, message: CommandMessage, context: Context<CommandMessage>): boolean {
    const pause = tries.pause(context.now(), context.random);
    if (pause !== undefined) context.timer(pause, message);
    return pause !== undefined || this.#terms.deadline !== undefined;
  }

  /** Hands on the output of one verified answer; the exit code when it says Done, or an error in its place. */
  #output(envelope: Envelope, context: Context<CommandMessage>): number | DroverError | undefined {
    try {
      const result = readReceiveResponse(envelope);
      const pieces = result.pieces.flatMap((piece) =>
        piece.bytes.length > 0 && (piece.name === "stdout" || piece.name === "stderr")
          ? [{ stream: piece.name as OutputStream, bytes: piece.bytes }]
          : []
      );
      if (pieces.length > 0) {
        this.#credit.send(context, this.#owner, { kind: "output", command: context.self, pieces });
      }
      if (result.state !== "Done") return undefined;
      return result.exitCode ??
        new ProtocolError(
          "ExitCodeMissing",
          "read Receive answer: the command is done, but its exit code is missing",
        );
    } catch (error) {
      return asDroverError(error, "BadAnswer", "read Receive answer");
    }
  }

  #exited(exitCode: number | DroverError, context: Context<CommandMessage>): void {
    if (typeof exitCode !== "number") {
      if (this.#state === "running") this.#lost(exitCode, context);
      return;
    }
    this.#step("exited");
    this.#mayRun = false;
    if (this.#signalAsked) {
      // Ended by the Signal or by itself: only the Signal's answer confirms the stop.
      this.#exitCode = exitCode;
      context.send(this.#owner, { kind: "exitSeen", exitCode });
      return;
    }
    this.#report({ kind: "exited", exitCode }, context);
    // The service keeps what it knows of a command until it is told that nobody will ask again.
    this.#signal(context);
  }

  #signal(context: Context<CommandMessage>): void {
    this.#signalAsked = true;
    if (this.#asked < this.#operations) this.#sendSignal(context);
    else {
      this.#cleanup = true;
      askCleanup<CommandMessage>(this.#terms.quota, this.#times.cleanupTimeoutMs / 4, context, {
        kind: "signalNow",
      });
    }
  }

  #sendSignal(context: Context<CommandMessage>): void {
    const request = signalCommand(this.#shell.shellId, this.#commandId, "terminate");
    this.#ask(request, "signalled", "urgent", this.#times.cleanupTimeoutMs, context);
  }

  #signalled(outcome: ExchangeOutcome, context: Context<CommandMessage>): void {
    if (this.#cleanup) returnCleanup(this.#terms.quota, context);
    this.#cleanup = false;
    if (outcome.kind === "answered") this.#mayRun = false;
    if (this.#signalsLater(outcome, context)) return;
    if (this.#state === "done" && this.#exitCode !== undefined) {
      const exited = { kind: "exited", exitCode: this.#exitCode } as const;
      this.#end(outcome.kind === "answered" ? { kind: "stopped" } : exited, context);
    } else if (this.#state !== "stopping") context.stop();
    else if (outcome.kind === "fault") this.#lost(outcome.fault, context);
    else if (outcome.kind === "failed") this.#lost(outcome.error, context);
    else {
      this.#step("signalled");
      if (this.#receiving) context.timer(drainMs, { kind: "drained" });
      else this.#end({ kind: "stopped" }, context);
    }
  }

  /**
   * Whether the Signal is sent again, because a quota has refused it: then it was not executed. In a shell for one command it is
   * not, since the Delete that follows says the same.
   */
  #signalsLater(outcome: ExchangeOutcome, context: Context<CommandMessage>): boolean {
    const refusal = outcome.kind === "fault" ? quotaFault(outcome.fault) : undefined;
    if (refusal === undefined || this.#terms.quota.operations > 0) return false;
    const now = context.now();
    this.#signalTries ??= new Tries(refusal, now, now + this.#times.cleanupTimeoutMs);
    const pause = this.#signalTries.pause(now, context.random);
    if (pause !== undefined) context.timer(pause, { kind: "signalAgain" });
    return pause !== undefined;
  }

  /** Its end will not be known. The command is signalled once all the same, so that it does not run on unwatched. */
  #lost(error: DroverError, context: Context<CommandMessage>): void {
    this.#step("linkLost");
    this.#report({ kind: "unknown", error, stopAsked: this.#stopAsked }, context);
    if (this.#signalAsked) context.stop();
    else this.#signal(context);
  }

  #end(end: CommandEnd, context: Context<CommandMessage>): void {
    if (end.kind === "notSent" || end.kind === "refused") this.#mayRun = false;
    this.#report(end, context);
    context.stop();
  }

  #report(end: CommandEnd, context: Context<CommandMessage>): void {
    if (this.#reported) return;
    this.#reported = true;
    context.send(this.#owner, { kind: "ended", command: context.self, end });
    this.#withdraw(context);
  }

  /** After its end is told, nothing may begin: not even a Command that still waits for a connection. */
  #withdraw(context: Context<CommandMessage>): void {
    if (this.#asked > 0) context.send(this.#session, { kind: "withdraw", owner: context.self });
  }
}

/** Words become one quoted line, or with WINRS_SKIP_CMD_SHELL a program and its arguments. */
function commandOptions(spec: CommandSpec, platform: "windows" | "posix"): CommandOptions {
  const { command, stdin: _stdin, ...options } = spec;
  if (typeof command === "string") return { ...options, command };
  const [program = "", ...args] = command;
  return options.skipCmdShell === true
    ? { ...options, command: program, args }
    : { ...options, command: commandLine(command, platform) };
}

/** Faults to Send which say that the command is over, or has closed its standard input. */
function readsNoMore(fault: ReportedFault): boolean {
  const code = win32(fault.faultCode);
  return fault.isUnknownSelectors || code === brokenPipe || code === noData;
}

/** ERROR_BROKEN_PIPE and ERROR_NO_DATA: what Windows says of a pipe whose reader is gone. */
const brokenPipe = 109;
const noData = 232;

/**
 * Faults to Command after which it may run: no answer in time, an operation that was broken off inside the service
 * (ERROR_OPERATION_ABORTED, RPC_S_CALL_FAILED, ERROR_SEM_TIMEOUT, WAIT_TIMEOUT, ERROR_TIMEOUT), or an error of the receiver that
 * says no more than that.
 */
function mayHaveStarted(fault: ReportedFault): boolean {
  const code = win32(fault.faultCode);
  if (code === undefined) {
    return fault.isOperationTimeout || (isReceiverFault(fault) && !fault.isAccessDenied);
  }
  return fault.isOperationTimeout || [995, 1726, 121, 258, 1460].includes(code);
}

/** The codes of SOAP 1.2 other than Receiver say that the request was not processed (SOAP 1.2 part 1, section 5.4.6). */
function isReceiverFault(fault: ReportedFault): boolean {
  return !["Sender", "MustUnderstand", "VersionMismatch", "DataEncodingUnknown"].includes(fault.fault.code);
}

/** The Win32 code inside an HRESULT of that facility; any other code as it is. */
function win32(code: number | undefined): number | undefined {
  return code !== undefined && code >= 0x80070000 && code <= 0x8007ffff ? code & 0xffff : code;
}
