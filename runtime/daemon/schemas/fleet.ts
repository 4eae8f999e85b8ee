/** What hosts do now, and what became of them, as the API shows it. @module */
import { z } from "@hono/zod-openapi";
import { hostPatternSchema, pageQuery } from "./common.ts";
import { hostSchema } from "./host.ts";
import { jobHostSchema, jobSchema } from "./job.ts";
import { workSchema } from "./work.ts";

/** The last result of a host. */
const lastSchema = jobHostSchema.pick({ status: true, exitCode: true, durationMs: true, endedAt: true })
  .extend({ job: z.uuid() });

const count = z.int().min(0);

/** A host of the fleet. */
export const fleetHostSchema = hostSchema.pick({ name: true, address: true, groups: true, origin: true })
  .extend({ work: workSchema, last: lastSchema.nullable() }).openapi("FleetHost");

/** A page of the fleet. */
export const fleetPageSchema = z.object({
  items: z.array(fleetHostSchema),
  next: z.string().nullable().openapi({
    description: "Cursor of the next page; null: this was the last one",
  }),
  total: count.openapi({ description: "Hosts that the pattern selects" }),
  permits: z.object({ held: count, waiting: count, slots: count }).nullable().openapi({
    description: "Of the whole daemon; null for a token that is limited to some hosts",
  }),
}).openapi("FleetPage");

/** Which hosts. */
export const fleetQuery = z.object({
  ...pageQuery,
  pattern: hostPatternSchema.max(4_096).optional(),
  busy: z.enum(["true"]).optional().openapi({
    description: "Only hosts that work, wait, are connected, or whose breaker is not closed",
  }),
});

/** One run of a host. */
export const hostRunSchema = jobHostSchema.extend({
  job: jobSchema.pick({ id: true, request: true, createdAt: true, createdBy: true, state: true }),
}).openapi("HostRun");

/** A page of them. */
export const hostRunPageSchema = z.object({
  items: z.array(hostRunSchema),
  next: z.string().nullable(),
}).openapi("HostRunPage");

/** Which of them. */
export const hostRunQuery = z.object(pageQuery);
