/** Asking the scheduler for the permit of one shell. @module */
import type { ActorRef, Context } from "../kernel/actor.ts";
import type { PermitGrant, PermitRequest, SchedulerMessage } from "../scheduler/mod.ts";

/**
 * Asks for a permit in the name of the asking actor, and gives it back when that actor ends. It waits for as long as it
 * takes; the message has `undefined` when the request was cancelled or the scheduler is gone.
 */
export function askPermit<M>(
  scheduler: ActorRef<SchedulerMessage>,
  { job, quotaKey, throttle }: Required<Pick<PermitRequest, "job" | "quotaKey" | "throttle">>,
  context: Context<M>,
  makeMessage: (permit: PermitGrant | undefined) => M,
): void {
  context.ask<SchedulerMessage, PermitGrant | undefined>(
    scheduler,
    (replyTo) => ({
      kind: "acquire",
      request: { id: context.self.id, job, quotaKey, throttle },
      replyTo,
      owner: { ref: context.self },
    }),
    Infinity,
    (outcome) => makeMessage(outcome.kind === "answered" ? outcome.value : undefined),
  );
}
