/** What a host does now, as the API shows it. @module */
import { z } from "@hono/zod-openapi";
import { timeSchema } from "./common.ts";

const count = z.int().min(0);

/** The circuit breaker of a host. */
export const breakerSchema = z.object({
  state: z.enum(["closed", "open", "halfOpen"]).openapi({
    description: "open: nothing is tried until `until`; halfOpen: the next try decides",
  }),
  failures: count.openapi({ description: "In a row" }),
  until: timeSchema.nullable(),
});

/** What a host does now. */
export const workSchema = z.object({
  state: z.enum(["idle", "connected", "waiting", "active"]).openapi({
    description:
      "active: something runs; waiting: its work waits for permits; connected: it has no work, but a connection",
  }),
  actor: z.string().nullable().openapi({ description: "State of its actor; null: it needs none" }),
  mailbox: count.openapi({ description: "Messages in the mailboxes of its actor and of those below it" }),
  restarts: count,
  connections: count,
  permits: z.object({ running: count, waiting: count }),
  breaker: breakerSchema,
}).openapi("HostWork");
