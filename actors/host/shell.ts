/**
 * A remote shell: Create, commands in it, Delete. Every shell that was created, or may have been, is deleted, and its owner is
 * told whether the service confirmed that.
 * @module
 */
import { DeniedError, type DroverError } from "../../protocol/errors.ts";
import { guidFromRandom } from "../../protocol/guid.ts";
import {
  advance,
  type CreatedShell,
  createShell,
  type CreateShellOptions,
  deleteShell,
  readCreateResponse,
  type ShellState,
  shellTransitions,
} from "../../protocol/shell/mod.ts";
import type { ActorRef, Behaviour, ChildSpec, Context, StopReason } from "../kernel/actor.ts";
import { quotaOf } from "../scheduler/mod.ts";
import { asDroverError } from "./client_http.ts";
import {
  command,
  type CommandMessage,
  type CommandReport,
  type CommandSpec,
  type CommandTimes,
} from "./command.ts";
import {
  type ExchangeMessage,
  type ExchangeOutcome,
  exchangeOutcome,
  type ExchangeRequest,
  type SessionRequest,
} from "./exchange.ts";
import { crashed } from "./events.ts";
import type { Dialogue, DialogueStep } from "./inquiry.ts";
import { keptMs } from "./kept_shell.ts";
import { askCleanup, learn, returnCleanup, type ShellQuota } from "./permit.ts";
import { findShell } from "./questions.ts";

/** What a shell tells its owner. */
export type ShellReport =
  | { readonly kind: "shellOpened"; readonly shellId: string }
  /** It was not opened. `left`: it may have been created, and `shellClosed` follows when that was cleaned up. */
  | { readonly kind: "shellFailed"; readonly error: DroverError; readonly left: boolean }
  | { readonly kind: "commandStarted"; readonly id: number; readonly command: ActorRef<CommandMessage> }
  /** It is gone. `confirmed`: the service said so. */
  | { readonly kind: "shellClosed"; readonly confirmed: boolean };

/** Messages that a shell takes. */
export type ShellMessage =
  /** Runs a command; `id` comes back in `commandStarted`, everything else goes to `owner`. */
  | {
    readonly kind: "run";
    readonly id: number;
    readonly spec: CommandSpec;
    readonly owner: ActorRef<CommandReport>;
    /** Milliseconds that it may wait for a permit of its own. */
    readonly waitMs?: number | undefined;
    /** Monotonic milliseconds of its end, if it has one. */
    readonly deadline?: number | undefined;
    /** CommandId to propose; default: one that the command chooses. */
    readonly commandId?: string | undefined;
    /** It was sent before, under `commandId`: it is only received. */
    readonly attached?: boolean;
  }
  /** Stops what runs in the shell and deletes it. */
  | { readonly kind: "close" }
  | { readonly kind: "created"; readonly outcome: ExchangeOutcome }
  | { readonly kind: "deleted"; readonly outcome: ExchangeOutcome }
  | { readonly kind: "listed"; readonly outcome: ExchangeOutcome }
  | { readonly kind: "deleteNow" }
  | { readonly kind: "deleteAgain" }
  | { readonly kind: "commandGone"; readonly command: ActorRef<CommandMessage>; readonly reason: StopReason }
  | { readonly kind: "commandsOverdue" };

/**
 * Milliseconds before each further Delete. Deleting twice does no harm, so one whose answer was lost, or that a quota has refused
 * (Windows refuses Delete too), is tried again until the owner's time for the clean-up is over; one that was never sent, once.
 */
const deleteAgainMs = [250, 500, 1_000, 2_000, 4_000];

/**
 * Milliseconds after which a shell that was not there is looked for once more: its Create, whose answer was lost, may be slower than
 * the Delete that followed it on another connection.
 */
const lookAgainMs = 1_000;

/**
 * A shell over `session` that reports to `owner`, which has a permit for it. `existing`: ShellId of one that somebody else has
 * created, instead of a new one.
 */
export function shell(
  options: CreateShellOptions,
  session: ActorRef<SessionRequest>,
  owner: ActorRef<ShellReport>,
  times: CommandTimes,
  quota: ShellQuota,
  existing?: string,
): ChildSpec<ShellMessage> {
  return {
    label: "shell",
    start: (context) => new Shell(options, session, owner, times, quota, existing, context),
  };
}

class Shell implements Behaviour<ShellMessage> {
  readonly #session: ActorRef<SessionRequest>;
  readonly #owner: ActorRef<ShellReport>;
  readonly #times: CommandTimes;
  readonly #quota: ShellQuota;
  /** Milliseconds after which the service has deleted it for certain, as nobody used it. */
  readonly #keptMs: number;
  /** Proposed by us, so that a shell whose CreateResponse is lost can be deleted; the answer may bring another id. */
  readonly #proposedId: string;
  /** Its Name, which no other shell has. */
  readonly #name: string | undefined;
  /** The list of the host's shells is read for the one that has its Name. */
  #search: Dialogue<string | undefined> | undefined;
  #searches = 0;
  readonly #commands = new Map<ActorRef<CommandMessage>, ActorRef<CommandReport>>();
  #state: ShellState = "closed";
  #created: CreatedShell | undefined;
  #closeAsked = false;
  #deletes = 0;
  /** Whether its Delete has an operation beside those of its permit, or asks for one. */
  #cleanup = false;

  constructor(
    options: CreateShellOptions,
    session: ActorRef<SessionRequest>,
    owner: ActorRef<ShellReport>,
    times: CommandTimes,
    quota: ShellQuota,
    existing: string | undefined,
    context: Context<ShellMessage>,
  ) {
    this.#session = session;
    this.#owner = owner;
    this.#times = times;
    this.#quota = quota;
    this.#keptMs = keptMs(options);
    this.#name = options.name;
    this.#proposedId = existing ?? guidFromRandom(context.random.bytes(16));
    if (existing !== undefined) {
      this.#state = advance(shellTransitions, this.#state, "create");
      this.#open({ shellId: existing, platform: "windows" }, context);
      return;
    }
    let request: ExchangeRequest;
    try {
      request = createShell({ ...options, shellId: this.#proposedId });
    } catch (error) {
      const typed = asDroverError(error, "BadShell", "open shell");
      context.send(owner, { kind: "shellFailed", error: typed, left: false });
      context.stop();
      return;
    }
    this.#state = advance(shellTransitions, this.#state, "create");
    context.ask<ExchangeMessage, ExchangeOutcome>(
      session,
      (replyTo) => ({
        kind: "exchange",
        request,
        priority: "ordinary",
        operationTimeoutMs: times.operationTimeoutMs,
        owner: context.self,
        place: quota.place,
        replyTo,
      }),
      times.operationTimeoutMs + times.guardMs,
      (outcome) => ({ kind: "created", outcome: exchangeOutcome(outcome) }),
    );
  }

  handle(message: ShellMessage, context: Context<ShellMessage>): void {
    switch (message.kind) {
      case "created":
        this.#learn(message.outcome, context);
        this.#createAnswered(message.outcome, context);
        return;
      case "run": {
        const { spec, waitMs, deadline, commandId, attached } = message;
        const keepMs = this.#keptMs;
        const terms = {
          quota: this.#quota,
          shell: context.self,
          keepMs,
          waitMs,
          deadline,
          commandId,
          attached,
        };
        const ref = context.spawn(
          command(spec, this.#created!, this.#session, message.owner, this.#times, terms),
        );
        this.#commands.set(ref, message.owner);
        context.watch(ref, (reason) => ({ kind: "commandGone", command: ref, reason }));
        context.send(this.#owner, { kind: "commandStarted", id: message.id, command: ref });
        return;
      }
      case "commandGone":
        this.#commandGone(message, context);
        return;
      case "close":
        if (this.#closeAsked) return;
        this.#closeAsked = true;
        // A Create that still waits for a connection is not sent at all.
        this.#withdraw(context);
        for (const ref of this.#commands.keys()) context.send(ref, { kind: "stop" });
        // The Signals of commands come before Delete, but a Signal without an answer must not keep it back.
        if (this.#commands.size === 0) this.#delete(context);
        else context.timer(this.#times.cleanupTimeoutMs / 2, { kind: "commandsOverdue" });
        return;
      case "commandsOverdue":
        this.#delete(context);
        return;
      case "deleted":
        this.#learn(message.outcome, context);
        this.#deleted(message.outcome, context);
        return;
      case "listed":
        this.#learn(message.outcome, context);
        if (message.outcome.kind === "failed") this.#unconfirmed(message.outcome, context);
        else this.#look((search) => search.next(message.outcome), context);
        return;
      case "deleteNow":
        this.#sendDelete(context);
        return;
      case "deleteAgain":
        this.#delete(context);
        return;
    }
  }

  /** A Create that still waits for a connection would make a shell for nobody. */
  stopped(_reason: StopReason, context: Context<ShellMessage>): void {
    this.#withdraw(context);
    this.#returnCleanup(context);
  }

  #withdraw(context: Pick<Context<ShellMessage>, "send" | "self">): void {
    if (this.#state === "creating") context.send(this.#session, { kind: "withdraw", owner: context.self });
  }

  describe(): string {
    return `${this.#state} ${this.#created?.shellId ?? this.#proposedId}, ${this.#commands.size} commands`;
  }

  #createAnswered(outcome: ExchangeOutcome, context: Context<ShellMessage>): void {
    try {
      if (outcome.kind === "answered") {
        this.#open(readCreateResponse(outcome.envelope), context);
        if (this.#closeAsked) this.#delete(context);
        return;
      }
      const error = outcome.kind === "fault" ? outcome.fault : outcome.error;
      const left = outcome.kind === "failed" && outcome.sent && !(error instanceof DeniedError);
      if (left) this.#lost(error, context);
      else {
        this.#state = advance(shellTransitions, this.#state, "refused");
        context.send(this.#owner, { kind: "shellFailed", error, left });
        context.stop();
      }
    } catch (error) {
      this.#lost(asDroverError(error, "BadAnswer", "read CreateResponse"), context);
    }
  }

  #open(created: CreatedShell, context: Context<ShellMessage>): void {
    this.#created = created;
    this.#state = advance(shellTransitions, this.#state, "created");
    context.send(this.#owner, { kind: "shellOpened", shellId: created.shellId });
  }

  /** There may be a shell that nobody told us of: it is deleted by the id that we proposed for it. */
  #lost(error: DroverError, context: Context<ShellMessage>): void {
    this.#state = advance(shellTransitions, this.#state, "linkLost");
    context.send(this.#owner, { kind: "shellFailed", error, left: true });
    this.#delete(context);
  }

  #commandGone(
    message: Extract<ShellMessage, { kind: "commandGone" }>,
    context: Context<ShellMessage>,
  ): void {
    const owner = this.#commands.get(message.command);
    this.#commands.delete(message.command);
    if (owner !== undefined && message.reason.kind === "crashed") {
      // The owner may have its end already; it takes the first one.
      const error = crashed();
      const end = { kind: "unknown", error, stopAsked: false } as const;
      context.send(owner, { kind: "ended", command: message.command, end });
    }
    if (this.#closeAsked && this.#commands.size === 0) this.#delete(context);
  }

  #delete(context: Context<ShellMessage>): void {
    if (this.#state !== "open" && this.#state !== "lost") return;
    // The permit has an operation for it when no other of this shell can be open.
    const covered = this.#state === "open" && this.#quota.operations > 0 && this.#commands.size === 0;
    this.#state = advance(shellTransitions, this.#state, "delete");
    if (covered) this.#sendDelete(context);
    else {
      this.#cleanup = true;
      askCleanup<ShellMessage>(this.#quota, this.#times.cleanupTimeoutMs / 4, context, { kind: "deleteNow" });
    }
  }

  #returnCleanup(context: Pick<Context<never>, "send" | "self">): void {
    if (this.#cleanup) returnCleanup(this.#quota, context);
    this.#cleanup = false;
  }

  #learn(outcome: ExchangeOutcome, context: Context<ShellMessage>): void {
    if (outcome.kind === "answered") return;
    const error = outcome.kind === "fault" ? outcome.fault : outcome.error;
    learn(error, this.#quota, this.#created?.shellId, context);
  }

  #sendDelete(context: Context<ShellMessage>): void {
    const request = deleteShell(this.#created?.shellId ?? this.#proposedId);
    this.#askUrgently(request, (outcome) => ({ kind: "deleted", outcome }), context);
  }

  #askUrgently(
    request: ExchangeRequest,
    message: (outcome: ExchangeOutcome) => ShellMessage,
    context: Context<ShellMessage>,
  ): void {
    const operationTimeoutMs = this.#times.cleanupTimeoutMs;
    context.ask<ExchangeMessage, ExchangeOutcome>(
      this.#session,
      (replyTo) => ({
        kind: "exchange",
        request,
        priority: "urgent",
        operationTimeoutMs,
        owner: context.self,
        place: this.#quota.place,
        replyTo,
      }),
      operationTimeoutMs + this.#times.guardMs,
      (answer) => message(exchangeOutcome(answer)),
    );
  }

  #deleted(outcome: ExchangeOutcome, context: Context<ShellMessage>): void {
    const gone = outcome.kind === "fault" && outcome.fault.isUnknownSelectors;
    if (gone && this.#created === undefined && this.#name !== undefined) {
      this.#search = findShell(this.#name);
      this.#look((search) => search.next(), context);
      return;
    }
    // A shell that the service has named and does not know any more is as good as deleted.
    if (outcome.kind === "answered" || gone) this.#closed(true, undefined, context);
    else this.#unconfirmed(outcome, context);
  }

  /** A request of the clean-up came to nothing. */
  #unconfirmed(outcome: ExchangeOutcome, context: Context<ShellMessage>): void {
    const againMs = this.#deleteAgainMs(outcome);
    this.#deletes++;
    this.#closed(false, againMs, context);
  }

  /**
   * The id that we have proposed is unknown: the shell may have another one (WinRM 2.0 takes none of ours), or not be there yet. So
   * the host is asked for its Name before it counts as gone, and once more a little later.
   */
  #look(
    go: (search: Dialogue<string | undefined>) => IteratorResult<DialogueStep, string | undefined>,
    context: Context<ShellMessage>,
  ): void {
    let step: IteratorResult<DialogueStep, string | undefined>;
    try {
      step = go(this.#search!);
    } catch {
      // It does not list its shells: nobody knows.
      this.#closed(false, undefined, context);
      return;
    }
    if (step.done !== true) {
      this.#askUrgently(step.value.request, (outcome) => ({ kind: "listed", outcome }), context);
    } else if (step.value !== undefined) {
      this.#created = { shellId: step.value, platform: "windows" };
      this.#search = undefined;
      this.#sendDelete(context);
    } else {
      this.#searches++;
      if (this.#searches > 1) this.#closed(true, undefined, context);
      else this.#closed(false, lookAgainMs, context);
    }
  }

  /** Nothing of its Delete is under way. `againMs`: it is tried again after so many milliseconds. */
  #closed(confirmed: boolean, againMs: number | undefined, context: Context<ShellMessage>): void {
    this.#returnCleanup(context);
    this.#state = advance(shellTransitions, this.#state, confirmed ? "deletedConfirmed" : "linkLost");
    if (againMs !== undefined) {
      context.timer(againMs, { kind: "deleteAgain" });
      return;
    }
    context.send(this.#owner, { kind: "shellClosed", confirmed });
    context.stop();
  }

  /** Milliseconds until the next try; `undefined`: it would be of no use. */
  #deleteAgainMs(outcome: ExchangeOutcome): number | undefined {
    if (outcome.kind === "fault") {
      const { faultCode } = outcome.fault;
      return faultCode !== undefined && quotaOf(faultCode) !== undefined
        ? deleteAgainMs[this.#deletes]
        : undefined;
    }
    if (outcome.kind === "answered" || outcome.error instanceof DeniedError) return undefined;
    // One that was sent and lost may find a connection that holds, a search is several requests; others have had their tries to connect.
    const again = this.#deletes === 0 || this.#search !== undefined || outcome.sent;
    return again ? deleteAgainMs[this.#deletes] : undefined;
  }
}
