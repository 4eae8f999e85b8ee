/** Lets a fleet hear of hosts where limits that nobody has learnt keep work back, so that it reads their winrm/config. @module */
import type { ActorRef, ChildSpec } from "../kernel/actor.ts";
import type { CrowdedMessage, SchedulerMessage } from "../scheduler/mod.ts";

/** Between a scheduler, which waits for nobody, and `fleet`, which may have much to do. What is too much is forgotten. */
export function limitsWatcher(
  fleet: ActorRef<CrowdedMessage>,
  scheduler: ActorRef<SchedulerMessage>,
): ChildSpec<CrowdedMessage> {
  return {
    name: "limits-watcher",
    mailbox: { capacity: 1_024, overflow: "shedOldest" },
    start: (context) => {
      context.send(scheduler, { kind: "watchCrowding", watcher: context.self });
      return { handle: (message, inner) => inner.send(fleet, message) };
    },
  };
}
