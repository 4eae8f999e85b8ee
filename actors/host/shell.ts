/**
 * A remote shell: Create, commands in it, Delete. Every shell that was created is deleted, and its owner is told whether
 * the service confirmed that.
 * @module
 */
import type { DroverError } from "../../protocol/errors.ts";
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
import { asDroverError } from "./client_http.ts";
import {
  command,
  type CommandMessage,
  type CommandReport,
  type CommandSpec,
  type CommandTimes,
} from "./command.ts";
import { type ExchangeMessage, type ExchangeOutcome, exchangeOutcome } from "./exchange.ts";

/** What a shell tells its owner. */
export type ShellReport =
  | { readonly kind: "shellOpened"; readonly shellId: string }
  /** It was not created (`sent` false: nothing reached the service; true: a shell may be left until its IdleTimeout). */
  | { readonly kind: "shellFailed"; readonly error: DroverError; readonly sent: boolean }
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
  }
  /** Deletes the shell, with whatever still runs in it. */
  | { readonly kind: "close" }
  | { readonly kind: "created"; readonly outcome: ExchangeOutcome }
  | { readonly kind: "deleted"; readonly outcome: ExchangeOutcome }
  | { readonly kind: "commandGone"; readonly command: ActorRef<CommandMessage>; readonly reason: StopReason };

/** A shell over `session` that reports to `owner`. */
export function shell(
  options: CreateShellOptions,
  session: ActorRef<ExchangeMessage>,
  owner: ActorRef<ShellReport>,
  times: CommandTimes,
): ChildSpec<ShellMessage> {
  return { start: (context) => new Shell(options, session, owner, times, context) };
}

class Shell implements Behaviour<ShellMessage> {
  readonly #session: ActorRef<ExchangeMessage>;
  readonly #owner: ActorRef<ShellReport>;
  readonly #times: CommandTimes;
  #state: ShellState = "closed";
  #created: CreatedShell | undefined;
  #closeAsked = false;
  #commands = 0;

  constructor(
    options: CreateShellOptions,
    session: ActorRef<ExchangeMessage>,
    owner: ActorRef<ShellReport>,
    times: CommandTimes,
    context: Context<ShellMessage>,
  ) {
    this.#session = session;
    this.#owner = owner;
    this.#times = times;
    this.#state = advance(shellTransitions, this.#state, "create");
    const request = createShell(options);
    context.ask<ExchangeMessage, ExchangeOutcome>(
      session,
      (replyTo) => ({
        kind: "exchange",
        request,
        urgent: false,
        operationTimeoutMs: times.operationTimeoutMs,
        replyTo,
      }),
      times.operationTimeoutMs + times.guardMs,
      (outcome) => ({ kind: "created", outcome: exchangeOutcome(outcome) }),
    );
  }

  handle(message: ShellMessage, context: Context<ShellMessage>): void {
    switch (message.kind) {
      case "created":
        this.#createAnswered(message.outcome, context);
        return;
      case "run": {
        const ref = context.spawn(
          command(message.spec, this.#created!, this.#session, message.owner, this.#times),
        );
        this.#commands++;
        context.watch(ref, (reason) => ({ kind: "commandGone", command: ref, reason }));
        context.send(this.#owner, { kind: "commandStarted", id: message.id, command: ref });
        return;
      }
      case "commandGone":
        this.#commands--;
        if (this.#closeAsked && this.#commands === 0) this.#delete(context);
        return;
      case "close":
        this.#closeAsked = true;
        // A finished command's Signal comes before Delete; without commands there is nothing to wait for.
        if (this.#commands === 0) this.#delete(context);
        return;
      case "deleted":
        this.#deleted(message.outcome, context);
        return;
    }
  }

  describe(): string {
    return `${this.#state} ${this.#created?.shellId ?? ""}, ${this.#commands} commands`;
  }

  #createAnswered(outcome: ExchangeOutcome, context: Context<ShellMessage>): void {
    try {
      if (outcome.kind === "answered") {
        this.#created = readCreateResponse(outcome.envelope);
        this.#state = advance(shellTransitions, this.#state, "created");
        context.send(this.#owner, { kind: "shellOpened", shellId: this.#created.shellId });
        if (this.#closeAsked) this.#delete(context);
        return;
      }
      const error = outcome.kind === "fault" ? outcome.fault : outcome.error;
      this.#state = advance(shellTransitions, this.#state, "refused");
      context.send(this.#owner, {
        kind: "shellFailed",
        error,
        sent: outcome.kind === "failed" && outcome.sent,
      });
    } catch (error) {
      this.#state = advance(shellTransitions, this.#state, "linkLost");
      const typed = asDroverError(error, "BadAnswer", "read CreateResponse");
      context.send(this.#owner, { kind: "shellFailed", error: typed, sent: true });
    }
    context.stop();
  }

  #delete(context: Context<ShellMessage>): void {
    if (this.#state !== "open") return;
    this.#state = advance(shellTransitions, this.#state, "delete");
    const request = deleteShell(this.#created!.shellId);
    const operationTimeoutMs = this.#times.cleanupTimeoutMs;
    context.ask<ExchangeMessage, ExchangeOutcome>(
      this.#session,
      (replyTo) => ({ kind: "exchange", request, urgent: true, operationTimeoutMs, replyTo }),
      operationTimeoutMs + this.#times.guardMs,
      (answer) => ({ kind: "deleted", outcome: exchangeOutcome(answer) }),
    );
  }

  /** A shell that the service does not know any more is as good as deleted. */
  #deleted(outcome: ExchangeOutcome, context: Context<ShellMessage>): void {
    const gone = outcome.kind === "fault" && outcome.fault.is("UNEXPECTED_SELECTORS");
    const confirmed = outcome.kind === "answered" || gone;
    this.#state = advance(shellTransitions, this.#state, confirmed ? "deletedConfirmed" : "linkLost");
    context.send(this.#owner, { kind: "shellClosed", confirmed });
    context.stop();
  }
}
