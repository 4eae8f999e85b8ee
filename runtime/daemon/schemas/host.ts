/** Hosts and inventories as the API shows and takes them. Credentials are in none of them. @module */
import { z } from "@hono/zod-openapi";
import { hostPatternSchema, pageOf, pageQuery, timeSchema } from "./common.ts";
import { factFilters } from "./fact_filter.ts";
import { workSchema } from "./work.ts";

const name = z.string().min(1).max(255);
const port = z.int().min(1).max(65_535);
const groupName = z.string().regex(/^[A-Za-z_][\w.-]{0,127}$/);

/** Where a host comes from. */
const originSchema = z.object({
  kind: z.enum(["file", "inventory", "api"]),
  name: z.string().optional().openapi({ description: "Of the inventory that was uploaded" }),
});

/** What a host was logged on to with. */
export const logonSchema = z.object({
  mechanism: z.enum(["Kerberos", "NTLM", "CredSSP", "Digest", "Basic", "Certificate"]).openapi({
    description: "What proved who the daemon is",
  }),
  fallback: z.string().nullable().openapi({ description: "Why NTLM is used in place of Kerberos" }),
}).nullable();

/** A host. */
export const hostSchema = z.object({
  name: z.string(),
  address: z.string(),
  port: port.nullable(),
  scheme: z.enum(["http", "https"]).nullable(),
  auth: z.string().nullable(),
  groups: z.array(z.string()),
  origin: originSchema,
}).openapi("Host");

/** A page of hosts. */
export const hostPageSchema = pageOf("HostPage", hostSchema);

/** One host, with what its actor does. */
export const hostDetailSchema = hostSchema.extend({
  reachable: z.boolean().openapi({ description: "false: credentials or trust are missing, see `refusal`" }),
  refusal: z.object({ code: z.string(), message: z.string() }).nullable(),
  logon: logonSchema.openapi({
    description: "What the host was last logged on to with; null: it was not since the daemon's start",
  }),
  work: workSchema,
  actor: z.object({
    path: z.string(),
    state: z.string(),
    mailbox: z.int(),
    restarts: z.int(),
    work: z.string().nullable(),
  }).nullable().openapi({ description: "null: it has no work" }),
}).openapi("HostDetail");

/** Which hosts. */
export const hostListQuery = z.object({
  ...pageQuery,
  pattern: hostPatternSchema.max(4_096).optional(),
  fact: factFilters,
});

/** What `PUT /v1/hosts/{name}` takes. */
export const hostWriteSchema = z.strictObject({
  // deno-lint-ignore no-control-regex -- these are what it keeps out
  address: z.string().min(1).max(255).regex(/^[^\x00-\x20\x7f/@?#\\]+$/).optional().openapi({
    description: "Host name or address; default: its name",
  }),
  port: port.optional(),
  scheme: z.enum(["http", "https"]).optional(),
  auth: z.enum(["negotiate", "kerberos", "ntlm", "credssp", "digest", "basic", "certificate"]).optional()
    .openapi({
      description:
        "`certificate`: over https, with what the daemon's --credentials has for its address and port",
    }),
  groups: z.array(groupName).max(100).default([]),
}).openapi("HostWrite");

/** A checked host. */
export type HostWrite = z.infer<typeof hostWriteSchema>;

/** A host in a path. */
export const hostParams = z.object({ name: name.openapi({ description: "Name of the host" }) });

/** What a ping found. */
export const pingSchema = z.object({
  answered: z.boolean(),
  vendor: z.string().nullable(),
  version: z.string().nullable(),
  durationMs: z.number().nullable(),
  logon: logonSchema,
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
}).openapi("Ping");

/** An inventory in a path. */
export const inventoryParams = z.object({
  name: z.string().regex(/^[A-Za-z0-9][\w.-]{0,63}$/).openapi({ description: "Name of the inventory" }),
});

/** Text of an inventory. */
export const inventoryTextSchema = z.strictObject({
  text: z.string().min(1).max(16 * 1024 * 1024).openapi({
    description: "Ansible YAML or INI, JSON, or a list of hosts",
    example: "web[1:3].example",
  }),
}).openapi("InventoryText");

/** An inventory that was uploaded. */
export const inventorySchema = z.object({
  name: z.string(),
  format: z.string(),
  hosts: z.int(),
  updatedAt: timeSchema,
  updatedBy: z.string(),
}).openapi("Inventory");

/** The same with its text. */
export const inventoryDetailSchema = inventorySchema.extend({ text: z.string() }).openapi("InventoryDetail");

/** A page of inventories. */
export const inventoryPageSchema = pageOf("InventoryPage", inventorySchema);

/** What an inventory would be. */
export const inventoryCheckSchema = z.object({
  format: z.string(),
  hosts: z.array(z.string()),
  groups: z.array(z.string()),
  ignored: z.array(z.object({ variable: z.string(), hosts: z.array(z.string()), reason: z.string() })),
  shadowed: z.array(z.string()).openapi({
    description: "Hosts that the daemon knows from elsewhere already",
  }),
}).openapi("InventoryCheck");

/** What another text would change. */
export const inventoryDiffSchema = z.object({
  added: z.array(z.string()),
  removed: z.array(z.string()),
  changed: z.array(z.string()),
}).openapi("InventoryDiff");
