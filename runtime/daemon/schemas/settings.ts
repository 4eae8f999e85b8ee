/** The daemon's own settings as the API shows and takes them. @module */
import { z } from "@hono/zod-openapi";
import { settingsShape } from "../settings.ts";
import { timeSchema } from "./common.ts";

const { throttle, heartbeatMs, requestsPerSecond } = settingsShape;
const values = {
  throttle: throttle.openapi({
    description: "Hosts at once of a job that does not say; for jobs that begin from now on",
  }),
  heartbeatMs: heartbeatMs.openapi({
    description:
      "Without an event, a stream says so often that it lives; for streams that are opened from now on",
  }),
  requestsPerSecond: requestsPerSecond.openapi({ description: "With one token, on average; at once" }),
};

/** All settings. */
export const settingsSchema = z.object({
  ...values,
  updatedAt: timeSchema.nullable().openapi({ description: "null: nothing was changed" }),
  updatedBy: z.string().nullable(),
}).openapi("Settings");

/** What `PUT /v1/settings` takes. */
export const settingsWriteSchema = z.strictObject({
  throttle: values.throttle.optional(),
  heartbeatMs: values.heartbeatMs.optional(),
  requestsPerSecond: values.requestsPerSecond.optional(),
}).openapi("SettingsWrite", { description: "What is left out is as the daemon's command line has it" });
