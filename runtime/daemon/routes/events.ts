/** Events of one job as server-sent events (HTML Living Standard, section 9.2). @module */
import { createRoute, z } from "@hono/zod-openapi";
import { utf8 } from "../../../protocol/bytes.ts";
import { needs } from "../access/guard.ts";
import { type Api, type DaemonParts, untilEither } from "../context.ts";
import { doneJob, followJob } from "../live/follow_job.ts";
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
      const gone = new AbortController();
      const items = job.state === "done" ? doneJob(parts.store, job.id, after) : followJob(
        parts.store,
        parts.logs,
        job.id,
        after,
        parts.heartbeatMs,
        untilEither(gone.signal, parts.stopping),
      );
      const end = () => {
        clearInterval(watch);
        unwatch();
        gone.abort();
        // It may wait to be asked for more, where it hears of no abort.
        void items.return();
        leave();
      };
      /** When it was given what it has yet to ask for more behind: it does when the client has taken it, or there is room on the way. */
      let handedAt: number | undefined;
      let watch: ReturnType<typeof setInterval> | undefined;
      let unwatch = () => {};
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          unwatch = parts.tokens.lasting(context.get("caller"), () => {
            end();
            controller.close();
          });
          watch = setInterval(() => {
            if (handedAt === undefined || performance.now() - handedAt < parts.stuckMs) return;
            // Deno.serve cannot cut the connection, and would only log an error: it stays as long as the client holds it, with what the
            // system has buffered, but nothing is read or kept for it any more.
            end();
            controller.close();
            context.env.drop?.();
          }, parts.stuckMs / 4);
        },
        async pull(controller) {
          handedAt = undefined;
          try {
            const { value, done } = await items.next();
            // The client has left meanwhile: there is nothing to close.
            if (gone.signal.aborted) return;
            if (done) {
              end();
              controller.close();
              return;
            }
            controller.enqueue(value.kind === "idle" ? heartbeat : value.bytes);
            handedAt = performance.now();
          } catch (error) {
            end();
            parts.onError(error);
            controller.error(error);
          }
        },
        cancel() {
          end();
        },
      }, { highWaterMark: 0 });
      const response = new Response(body, {
        headers: { "Content-Type": "text/event-stream", "X-Accel-Buffering": "no" },
      });
      return response as never;
    },
  );
}

const heartbeat = utf8(": alive\n\n");
