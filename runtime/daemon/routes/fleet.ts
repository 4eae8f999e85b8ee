/** The fleet at a glance: what each host does, how its last run ended, and the runs that it had. @module */
import { createRoute } from "@hono/zod-openapi";
import type { InventoryHost } from "../../inventory/mod.ts";
import { needs } from "../access/guard.ts";
import { isLimited } from "../access/tokens.ts";
import type { Api, DaemonParts } from "../context.ts";
import { isoOrNull, jobDocument, jobHostDocument } from "../documents.ts";
import { selectRemote } from "../host_book.ts";
import { jsonContent, problems, security } from "../schemas/common.ts";
import { fleetPageSchema, fleetQuery, hostRunPageSchema, hostRunQuery } from "../schemas/fleet.ts";
import { hostParams } from "../schemas/host.ts";
import { workDocument } from "../work_document.ts";
import { firstAfter, hostsByName, originOf, sortedHosts, visible } from "./hosts.ts";

/** Adds the routes. */
export function addFleetRoutes(app: Api, parts: DaemonParts): void {
  const { store, book, runner } = parts;

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/fleet",
      operationId: "listFleet",
      summary: "What the hosts do now, by name",
      security,
      middleware: [needs("read")] as const,
      request: { query: fleetQuery },
      responses: { 200: jsonContent(fleetPageSchema, "A page of hosts"), ...problems() },
    }),
    async (context) => {
      const { pattern, limit, cursor, busy } = context.req.valid("query");
      const caller = context.get("caller");
      const view = book.view(caller.hosts);
      const works = await runner.fleet();
      const selected = pattern === undefined ? hostsByName(view) : sortedHosts(selectRemote(view, pattern));
      const hosts = busy === undefined ? selected : selected.filter(({ name }) => works.has(name));
      const from = cursor === undefined ? 0 : firstAfter(hosts, cursor);
      const page = hosts.slice(from, from + limit);
      // Whoever is limited to some hosts sees only jobs of its own.
      const owner = isLimited(caller) ? caller.name : undefined;
      return context.json({
        items: page.map((host) => ({
          name: host.name,
          address: host.address,
          groups: [...host.groups],
          origin: originOf(parts, host),
          work: workDocument(works.get(host.name)),
          last: last(host, owner),
        })),
        next: from + limit < hosts.length ? page.at(-1)?.name ?? null : null,
        total: hosts.length,
        permits: owner === undefined ? permits() : null,
      }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/hosts/{name}/runs",
      operationId: "listHostRuns",
      summary: "What was run on a host, latest first",
      description: "A page may have fewer items than its limit, or none, and others behind it.",
      security,
      middleware: [needs("read")] as const,
      request: { params: hostParams, query: hostRunQuery },
      responses: { 200: jsonContent(hostRunPageSchema, "A page of runs"), ...problems() },
    }),
    (context) => {
      const { name } = context.req.valid("param");
      const { limit, cursor } = context.req.valid("query");
      visible(parts, context, name);
      const caller = context.get("caller");
      const runs = store.read.jobHosts.history(name, { limit, ...(cursor === undefined ? {} : { cursor }) });
      const items = runs.items.flatMap(({ job: id, ...run }) => {
        const job = store.read.jobs.get(id);
        if (job === undefined || (isLimited(caller) && job.createdBy !== caller.name)) return [];
        const { request, createdAt, createdBy, state } = jobDocument(job);
        return [{ ...jobHostDocument(run), job: { id, request, createdAt, createdBy, state } }];
      });
      return context.json({ items, next: runs.next }, 200);
    },
  );

  function last({ name }: InventoryHost, owner: string | undefined) {
    const run = store.read.jobHosts.latest(name, owner);
    if (run === undefined) return null;
    const { job, status, exitCode, durationMs, endedAt } = run;
    return { job, status, exitCode, durationMs, endedAt: isoOrNull(endedAt) };
  }

  function permits() {
    const figures = runner.inspect({ path: "/scheduler", limit: 1 })?.actors[0]?.figures;
    return {
      held: figures?.["held"] ?? 0,
      waiting: figures?.["waiting"] ?? 0,
      slots: figures?.["slots"] ?? 0,
    };
  }
}
