/** From the picture of the actors to what the API shows of a host. @module */
import type { z } from "@hono/zod-openapi";
import { type HostPicture, quietHost } from "../../actors/host/mod.ts";
import { iso } from "./documents.ts";
import type { workSchema } from "./schemas/work.ts";

/** What a host does, from the picture of the actors. */
export function workDocument(picture: HostPicture = quietHost): z.infer<typeof workSchema> {
  const { state, mailbox, restarts, connections, running, waiting, breaker } = picture;
  return {
    state: running > 0 ? "active" : waiting > 0 ? "waiting" : connections > 0 ? "connected" : "idle",
    actor: state ?? null,
    mailbox,
    restarts,
    connections,
    permits: { running, waiting },
    breaker: { ...breaker, until: breaker.until === null ? null : iso(breaker.until) },
  };
}
