/**
 * An inquiry: a few requests to one host, one after the other, that are no command: its settings, its shells, its boot time.
 *
 * What it asks is a {@link Dialogue}: a generator that yields requests and gets their outcomes, so that a sequence reads like one.
 * The actor around it has a permit for one operation (a dialogue is one operation at a time), and answers in any case.
 * @module
 */
import { type DroverError, NetworkError } from "../../protocol/errors.ts";
import type { Envelope } from "../../protocol/soap/mod.ts";
import type { ActorRef, Behaviour, ChildSpec, Context, ReplyTo, StopReason } from "../kernel/actor.ts";
import type { RandomSource } from "../ports.ts";
import type { PermitGrant, SchedulerMessage } from "../scheduler/mod.ts";
import { asDroverError } from "./client_http.ts";
import {
  type ExchangeMessage,
  type ExchangeOutcome,
  exchangeOutcome,
  type ExchangePriority,
  type ExchangeRequest,
  type SessionRequest,
} from "./exchange.ts";
import type { HostTarget } from "./target.ts";

/** One request of a dialogue. */
export interface DialogueStep {
  /** What to ask. */
  readonly request: ExchangeRequest;
  /** Default `ordinary`. */
  readonly priority?: ExchangePriority;
}

/** Yields requests, is resumed with their outcomes, and returns what they were for. What it throws is why it failed. */
export type Dialogue<T> = Generator<DialogueStep, T, ExchangeOutcome>;

/** A dialogue of one request: its answer; throws the fault or failure. */
export function* exchange(step: DialogueStep): Dialogue<Envelope> {
  const outcome = yield step;
  if (outcome.kind === "answered") return outcome.envelope;
  throw outcome.kind === "fault" ? outcome.fault : outcome.error;
}

/** What to ask a host. */
export interface Question<T> {
  /** For people, e.g. `read winrm/config`. */
  readonly name: string;
  /** Begins the dialogue. */
  readonly dialogue: (random: RandomSource) => Dialogue<T>;
  /** It makes room at the host, and so goes before all else: Delete of shells that nobody needs. Default false. */
  readonly cleanup?: boolean;
  /** It asks whether the host is back: an open circuit does not keep it back. Default false. */
  readonly probe?: boolean;
  /** What the scheduler is to know of the result. */
  learn?(value: T): SchedulerMessage;
}

/** How an inquiry ended. */
export type InquiryOutcome<T> =
  | { readonly kind: "done"; readonly value: T }
  | { readonly kind: "failed"; readonly error: DroverError };

/** Asks a fleet to ask one of its hosts. The answer comes in any case. */
export interface InquireMessage {
  readonly kind: "inquire";
  readonly target: HostTarget;
  readonly question: Question<unknown>;
  readonly replyTo: ReplyTo<InquiryOutcome<unknown>>;
}

/** Messages that an inquiry takes. */
export type InquiryMessage =
  /** Begins; once. */
  | { readonly kind: "begin"; readonly replyTo: ReplyTo<InquiryOutcome<unknown>> }
  | { readonly kind: "permit"; readonly permit: PermitGrant | undefined }
  | { readonly kind: "answered"; readonly outcome: ExchangeOutcome };

/** Milliseconds that an inquiry waits for its permit: whoever asks can ask again. */
const permitWaitMs = 60_000;

/** Milliseconds beyond OperationTimeout and NetworkDelay until an answer is given up: a backstop, never the rule. */
const guardMs = 60_000;

/** Asks `question` at `target`. */
export function inquiry<T>(
  question: Question<T>,
  target: HostTarget,
  session: ActorRef<SessionRequest>,
  scheduler: ActorRef<SchedulerMessage>,
): ChildSpec<InquiryMessage> {
  return { label: "inquiry", start: () => new Inquiry(question, target, session, scheduler) };
}

class Inquiry<T> implements Behaviour<InquiryMessage> {
  readonly #question: Question<T>;
  readonly #target: HostTarget;
  readonly #session: ActorRef<SessionRequest>;
  readonly #scheduler: ActorRef<SchedulerMessage>;
  #replyTo: ReplyTo<InquiryOutcome<unknown>> | undefined;
  #dialogue: Dialogue<T> | undefined;
  #permit: PermitGrant | undefined;

  constructor(
    question: Question<T>,
    target: HostTarget,
    session: ActorRef<SessionRequest>,
    scheduler: ActorRef<SchedulerMessage>,
  ) {
    this.#question = question;
    this.#target = target;
    this.#session = session;
    this.#scheduler = scheduler;
  }

  handle(message: InquiryMessage, context: Context<InquiryMessage>): void {
    switch (message.kind) {
      case "begin":
        this.#replyTo = message.replyTo;
        this.#acquire(context);
        return;
      case "permit":
        if (message.permit === undefined) {
          const error = new NetworkError("NotStarted", `${this.#question.name}: the host was too busy`);
          this.#end({ kind: "failed", error }, context);
          return;
        }
        this.#permit = message.permit;
        this.#dialogue = this.#question.dialogue(context.random);
        this.#step((dialogue) => dialogue.next(), context);
        return;
      case "answered":
        this.#step((dialogue) => dialogue.next(message.outcome), context);
        return;
    }
  }

  /** Whatever ends it: whoever asked hears of it. */
  stopped(_reason: StopReason, context: Context<InquiryMessage>): void {
    if (this.#replyTo === undefined) return;
    const error = new NetworkError("Cancelled", `${this.#question.name}: it was stopped`);
    context.reply(this.#replyTo, { kind: "failed", error });
  }

  describe(): string {
    return this.#permit === undefined ? `${this.#question.name}: waiting for a permit` : this.#question.name;
  }

  #acquire(context: Context<InquiryMessage>): void {
    const { quotaKey } = this.#target;
    const { cleanup } = this.#question;
    context.ask<SchedulerMessage, PermitGrant | undefined>(
      this.#scheduler,
      (replyTo) => ({
        kind: "acquire",
        request: {
          id: context.self.id,
          job: `inquiry ${quotaKey}`,
          quotaKey,
          cost: { slots: 0, shells: 0 },
          ...(cleanup === true ? { cleanup } : {}),
        },
        replyTo,
        owner: { ref: context.self },
        waitMs: permitWaitMs,
      }),
      Infinity,
      (outcome) => ({ kind: "permit", permit: outcome.kind === "answered" ? outcome.value : undefined }),
    );
  }

  #step(
    go: (dialogue: Dialogue<T>) => IteratorResult<DialogueStep, T>,
    context: Context<InquiryMessage>,
  ): void {
    let result: IteratorResult<DialogueStep, T>;
    try {
      result = go(this.#dialogue!);
    } catch (error) {
      this.#end({ kind: "failed", error: asDroverError(error, "BadAnswer", this.#question.name) }, context);
      return;
    }
    if (result.done === true) {
      const learnt = this.#question.learn?.(result.value);
      if (learnt !== undefined) context.send(this.#scheduler, learnt);
      this.#end({ kind: "done", value: result.value }, context);
      return;
    }
    const { request, priority } = result.value;
    const { operationTimeoutMs, networkDelayMs } = this.#target;
    context.ask<ExchangeMessage, ExchangeOutcome>(
      this.#session,
      (replyTo) => ({
        kind: "exchange",
        request,
        priority: priority ?? "ordinary",
        probe: this.#question.probe === true,
        operationTimeoutMs,
        owner: context.self,
        replyTo,
      }),
      operationTimeoutMs + networkDelayMs + guardMs,
      (outcome) => ({ kind: "answered", outcome: exchangeOutcome(outcome) }),
    );
  }

  #end(outcome: InquiryOutcome<T>, context: Context<InquiryMessage>): void {
    if (this.#permit !== undefined) {
      context.send(this.#scheduler, { kind: "release", permit: this.#permit });
    }
    if (this.#replyTo !== undefined) context.reply(this.#replyTo, outcome);
    this.#replyTo = undefined;
    context.stop();
  }
}
