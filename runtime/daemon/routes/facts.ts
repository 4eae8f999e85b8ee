/** Facts of hosts: gather them, and read what was gathered. @module */
import { createRoute } from "@hono/zod-openapi";
import type { StoredFacts } from "../../store/types.ts";
import { needs } from "../access/guard.ts";
import { jsonBody } from "../bodies.ts";
import { type Api, audit, type DaemonParts } from "../context.ts";
import { iso, isoOrNull } from "../documents.ts";
import { etag } from "../etags.ts";
import { selectRemote } from "../host_book.ts";
import { Problem } from "../problems.ts";
import { jsonContent, problems, security } from "../schemas/common.ts";
import {
  factsListQuery,
  factsPageSchema,
  factsSchema,
  gatheringSchema,
  gatherSchema,
} from "../schemas/facts.ts";
import { hostParams } from "../schemas/host.ts";
import { firstAfter, hostsByName, sortedHosts, visible } from "./hosts.ts";

const headers = { ETag: { description: "Its version", schema: { type: "string" as const } } };

/** Adds the routes. */
export function addFactRoutes(app: Api, parts: DaemonParts): void {
  const { book, facts } = parts;

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/hosts/{name}/facts",
      operationId: "getHostFacts",
      summary: "What a host is, as it said when it was asked last",
      security,
      middleware: [needs("read")] as const,
      request: { params: hostParams },
      responses: {
        200: { ...jsonContent(factsSchema, "The facts"), headers },
        304: { description: "They are what If-None-Match names" },
        ...problems(),
      },
    }),
    (context) => {
      const { name } = context.req.valid("param");
      const found = facts.get(visible(parts, context, name));
      if (found === undefined) {
        throw new Problem(404, "FactsUnknown", "facts of this host were never gathered");
      }
      const tag = etag(found.version);
      context.header("ETag", tag);
      if (context.req.header("If-None-Match") === tag) return context.body(null, 304);
      return context.json(factsDocument(name, found.value), 200);
    },
  );

  app.openapi(
    createRoute({
      method: "post",
      path: "/v1/hosts/{name}/facts",
      operationId: "gatherHostFacts",
      summary: "Ask a host now what it is",
      description:
        "A host that does not answer keeps the facts of earlier, with `failure`. Its operating system is read from " +
        "CIM; where there is no such class, by `uname` in a shell.",
      security,
      middleware: [needs("run"), jsonBody(1_024, true)] as const,
      request: { params: hostParams },
      responses: {
        200: { ...jsonContent(factsSchema, "What it said"), headers },
        ...problems(408, 413, 415, 507),
      },
    }),
    async (context) => {
      const { name } = context.req.valid("param");
      visible(parts, context, name);
      const { version, value } = await facts.gather(name);
      await audit(parts, context, "host.facts", name, {}, value.failure?.code ?? "ok");
      context.header("ETag", etag(version));
      return context.json(factsDocument(name, value), 200);
    },
  );

  app.openapi(
    createRoute({
      method: "post",
      path: "/v1/facts",
      operationId: "gatherFacts",
      summary: "Ask many hosts what they are, in the background",
      description:
        "Some at a time. Each host's facts change when it was asked; who restarts the daemon asks again.",
      security,
      middleware: [needs("run"), jsonBody(256 * 1_024, true)] as const,
      request: { body: { content: { "application/json": { schema: gatherSchema } } } },
      responses: {
        202: jsonContent(gatheringSchema, "They are going to be asked"),
        ...problems(408, 413, 415, 507),
      },
    }),
    async (context) => {
      const pattern = context.req.valid("json").hosts ?? "all";
      const names = selectRemote(book.view(context.get("caller").hosts), pattern).map(({ name }) => name);
      await audit(parts, context, "facts.gather", pattern, { count: names.length });
      facts.gatherLater(names);
      return context.json({ hosts: names.length }, 202);
    },
  );

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/facts",
      operationId: "listFacts",
      summary: "Facts of the hosts that were asked, by name",
      security,
      middleware: [needs("read")] as const,
      request: { query: factsListQuery },
      responses: { 200: jsonContent(factsPageSchema, "A page of facts"), ...problems() },
    }),
    (context) => {
      const { pattern, limit, cursor } = context.req.valid("query");
      const view = book.view(context.get("caller").hosts);
      const hosts = pattern === undefined ? hostsByName(view) : sortedHosts(selectRemote(view, pattern));
      const items: ReturnType<typeof factsDocument>[] = [];
      let last: string | undefined;
      for (let at = cursor === undefined ? 0 : firstAfter(hosts, cursor); at < hosts.length; at++) {
        const host = hosts[at]!;
        const found = facts.known(host);
        if (found === undefined) continue;
        if (items.length === limit) return context.json({ items, next: last ?? null }, 200);
        items.push(factsDocument(host.name, found));
        last = host.name;
      }
      return context.json({ items, next: null }, 200);
    },
  );
}

function factsDocument(host: string, { gatheredAt, facts, missing, failure }: StoredFacts) {
  return {
    host,
    gatheredAt: isoOrNull(gatheredAt),
    facts: { ...facts },
    missing: [...missing],
    failure: failure === null ? null : { ...failure, at: iso(failure.at) },
  };
}
