/** Actors that ask one question, and end. @module */
import type { DurableJobMessage, StoreError, WishMessage } from "../../actors/daemon/mod.ts";
import type { FleetMessage, HostTarget, InquiryOutcome, Question } from "../../actors/host/mod.ts";
import type { ActorRef, AskOutcome, ChildSpec } from "../../actors/kernel/actor.ts";

/** Longer than any inquiry takes, in milliseconds. */
const askMs = 600_000;

/** Asks a fleet about one of its hosts. `done` is called once; with `undefined` when no answer came. */
export function asker<T>(
  fleet: ActorRef<FleetMessage>,
  target: HostTarget,
  question: Question<T>,
  done: (outcome: InquiryOutcome<unknown> | undefined) => void,
): ChildSpec<AskOutcome<InquiryOutcome<unknown>>> {
  return {
    start: (context) => {
      context.ask<FleetMessage, InquiryOutcome<unknown>>(
        fleet,
        (replyTo) => ({ kind: "inquire", target, question, replyTo }),
        askMs,
        (outcome) => outcome,
      );
      return {
        handle: (outcome, inner) => {
          inner.effect(() => done(outcome.kind === "answered" ? outcome.value : undefined));
          inner.stop();
        },
      };
    },
  };
}

/** Asks a durable job for something; `kept` is called when it says that this is on disk. */
export function wisher(
  job: ActorRef<DurableJobMessage>,
  kind: WishMessage["kind"],
  kept: () => void,
): ChildSpec<AskOutcome<StoreError | undefined>> {
  return {
    start: (context) => {
      context.ask<DurableJobMessage, StoreError | undefined>(
        job,
        (replyTo) => ({ kind, replyTo }),
        askMs,
        (outcome) => outcome,
      );
      return {
        handle: (outcome, inner) => {
          if (outcome.kind === "answered" && outcome.value === undefined) inner.effect(kept);
          inner.stop();
        },
      };
    },
  };
}
