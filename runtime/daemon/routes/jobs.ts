/** Jobs: ask for one, look at them, stop them, run hosts of one once more. @module */
import { createRoute, z } from "@hono/zod-openapi";
import type { Job, JobRequest } from "../../../actors/daemon/job_types.ts";
import { hostStatuses } from "../../../actors/host/mod.ts";
import { escapeText } from "../../../protocol/xml/mod.ts";
import type { NewJob } from "../../store/types.ts";
import { needs, tokenRefused } from "../access/guard.ts";
import { isLimited } from "../access/tokens.ts";
import { jsonBody } from "../bodies.ts";
import { type Api, type ApiContext, audit, type DaemonParts, jobUnknown } from "../context.ts";
import { jobDocument, jobHostDocument } from "../documents.ts";
import { selectRemote } from "../host_book.ts";
import type { CachedJob } from "../job_cache.ts";
import { Problem } from "../problems.ts";
import { jsonContent, problems, security } from "../schemas/common.ts";
import {
  jobHostListQuery,
  jobHostPageSchema,
  jobHostParams,
  jobHostSchema,
  jobListQuery,
  jobPageSchema,
  jobParams,
  jobRequestSchema,
  jobSchema,
  maxStdinBytes,
  retrySchema,
} from "../schemas/job.ts";
import { uuidv7 } from "../uuid.ts";

/** Largest body of a request for a job: its standard input as base64, and the rest. */
export const maxJobBody = Math.ceil(maxStdinBytes / 3) * 4 + 2 * 1024 * 1024;
/** Milliseconds for which an Idempotency-Key is remembered. */
export const keyMs = 24 * 3_600_000;

const location = { Location: { description: "Path of the job", schema: { type: "string" as const } } };
const id = { id: "$response.body#/id" };
const links = Object.fromEntries(
  ["getJob", "followJob", "listJobHosts", "cancelJob", "pauseJob", "resumeJob", "retryJob"].map((
    operationId,
  ) => [operationId, { operationId, parameters: id }]),
);
/** The answer with a new job. */
export const accepted = { ...jsonContent(jobSchema, "The job, which is queued"), headers: location, links };
/** Idempotency-Key. */
export const keyHeader = z.object({
  "idempotency-key": z.string().min(1).max(255).regex(/^[\x21-\x7e]+$/).optional().openapi({
    description: "The same key with the same body finds the same job, for 24 hours",
  }),
});

/** Adds the routes. */
export function addJobRoutes(app: Api, parts: DaemonParts): void {
  const { store } = parts;

  app.openapi(
    createRoute({
      method: "post",
      path: "/v1/jobs",
      operationId: "createJob",
      summary: "Run a command on hosts of the inventory",
      security,
      middleware: [needs("run"), jsonBody(maxJobBody)] as const,
      request: {
        headers: keyHeader,
        body: { required: true, content: { "application/json": { schema: jobRequestSchema } } },
      },
      responses: { 202: accepted, ...problems(408, 409, 413, 415, 507) },
    }),
    async (context) => {
      const again = repeated(context);
      if (again !== undefined) return again;
      const { stdin, hosts, ...rest } = context.req.valid("json");
      const pattern = hosts ?? "all";
      const names = selectRemote(parts.book.view(context.get("caller").hosts), pattern).map(({ name }) =>
        name
      );
      return await submit(context, names, { ...rest, hosts: pattern } as JobRequest, {
        stdin: stdin === undefined ? undefined : Uint8Array.fromBase64(stdin),
        action: "job.create",
      });
    },
  );

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/jobs",
      operationId: "listJobs",
      summary: "List jobs",
      security,
      middleware: [needs("read")] as const,
      request: { query: jobListQuery },
      responses: { 200: jsonContent(jobPageSchema, "A page of jobs"), ...problems() },
    }),
    (context) => {
      const query = context.req.valid("query");
      const caller = context.get("caller");
      const createdBy = isLimited(caller) ? caller.name : query.createdBy;
      if (query.createdBy !== undefined && query.createdBy !== createdBy) {
        return context.json({ items: [], next: null }, 200);
      }
      const filter = {
        ...(query.state === undefined ? {} : { states: [query.state] }),
        ...(createdBy === undefined ? {} : { createdBy }),
        ...(query.scheduledBy === undefined ? {} : { scheduledBy: query.scheduledBy }),
        ...(query.since === undefined ? {} : { createdFrom: Date.parse(query.since) }),
        ...(query.until === undefined ? {} : { createdBefore: Date.parse(query.until) }),
      };
      const page = {
        limit: query.limit,
        ...(query.cursor === undefined ? {} : { cursor: query.cursor }),
      };
      if (query.host !== undefined) {
        if (query.order === "oldest") {
          throw new Problem(422, "RequestInvalid", "jobs of one host are listed newest first only");
        }
        const runs = store.read.jobHosts.history(query.host, page);
        const jobs = runs.items.map(({ job }) => store.read.jobs.get(job))
          .filter((job) => job !== undefined && passes(job, filter)) as Job[];
        return context.json({ items: jobs.map(jobDocument), next: runs.next }, 200);
      }
      const jobs = store.read.jobs.list({
        ...filter,
        ...page,
        sort: query.order === "oldest" ? "createdAt" : "-createdAt",
      });
      return context.json({ items: jobs.items.map(jobDocument), next: jobs.next }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/jobs/{id}",
      operationId: "getJob",
      summary: "One job",
      security,
      middleware: [needs("read")] as const,
      request: { params: jobParams },
      responses: { 200: jsonContent(jobSchema, "The job"), ...problems() },
    }),
    (context) => {
      const { text } = visible(parts, context, context.req.valid("param").id);
      return context.body(text, 200, { "Content-Type": "application/json" }) as never;
    },
  );

  const changes = [
    ["cancel", "Stop a job; every host still gets its result"],
    ["pause", "Begin no further host of a job; what runs goes on"],
    ["resume", "Go on with a job that was paused"],
  ] as const;
  for (const [change, summary] of changes) {
    app.openapi(
      createRoute({
        method: "post",
        path: `/v1/jobs/{id}/${change}`,
        operationId: `${change}Job`,
        summary,
        security,
        middleware: [needs("run"), jsonBody(1_024, true)] as const,
        request: { params: jobParams },
        responses: {
          202: jsonContent(jobSchema, "It was told; a job that is done stays as it is"),
          ...problems(408, 413, 415, 507),
        },
      }),
      async (context) => {
        const job = visibleJob(parts, context, context.req.valid("param").id);
        // Written down before it happens: then nothing happens that is not written down.
        await audit(parts, context, `job.${change}`, job.id);
        // It is answered when it is on disk: a crash right after the answer does not undo it.
        if (job.state !== "done") await parts.runner[change](job.id);
        return context.json(jobDocument(store.read.jobs.get(job.id) ?? job), 202);
      },
    );
  }

  app.openapi(
    createRoute({
      method: "post",
      path: "/v1/jobs/{id}/retry",
      operationId: "retryJob",
      summary: "Run hosts of a job once more, as a new job",
      description: "Hosts whose status is `unknown` may have run: they are taken only when they are named.",
      security,
      middleware: [needs("run"), jsonBody(4 * 1024 * 1024, true)] as const,
      request: {
        params: jobParams,
        headers: keyHeader,
        body: { content: { "application/json": { schema: retrySchema } } },
      },
      responses: { 202: accepted, ...problems(408, 409, 413, 415, 507) },
    }),
    async (context) => {
      const job = visibleJob(parts, context, context.req.valid("param").id);
      const again = repeated(context);
      if (again !== undefined) return again;
      const { hosts, statuses } = context.req.valid("json");
      const names = hostsToRetry(parts, job, hosts, statuses);
      const visible = new Set(parts.book.view(context.get("caller").hosts).hosts.map(({ name }) => name));
      const missing = names.find((name) => !visible.has(name));
      if (missing !== undefined) {
        throw new Problem(422, "HostUnknown", `${JSON.stringify(missing)} is not in the inventory any more`);
      }
      return await submit(context, names, job.request, {
        stdin: store.read.jobs.stdin(job.id),
        retryOf: job.id,
        action: "job.retry",
      });
    },
  );

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/jobs/{id}/hosts",
      operationId: "listJobHosts",
      summary: "Hosts of a job with their results",
      security,
      middleware: [needs("read")] as const,
      request: { params: jobParams, query: jobHostListQuery },
      responses: { 200: jsonContent(jobHostPageSchema, "A page of hosts, in their order"), ...problems() },
    }),
    (context) => {
      const job = visibleJob(parts, context, context.req.valid("param").id);
      const { state, status, limit, cursor } = context.req.valid("query");
      const page = store.read.jobHosts.list(job.id, {
        limit,
        ...(cursor === undefined ? {} : { cursor }),
        ...(state === undefined ? {} : { states: [state] }),
        ...(status === undefined ? {} : { statuses: [status] }),
      });
      return context.json({ items: page.items.map(jobHostDocument), next: page.next }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/jobs/{id}/hosts/{host}",
      operationId: "getJobHost",
      summary: "One host of a job",
      security,
      middleware: [needs("read")] as const,
      request: { params: jobHostParams },
      responses: { 200: jsonContent(jobHostSchema, "The host"), ...problems() },
    }),
    (context) => {
      const { id, host } = context.req.valid("param");
      return context.json(jobHostDocument(visibleHost(parts, context, id, host)), 200);
    },
  );

  async function submit(
    context: ApiContext,
    names: readonly string[],
    request: JobRequest,
    more: { readonly stdin: Uint8Array | undefined; readonly retryOf?: string; readonly action: string },
  ) {
    const caller = context.get("caller");
    if (names.length === 0) throw new Problem(422, "PatternUnmatched", "select hosts: none is left");
    // What cannot be reached for want of credentials or trust is better refused now than on every host.
    await parts.book.prepare(names);
    // That may have taken long.
    if (!parts.tokens.stands(caller)) throw tokenRefused();
    const targets = parts.book.targets(names);
    for (const word of typeof request.command === "string" ? [request.command] : request.command) {
      escapeText(word);
    }
    const key = context.req.header("Idempotency-Key");
    const at = Date.now();
    const id = uuidv7(at);
    const job: NewJob = {
      id,
      request,
      hosts: names,
      createdAt: at,
      createdBy: caller.name,
      ...(more.stdin === undefined ? {} : { stdin: more.stdin }),
      ...(more.retryOf === undefined ? {} : { retryOf: more.retryOf }),
      audit: {
        at,
        who: caller.name,
        from: context.env.from,
        action: more.action,
        target: id,
        outcome: "ok",
        detail: {
          command: request.command,
          hosts: request.hosts,
          count: names.length,
          ...(more.retryOf === undefined ? {} : { retryOf: more.retryOf }),
        },
      },
      ...(key === undefined ? {} : {
        idempotency: {
          key,
          token: caller.id,
          digest: digestOf(context),
          expiresAt: at + keyMs,
        },
      }),
    };
    const creation = await store.write.jobs.create(job);
    if (creation.kind === "created") parts.runner.start(creation.job, targets, more.stdin);
    else if (creation.kind === "keyReused") throw keyReused();
    else if (creation.kind === "exists") throw new Error("create job: two UUIDs are the same");
    const stands = creation.kind === "created" ? creation.job : store.read.jobs.get(creation.job);
    if (stands === undefined) throw jobUnknown();
    return taken(context, stands);
  }

  /** The answer to a request that came before: what it was about may be another by now, its job is the same. */
  function repeated(context: ApiContext) {
    const key = context.req.header("Idempotency-Key");
    if (key === undefined) return undefined;
    const known = store.read.idempotency.find(context.get("caller").id, key, Date.now());
    if (known === undefined) return undefined;
    if (known.digest !== digestOf(context)) throw keyReused();
    const job = store.read.jobs.get(known.job);
    if (job === undefined) throw jobUnknown();
    return taken(context, job);
  }
}

function taken(context: ApiContext, job: Job) {
  context.header("Location", `/v1/jobs/${job.id}`);
  return context.json(jobDocument(job), 202);
}

/** What a request with an Idempotency-Key asks for. */
function digestOf(context: ApiContext): string {
  return `${context.req.path} ${context.get("bodyDigest")}`;
}

function keyReused(): Problem {
  return new Problem(409, "IdempotencyKeyReused", "this Idempotency-Key came with another request before");
}

/** A job that the caller may see: a token that is limited to some hosts sees only jobs of its own. */
export function visibleJob(parts: DaemonParts, context: ApiContext, id: string): Job {
  return visible(parts, context, id).job;
}

function visible(parts: DaemonParts, context: ApiContext, id: string): CachedJob {
  const found = parts.jobs.get(id);
  const caller = context.get("caller");
  if (found === undefined || (isLimited(caller) && found.job.createdBy !== caller.name)) throw jobUnknown();
  return found;
}

/** A host of a job that the caller may see. */
export function visibleHost(parts: DaemonParts, context: ApiContext, id: string, host: string) {
  const job = visibleJob(parts, context, id);
  const [found] = parts.store.read.jobHosts.list(job.id, { hosts: [host], limit: 1 }).items;
  if (found === undefined) throw new Problem(404, "HostUnknown", "the job has no such host");
  return found;
}

function passes(
  job: Job,
  filter: {
    readonly states?: readonly Job["state"][];
    readonly createdBy?: string;
    readonly scheduledBy?: string;
    readonly createdFrom?: number;
    readonly createdBefore?: number;
  },
): boolean {
  return (filter.states?.includes(job.state) ?? true) &&
    (filter.createdBy === undefined || filter.createdBy === job.createdBy) &&
    (filter.scheduledBy === undefined || filter.scheduledBy === job.scheduledBy) &&
    job.createdAt >= (filter.createdFrom ?? -Infinity) && job.createdAt < (filter.createdBefore ?? Infinity);
}

/** Names of the hosts of a job that are to run once more. */
function hostsToRetry(
  { store }: DaemonParts,
  job: Job,
  hosts: readonly string[] | undefined,
  statuses: typeof hostStatuses | undefined,
): string[] {
  if (job.state !== "done") {
    throw new Problem(409, "JobNotDone", "the job is not done: its hosts may still run");
  }
  const wanted = hosts === undefined ? undefined : new Set(hosts);
  const ended = new Set(
    statuses ??
      (hosts === undefined
        ? hostStatuses.filter((status) => status !== "succeeded" && status !== "unknown")
        : hostStatuses),
  );
  const names: string[] = [];
  const found = new Set<string>();
  let cursor: string | null = null;
  do {
    const page: ReturnType<typeof store.read.jobHosts.list> = store.read.jobHosts.list(job.id, {
      limit: 1_000,
      ...(cursor === null ? {} : { cursor }),
    });
    for (const { host, status } of page.items) {
      if (wanted !== undefined && !wanted.has(host)) continue;
      found.add(host);
      if (status !== null && ended.has(status)) names.push(host);
    }
    cursor = page.next;
  } while (cursor !== null);
  const missing = hosts?.find((name) => !found.has(name));
  if (missing !== undefined) {
    throw new Problem(422, "HostUnknown", `the job has no host ${JSON.stringify(missing)}`);
  }
  if (names.length === 0) throw new Problem(422, "NothingToRetry", "no host of the job ended so");
  return names;
}
