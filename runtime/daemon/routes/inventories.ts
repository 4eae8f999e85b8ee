/** Inventories that are uploaded: their hosts stand beside those of the daemon's own file. @module */
import { createRoute, z } from "@hono/zod-openapi";
import type { StoredInventory, Versioned } from "../../store/types.ts";
import { needs } from "../access/guard.ts";
import { emptyInventory, inventoryDiff, readUpload } from "../additions.ts";
import { jsonBody } from "../bodies.ts";
import { type Api, audit, type DaemonParts } from "../context.ts";
import { iso } from "../documents.ts";
import { changedVersion, etag, expectedVersion } from "../etags.ts";
import { Problem } from "../problems.ts";
import { jsonContent, pageQuery, problems, security } from "../schemas/common.ts";
import {
  inventoryCheckSchema,
  inventoryDetailSchema,
  inventoryDiffSchema,
  inventoryPageSchema,
  inventoryParams,
  inventorySchema,
  inventoryTextSchema,
} from "../schemas/host.ts";

/** Largest body with an inventory: 16 MiB of text may need more as JSON. */
const maxBody = 24 * 1024 * 1024;

const etagHeader = { ETag: { description: "Its version", schema: { type: "string" as const } } };
const conditions = z.object({
  "if-match": z.string().max(1_000).optional().openapi({ description: "ETag of what is to be changed" }),
});
const textBody = { required: true, content: { "application/json": { schema: inventoryTextSchema } } };

/** Adds the routes. */
export function addInventoryRoutes(app: Api, parts: DaemonParts): void {
  const { store, book } = parts;

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/inventories",
      operationId: "listInventories",
      summary: "Inventories that were uploaded",
      security,
      middleware: [needs("admin")] as const,
      request: { query: z.object(pageQuery) },
      responses: { 200: jsonContent(inventoryPageSchema, "A page of inventories, by name"), ...problems() },
    }),
    (context) => {
      const { limit, cursor } = context.req.valid("query");
      const page = store.read.inventories.list({ limit, ...(cursor === undefined ? {} : { cursor }) });
      return context.json({ items: page.items.map(inventoryDocument), next: page.next }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: "post",
      path: "/v1/inventory/validate",
      operationId: "validateInventory",
      summary: "Say what a text would be as an inventory; changes nothing",
      security,
      middleware: [needs("admin"), jsonBody(maxBody)] as const,
      request: { body: textBody },
      responses: { 200: jsonContent(inventoryCheckSchema, "What it is"), ...problems(408, 413, 415) },
    }),
    (context) => {
      const { format, inventory } = readUpload(context.req.valid("json").text);
      return context.json({
        format,
        hosts: inventory.hosts.map(({ name }) => name),
        groups: [...inventory.groups.keys()],
        ignored: inventory.ignored.map(({ variable, hosts, reason }) => ({
          variable,
          hosts: [...hosts],
          reason,
        })),
        shadowed: inventory.hosts.map(({ name }) => name).filter((name) => book.get(name) !== undefined),
      }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/inventories/{name}",
      operationId: "getInventory",
      summary: "One inventory with its text",
      security,
      middleware: [needs("admin")] as const,
      request: { params: inventoryParams },
      responses: {
        200: { ...jsonContent(inventoryDetailSchema, "The inventory"), headers: etagHeader },
        ...problems(),
      },
    }),
    (context) => {
      const found = known(parts, context.req.valid("param").name);
      context.header("ETag", etag(found.version));
      return context.json({ ...inventoryDocument(found), text: found.value.text }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: "put",
      path: "/v1/inventories/{name}",
      operationId: "putInventory",
      summary: "Upload an inventory, or another text for one",
      description:
        "Its hosts join those of the daemon. It may bring no credentials: those come from the daemon's files.",
      security,
      middleware: [needs("admin"), jsonBody(maxBody)] as const,
      request: { params: inventoryParams, headers: conditions, body: textBody },
      responses: {
        200: { ...jsonContent(inventorySchema, "It was changed"), headers: etagHeader },
        201: { ...jsonContent(inventorySchema, "It was added"), headers: etagHeader },
        ...problems(408, 412, 413, 415, 428, 507),
      },
    }),
    async (context) => {
      const { name } = context.req.valid("param");
      const { text } = context.req.valid("json");
      const { format, inventory } = readUpload(text);
      const current = store.read.inventories.get(name)?.version;
      const at = Date.now();
      const updatedBy = context.get("caller").name;
      const value: StoredInventory = { text, format, hosts: inventory.hosts.length, updatedBy };
      const version = changedVersion(
        await store.write.inventories.put(name, value, at, expectedVersion(context, current)),
      );
      parts.reloadAdditions();
      await audit(parts, context, current === undefined ? "inventory.create" : "inventory.change", name, {
        hosts: inventory.hosts.length,
      });
      context.header("ETag", etag(version));
      const document = inventoryDocument({ key: name, version, updatedAt: at, value });
      return context.json(document, current === undefined ? 201 : 200);
    },
  );

  app.openapi(
    createRoute({
      method: "delete",
      path: "/v1/inventories/{name}",
      operationId: "removeInventory",
      summary: "Remove an inventory and its hosts",
      security,
      middleware: [needs("admin")] as const,
      request: { params: inventoryParams, headers: conditions },
      responses: { 204: { description: "It is no more" }, ...problems(412, 428, 507) },
    }),
    async (context) => {
      const { name } = context.req.valid("param");
      const { version } = known(parts, name);
      const change = await store.write.inventories.remove(name, expectedVersion(context, version));
      if (change.kind === "conflict") changedVersion(change);
      parts.reloadAdditions();
      await audit(parts, context, "inventory.remove", name);
      return context.body(null, 204);
    },
  );

  app.openapi(
    createRoute({
      method: "post",
      path: "/v1/inventories/{name}/diff",
      operationId: "diffInventory",
      summary: "Say what another text would change; changes nothing",
      security,
      middleware: [needs("admin"), jsonBody(maxBody)] as const,
      request: { params: inventoryParams, body: textBody },
      responses: { 200: jsonContent(inventoryDiffSchema, "Names of hosts"), ...problems(408, 413, 415) },
    }),
    (context) => {
      const found = store.read.inventories.get(context.req.valid("param").name);
      const before = found === undefined ? emptyInventory : readUpload(found.value.text).inventory;
      const { inventory } = readUpload(context.req.valid("json").text);
      return context.json(inventoryDiff(before, inventory), 200);
    },
  );
}

function known(parts: DaemonParts, name: string): Versioned<StoredInventory> {
  const found = parts.store.read.inventories.get(name);
  if (found === undefined) throw new Problem(404, "InventoryUnknown", "there is no such inventory");
  return found;
}

function inventoryDocument({ key, value, updatedAt }: Versioned<StoredInventory>) {
  return {
    name: key,
    format: value.format,
    hosts: value.hosts,
    updatedAt: iso(updatedAt),
    updatedBy: value.updatedBy,
  };
}
