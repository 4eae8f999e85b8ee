/** The HTTP API: routes, what every answer has in common, the OpenAPI document. @module */
import { OpenAPIHono } from "@hono/zod-openapi";
import { HTTPException } from "hono/http-exception";
import { version } from "../version.ts";
import { originGuard, tokenGuard } from "./access/guard.ts";
import { accepts } from "./accept.ts";
import { type Api, type ApiEnv, type DaemonParts, jobUnknown } from "./context.ts";
import { docsPage } from "./docs_page.ts";
import { requestWatch, stopGuard } from "./operation/requests.ts";
import { isUnforeseen, Problem, problemOf, type ProblemPart } from "./problems.ts";
import { addAccessRoutes } from "./routes/access.ts";
import { addDashboardRoutes } from "./routes/dashboard.ts";
import { addEventRoutes } from "./routes/events.ts";
import { addFactRoutes } from "./routes/facts.ts";
import { addSocketRoute } from "./routes/socket.ts";
import { addFleetRoutes } from "./routes/fleet.ts";
import { addHostRoutes } from "./routes/hosts.ts";
import { addInventoryRoutes } from "./routes/inventories.ts";
import { addJobRoutes } from "./routes/jobs.ts";
import { addOperationRoutes } from "./routes/operation.ts";
import { addOutputRoutes } from "./routes/output.ts";
import { addSettingsRoutes } from "./routes/settings.ts";
import { addShellRoutes } from "./routes/shells.ts";
import { addScheduleRoutes } from "./routes/schedules.ts";

/** Builds the app. */
export function createApp(parts: DaemonParts): Api {
  const app: Api = new OpenAPIHono<ApiEnv>({
    // A path that names nothing is not found; the rest of a request can be wrong in other ways.
    defaultHook: (result) => {
      if (result.success) return;
      const { error, target } = result;
      if (target === "param") {
        const [issue] = error.issues;
        if (issue?.path[0] === "id") throw jobUnknown();
        throw new Problem(404, "NotFound", short(`nothing has such a path: ${issue?.message ?? ""}`));
      }
      throw new Problem(422, "RequestInvalid", `the ${target === "json" ? "body" : target} is not valid`, {
        errors: error.issues.slice(0, 50).map((issue): ProblemPart => ({
          at: short(target === "json" ? pointer(issue.path) : String(issue.path[0] ?? target)),
          detail: short(issue.message),
        })),
      });
    },
  });
  app.use("*", requestWatch(parts.operation.metrics));
  app.use("*", originGuard(parts));
  app.use("/v1/*", stopGuard(parts.operation.health));
  app.use("/v1/*", tokenGuard(parts));
  app.use("/metrics", tokenGuard(parts));
  app.use("*", accepts);
  app.openAPIRegistry.registerComponent("securitySchemes", "token", {
    type: "http",
    scheme: "bearer",
    description: "A token of `drover token create`",
  });
  addDashboardRoutes(app);
  addJobRoutes(app, parts);
  addOutputRoutes(app, parts);
  addEventRoutes(app, parts);
  addSocketRoute(app, parts);
  addFleetRoutes(app, parts);
  addHostRoutes(app, parts);
  addFactRoutes(app, parts);
  addShellRoutes(app, parts);
  addSettingsRoutes(app, parts);
  addInventoryRoutes(app, parts);
  addScheduleRoutes(app, parts);
  addAccessRoutes(app, parts);
  addOperationRoutes(app, parts);
  app.get("/docs", (context) => {
    context.header("Content-Security-Policy", docsPage.policy);
    return context.html(docsPage.html);
  });
  const document = lazily(() =>
    JSON.stringify(app.getOpenAPI31Document({
      openapi: "3.1.0",
      info: {
        title: "Drover",
        version,
        description: "Run commands on many machines through WinRM. Requests below /v1 have the header " +
          "`Authorization: Bearer TOKEN`; `drover token create` makes tokens. POST /v1/jobs asks for work, " +
          "GET /v1/jobs/{id}/events tells what becomes of it, live. Every error is a problem (RFC 9457) with a " +
          "stable code.",
        license: { name: "MIT" },
      },
      servers: [{ url: "/" }],
    }))
  );
  app.get(
    "/openapi.json",
    (context) => context.body(document(), 200, { "Content-Type": "application/json" }),
  );
  const allowed = lazily(() => methodTable(app));
  app.notFound((context) => {
    const methods = allowed()(context.req.path);
    return methods.length === 0
      ? new Problem(404, "NotFound", "nothing has such a path").response()
      : new Problem(405, "MethodNotAllowed", `not with the method ${context.req.method}`, {
        headers: { "Allow": methods.join(", ") },
      }).response();
  });
  app.onError((error) => {
    if (error instanceof HTTPException) {
      return new Problem(error.status, "RequestMalformed", "the request is malformed").response();
    }
    if (isUnforeseen(error)) parts.onError(error);
    return problemOf(error).response();
  });
  return app;
}

/** Names of fields are the caller's, and may be megabytes. */
function short(text: string): string {
  return text.length > 500 ? `${text.slice(0, 500)}…` : text;
}

/** RFC 6901. */
function pointer(path: readonly PropertyKey[]): string {
  return path.map((key) => `/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/** Makes it at the first use: only then all routes are there. */
function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** Which methods a path has; none: nothing is there. */
function methodTable(app: Api): (path: string) => readonly string[] {
  const known = new Map<string, { readonly pattern: RegExp; readonly methods: Set<string> }>();
  for (const { path, method } of app.routes) {
    if (method === "ALL") continue;
    let entry = known.get(path);
    if (entry === undefined) {
      const source = path.split("/").map((part) =>
        part.startsWith(":") ? "[^/]+" : part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")
      ).join("/");
      known.set(path, entry = { pattern: new RegExp(`^${source}$`), methods: new Set() });
    }
    entry.methods.add(method);
    // hono answers HEAD wherever there is GET.
    if (method === "GET") entry.methods.add("HEAD");
  }
  return (path) => [
    ...new Set(
      [...known.values()].flatMap(({ pattern, methods }) => pattern.test(path) ? [...methods] : []),
    ),
  ];
}
