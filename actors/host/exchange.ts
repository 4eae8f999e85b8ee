/** One request and its answer, as it travels from a shell through the session to a link and back. @module */
import { type DroverError, NetworkError } from "../../protocol/errors.ts";
import type { Envelope } from "../../protocol/soap/mod.ts";
import type { ReportedFault, RequestParts } from "../../protocol/wsman/mod.ts";
import type { ActorRef, AskOutcome, ReplyTo } from "../kernel/actor.ts";
import type { WorkPlace } from "../ports.ts";

/** How an exchange ended. Exactly one outcome comes for each. */
export type ExchangeOutcome =
  /** A verified envelope without a fault. */
  | { readonly kind: "answered"; readonly envelope: Envelope }
  /** The service answered with a fault. */
  | { readonly kind: "fault"; readonly fault: ReportedFault }
  /** No usable answer. `sent`: bytes of this request may have reached the service. */
  | { readonly kind: "failed"; readonly error: DroverError; readonly sent: boolean };

/** A request without the parts that the session adds. */
export type ExchangeRequest = Omit<RequestParts, "messageId" | "operationTimeoutMs">;

/**
 * `urgent`: Signal and Delete, which go first and may use a connection that is reserved for them. `poll`: a Receive, which the
 * service may hold for long; polls never take all connections, so that everything else still gets through.
 */
export type ExchangePriority = "urgent" | "ordinary" | "poll";

/** Asks the session for an exchange. */
export interface ExchangeMessage {
  readonly kind: "exchange";
  readonly request: ExchangeRequest;
  readonly priority: ExchangePriority;
  /** Asks whether the host is back, at a pace of its own: it is tried although the host's circuit is open. */
  readonly probe?: boolean;
  /** Milliseconds that the service may hold the request. */
  readonly operationTimeoutMs: number;
  /** Who asks. When it ends before the exchange was written, it says so ({@link WithdrawMessage}). */
  readonly owner: ActorRef<never>;
  /** For whom it is, for who observes the session. */
  readonly place?: WorkPlace | undefined;
  readonly replyTo: ReplyTo<ExchangeOutcome>;
}

/**
 * Nobody waits for the exchanges of `owner` any more: what was not written is not written at all, or it would start work that
 * nobody watches. Signal and Delete (`urgent`) still go out.
 */
export interface WithdrawMessage {
  readonly kind: "withdraw";
  readonly owner: ActorRef<never>;
}

/** What askers tell a session. */
export type SessionRequest = ExchangeMessage | WithdrawMessage;

/** The outcome of an ask for an exchange. Without an answer nobody can say what was sent. */
export function exchangeOutcome(outcome: AskOutcome<ExchangeOutcome>): ExchangeOutcome {
  if (outcome.kind === "answered") return outcome.value;
  const error = new NetworkError(
    "ResponseTimeout",
    "wait for the answer: the connection is gone or did not answer in time",
  );
  return { kind: "failed", error, sent: true };
}
