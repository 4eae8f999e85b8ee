/** Events of one job as server-sent events (HTML Living Standard, section 9.2). @module */
import { createRoute, z } from "@hono/zod-openapi";
import { utf8 } from "../../../protocol/bytes.ts";
import { needs } from "../access/guard.ts";
import { type Api, type DaemonParts, untilEither } from "../context.ts";
import { eventDocument } from "../documents.ts";
import { eventFeed } from "../live/event_feed.ts";
import { problems, security } from "../schemas/common.ts";
import { eventSchema, jobParams } from "../schemas/job.ts";
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
        200: { description: "The stream", content: { "text/event-stream": { schema: z.string() } } },
        ...problems(),
      },
    }),
    (context) => {
      const job = visibleJob(parts, context, context.req.valid("param").id);
      const after = Number(
        context.req.valid("header")["last-event-id"] ?? context.req.valid("query").after ?? 0,
      );
      const leave = parts.meter.enter(context.get("caller").id, "streams");
      const gone = new AbortController();
      const signal = untilEither(gone.signal, parts.stopping);
      const feed = eventFeed(
        parts.store,
        { after, job: job.id, finite: job.state === "done" },
        parts.heartbeatMs,
        signal,
      );
      const end = () => {
        gone.abort();
        leave();
      };
      const body = new ReadableStream<Uint8Array>({
        async pull(controller) {
          try {
            const { value, done } = await feed.next();
            // The client has left meanwhile: there is nothing to close.
            if (gone.signal.aborted) return;
            if (done) {
              end();
              controller.close();
              return;
            }
            if (value.kind === "idle") {
              controller.enqueue(heartbeat);
              return;
            }
            const text = value.events.map((event) =>
              `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(eventDocument(event))}\n\n`
            ).join("");
            controller.enqueue(utf8(text));
            const over = value.events.some((event) =>
              event.type === "job" && event.document.state === "done"
            );
            if (over) {
              end();
              controller.close();
            }
          } catch (error) {
            end();
            parts.onError(error);
            controller.error(error);
          }
        },
        cancel: end,
      }, { highWaterMark: 0 });
      const response = new Response(body, {
        headers: { "Content-Type": "text/event-stream", "X-Accel-Buffering": "no" },
      });
      return response as never;
    },
  );
}

const heartbeat = utf8(": alive\n\n");
