/** Schedules as the API shows and takes them. @module */
import { z } from "@hono/zod-openapi";
import { pageOf, timeSchema } from "./common.ts";
import { jobRequestSchema, jobSchema } from "./job.ts";

const name = z.string().regex(
  /^[A-Za-z0-9][\w.@-]{0,63}$/,
  "a name has up to 64 letters, digits and . _ @ -, and begins with a letter or digit",
);
const cron = z.string().min(
  9,
  "five fields with spaces between: minute, hour, day of month, month, day of week, e.g. 30 2 * * *",
).max(256).openapi({
  description: "Minute, hour, day of month, month, day of week",
  example: "30 2 * * MON-FRI",
});
const timeZone = z.string().min(1).max(64).openapi({ description: "IANA name", example: "Europe/Berlin" });
const missed = z.enum(["skip", "runOnce"]);
const overlap = z.enum(["skip", "allow"]);

/** What `PUT /v1/schedules/{name}` takes. */
export const scheduleRequestSchema = z.strictObject({
  cron,
  timeZone: timeZone.default("UTC"),
  missed: missed.default("skip").openapi({
    description:
      "When nobody was there at a due time (the daemon was down): nothing, or one job for the latest",
  }),
  overlap: overlap.default("skip").openapi({
    description: "While a job of it is not done, a due time makes none (`skip`) or another one (`allow`)",
  }),
  enabled: z.boolean().default(true),
  request: jobRequestSchema,
}).openapi("ScheduleRequest");

/** A schedule. */
export const scheduleSchema = z.object({
  name,
  cron: z.string(),
  timeZone: z.string(),
  missed,
  overlap,
  enabled: z.boolean(),
  request: jobSchema.shape.request,
  updatedAt: timeSchema,
  updatedBy: z.string().openapi({ description: "Name of the token; its jobs may do what this token may" }),
  refusal: z.object({ code: z.string(), message: z.string() }).nullable().openapi({
    description: "Why it makes no jobs now: its token is gone, has expired or is not enough",
  }),
  next: z.array(timeSchema).max(5).openapi({ description: "When it is due next; none: it is not enabled" }),
  last: z.object({
    dueAt: timeSchema.nullable().openapi({ description: "null: it was run by hand" }),
    at: timeSchema,
    outcome: z.enum(["started", "missed", "overlapped", "refused"]),
    detail: z.string().nullable(),
    job: z.uuid().nullable(),
  }).nullable().openapi({ description: "What became of its last due time, or of the run by hand after it" }),
}).openapi("Schedule");

/** A schedule as the API shows it. */
export type ScheduleDocument = z.infer<typeof scheduleSchema>;

/** A page of schedules. */
export const schedulePageSchema = pageOf("SchedulePage", scheduleSchema);

/** A schedule in a path. */
export const scheduleParams = z.object({ name: name.openapi({ description: "Name of the schedule" }) });
