/**
 * One shell: its commands, their processes, and the operations that wait for them ([MS-WSMV] 3.1.4.1, shells).
 *
 * - Output is handed out at most once: what an answer took is gone when the connection breaks before the answer was
 *   written whole. What no Receive has taken stays.
 * - A Receive is answered as soon as there is output. A second one for the same command ends the first with Win32 code
 *   995; a client that lost its connection can so go on at once.
 * - A Send is either taken whole or, after OperationTimeout without room, not at all. Input for a process that has ended
 *   or reads no more is dropped, as in a pipeline.
 * - WINRS_CONSOLEMODE_STDIN: a Send of the single byte 3 is the key Ctrl+C and interrupts the command; without the option
 *   it is a byte like any other.
 *
 * This file stays whole: it is one state machine over the commands of a shell and the operations that wait for them.
 * @module
 */
import {
  commandElement,
  receiveCapacity,
  shellElement,
  type ShellOperation,
  type ShellView,
  writeCommandResponse,
  writeDeleteResponse,
  writeGetShellResponse,
  writeReceiveResponse,
  writeSendResponse,
  writeSignalResponse,
} from "../../protocol/shell/mod.ts";
import { type ResponseContext, WsmanFaultError } from "../../protocol/wsman/mod.ts";
import { guidFromRandom, isGuid } from "../../protocol/guid.ts";
import { concat } from "../../protocol/bytes.ts";
import type { ServiceSettings } from "../../protocol/wsman/config_model.ts";
import type { Behaviour, ChildSpec, Context, ReplyTo } from "../kernel/actor.ts";
import type {
  CodePages,
  DelegatedCredentials,
  OutputStream,
  ProcessEvents,
  ProcessHost,
  ProcessSpec,
} from "../ports.ts";
import { ShellCredentials } from "./shell_credentials.ts";
import { aborted, type Answer, asFault, faultAnswer, success } from "./answers.ts";
import { Command, inputCapacity, type Waiting, type WaitingReceive, type WaitingSend } from "./command.ts";

/** What a shell is made with. */
export interface ShellOptions {
  readonly platform?: "posix";
  readonly shellId: string;
  readonly name: string | undefined;
  readonly owner: string;
  readonly clientIp: string;
  readonly cwd: string | undefined;
  readonly env: ReadonlyMap<string, string>;
  readonly idleTimeoutMs: number;
  readonly lifetimeMs: number | undefined;
  readonly inputStreams: readonly string[];
  readonly outputStreams: readonly OutputStream[];
  readonly noProfile: boolean;
  /** Code page to convert to; `undefined`: bytes pass as they are. */
  readonly codepage: number | undefined;
  readonly systemUser: string | undefined;
  /** What its client has handed over: all commands have a copy of it, which is gone with the shell. */
  readonly delegated: DelegatedCredentials | undefined;
  readonly settings: ServiceSettings;
  readonly machineName: string;
  readonly processHost: ProcessHost;
  readonly codePages: CodePages;
}

/** Operations that a shell handles itself. */
export type ShellRequest = Extract<
  ShellOperation,
  { kind: "Command" | "Send" | "Receive" | "Signal" | "Delete" | "Get" }
>;

/** Messages of a shell. */
export type ShellMessage =
  | {
    readonly kind: "operation";
    /** Unique among the operations of a service. */
    readonly operation: number;
    readonly request: ShellRequest;
    readonly context: ResponseContext;
    readonly timeoutMs: number;
    /** Bytes that the answer may have. */
    readonly maxEnvelope: number;
    readonly replyTo: ReplyTo<Answer>;
  }
  /** Nobody waits for the answer of this operation any more. */
  | { readonly kind: "cancel"; readonly operation: number }
  /** Asks for `rsp:Shell` or `rsp:Command` elements. */
  | {
    readonly kind: "describe";
    readonly what: "shell" | "commands";
    readonly replyTo: ReplyTo<readonly string[]>;
  }
  | { readonly kind: "started"; readonly command: Command }
  | {
    readonly kind: "failed";
    readonly command: Command;
    readonly code: StartFailure;
    readonly message: string;
  }
  | {
    readonly kind: "output";
    readonly command: Command;
    readonly stream: OutputStream;
    readonly bytes: Uint8Array;
  }
  | { readonly kind: "outputEnd"; readonly command: Command; readonly stream: OutputStream }
  | { readonly kind: "exited"; readonly command: Command; readonly exitCode: number }
  | {
    readonly kind: "inputTaken";
    readonly command: Command;
    readonly length: number;
    readonly taken: boolean;
  }
  | { readonly kind: "receiveDue"; readonly command: Command; readonly operation: number }
  | { readonly kind: "sendDue"; readonly command: Command; readonly operation: number }
  | { readonly kind: "runTimeOver"; readonly command: Command }
  | { readonly kind: "idleCheck" }
  | { readonly kind: "lifetimeOver" };

type StartFailure = Parameters<ProcessEvents["onFailed"]>[0];
type Operation = Extract<ShellMessage, { kind: "operation" }>;

/** Ended commands whose end was received, kept until Signal releases them; the oldest goes first. */
const keptEnded = 100;

/** Milliseconds that the processes of a shell may take to die. */
const shutdownMs = 10_000;

/** A shell as a child to start. */
export function shellActor(options: ShellOptions): ChildSpec<ShellMessage> {
  return {
    name: `shell-${options.shellId}`,
    shutdownMs,
    start: (context) => new ShellActor(options, context),
  };
}

class ShellActor implements Behaviour<ShellMessage> {
  readonly #options: ShellOptions;
  readonly #commands = new Map<string, Command>();
  readonly #credentials: ShellCredentials;
  readonly #createdAt: number;
  #lastActivity: number;
  #closing = false;
  readonly #deletes: Waiting[] = [];

  constructor(options: ShellOptions, context: Context<ShellMessage>) {
    this.#options = options;
    this.#createdAt = this.#lastActivity = context.now();
    const credentials = this.#credentials = new ShellCredentials(options.delegated, options.systemUser);
    // Now, and not with the first command: by then the connection that they came with may be gone.
    if (credentials.some) context.effect(() => credentials.provide());
    context.timer(options.idleTimeoutMs, { kind: "idleCheck" });
    if (options.lifetimeMs !== undefined) context.timer(options.lifetimeMs, { kind: "lifetimeOver" });
  }

  describe(): string {
    return `${this.#commands.size} commands`;
  }

  handle(message: ShellMessage, context: Context<ShellMessage>): void {
    switch (message.kind) {
      case "operation":
        return this.#operation(message, context);
      case "cancel":
        return this.#cancel(message.operation, context);
      case "describe":
        return this.#describe(message.what, message.replyTo, context);
      case "started":
        return this.#started(message.command, context);
      case "failed":
        return this.#failed(message.command, message.code, message.message, context);
      case "output":
        return this.#output(message.command, message.stream, message.bytes, context);
      case "outputEnd":
        return this.#outputEnd(message.command, message.stream, context);
      case "exited":
        return this.#exited(message.command, message.exitCode, context);
      case "inputTaken":
        return this.#inputTaken(message.command, message.length, message.taken, context);
      case "receiveDue":
        if (message.command.receive?.operation === message.operation) {
          this.#refuseReceive(message.command, WsmanFaultError.of("OPERATION_TIMEDOUT"), context);
        }
        return;
      case "sendDue":
        return this.#dropSend(message.command, message.operation, context);
      case "runTimeOver":
        // What it has written is still to be had: its end comes behind that.
        return context.effect(() => message.command.process?.signal("terminate"));
      case "idleCheck":
        return this.#idleCheck(context);
      case "lifetimeOver":
        return this.#close(context);
    }
  }

  stopping(context: Context<ShellMessage>): boolean {
    this.#close(context);
    return this.#gone();
  }

  stopped(_reason: unknown, context: Context<ShellMessage>): void {
    // Also after a crash: whatever still runs must not outlive its shell.
    for (const command of this.#commands.values()) {
      if (command.phase !== "ended") context.effect(() => command.process?.signal("terminate"));
    }
    if (this.#credentials.some) context.effect(() => this.#credentials.wipe());
  }

  // Operations.

  #operation(message: Operation, context: Context<ShellMessage>): void {
    this.#lastActivity = context.now();
    const waiting: Waiting = {
      operation: message.operation,
      replyTo: message.replyTo,
      context: message.context,
    };
    try {
      if (this.#closing) throw WsmanFaultError.of("UNEXPECTED_SELECTORS");
      this.#perform(message, waiting, context);
    } catch (error) {
      this.#refuse(waiting, asFault(error), context);
    }
  }

  #perform(message: Operation, waiting: Waiting, context: Context<ShellMessage>): void {
    const { request } = message;
    switch (request.kind) {
      case "Command":
        return this.#startCommand(request, waiting, context);
      case "Send":
        return this.#send(request, message, waiting, context);
      case "Receive":
        return this.#receive(request, message, waiting, context);
      case "Signal":
        return this.#signal(request, waiting, context);
      case "Get":
        return context.reply(
          waiting.replyTo,
          success(writeGetShellResponse(waiting.context, this.#view(context))),
        );
      case "Delete":
        this.#deletes.push(waiting);
        return this.#close(context);
    }
  }

  #startCommand(
    request: Extract<ShellRequest, { kind: "Command" }>,
    waiting: Waiting,
    context: Context<ShellMessage>,
  ): void {
    const { settings } = this.#options;
    const id = request.commandId ?? guidFromRandom(context.random.bytes(16));
    if (!isGuid(id)) throw WsmanFaultError.of("ERROR_WINRS_SHELLCOMMAND_CLIENTID_NOT_VALID");
    if (this.#commands.has(id.toUpperCase())) {
      throw WsmanFaultError.of("ERROR_WINRS_SHELLCOMMAND_CLIENTID_RESOURCE_CONFLICT");
    }
    if (settings.MaxProcessesPerShell !== 0 && this.#occupied() >= settings.MaxProcessesPerShell) {
      throw WsmanFaultError.of("QUOTA_MAX_COMMANDS_PER_SHELL_PPQ");
    }
    const words = [request.command, ...request.args];
    if (words.some((word) => word.includes("\0"))) {
      throw WsmanFaultError.of("INVALID_PARAMETER", { detail: "the command holds a NUL" });
    }
    const line = words.join(" ");
    const command = new Command(id, line, request.consoleModeStdin);
    this.#addConverters(command);
    command.start = waiting;
    this.#commands.set(command.key, command);
    command.runTimer = context.timer(settings.MaxShellRunTime, { kind: "runTimeOver", command });
    this.#spawn(command, {
      command: request.skipCmdShell
        ? { kind: "argv", program: request.command, args: request.args }
        : { kind: "line", line },
      ...(this.#options.cwd === undefined ? {} : { cwd: this.#options.cwd }),
      env: Object.fromEntries(this.#options.env),
      systemUser: this.#options.systemUser,
      noProfile: this.#options.noProfile,
    }, context);
  }

  #addConverters(command: Command): void {
    const { codepage, codePages } = this.#options;
    if (codepage === undefined) return;
    const input = codePages.toUtf8(codepage);
    const stdout = codePages.fromUtf8(codepage);
    const stderr = codePages.fromUtf8(codepage);
    if (input === undefined || stdout === undefined || stderr === undefined) {
      throw WsmanFaultError.of("ERROR_WINRS_CODE_PAGE_NOT_SUPPORTED");
    }
    command.input = input;
    command.converters.set("stdout", stdout).set("stderr", stderr);
  }

  #spawn(command: Command, spec: ProcessSpec, context: Context<ShellMessage>): void {
    const { processHost } = this.#options;
    context.effect((post) => {
      const events: ProcessEvents = {
        onStarted: () => post({ kind: "started", command }),
        onOutput: (stream, bytes) => post({ kind: "output", command, stream, bytes }),
        onOutputEnd: (stream) => post({ kind: "outputEnd", command, stream }),
        onExit: (exitCode) => post({ kind: "exited", command, exitCode }),
        onFailed: (code, message) => post({ kind: "failed", command, code, message }),
      };
      const { refusal, variables } = this.#credentials;
      if (refusal !== undefined) events.onFailed("SpawnFailed", refusal);
      // What the client says of its own goes before.
      else command.process = processHost.spawn({ ...spec, env: { ...variables, ...spec.env } }, events);
    });
  }

  #send(
    request: Extract<ShellRequest, { kind: "Send" }>,
    message: Operation,
    waiting: Waiting,
    context: Context<ShellMessage>,
  ): void {
    const command = this.#find(request.pieces[0]!.commandId);
    const parts: Uint8Array[] = [];
    let end = false;
    for (const piece of request.pieces) {
      if (piece.commandId !== request.pieces[0]!.commandId) {
        throw WsmanFaultError.of("INVALID_PARAMETER", { detail: "one Send is for one command" });
      }
      if (piece.stream !== "stdin" || !this.#options.inputStreams.includes("stdin")) {
        throw WsmanFaultError.of("SHELL_INVALID_INPUT_STREAM");
      }
      if (end) throw WsmanFaultError.of("SHELL_INVALID_INPUT_STREAM", { detail: "stdin is at its end" });
      parts.push(piece.bytes);
      end = piece.end;
    }
    const bytes = concat(parts);
    const room = command.inputPending === 0 || command.inputPending + bytes.length <= inputCapacity;
    if (command.sends.length === 0 && room) {
      this.#takeInput(command, bytes, end, context);
      return context.reply(waiting.replyTo, success(writeSendResponse(waiting.context)));
    }
    const timer = context.timer(message.timeoutMs, {
      kind: "sendDue",
      command,
      operation: waiting.operation,
    });
    command.sends.push({ ...waiting, bytes, end, timer });
  }

  #takeInput(command: Command, bytes: Uint8Array, end: boolean, context: Context<ShellMessage>): void {
    if (command.phase === "ended" || command.inputEnded) return;
    if (command.consoleMode && bytes.length === 1 && bytes[0] === 3) {
      return context.effect(() => command.process?.signal("ctrl_c"));
    }
    let input = bytes;
    if (command.input !== undefined) {
      input = command.input.convert(bytes);
      if (end) input = concat([input, command.input.finish()]);
    }
    if (input.length > 0) {
      command.inputPending += input.length;
      context.effect((post) =>
        command.process?.writeStdin(
          input,
          (taken) => post({ kind: "inputTaken", command, length: input.length, taken }),
        )
      );
    }
    if (end) {
      command.inputEnded = true;
      context.effect(() => command.process?.endStdin());
    }
  }

  #receive(
    request: Extract<ShellRequest, { kind: "Receive" }>,
    message: Operation,
    waiting: Waiting,
    context: Context<ShellMessage>,
  ): void {
    const asked = request.streams.length === 0 ? this.#options.outputStreams : request.streams;
    const streams = asked.filter((name): name is OutputStream =>
      (name === "stdout" || name === "stderr") && this.#options.outputStreams.includes(name)
    );
    if (streams.length !== asked.length || streams.length === 0) {
      throw WsmanFaultError.of("SHELL_INVALID_DESIRED_STREAMS");
    }
    if (request.commandId === undefined) {
      throw WsmanFaultError.of("SCHEMA_VALIDATION_ERROR", { detail: "CommandId is missing" });
    }
    const command = this.#find(request.commandId);
    if (command.receive !== undefined) this.#refuseReceive(command, aborted(), context);
    const { maxEnvelope } = message;
    if (command.phase !== "starting" && command.hasNews(streams)) {
      return this.#answerReceive(command, { ...waiting, streams, maxEnvelope }, context);
    }
    const timer = context.timer(message.timeoutMs, {
      kind: "receiveDue",
      command,
      operation: waiting.operation,
    });
    command.receive = { ...waiting, streams, maxEnvelope, timer };
  }

  #answerReceive(
    command: Command,
    receive: Omit<WaitingReceive, "timer">,
    context: Context<ShellMessage>,
  ): void {
    const capacity = receiveCapacity(receive.maxEnvelope, receive.context.relatesTo);
    const pieces = command.output.take(new Set(receive.streams), capacity);
    const done = command.phase === "ended" &&
      receive.streams.every((name) => command.output.held(name) === 0);
    if (done) this.#markDelivered(command);
    context.reply(
      receive.replyTo,
      success(writeReceiveResponse(receive.context, {
        commandId: command.id,
        pieces,
        ended: done ? receive.streams : [],
        state: done ? "Done" : "Running",
        exitCode: done ? command.exitCode : undefined,
      })),
    );
    this.#resumeOutput(command, context);
  }

  #signal(
    request: Extract<ShellRequest, { kind: "Signal" }>,
    waiting: Waiting,
    context: Context<ShellMessage>,
  ): void {
    const command = this.#find(request.commandId);
    if (request.signal === "terminate") {
      command.terminations.push(waiting);
      return this.#release(command, context);
    }
    const kind = request.signal;
    if (command.phase !== "ended") context.effect(() => command.process?.signal(kind));
    context.reply(waiting.replyTo, success(writeSignalResponse(waiting.context)));
  }

  /** Takes a command from the shell: at once when its process has ended, else after killing it. */
  #release(command: Command, context: Context<ShellMessage>): void {
    command.releasing = true;
    if (command.receive !== undefined) this.#refuseReceive(command, aborted(), context);
    if (command.phase === "ended") return this.#released(command, context);
    this.#kill(command, context);
  }

  #released(command: Command, context: Context<ShellMessage>): void {
    this.#commands.delete(command.key);
    command.output.clear();
    for (const waiting of command.terminations.splice(0)) {
      context.reply(waiting.replyTo, success(writeSignalResponse(waiting.context)));
    }
    if (this.#closing) this.#finishClosing(context);
  }

  #kill(command: Command, context: Context<ShellMessage>): void {
    if (command.phase === "ended") return;
    context.effect(() => command.process?.signal("terminate"));
    // A process that nobody reads from would not come to its end.
    command.output.clear();
    this.#resumeOutput(command, context);
  }

  #cancel(operation: number, context: Context<ShellMessage>): void {
    for (const command of this.#commands.values()) {
      if (command.receive?.operation === operation) {
        return this.#refuseReceive(command, WsmanFaultError.of("OPERATION_TIMEDOUT"), context);
      }
    }
  }

  #describe(
    what: "shell" | "commands",
    replyTo: ReplyTo<readonly string[]>,
    context: Context<ShellMessage>,
  ): void {
    context.reply(
      replyTo,
      what === "shell"
        ? [shellElement(this.#view(context))]
        : [...this.#commands.values()].map((command) =>
          commandElement({ commandId: command.id, commandLine: command.line, state: command.state })
        ),
    );
  }

  // What processes tell.

  #started(command: Command, context: Context<ShellMessage>): void {
    command.phase = "running";
    const start = command.start;
    command.start = undefined;
    if (start !== undefined) {
      context.reply(start.replyTo, success(writeCommandResponse(start.context, command.id)));
    }
    this.#resumeOutput(command, context);
  }

  #failed(command: Command, code: StartFailure, message: string, context: Context<ShellMessage>): void {
    this.#ended(command, undefined, context);
    this.#commands.delete(command.key);
    const start = command.start;
    command.start = undefined;
    if (start !== undefined) this.#refuse(start, startFault(code, message), context);
    if (command.receive !== undefined) {
      this.#refuseReceive(command, WsmanFaultError.of("UNEXPECTED_SELECTORS"), context);
    }
    this.#released(command, context);
  }

  #output(command: Command, stream: OutputStream, bytes: Uint8Array, context: Context<ShellMessage>): void {
    command.paused.add(stream);
    if (this.#options.outputStreams.includes(stream) && !command.releasing) {
      command.output.push(stream, command.converters.get(stream)?.convert(bytes) ?? bytes);
    }
    this.#news(command, context);
    this.#resumeOutput(command, context);
  }

  #outputEnd(command: Command, stream: OutputStream, context: Context<ShellMessage>): void {
    const rest = command.converters.get(stream)?.finish();
    if (rest === undefined || !this.#options.outputStreams.includes(stream) || command.releasing) return;
    command.output.push(stream, rest);
    this.#news(command, context);
  }

  #exited(command: Command, exitCode: number, context: Context<ShellMessage>): void {
    this.#ended(command, exitCode, context);
    this.#news(command, context);
    if (command.releasing) this.#released(command, context);
  }

  #ended(command: Command, exitCode: number | undefined, context: Context<ShellMessage>): void {
    command.phase = "ended";
    command.exitCode = exitCode;
    if (command.runTimer !== undefined) context.cancel(command.runTimer);
    command.inputPending = 0;
    this.#admitSends(command, context);
  }

  #inputTaken(command: Command, length: number, taken: boolean, context: Context<ShellMessage>): void {
    command.inputPending = Math.max(0, command.inputPending - length);
    if (!taken) command.inputEnded = true;
    this.#admitSends(command, context);
  }

  #admitSends(command: Command, context: Context<ShellMessage>): void {
    for (let next = command.sends[0]; next !== undefined; next = command.sends[0]) {
      const room = command.inputPending === 0 || command.inputPending + next.bytes.length <= inputCapacity;
      if (!room) return;
      command.sends.shift();
      context.cancel(next.timer);
      this.#takeInput(command, next.bytes, next.end, context);
      context.reply(next.replyTo, success(writeSendResponse(next.context)));
    }
  }

  #dropSend(command: Command, operation: number, context: Context<ShellMessage>): void {
    const index = command.sends.findIndex((send) => send.operation === operation);
    if (index < 0) return;
    const [send] = command.sends.splice(index, 1) as [WaitingSend];
    this.#refuse(send, WsmanFaultError.of("OPERATION_TIMEDOUT"), context);
    this.#admitSends(command, context);
  }

  #news(command: Command, context: Context<ShellMessage>): void {
    const receive = command.receive;
    if (receive === undefined || !command.hasNews(receive.streams)) return;
    command.receive = undefined;
    context.cancel(receive.timer);
    this.#lastActivity = context.now();
    this.#answerReceive(command, receive, context);
  }

  #resumeOutput(command: Command, context: Context<ShellMessage>): void {
    if (command.phase === "starting") return;
    for (const stream of command.paused) {
      if (!command.output.hasRoom(stream)) continue;
      command.paused.delete(stream);
      context.effect(() => command.process?.resume(stream));
    }
  }

  // Time and end.

  #idleCheck(context: Context<ShellMessage>): void {
    const { idleTimeoutMs } = this.#options;
    const waiting = [...this.#commands.values()].some((command) =>
      command.receive !== undefined || command.start !== undefined || command.sends.length > 0
    );
    if (waiting) this.#lastActivity = context.now();
    const left = this.#lastActivity + idleTimeoutMs - context.now();
    if (left > 0) {
      context.timer(left, { kind: "idleCheck" });
      return;
    }
    this.#close(context);
  }

  /** Ends everything; the actor stops when the last process is gone. */
  #close(context: Context<ShellMessage>): void {
    if (this.#closing) return;
    this.#closing = true;
    for (const command of [...this.#commands.values()]) {
      if (command.start !== undefined) {
        this.#refuse(command.start, aborted(), context);
        command.start = undefined;
      }
      for (const send of command.sends.splice(0)) {
        context.cancel(send.timer);
        this.#refuse(send, aborted(), context);
      }
      this.#release(command, context);
    }
    this.#finishClosing(context);
  }

  #gone(): boolean {
    return this.#commands.size === 0;
  }

  #finishClosing(context: Context<ShellMessage>): void {
    if (!this.#gone()) return;
    for (const waiting of this.#deletes.splice(0)) {
      context.reply(waiting.replyTo, success(writeDeleteResponse(waiting.context)));
    }
    context.stop();
  }

  // Small things.

  #find(commandId: string): Command {
    const command = this.#commands.get(commandId.toUpperCase());
    if (command === undefined || command.releasing) throw WsmanFaultError.of("UNEXPECTED_SELECTORS");
    return command;
  }

  /** Commands that count: all but those whose end was received. */
  #occupied(): number {
    let count = 0;
    for (const command of this.#commands.values()) if (!command.delivered) count++;
    return count;
  }

  #markDelivered(command: Command): void {
    command.delivered = true;
    const delivered = [...this.#commands.values()].filter((candidate) => candidate.delivered);
    if (delivered.length > keptEnded) this.#commands.delete(delivered[0]!.key);
  }

  #refuseReceive(command: Command, fault: WsmanFaultError, context: Context<ShellMessage>): void {
    const receive = command.receive;
    if (receive === undefined) return;
    command.receive = undefined;
    context.cancel(receive.timer);
    this.#lastActivity = context.now();
    this.#refuse(receive, fault, context);
  }

  #refuse(waiting: Waiting, fault: WsmanFaultError, context: Context<ShellMessage>): void {
    context.reply(waiting.replyTo, faultAnswer(fault, waiting.context, this.#options.machineName));
  }

  #view(context: Context<ShellMessage>): ShellView {
    const options = this.#options;
    let processes = 0;
    for (const command of this.#commands.values()) if (command.phase !== "ended") processes++;
    return {
      ...(options.platform === undefined ? {} : { platform: options.platform }),
      shellId: options.shellId,
      name: options.name,
      owner: options.owner,
      clientIp: options.clientIp,
      env: options.env,
      cwd: options.cwd,
      idleTimeoutMs: options.idleTimeoutMs,
      lifetimeMs: options.lifetimeMs,
      inputStreams: options.inputStreams,
      outputStreams: options.outputStreams,
      ageMs: context.now() - this.#createdAt,
      inactivityMs: context.now() - this.#lastActivity,
      processes,
    };
  }
}

/** HRESULTs of the Win32 codes that Windows' own shell reports when a command cannot be started. */
function startFault(code: StartFailure, message: string): WsmanFaultError {
  switch (code) {
    case "NotFound":
      return WsmanFaultError.win32(2147942402, message);
    case "AccessDenied":
      return WsmanFaultError.win32(2147942405, message);
    case "BadDirectory":
      // ERROR_DIRECTORY
      return WsmanFaultError.win32(2147942667, message);
    case "SpawnFailed":
      return WsmanFaultError.of("PROVIDER_FAILURE", { detail: message });
  }
}
