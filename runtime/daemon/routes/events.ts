/** Events of one job as server-sent events (HTML Living Standard, section 9.2). @module */
import { createRoute, z } from "@hono/zod-openapi";
import { utf8 } from "../../../protocol/bytes.ts";
import { needs } from "../access/guard.ts";
import type { Api, DaemonParts } from "../context.ts";
import { DoneJob, JobFollower } from "../live/follow_job.ts";
import { WatchedSource } from "../live/watched_source.ts";
import { problems, security } from "../schemas/common.ts";
import { eventSchema, jobParams, streamedEventSchema } from "../schemas/job.ts";
import { visibleJob } from "./jobs.ts";

const seq = z.string().regex(/^\d{1,15}$/);

/** Adds the route. */
export function addEventRoutes(app: Api, parts: DaemonParts): void {
  app.openAPIRegistry.register("Event", eventSchema);
  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/jobs/{id}/events",
      operationId: "followJob",
      summary: "Events of a job, live",
      description:
        "Server-sent events: `id` is the seq, `data` an Event. It ends when the job is done. A client that " +
        "comes back with Last-Event-ID (or `after`) gets everything behind it, each event once.",
      security,
      middleware: [needs("read")] as const,
      request: {
        params: jobParams,
        query: z.object({ after: seq.optional().openapi({ description: "Only events with a higher seq" }) }),
        headers: z.object({ "last-event-id": seq.optional() }),
      },
      responses: {
        200: { description: "The stream", content: { "text/event-stream": { schema: streamedEventSchema } } },
        ...problems(),
      },
    }),
    (context) => {
      const job = visibleJob(parts, context, context.req.valid("param").id);
      // Whoever names a place that is still to come gets what comes, lest its stream has no end.
      const after = Math.min(
        Number(context.req.valid("header")["last-event-id"] ?? context.req.valid("query").after ?? 0),
        parts.store.head,
      );
      const leave = parts.meter.enter(context.get("caller").id, "streams");
      const items = job.state === "done"
        ? new DoneJob(parts.store, job.id, after)
        : new JobFollower(parts.store, parts.logs, job.id, after, parts.stopping);
      let unwatch = () => {};
      const source = new WatchedSource(items, parts, heartbeat, () => context.env.drop(), () => {
        unwatch();
        leave();
      });
      unwatch = parts.tokens.lasting(context.get("caller"), () => source.end());
      const response = new Response(context.env.parts(source), {
        headers: { "Content-Type": "text/event-stream", "X-Accel-Buffering": "no" },
      });
      return response as never;
    },
  );
}

const heartbeat = utf8(": alive\n\n");
