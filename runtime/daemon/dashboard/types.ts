/** What the API gives, for the types of the dashboard's modules: made of the schemas that check its answers. @module */
import type { z } from "@hono/zod-openapi";
import type { tokenSchema } from "../schemas/access.ts";
import type { fleetHostSchema, fleetPageSchema, hostRunSchema } from "../schemas/fleet.ts";
import type { hostDetailSchema, inventorySchema, pingSchema } from "../schemas/host.ts";
import type { eventSchema, JobDocument, jobHostSchema } from "../schemas/job.ts";

/** A job. */
export type Job = JobDocument;
/** A host of a job. */
export type JobHost = z.infer<typeof jobHostSchema>;
/** How a host ended. */
export type Status = NonNullable<JobHost["status"]>;
/** A host of the fleet. */
export type FleetHost = z.infer<typeof fleetHostSchema>;
/** A page of the fleet. */
export type FleetPage = z.infer<typeof fleetPageSchema>;
/** A host with all that is known of it. */
export type HostDetail = z.infer<typeof hostDetailSchema>;
/** One run of a host. */
export type HostRun = z.infer<typeof hostRunSchema>;
/** What a ping found. */
export type Ping = z.infer<typeof pingSchema>;
/** A token. */
export type Token = z.infer<typeof tokenSchema>;
/** An inventory that was uploaded. */
export type Inventory = z.infer<typeof inventorySchema>;
/** An event; those about a host have its place in the job. */
export type Event = z.infer<typeof eventSchema> & { readonly index?: number };

/** What every page is given. */
export interface PageContext {
  /** Where it draws; it is empty. */
  readonly main: HTMLElement;
  /** Ends with the page. */
  readonly signal: AbortSignal;
  /** The token that is signed in. */
  readonly me: Token;
  /** Asks the API. */
  readonly api: import("./api.js").Api;
  /** What happens. */
  readonly live: import("./live.js").Live;
}
