/** Places of shells that could not be deleted for certain. @module */
import type { CreateShellOptions } from "../../protocol/shell/mod.ts";
import type { ActorRef, Context } from "../kernel/actor.ts";
import type { PermitGrant, SchedulerMessage } from "../scheduler/mod.ts";

/** IdleTimeout of Windows' own configuration, after which it deletes a shell that nobody uses. */
const defaultIdleTimeoutMs = 7_200_000;

/**
 * Keeps a shell counted at its host for as long as the service may keep it, when its owner (the actor of `context`, which has
 * given its permit back and ends now) was not told that it is gone. No slot is held: other hosts go on.
 */
export function keepShell<M>(
  scheduler: ActorRef<SchedulerMessage>,
  spec: { readonly job: string; readonly quotaKey: string; readonly shell: CreateShellOptions },
  context: Context<M | { readonly kind: "permit"; readonly permit: PermitGrant | undefined }>,
): void {
  context.ask<SchedulerMessage, PermitGrant | undefined>(
    scheduler,
    (replyTo) => ({
      kind: "acquire",
      request: {
        id: context.self.id,
        job: spec.job,
        quotaKey: spec.quotaKey,
        cost: { slots: 0, operations: 0, shells: 1 },
      },
      replyTo,
      owner: { ref: context.self, keepMs: spec.shell.idleTimeoutMs ?? defaultIdleTimeoutMs },
    }),
    Infinity,
    (outcome) => ({ kind: "permit", permit: outcome.kind === "answered" ? outcome.value : undefined }),
  );
}
