/**
 * Waits until a host has been restarted: until it says another boot time than before. That it answers proves nothing (it may
 * not have gone down yet), nor does it that it once did not.
 * @module
 */
import { DeniedError, type DroverError, NetworkError } from "../../protocol/errors.ts";
import { ReportedFault } from "../../protocol/wsman/mod.ts";
import type { ActorRef, AskOutcome, Behaviour, ChildSpec, Context } from "../kernel/actor.ts";
import type { InquireMessage, InquiryOutcome } from "./inquiry.ts";
import { jittered } from "./jitter.ts";
import { bootTimeQuestion } from "./questions.ts";
import type { HostTarget } from "./target.ts";

/** What to wait for. */
export interface RebootSpec {
  readonly target: HostTarget;
  /** Boot time before the restart, in milliseconds since 1970. */
  readonly after: number;
  /** Milliseconds until it is given up. */
  readonly timeoutMs: number;
  /** Name of shells that are made to read the boot time, where one is needed. */
  readonly shellName: string;
}

/** How it ended. */
export type RebootResult =
  | { readonly kind: "rebooted"; readonly bootTime: number }
  | { readonly kind: "failed"; readonly error: DroverError };

/** Messages of the actor. */
export type RebootMessage =
  | { readonly kind: "poll" }
  | { readonly kind: "polled"; readonly outcome: AskOutcome<InquiryOutcome<unknown>> }
  | { readonly kind: "deadline" }
  | { readonly kind: "cancel" };

/**
 * Boot times that differ by less are one: systems compute them from a clock that is set now and then, and round them. A restart
 * takes longer than this.
 */
export const bootTimeToleranceMs = 10_000;

/** Pauses between two questions, in milliseconds: the first, and the longest. Half of each is random. */
const firstPauseMs = 1_000;
const longestPauseMs = 10_000;

/** Milliseconds for one question, whatever happens to it. */
const questionMs = 300_000;

/** Waits as `spec` says, and calls `done` exactly once. */
export function rebootWait(
  spec: RebootSpec,
  fleet: ActorRef<InquireMessage>,
  done: (result: RebootResult) => void,
): ChildSpec<RebootMessage> {
  return { start: (context) => new RebootWait(spec, fleet, done, context) };
}

class RebootWait implements Behaviour<RebootMessage> {
  readonly #spec: RebootSpec;
  readonly #fleet: ActorRef<InquireMessage>;
  readonly #done: (result: RebootResult) => void;
  #pauseMs = firstPauseMs;
  #last = "it has not answered yet";
  #over = false;

  constructor(
    spec: RebootSpec,
    fleet: ActorRef<InquireMessage>,
    done: (result: RebootResult) => void,
    context: Context<RebootMessage>,
  ) {
    this.#spec = spec;
    this.#fleet = fleet;
    this.#done = done;
    context.timer(spec.timeoutMs, { kind: "deadline" });
    this.#poll(context);
  }

  handle(message: RebootMessage, context: Context<RebootMessage>): void {
    switch (message.kind) {
      case "poll":
        this.#poll(context);
        return;
      case "polled":
        this.#polled(message.outcome, context);
        return;
      case "deadline":
        this.#fail(this.#overdue(), context);
        return;
      case "cancel":
        this.#fail(cancelled(), context);
        return;
    }
  }

  /** Whatever ends it: whoever waits hears of it. */
  stopped(_reason: unknown, context: Context<RebootMessage>): void {
    if (!this.#over) context.effect(() => this.#done({ kind: "failed", error: cancelled() }));
  }

  describe(): string {
    return this.#last;
  }

  #poll(context: Context<RebootMessage>): void {
    const { target, shellName } = this.#spec;
    const question = bootTimeQuestion(shellName);
    context.ask<InquireMessage, InquiryOutcome<unknown>>(
      this.#fleet,
      (replyTo) => ({ kind: "inquire", target, question, replyTo }),
      questionMs,
      (outcome) => ({ kind: "polled", outcome }),
    );
  }

  #polled(outcome: AskOutcome<InquiryOutcome<unknown>>, context: Context<RebootMessage>): void {
    if (outcome.kind === "targetStopped") return this.#fail(cancelled(), context);
    if (outcome.kind !== "answered") this.#last = "it did not answer in time";
    else if (outcome.value.kind === "done") {
      const bootTime = outcome.value.value as number;
      if (Math.abs(bootTime - this.#spec.after) > bootTimeToleranceMs) {
        return this.#end({ kind: "rebooted", bootTime }, context);
      }
      this.#last = "it still has the boot time from before";
    } else {
      const { error } = outcome.value;
      if (isFinal(error)) return this.#fail(error, context);
      this.#last = `the last answer was ${error.code}`;
    }
    context.timer(jittered(this.#pauseMs, context.random), { kind: "poll" });
    this.#pauseMs = Math.min(longestPauseMs, this.#pauseMs * 1.5);
  }

  #overdue(): NetworkError {
    const { target, timeoutMs } = this.#spec;
    return new NetworkError(
      "RebootTimeout",
      `wait for reboot: ${target.name} has not rebooted within ${timeoutMs} ms: ${this.#last}`,
    );
  }

  #fail(error: DroverError, context: Context<RebootMessage>): void {
    this.#end({ kind: "failed", error }, context);
  }

  #end(result: RebootResult, context: Context<RebootMessage>): void {
    if (this.#over) return;
    this.#over = true;
    context.effect(() => this.#done(result));
    context.stop();
  }
}

/** Errors that waiting does not mend: wrong credentials, no right, a request that cannot be written. */
function isFinal(error: DroverError): boolean {
  return error instanceof DeniedError || error.blame === "caller" ||
    (error instanceof ReportedFault && error.isAccessDenied);
}

function cancelled(): NetworkError {
  return new NetworkError("Cancelled", "wait for reboot: it was stopped on request");
}
