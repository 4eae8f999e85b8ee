/** Hosts: those of the inventory, and those that are added here. @module */
import { createRoute, z } from "@hono/zod-openapi";
import { DroverError } from "../../../protocol/errors.ts";
import type { LogonUsed } from "../../client/logons.ts";
import type { Inventory, InventoryHost } from "../../inventory/mod.ts";
import { needs } from "../access/guard.ts";
import { storedHost } from "../additions.ts";
import { jsonBody } from "../bodies.ts";
import { type Api, type ApiContext, audit, type DaemonParts } from "../context.ts";
import { changedVersion, etag, expectedVersion } from "../etags.ts";
import { type HostOrigin, selectRemote } from "../host_book.ts";
import { Problem } from "../problems.ts";
import { jsonContent, problems, security } from "../schemas/common.ts";
import { readFactFilters } from "../schemas/fact_filter.ts";
import {
  hostDetailSchema,
  hostListQuery,
  hostPageSchema,
  hostParams,
  hostSchema,
  hostWriteSchema,
  logonSchema,
  pingSchema,
} from "../schemas/host.ts";
import { workDocument } from "../work_document.ts";

const etagHeader = { ETag: { description: "Its version", schema: { type: "string" as const } } };
const conditions = z.object({
  "if-match": z.string().max(1_000).optional().openapi({ description: "ETag of what is to be changed" }),
});

/** Adds the routes. */
export function addHostRoutes(app: Api, parts: DaemonParts): void {
  const { store, book } = parts;

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/hosts",
      operationId: "listHosts",
      summary: "Hosts of the inventory, by name",
      security,
      middleware: [needs("read")] as const,
      request: { query: hostListQuery },
      responses: { 200: jsonContent(hostPageSchema, "A page of hosts"), ...problems() },
    }),
    (context) => {
      const { pattern, fact, limit, cursor } = context.req.valid("query");
      const view = book.view(context.get("caller").hosts);
      const selected = pattern === undefined ? hostsByName(view) : sortedHosts(selectRemote(view, pattern));
      const hosts = parts.facts.select(selected, readFactFilters(fact));
      const from = cursor === undefined ? 0 : firstAfter(hosts, cursor);
      const items = hosts.slice(from, from + limit);
      const next = from + limit < hosts.length ? items.at(-1)?.name ?? null : null;
      return context.json(
        { items: items.map((host) => hostDocument(host, originOf(parts, host))), next },
        200,
      );
    },
  );

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/hosts/{name}",
      operationId: "getHost",
      summary: "One host, and what its actor does",
      security,
      middleware: [needs("read")] as const,
      request: { params: hostParams },
      responses: {
        200: {
          ...jsonContent(hostDetailSchema, "The host; ETag when it was added here"),
          headers: etagHeader,
        },
        ...problems(),
      },
    }),
    async (context) => {
      const { name } = context.req.valid("param");
      const host = visible(parts, context, name);
      const picture = (await parts.runner.fleet()).get(name);
      const version = store.read.hosts.get(name)?.version;
      if (version !== undefined) context.header("ETag", etag(version));
      const refusal = refusalOf(parts, name);
      return context.json({
        ...hostDocument(host, originOf(parts, host)),
        reachable: refusal === null,
        refusal,
        logon: logonDocument(book.logonOf(name)),
        work: workDocument(picture),
        actor: picture?.path === undefined ? null : {
          path: picture.path,
          state: picture.state ?? "",
          mailbox: picture.mailbox,
          restarts: picture.restarts,
          work: picture.work ?? null,
        },
      }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: "put",
      path: "/v1/hosts/{name}",
      operationId: "putHost",
      summary: "Add a host, or change one that was added here",
      security,
      middleware: [needs("admin"), jsonBody(64 * 1024)] as const,
      request: {
        params: hostParams,
        headers: conditions,
        body: { required: true, content: { "application/json": { schema: hostWriteSchema } } },
      },
      responses: {
        200: { ...jsonContent(hostSchema, "It was changed"), headers: etagHeader },
        201: { ...jsonContent(hostSchema, "It was added"), headers: etagHeader },
        ...problems(408, 409, 412, 413, 415, 428, 507),
      },
    }),
    async (context) => {
      const { name } = context.req.valid("param");
      const known = book.get(name);
      if (known !== undefined && known.origin.kind !== "api") {
        throw new Problem(409, "HostInInventory", "this host is in an inventory: change it there");
      }
      // Names stand in patterns, paths and terminals. What is a pattern itself would stand for other hosts, or hide them.
      if (!/^(?!~|(?:all|ungrouped)$)[^\s\p{Cc}\p{Cf},:!&/\\*?[\]]+$/u.test(name)) {
        throw new Problem(
          422,
          "RequestInvalid",
          "a name has no white space, nothing that cannot be seen and none of , : ! & / \\ * ? [ ], does not begin with ~ and " +
            "is not all or ungrouped",
        );
      }
      const body = context.req.valid("json");
      const current = store.read.hosts.get(name)?.version;
      const value = storedHost(body, context.get("caller").name);
      const version = changedVersion(
        await store.write.hosts.put(name, value, Date.now(), expectedVersion(context, current)),
      );
      parts.reloadAdditions();
      await audit(parts, context, current === undefined ? "host.create" : "host.change", name, { ...body });
      context.header("ETag", etag(version));
      const host = book.get(name)!;
      return context.json(hostDocument(host.host, host.origin), current === undefined ? 201 : 200);
    },
  );

  app.openapi(
    createRoute({
      method: "delete",
      path: "/v1/hosts/{name}",
      operationId: "removeHost",
      summary: "Remove a host that was added here",
      security,
      middleware: [needs("admin")] as const,
      request: { params: hostParams, headers: conditions },
      responses: { 204: { description: "It is no more" }, ...problems(409, 412, 428, 507) },
    }),
    async (context) => {
      const { name } = context.req.valid("param");
      const current = store.read.hosts.get(name)?.version;
      if (current === undefined) {
        if (book.get(name) === undefined) throw hostUnknown();
        throw new Problem(409, "HostInInventory", "this host is in an inventory: remove it there");
      }
      const change = await store.write.hosts.remove(name, expectedVersion(context, current));
      if (change.kind === "conflict") changedVersion(change);
      parts.reloadAdditions();
      await parts.facts.forget(name);
      await audit(parts, context, "host.remove", name);
      return context.body(null, 204);
    },
  );

  app.openapi(
    createRoute({
      method: "post",
      path: "/v1/hosts/{name}/ping",
      operationId: "pingHost",
      summary: "Ask a host which service answers",
      security,
      middleware: [needs("run"), jsonBody(1_024, true)] as const,
      request: { params: hostParams },
      responses: { 200: jsonContent(pingSchema, "What was found"), ...problems(408, 413, 415) },
    }),
    async (context) => {
      const { name } = context.req.valid("param");
      visible(parts, context, name);
      await book.prepare([name]);
      const answer = await parts.runner.ping(book.target(name));
      await audit(parts, context, "host.ping", name, {}, answer.kind === "answered" ? "ok" : answer.code);
      return context.json(
        answer.kind === "answered"
          ? {
            answered: true,
            vendor: answer.vendor,
            version: answer.version,
            durationMs: answer.durationMs,
            logon: logonDocument(answer.logon),
            error: null,
          }
          : {
            answered: false,
            vendor: null,
            version: null,
            durationMs: null,
            logon: null,
            error: { code: answer.code, message: answer.message },
          },
        200,
      );
    },
  );
}

function logonDocument(logon: LogonUsed | undefined): z.infer<typeof logonSchema> {
  return logon === undefined ? null : { mechanism: logon.mechanism, fallback: logon.fallback ?? null };
}

const order = new WeakMap<Inventory, readonly InventoryHost[]>();

/** All hosts of a view; sorted once. */
export function hostsByName(view: Inventory): readonly InventoryHost[] {
  let hosts = order.get(view);
  if (hosts === undefined) order.set(view, hosts = sortedHosts(view.hosts));
  return hosts;
}

/** By name. */
export function sortedHosts(hosts: readonly InventoryHost[]): readonly InventoryHost[] {
  return [...hosts].sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

/** The cursor is the last name of the page before, so that hosts that come and go disturb nobody. */
export function firstAfter(hosts: readonly InventoryHost[], name: string): number {
  let low = 0;
  let high = hosts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (hosts[middle]!.name <= name) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A host that the caller may see. */
export function visible(parts: DaemonParts, context: ApiContext, name: string): InventoryHost {
  const host = parts.book.get(name)?.host;
  const view = parts.book.view(context.get("caller").hosts);
  if (host === undefined || (view !== parts.book.inventory && !view.hosts.includes(host))) {
    throw hostUnknown();
  }
  return host;
}

function hostUnknown(): Problem {
  return new Problem(404, "HostUnknown", "there is no such host");
}

/** Where a host comes from. */
export function originOf(parts: DaemonParts, host: InventoryHost): HostOrigin {
  return parts.book.get(host.name)?.origin ?? { kind: "file" };
}

/** Why nothing could be sent to it; `null`: nothing is missing. */
function refusalOf(parts: DaemonParts, name: string): { code: string; message: string } | null {
  try {
    parts.book.target(name);
    return null;
  } catch (error) {
    if (!(error instanceof DroverError)) throw error;
    // They are asked for when they are needed.
    if (error.code === "CredentialsPending") return null;
    return { code: error.code, message: error.message };
  }
}

function hostDocument(host: InventoryHost, origin: HostOrigin) {
  return {
    name: host.name,
    address: host.address,
    port: host.port ?? null,
    scheme: host.scheme ?? null,
    auth: host.auth ?? null,
    groups: [...host.groups],
    origin,
  };
}
