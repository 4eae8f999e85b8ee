/** Jobs, their hosts and events as the API shows them; and what is asked for. @module */
import { z } from "@hono/zod-openapi";
import { hostStatuses } from "../../../actors/host/mod.ts";
import { jobStates } from "../../../actors/daemon/job_types.ts";
import { hostPatternSchema, pageOf, pageQuery, timeSchema } from "./common.ts";

/** Largest standard input of a job, bytes; as base64 it and the rest have to fit into a body. */
export const maxStdinBytes = 8 * 1024 * 1024;
/** Longest text of a command. */
const maxCommand = 1_000_000;
/** Longest time of all options, milliseconds: 30 days. */
const maxMs = 30 * 24 * 3_600_000;

const milliseconds = z.int().min(1).max(maxMs);
/** What WS-Management can carry: XML 1.0 has no other control characters. */
// deno-lint-ignore no-control-regex -- these are what it keeps out
const xmlText = z.string().regex(/^[^\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]*$/);

/** The shell that is made on each host. */
const shellSchema = z.strictObject({
  cwd: xmlText.min(1).max(4_096).optional(),
  // deno-lint-ignore no-control-regex -- these are what it keeps out
  env: z.record(z.string().min(1).max(1_024).regex(/^[^\x00-\x1f=]+$/), xmlText.max(32_767)).optional()
    .refine((env) => env === undefined || Object.keys(env).length <= 1_000, "more than 1000 variables"),
  codepage: z.int().min(0).max(65_535).optional(),
  noProfile: z.boolean().optional(),
  idleTimeoutMs: milliseconds.optional(),
}).openapi("Shell");

const command = z.union([
  xmlText.min(1).max(maxCommand),
  z.array(xmlText.max(maxCommand)).min(1).max(10_000),
], "a text, or a list of words").openapi({
  description:
    "A text goes to the remote shell as it is; of a list, the program gets exactly these arguments",
  example: "hostname",
});

const priority = z.enum(["high", "normal", "low"]);

/** Batches, one after the other. */
const rollingSchema = z.strictObject({
  batch: z.union([
    z.int().min(1, "a batch has at least one host").max(65_536),
    z.string().regex(/^(?:[1-9][0-9]?|100)%$/, "a number of hosts, or a share of them from 1% to 100%"),
  ]).openapi({
    description: "Hosts of one batch: a number, or a share of all hosts",
    example: "10%",
  }),
  maxFailures: z.int().min(1).max(65_536).optional().openapi({
    description: "Failed hosts after which no batch is begun any more; default: every batch is",
  }),
}).openapi("Rolling");

/** What `POST /v1/jobs` takes. */
export const jobRequestSchema = z.strictObject({
  command,
  hosts: hostPatternSchema.optional().openapi({ description: "Hosts of the inventory; default all" }),
  priority: priority.optional(),
  throttle: z.int().min(1).max(65_536).optional().openapi({ description: "Hosts at once; default 32" }),
  timeoutMs: milliseconds.optional().openapi({ description: "Per host, from its start; default none" }),
  waitTimeoutMs: milliseconds.optional().openapi({
    description: "Per host, until its turn comes; default none",
  }),
  stdin: z.base64().max(Math.ceil(maxStdinBytes / 3) * 4).optional().openapi({
    description: "Standard input of every command, base64",
  }),
  shell: shellSchema.optional(),
  rolling: rollingSchema.optional(),
}).openapi("JobRequest");

/** A checked request for a job. */
export type JobRequestBody = z.infer<typeof jobRequestSchema>;

const countsSchema = z.object(
  Object.fromEntries(hostStatuses.map((status) => [status, z.int().min(0)])) as Record<
    typeof hostStatuses[number],
    z.ZodInt
  >,
);

/**
 * What a job was asked for. It has a name of its own: generators would make `JobRequest` of the field `request` of a Job, and that is
 * what is asked with.
 */
const jobTermsSchema = z.object({
  command: z.union([z.string(), z.array(z.string())]),
  hosts: z.string(),
  priority: priority.optional(),
  throttle: z.int().optional(),
  timeoutMs: z.int().optional(),
  waitTimeoutMs: z.int().optional(),
  stdinBytes: z.int().optional(),
  shell: shellSchema.optional(),
  rolling: rollingSchema.optional(),
}).openapi("JobTerms");

/** A job. */
export const jobSchema = z.object({
  id: z.uuid(),
  state: z.enum(jobStates as [typeof jobStates[number]]),
  request: jobTermsSchema,
  hosts: z.int().min(0),
  counts: countsSchema,
  createdAt: timeSchema,
  startedAt: timeSchema.nullable(),
  endedAt: timeSchema.nullable(),
  createdBy: z.string(),
  retryOf: z.uuid().nullable(),
  scheduledBy: z.string().nullable().openapi({ description: "Name of the schedule that asked for it" }),
}).openapi("Job");

/** A job as the API shows it. */
export type JobDocument = z.infer<typeof jobSchema>;

/** A page of jobs. */
export const jobPageSchema = pageOf("JobPage", jobSchema);

const instant = z.iso.datetime({ offset: true });

/** Which jobs. */
export const jobListQuery = z.object({
  ...pageQuery,
  state: z.enum(jobStates as [typeof jobStates[number]]).optional(),
  host: z.string().min(1).max(1_024).optional().openapi({ description: "Name of a host that it has" }),
  createdBy: z.string().min(1).max(64).optional().openapi({ description: "Name of the token" }),
  scheduledBy: z.string().min(1).max(64).optional().openapi({ description: "Name of a schedule" }),
  since: instant.optional().openapi({ description: "Created then or later" }),
  until: instant.optional().openapi({ description: "Created before" }),
  order: z.enum(["newest", "oldest"]).default("newest"),
});

const errorSchema = z.object({ code: z.string(), message: z.string() });
const status = z.enum(hostStatuses as [typeof hostStatuses[number]]);

/** A host of a job. */
export const jobHostSchema = z.object({
  index: z.int().min(0),
  host: z.string(),
  state: z.enum(["waiting", "running", "done"]),
  status: status.nullable(),
  exitCode: z.int().nullable(),
  durationMs: z.number().min(0),
  error: errorSchema.nullable(),
  stdoutBytes: z.int().min(0),
  stderrBytes: z.int().min(0),
  startedAt: timeSchema.nullable(),
  endedAt: timeSchema.nullable(),
}).openapi("JobHost");

/** A page of the hosts of a job. */
export const jobHostPageSchema = pageOf("JobHostPage", jobHostSchema);

/** Which hosts of a job. */
export const jobHostListQuery = z.object({
  ...pageQuery,
  state: z.enum(["waiting", "running", "done"]).optional(),
  status: status.optional(),
});

/** What `POST /v1/jobs/{id}/retry` takes. */
export const retrySchema = z.strictObject({
  hosts: z.array(z.string().min(1).max(1_024)).min(1).max(65_536).optional().openapi({
    description: "Names of hosts of the job",
  }),
  statuses: z.array(status).min(1).max(hostStatuses.length).optional().openapi({
    description: "Hosts that ended so; default, without hosts: all that did not succeed, unknown left out",
  }),
}).openapi("Retry");

/** Ids in a path. */
export const jobParams = z.object({ id: z.uuid().openapi({ description: "Id of the job" }) });

/** A host of a job in a path. */
export const jobHostParams = jobParams.extend({
  host: z.string().min(1).max(1_024).openapi({ description: "Name of the host" }),
});

/** A stream of a host in a path. */
export const outputParams = jobHostParams.extend({ stream: z.enum(["stdout", "stderr"]) });

/** One event, in `data` of server-sent events and as a WebSocket message. */
export const eventSchema = z.object({
  seq: z.int().min(1).openapi({ description: "Place among all events: the cursor" }),
  at: timeSchema,
  job: z.uuid(),
  type: z.enum(["job", "progress", "output", "gap", "result"]),
  host: z.string().optional(),
  document: jobSchema.optional().openapi({ description: "Of `job`: the whole job after the change" }),
  phase: z.literal("connecting").optional().openapi({
    description: "Of `progress`: work at the host begins",
  }),
  stream: z.enum(["stdout", "stderr"]).nullable().optional(),
  offset: z.int().min(0).optional(),
  data: z.string().optional(),
  base64: z.string().optional(),
  reason: z.string().optional(),
  status: status.optional(),
  exitCode: z.int().nullable().optional(),
  durationMs: z.number().optional(),
  error: errorSchema.nullable().optional(),
}).openapi("Event");

/** One server-sent event: OpenAPI 3.1 describes a stream by what it consists of. */
export const streamedEventSchema = z.object({
  id: z.string().openapi({ description: "The seq: the Last-Event-ID of whoever comes back" }),
  event: eventSchema.shape.type,
  data: z.string().openapi({ description: "An Event as JSON" }),
}).openapi("StreamedEvent");
