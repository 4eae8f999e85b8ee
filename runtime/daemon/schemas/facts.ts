/** Facts, shells and settings of hosts as the API shows them. @module */
import { z } from "@hono/zod-openapi";
import { hostPatternSchema, pageOf, pageQuery, timeSchema } from "./common.ts";
import { hostParams } from "./host.ts";

const count = z.int().min(0);

/** What a host is. */
export const factsSchema = z.object({
  host: z.string(),
  gatheredAt: timeSchema.nullable().openapi({ description: "null: it was asked and did not answer yet" }),
  facts: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).openapi({
    description:
      "`os.*`: the system; `wsman.*`: the service, and what it was logged on to with; `config.*`: its winrm/config, as far as it bounds " +
      "us; `limits.*`: what one user may do at once there, as far as the daemon had learnt it",
    example: { "os.name": "Debian GNU/Linux 13 (trixie)", "config.MaxShellsPerUser": 30 },
  }),
  missing: z.array(z.object({ part: z.string(), code: z.string(), message: z.string() })).openapi({
    description: "What it did not say, and why",
  }),
  failure: z.object({ at: timeSchema, code: z.string(), message: z.string() }).nullable().openapi({
    description: "Why the last try failed; the facts are of one before it",
  }),
}).openapi("Facts");

/** A page of them. */
export const factsPageSchema = pageOf("FactsPage", factsSchema);

/** Facts of which hosts. */
export const factsListQuery = z.object({
  ...pageQuery,
  pattern: hostPatternSchema.max(4_096).optional(),
});

/** What `POST /v1/facts` takes. */
export const gatherSchema = z.strictObject({
  hosts: hostPatternSchema.optional().openapi({ description: "Hosts of the inventory; default all" }),
}).openapi("Gather");

/** What it will do. */
export const gatheringSchema = z.object({
  hosts: count.openapi({ description: "Hosts that are going to be asked" }),
}).openapi("Gathering");

/** A shell of a host. */
export const shellListSchema = z.object({
  items: z.array(
    z.object({
      id: z.string(),
      name: z.string().nullable(),
      owner: z.string().nullable(),
      clientAddress: z.string().nullable(),
      resourceUri: z.string().nullable(),
      state: z.string().nullable(),
      ageMs: z.number().nullable(),
      inactiveMs: z.number().nullable(),
      idleTimeoutMs: z.number().nullable(),
      ours: z.boolean().openapi({ description: "It was made for a job of this daemon" }),
      job: z.uuid().nullable().openapi({ description: "That job, where the caller may see it" }),
      inUse: z.boolean().openapi({ description: "That job still needs it" }),
    }).openapi("HostShell"),
  ),
  complete: z.boolean().openapi({ description: "false: there are more" }),
}).openapi("HostShellList");

/** A shell of a host in a path. */
export const hostShellParams = hostParams.extend({
  shellId: z.string().regex(/^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$/).openapi({
    description: "ShellId",
  }),
});

/** Settings of a host. */
export const hostSettingsSchema = z.object({
  host: z.string(),
  settings: z.record(z.string(), z.unknown()).openapi({
    description: "winrm/config of the host, spelt as it spells it",
    example: { MaxEnvelopeSizekb: 500, Service: { MaxConnections: 300 } },
  }),
}).openapi("HostSettings");
