/**
 * Takes the authenticated requests of all connections of one service: finds the resource, asks the quotas for a permit,
 * and passes on what is for a shell. It is the supervisor of the shells. A permit comes back with the outcome of the
 * question to the shell, which always comes (answered, timed out, or the shell's end).
 * @module
 */
import { guidFromRandom, isGuid } from "../../protocol/guid.ts";
import {
  isShellResource,
  readShellOperation,
  type ShellOperation,
  writeCreateResponse,
  writeEnumerateResponse,
  writePullResponse,
  writeReleaseResponse,
} from "../../protocol/shell/mod.ts";
import { actions, type Envelope } from "../../protocol/soap/mod.ts";
import { highestShellTimeoutMs, lowestIdleTimeoutMs } from "../../protocol/wsman/config_model.ts";
import {
  configPart,
  readRequestHeaders,
  type RequestHeaders,
  type ResponseContext,
  writeConfigResponse,
  WsmanFaultError,
} from "../../protocol/wsman/mod.ts";
import type {
  ActorRef,
  AskOutcome,
  Behaviour,
  ChildSpec,
  Context,
  ReplyTo,
  StopReason,
} from "../kernel/actor.ts";
import type { OutputStream, ServiceAccount } from "../ports.ts";
import type { ServiceAccess } from "./access.ts";
import { type Answer, asFault, faultAnswer, responseContext, success } from "./answers.ts";
import { Enumerations } from "./enumerations.ts";
import type { ServiceEvent, ServiceOptions } from "./options.ts";
import { Quotas } from "./quotas.ts";
import { shellActor, type ShellMessage, type ShellRequest } from "./shell.ts";

/** Milliseconds beyond its OperationTimeout after which an operation is given up: a backstop, never the rule. */
export const operationGraceMs = 30_000;

/** Room that the headers of an enumeration's answer take. */
const enumerationOverhead = 4_096;

/** Messages of the dispatcher. */
export type DispatcherMessage =
  | {
    readonly kind: "request";
    /** Unique among the requests of this service. */
    readonly operation: number;
    readonly account: ServiceAccount;
    readonly clientIp: string;
    readonly envelope: Envelope;
    readonly replyTo: ReplyTo<Answer>;
  }
  /** The client of this request is gone, or listens no more for long. */
  | { readonly kind: "cancel"; readonly operation: number }
  | { readonly kind: "shellAnswered"; readonly request: Pending; readonly outcome: AskOutcome<Answer> }
  | {
    readonly kind: "described";
    readonly request: Pending;
    readonly gathering: Gathering;
    readonly outcome: AskOutcome<readonly string[]>;
  }
  | { readonly kind: "purge" };

/** A request that holds a permit. */
interface Pending {
  readonly operation: number;
  readonly user: string;
  readonly context: ResponseContext;
  readonly replyTo: ReplyTo<Answer>;
  readonly shell: ShellRecord | undefined;
  readonly maxEnvelope: number;
  /** Whether the shell is gone with a successful answer. */
  readonly deletes: boolean;
}

/** Items of an enumeration while the shells are asked for them. */
interface Gathering {
  readonly parts: (readonly string[])[];
  missing: number;
  readonly optimized: boolean;
  readonly maxElements: number;
}

interface ShellRecord {
  readonly shellId: string;
  readonly user: string;
  readonly ref: ActorRef<ShellMessage>;
  /** Whether a Delete is under way: it is unknown to everybody from then on. */
  deleting: boolean;
}

/** The dispatcher as a child to start. */
export function dispatcher(options: ServiceOptions, access: ServiceAccess): ChildSpec<DispatcherMessage> {
  return {
    name: "dispatcher",
    restart: "permanent",
    shutdownMs: 15_000,
    mailbox: { capacity: 4096, overflow: "wait" },
    start: () => new Dispatcher(options, access),
  };
}

type Request = Extract<DispatcherMessage, { kind: "request" }>;

/** What is not for shells is for the settings. */
type ServiceOperation = ShellOperation | { readonly kind: "GetConfig"; readonly part: string };

class Dispatcher implements Behaviour<DispatcherMessage> {
  readonly #options: ServiceOptions;
  readonly #access: ServiceAccess;
  readonly #quotas: Quotas;
  readonly #enumerations: Enumerations;
  readonly #shells = new Map<string, ShellRecord>();
  readonly #byActor = new Map<number, ShellRecord>();
  readonly #pending = new Map<number, Pending>();

  #purging = false;

  constructor(options: ServiceOptions, access: ServiceAccess) {
    this.#options = options;
    this.#access = access;
    this.#quotas = new Quotas(options.settings);
    this.#enumerations = new Enumerations(options.settings.EnumerationTimeoutms);
  }

  describe(): string {
    return `${this.#shells.size} shells, ${this.#pending.size} operations`;
  }

  handle(message: DispatcherMessage, context: Context<DispatcherMessage>): void {
    switch (message.kind) {
      case "request":
        return this.#request(message, context);
      case "cancel": {
        const shell = this.#pending.get(message.operation)?.shell;
        if (shell !== undefined) context.send(shell.ref, message);
        return;
      }
      case "shellAnswered":
        return this.#shellAnswered(message.request, message.outcome, context);
      case "described":
        return this.#described(message.request, message.gathering, message.outcome, context);
      case "purge":
        this.#purging = false;
        this.#enumerations.purge(context.now());
        return this.#purgeLater(context);
    }
  }

  #purgeLater(context: Context<DispatcherMessage>): void {
    if (this.#purging || this.#enumerations.size === 0) return;
    this.#purging = true;
    context.timer(this.#options.settings.EnumerationTimeoutms, { kind: "purge" });
  }

  childEnded(child: ActorRef<never>, reason: StopReason, context: Context<DispatcherMessage>): void {
    const record = this.#byActor.get(child.id);
    if (record === undefined) return;
    this.#byActor.delete(child.id);
    // A shell ends by itself only when its time is over.
    const why = reason.kind === "normal" ? "expired" : reason.kind === "crashed" ? "crashed" : "stopped";
    this.#forget(record, record.deleting ? "deleted" : why, context);
  }

  #request(message: Request, context: Context<DispatcherMessage>): void {
    const response = responseContext(context.random, message.envelope.messageId ?? "");
    try {
      const headers = readRequestHeaders(message.envelope);
      const { account, clientIp } = message;
      const refusal = this.#access.refuseRequest(
        { account, from: clientIp },
        headers.action,
        headers.resourceUri,
      );
      if (refusal !== undefined) {
        this.#tell(refusal.event, context);
        throw refusal.fault;
      }
      const operation = this.#route(headers, message.envelope);
      const user = account.name;
      const cleansUp = operation.kind === "Signal" || operation.kind === "Delete" ||
        operation.kind === "Release";
      this.#quotas.beginOperation(user, cleansUp);
      try {
        this.#perform(operation, headers, message, response, context);
      } catch (error) {
        this.#quotas.endOperation(user);
        throw error;
      }
    } catch (error) {
      const relatesTo = message.envelope.messageId;
      context.reply(
        message.replyTo,
        faultAnswer(asFault(error), { ...response, relatesTo }, this.#options.machineName),
      );
    }
  }

  #route(headers: RequestHeaders, envelope: Envelope): ServiceOperation {
    if (headers.resourceUri === "") throw WsmanFaultError.of("INVALID_RESOURCE_URI");
    const part = configPart(headers.resourceUri);
    if (part !== undefined) {
      if (headers.action !== actions.get) throw WsmanFaultError.of("ACTION_NOT_SUPPORTED");
      if (headers.selectors.size > 0) throw WsmanFaultError.of("INVALID_SELECTORS");
      return { kind: "GetConfig", part };
    }
    if (!isShellResource(headers.resourceUri)) throw WsmanFaultError.of("RESOURCE_NOT_FOUND");
    return readShellOperation(headers, envelope);
  }

  /** Either answers and ends the operation, or leaves it pending, or throws and changes nothing. */
  #perform(
    operation: ServiceOperation,
    headers: RequestHeaders,
    message: Request,
    response: ResponseContext,
    context: Context<DispatcherMessage>,
  ): void {
    const { settings } = this.#options;
    const user = message.account.name;
    const maxEnvelope = Math.min(headers.maxEnvelopeSize ?? Infinity, settings.MaxEnvelopeSizekb * 1024);
    const base = {
      operation: message.operation,
      user,
      context: response,
      replyTo: message.replyTo,
      maxEnvelope,
    };
    const answer = (body: Uint8Array) => {
      this.#quotas.endOperation(user);
      context.reply(message.replyTo, success(body));
    };
    switch (operation.kind) {
      case "Create":
        return answer(this.#create(operation, message, response, maxEnvelope, context));
      case "EnumerateShells": {
        const own = [...this.#shells.values()].filter((shell) => shell.user === user);
        return this.#gather(own, "shell", operation, { ...base, shell: undefined, deletes: false }, context);
      }
      case "EnumerateCommands": {
        const shell = this.#find(operation.shellId, user);
        return this.#gather([shell], "commands", operation, { ...base, shell, deletes: false }, context);
      }
      case "Pull": {
        const limit = Math.min(operation.maxElements, settings.MaxBatchItems);
        const room = maxEnvelope - enumerationOverhead;
        const page = this.#enumerations.pull(user, operation.context, limit, room, context.now());
        if (page === undefined) throw WsmanFaultError.of("ENUMERATE_INVALID_ENUMERATION_CONTEXT");
        return answer(writePullResponse(response, page));
      }
      case "Release":
        if (!this.#enumerations.release(user, operation.context)) {
          throw WsmanFaultError.of("ENUMERATE_INVALID_ENUMERATION_CONTEXT");
        }
        return answer(writeReleaseResponse(response));
      case "GetConfig":
        return answer(this.#config(operation.part, response));
      default: {
        const shell = this.#find(operation.shellId, user);
        const deletes = operation.kind === "Delete";
        if (deletes) shell.deleting = true;
        const timeoutMs = Math.min(headers.operationTimeoutMs ?? Infinity, settings.MaxTimeoutms);
        return this.#ask(operation, { ...base, shell, deletes }, shell, timeoutMs, context);
      }
    }
  }

  /**
   * Windows shows winrm/config to administrators only. Here every account may see it: no setting is a secret, and accounts have no
   * ranks. It fits into the smallest envelope that a client may ask for.
   */
  #config(part: string, response: ResponseContext): Uint8Array {
    const { settings, allowUnencrypted, auth } = this.#options;
    return writeConfigResponse(response, part, {
      settings,
      allowUnencrypted,
      auth,
    });
  }

  #ask(
    request: ShellRequest,
    pending: Pending,
    shell: ShellRecord,
    timeoutMs: number,
    context: Context<DispatcherMessage>,
  ): void {
    this.#pending.set(pending.operation, pending);
    context.ask<ShellMessage, Answer>(
      shell.ref,
      (replyTo) => ({
        kind: "operation",
        operation: pending.operation,
        request,
        context: pending.context,
        timeoutMs,
        maxEnvelope: pending.maxEnvelope,
        replyTo,
      }),
      timeoutMs + operationGraceMs,
      (outcome) => ({ kind: "shellAnswered", request: pending, outcome }),
    );
  }

  #shellAnswered(request: Pending, outcome: AskOutcome<Answer>, context: Context<DispatcherMessage>): void {
    this.#end(request);
    if (request.deletes && request.shell !== undefined && outcome.kind === "answered") {
      this.#forget(request.shell, "deleted", context);
    }
    if (outcome.kind === "answered") return context.reply(request.replyTo, outcome.value);
    const fault = outcome.kind === "targetStopped"
      ? WsmanFaultError.of("UNEXPECTED_SELECTORS")
      : WsmanFaultError.of("OPERATION_TIMEDOUT");
    context.reply(request.replyTo, faultAnswer(fault, request.context, this.#options.machineName));
  }

  #end(request: Pending): void {
    this.#pending.delete(request.operation);
    this.#quotas.endOperation(request.user);
  }

  // Shells.

  #find(shellId: string, user: string): ShellRecord {
    const record = this.#shells.get(shellId.toUpperCase());
    // Another user's shell looks just like none.
    if (record === undefined || record.user !== user || record.deleting) {
      throw WsmanFaultError.of("UNEXPECTED_SELECTORS");
    }
    return record;
  }

  #create(
    operation: Extract<ShellOperation, { kind: "Create" }>,
    message: Request,
    response: ResponseContext,
    maxEnvelope: number,
    context: Context<DispatcherMessage>,
  ): Uint8Array {
    const { settings, codePages } = this.#options;
    const { account, clientIp } = message;
    if (!settings.AllowRemoteShellAccess) throw WsmanFaultError.of("REMOTESHELLS_NOT_ALLOWED");
    const shellId = operation.shellId ?? guidFromRandom(context.random.bytes(16));
    if (!isGuid(shellId)) throw WsmanFaultError.of("ERROR_WINRS_SHELL_CLIENTID_NOT_VALID");
    const key = shellId.toUpperCase();
    if (this.#shells.has(key)) throw WsmanFaultError.of("ERROR_WINRS_SHELL_CLIENTID_RESOURCE_CONFLICT");
    const codepage = operation.codepage === 65001 ? undefined : operation.codepage;
    if (codepage !== undefined && codePages.toUtf8(codepage) === undefined) {
      throw WsmanFaultError.of("ERROR_WINRS_CODE_PAGE_NOT_SUPPORTED");
    }
    const inputStreams = checkStreams(operation.inputStreams, ["stdin"], "SHELL_INVALID_INPUT_STREAM");
    const outputStreams = checkStreams(
      operation.outputStreams,
      ["stdout", "stderr"],
      "SHELL_INVALID_DESIRED_STREAMS",
    ) as readonly OutputStream[];
    const asked = operation.idleTimeoutMs;
    const { platform } = this.#options.processHost;
    const view = {
      ...(platform === undefined ? {} : { platform }),
      shellId: key,
      name: operation.name,
      owner: account.name,
      clientIp,
      cwd: operation.cwd,
      env: operation.env,
      idleTimeoutMs: asked === undefined || asked < lowestIdleTimeoutMs
        ? settings.IdleTimeout
        : Math.min(asked, highestShellTimeoutMs),
      lifetimeMs: operation.lifetimeMs === undefined
        ? undefined
        : Math.min(operation.lifetimeMs, highestShellTimeoutMs),
      inputStreams,
      outputStreams,
    };
    // Before anything is begun: an answer that cannot be given must not leave a shell that nobody knows of.
    const to = addressOf(message.envelope);
    const answer = writeCreateResponse(response, to, {
      ...view,
      ageMs: 0,
      inactivityMs: 0,
      processes: undefined,
    });
    if (answer.length > maxEnvelope) {
      throw WsmanFaultError.of("ENCODING_LIMIT", { detail: "the answer is larger than MaxEnvelopeSize" });
    }
    this.#quotas.addShell(account.name);
    const record: ShellRecord = {
      shellId: key,
      user: account.name,
      deleting: false,
      ref: context.spawn(shellActor({
        ...view,
        noProfile: operation.noProfile,
        codepage,
        systemUser: account.systemUser,
        delegated: account.delegated,
        settings,
        machineName: this.#options.machineName,
        processHost: this.#options.processHost,
        codePages,
      })),
    };
    this.#shells.set(key, record);
    this.#byActor.set(record.ref.id, record);
    this.#tell({ kind: "shellOpened", shellId: key, user: account.name, from: clientIp }, context);
    return answer;
  }

  #forget(
    record: ShellRecord,
    reason: "deleted" | "expired" | "stopped" | "crashed",
    context: Context<DispatcherMessage>,
  ): void {
    if (this.#shells.get(record.shellId) !== record) return;
    this.#shells.delete(record.shellId);
    this.#quotas.removeShell(record.user);
    this.#tell({ kind: "shellClosed", shellId: record.shellId, user: record.user, reason }, context);
  }

  // Enumerations.

  #gather(
    shells: readonly ShellRecord[],
    what: "shell" | "commands",
    asked: { readonly optimized: boolean; readonly maxElements: number },
    request: Pending,
    context: Context<DispatcherMessage>,
  ): void {
    const gathering: Gathering = { ...asked, parts: [], missing: shells.length };
    this.#pending.set(request.operation, request);
    if (shells.length === 0) return this.#answerEnumerate(request, gathering, context);
    for (const shell of shells) {
      context.ask<ShellMessage, readonly string[]>(
        shell.ref,
        (replyTo) => ({ kind: "describe", what, replyTo }),
        operationGraceMs,
        (outcome) => ({ kind: "described", request, gathering, outcome }),
      );
    }
  }

  #described(
    request: Pending,
    gathering: Gathering,
    outcome: AskOutcome<readonly string[]>,
    context: Context<DispatcherMessage>,
  ): void {
    // A shell that ended meanwhile is not there to be listed.
    if (outcome.kind === "answered") gathering.parts.push(outcome.value);
    gathering.missing--;
    if (gathering.missing === 0) this.#answerEnumerate(request, gathering, context);
  }

  #answerEnumerate(request: Pending, gathering: Gathering, context: Context<DispatcherMessage>): void {
    this.#end(request);
    const limit = gathering.optimized
      ? Math.min(gathering.maxElements, this.#options.settings.MaxBatchItems)
      : 0;
    const page = this.#enumerations.begin(
      request.user,
      gathering.parts.flat(),
      limit,
      request.maxEnvelope - enumerationOverhead,
      `uuid:${guidFromRandom(context.random.bytes(16))}`,
      context.now(),
    );
    this.#purgeLater(context);
    context.reply(
      request.replyTo,
      success(writeEnumerateResponse(request.context, {
        items: gathering.optimized ? page.items : undefined,
        enumerationContext: page.enumerationContext,
      })),
    );
  }

  #tell(event: ServiceEvent, context: Context<DispatcherMessage>): void {
    context.effect(() => this.#options.onEvent?.(event));
  }
}

function checkStreams(
  asked: readonly string[],
  known: readonly string[],
  fault: "SHELL_INVALID_INPUT_STREAM" | "SHELL_INVALID_DESIRED_STREAMS",
): readonly string[] {
  const strange = asked.find((name) => !known.includes(name));
  if (strange !== undefined) throw WsmanFaultError.of(fault);
  return [...new Set(asked)];
}

/** `a:To` of the request: the address under which this client knows the service. */
function addressOf(envelope: Envelope): string {
  const to = envelope.headers.find((header) => header.local === "To");
  return to?.text.trim() || "http://localhost/wsman";
}
