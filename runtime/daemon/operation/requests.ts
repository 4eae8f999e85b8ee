/** What is told of each request to the API: a figure, a line of the log, and strangers that are refused. @module */
import type { MiddlewareHandler } from "hono";
import { createMiddleware } from "hono/factory";
import { matchedRoutes } from "hono/route";
import type { ApiEnv } from "../context.ts";
import { Problem } from "../problems.ts";
import type { Health } from "./health.ts";
import { logOf } from "./logs.ts";
import type { Metrics } from "./metrics.ts";
import { RefusalLog } from "./refusals.ts";

const api = logOf("api");

/** Watches all requests: the outermost of the handlers. */
export function requestWatch(metrics: Metrics): MiddlewareHandler<ApiEnv> {
  const refusals = new RefusalLog(() => performance.now());
  return createMiddleware<ApiEnv>(async (context, next) => {
    const since = performance.now();
    await next();
    const { status } = context.res;
    const { method, path } = context.req;
    const ms = performance.now() - since;
    const from = context.env.from;
    metrics.request(method, routeOf(matchedRoutes(context)), status, ms);
    if (status === 401) {
      metrics.refused();
      refusals.add(from);
    }
    if (!api.isEnabledFor("debug")) return;
    api.debug("{method} {path} {status}", {
      method,
      path: path.slice(0, 500),
      status,
      ms: Math.round(ms * 10) / 10,
      from,
      token: (context.get("caller") as { name: string } | undefined)?.name,
    });
  });
}

/** The pattern of the route itself, which stands behind those of what looks at every request. */
function routeOf(routes: readonly { readonly path: string; readonly method: string }[]): string | undefined {
  return routes.findLast(({ path, method }) => method !== "ALL" && !path.includes("*"))?.path;
}

/** While the daemon stops nothing new is begun: jobs can be looked at, followed and cancelled. */
export function stopGuard(health: Health): MiddlewareHandler<ApiEnv> {
  return createMiddleware<ApiEnv>(async (context, next) => {
    const { method, path } = context.req;
    const harmless = method === "GET" || method === "HEAD" || /^\/v1\/jobs\/[^/]+\/cancel$/.test(path);
    if (health.phase !== "ready" && !harmless) {
      const what = health.phase === "starting" ? "starting" : "stopping";
      throw new Problem(503, "NotReady", `the daemon is ${what}`, { headers: { "Retry-After": "5" } });
    }
    await next();
  });
}
