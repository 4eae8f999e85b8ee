/** Health and figures. They are for machines that watch the daemon, and so stand where those look for them. @module */
import { createRoute, z } from "@hono/zod-openapi";
import { needs } from "../access/guard.ts";
import type { Api, DaemonParts } from "../context.ts";
import { Problem } from "../problems.ts";
import { jsonContent, problems, security } from "../schemas/common.ts";

const healthSchema = z.object({ status: z.literal("ok") }).openapi("Health");

const texts = {
  Starting: "the daemon is starting",
  Stopping: "the daemon is stopping",
  StoreUnusable: "the store takes no writes",
} as const;

/** Adds the routes. */
export function addOperationRoutes(app: Api, parts: DaemonParts): void {
  const { health, metrics } = parts.operation;
  app.openapi(
    createRoute({
      method: "get",
      path: "/healthz",
      operationId: "getHealth",
      summary: "Whether the daemon lives",
      description: "Without a token. 200 as long as its event loop turns.",
      responses: { 200: jsonContent(healthSchema, "It lives"), ...problems() },
    }),
    (context) => context.json({ status: "ok" as const }, 200),
  );
  app.openapi(
    createRoute({
      method: "get",
      path: "/readyz",
      operationId: "getReadiness",
      summary: "Whether work should be sent to the daemon",
      description:
        "Without a token. 200 when it has taken up what an earlier life has left, its store takes writes, and it does not stop.",
      responses: { 200: jsonContent(healthSchema, "It takes work"), ...problems() },
    }),
    (context) => {
      const reasons = health.reasons();
      if (reasons.length === 0) return context.json({ status: "ok" as const }, 200);
      throw new Problem(503, "NotReady", "no work should be sent here now", {
        headers: { "Retry-After": "1" },
        errors: reasons.map((reason) => ({ at: reason, detail: texts[reason] })),
      });
    },
  );
  app.openapi(
    createRoute({
      method: "get",
      path: "/metrics",
      operationId: "getMetrics",
      summary: "Figures for Prometheus",
      description:
        "Counts of all hosts and jobs, so with a token that is limited to no hosts. No label names a host.",
      security,
      middleware: [needs("read", { respectsHosts: false })] as const,
      responses: {
        200: {
          description: "Text form, version 0.0.4",
          content: { "text/plain": { schema: z.string() } },
        },
        ...problems(),
      },
    }),
    async (context) => context.text(await metrics.text(), 200, { "Content-Type": metrics.contentType }),
  );
}
