/** A ping: one link, one Identify, one answer. @module */
import { DeniedError, type DroverError, NetworkError } from "../../protocol/errors.ts";
import { type Identity, readIdentifyResponse, writeIdentify } from "../../protocol/soap/mod.ts";
import type { ActorRef, Behaviour, ChildSpec, Context } from "../kernel/actor.ts";
import type { Connector } from "../ports.ts";
import { asDroverError } from "./client_http.ts";
import { type ExchangeOutcome, exchangeOutcome } from "./exchange.ts";
import { link, type LinkMessage, type LinkReport } from "./link.ts";
import type { LogonUsed } from "./logon.ts";
import type { HostTarget } from "./target.ts";

/** What a ping found. */
export type PingResult =
  | {
    readonly kind: "answered";
    readonly identity: Identity;
    readonly durationMs: number;
    /** What the logon was with; `undefined`: nothing. */
    readonly logon: LogonUsed | undefined;
  }
  | { readonly kind: "failed"; readonly error: DroverError };

type PingMessage = LinkReport | { readonly kind: "identified"; readonly outcome: ExchangeOutcome } | {
  readonly kind: "linkGone";
};

/** A ping of `target`, which calls `done` exactly once. */
export function ping(
  target: HostTarget,
  connector: Connector,
  done: (result: PingResult) => void,
): ChildSpec<PingMessage> {
  return { start: (context) => new Ping(target, connector, done, context) };
}

class Ping implements Behaviour<PingMessage> {
  readonly #target: HostTarget;
  readonly #done: (result: PingResult) => void;
  readonly #since: number;
  #over = false;
  #logon: LogonUsed | undefined;

  constructor(
    target: HostTarget,
    connector: Connector,
    done: (result: PingResult) => void,
    context: Context<PingMessage>,
  ) {
    this.#target = target;
    this.#done = done;
    this.#since = context.now();
    const ref = context.spawn(link(target, connector, context.self));
    context.watch(ref, () => ({ kind: "linkGone" }));
  }

  handle(message: PingMessage, context: Context<PingMessage>): void {
    switch (message.kind) {
      case "linkIdle":
        this.#logon ??= message.logon;
        if (!this.#over) this.#identify(message.link, context);
        return;
      case "linkRefused":
      case "linkClosed":
      case "linkGone":
        this.#end({ kind: "failed", error: lost() }, context);
        return;
      case "linkFailed":
        this.#end({ kind: "failed", error: message.error }, context);
        return;
      case "identified":
        this.#end(this.#result(message.outcome, context.now() - this.#since), context);
        return;
    }
  }

  #identify(ref: ActorRef<LinkMessage>, context: Context<PingMessage>): void {
    context.ask<LinkMessage, ExchangeOutcome>(
      ref,
      (replyTo) => ({
        kind: "exchange",
        envelope: writeIdentify(),
        deadlineMs: this.#target.operationTimeoutMs,
        replyTo,
      }),
      Infinity,
      (outcome) => ({ kind: "identified", outcome: exchangeOutcome(outcome) }),
    );
  }

  #result(outcome: ExchangeOutcome, durationMs: number): PingResult {
    if (outcome.kind === "fault") return { kind: "failed", error: outcome.fault };
    if (outcome.kind === "failed") {
      const { authentication } = this.#target;
      const error = outcome.error instanceof DeniedError && authentication.kind === "anonymous"
        ? new DeniedError(
          outcome.error.code,
          "identify: the service does not answer without credentials; give --user and --password-env",
        )
        : outcome.error;
      return { kind: "failed", error };
    }
    try {
      const identity = readIdentifyResponse(outcome.envelope);
      return { kind: "answered", identity, durationMs, logon: this.#logon };
    } catch (error) {
      return { kind: "failed", error: asDroverError(error, "BadAnswer", "identify") };
    }
  }

  #end(result: PingResult, context: Context<PingMessage>): void {
    if (this.#over) return;
    this.#over = true;
    context.effect(() => this.#done(result));
    context.stop();
  }
}

function lost(): NetworkError {
  return new NetworkError("ConnectionClosed", "identify: the service closed the connection");
}
