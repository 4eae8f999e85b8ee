/** Asks a fleet one question about one host, and ends. @module */
import type { FleetMessage, HostTarget, InquiryOutcome, Question } from "../../actors/host/mod.ts";
import type { ActorRef, AskOutcome, ChildSpec } from "../../actors/kernel/actor.ts";

/** Longer than any inquiry takes, in milliseconds. */
const askMs = 600_000;

/** `done` is called once; with `undefined` when no answer came. */
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
