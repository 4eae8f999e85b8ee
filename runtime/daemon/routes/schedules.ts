/** Schedules: work that recurs. @module */
import { createRoute, z } from "@hono/zod-openapi";
import type { JobRequest } from "../../../actors/daemon/job_types.ts";
import { UsageError } from "../../../protocol/errors.ts";
import { escapeText } from "../../../protocol/xml/mod.ts";
import type { StoredSchedule, StoredToken, Versioned } from "../../store/types.ts";
import { needs } from "../access/guard.ts";
import { isLimited } from "../access/tokens.ts";
import { jsonBody } from "../bodies.ts";
import { type Api, type ApiContext, audit, type DaemonParts, jobUnknown } from "../context.ts";
import { iso, isoOrNull, jobDocument } from "../documents.ts";
import { changedVersion, etag, expectedVersion } from "../etags.ts";
import { selectRemote } from "../host_book.ts";
import { Problem } from "../problems.ts";
import { refusalOf } from "../schedules/rights.ts";
import { ScheduleTimes } from "../schedules/times.ts";
import { jsonContent, pageQuery, problems, security } from "../schemas/common.ts";
import {
  type ScheduleDocument,
  schedulePageSchema,
  scheduleParams,
  scheduleRequestSchema,
  scheduleSchema,
} from "../schemas/schedule.ts";
import { accepted, keyHeader, keyMs, maxJobBody } from "./jobs.ts";

/** Schedules at the most. */
const maxSchedules = 1_000;
/** Due times that a document shows. */
const shownTimes = 5;

const etagHeader = { ETag: { description: "Its version", schema: { type: "string" as const } } };
const conditions = z.object({
  "if-match": z.string().max(1_000).optional().openapi({ description: "ETag of what is to be changed" }),
});

/** Adds the routes. */
export function addScheduleRoutes(app: Api, parts: DaemonParts): void {
  const { store } = parts;

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/schedules",
      operationId: "listSchedules",
      summary: "List schedules",
      security,
      middleware: [needs("read")] as const,
      request: { query: z.object(pageQuery) },
      responses: { 200: jsonContent(schedulePageSchema, "A page of schedules, by name"), ...problems() },
    }),
    (context) => {
      const { limit, cursor = "" } = context.req.valid("query");
      const items = visible(parts, context.get("caller"), cursor, limit + 1);
      const more = items.length > limit;
      if (more) items.length = limit;
      return context.json({
        items: items.map((schedule) => document(parts, schedule)),
        next: more ? items.at(-1)!.key : null,
      }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/schedules/{name}",
      operationId: "getSchedule",
      summary: "One schedule: when it is due, and what became of its last due time",
      security,
      middleware: [needs("read")] as const,
      request: { params: scheduleParams },
      responses: {
        200: { ...jsonContent(scheduleSchema, "The schedule"), headers: etagHeader },
        ...problems(),
      },
    }),
    (context) => {
      const schedule = known(parts, context, context.req.valid("param").name);
      context.header("ETag", etag(schedule.version));
      return context.json(document(parts, schedule), 200);
    },
  );

  app.openapi(
    createRoute({
      method: "put",
      path: "/v1/schedules/{name}",
      operationId: "putSchedule",
      summary: "Make or change a schedule",
      description:
        "Its jobs run with the rights of the token that changed it last, as long as there is that token. " +
        "Hosts are looked up when it is due. Fixed times run once also where clocks are put forward or back.",
      security,
      middleware: [needs("run"), jsonBody(maxJobBody)] as const,
      request: {
        params: scheduleParams,
        headers: conditions,
        body: { required: true, content: { "application/json": { schema: scheduleRequestSchema } } },
      },
      responses: {
        200: { ...jsonContent(scheduleSchema, "It was changed"), headers: etagHeader },
        201: { ...jsonContent(scheduleSchema, "It was made"), headers: etagHeader },
        ...problems(408, 409, 412, 413, 415, 428, 507),
      },
    }),
    async (context) => {
      const { name } = context.req.valid("param");
      const { request: { stdin: base64, hosts, ...rest }, ...schedule } = context.req.valid("json");
      const caller = context.get("caller");
      const current = store.read.schedules.get(name);
      if (current !== undefined && !maySee(caller, current)) {
        throw new Problem(409, "ScheduleNameTaken", "this name is taken");
      }
      new ScheduleTimes(schedule.cron, schedule.timeZone);
      const pattern = hosts ?? "all";
      checkPattern(parts, caller, pattern);
      for (const word of [rest.command].flat()) escapeText(word);
      if (
        current === undefined &&
        store.read.schedules.list({ limit: maxSchedules }).items.length >= maxSchedules
      ) {
        throw new Problem(409, "SchedulesFull", `there are ${maxSchedules} schedules already`);
      }
      const stdin = base64 === undefined ? undefined : Uint8Array.fromBase64(base64);
      const value: StoredSchedule = {
        ...schedule,
        request: {
          ...rest,
          hosts: pattern,
          ...(stdin === undefined ? {} : { stdinBytes: stdin.length }),
        } as JobRequest,
        owner: { token: caller.id, name: caller.name, hosts: caller.hosts },
      };
      const at = Date.now();
      const expected = expectedVersion(context, current?.version);
      const version = changedVersion(await store.write.schedules.put(name, value, stdin, at, expected));
      parts.schedules.changed(name);
      await audit(parts, context, current === undefined ? "schedule.create" : "schedule.change", name, {
        cron: value.cron,
        timeZone: value.timeZone,
        enabled: value.enabled,
        command: value.request.command,
        hosts: pattern,
      });
      context.header("ETag", etag(version));
      return context.json(
        document(parts, { key: name, version, updatedAt: at, value }),
        current === undefined ? 201 : 200,
      );
    },
  );

  app.openapi(
    createRoute({
      method: "delete",
      path: "/v1/schedules/{name}",
      operationId: "removeSchedule",
      summary: "Remove a schedule; its jobs stay",
      security,
      middleware: [needs("run")] as const,
      request: { params: scheduleParams, headers: conditions },
      responses: { 204: { description: "It is no more" }, ...problems(412, 428, 507) },
    }),
    async (context) => {
      const { name } = context.req.valid("param");
      const { version } = known(parts, context, name);
      const change = await store.write.schedules.remove(name, expectedVersion(context, version));
      if (change.kind === "conflict") changedVersion(change);
      parts.schedules.changed(name);
      await audit(parts, context, "schedule.remove", name);
      return context.body(null, 204);
    },
  );

  app.openapi(
    createRoute({
      method: "post",
      path: "/v1/schedules/{name}/run",
      operationId: "runSchedule",
      summary: "Make a job of a schedule now, beside its due times; also when it is not enabled",
      security,
      middleware: [needs("run"), jsonBody(1_024, true)] as const,
      request: { params: scheduleParams, headers: keyHeader },
      responses: { 202: accepted, ...problems(408, 409, 413, 415, 507) },
    }),
    async (context) => {
      const { name } = context.req.valid("param");
      known(parts, context, name);
      const caller = context.get("caller");
      const key = context.req.header("Idempotency-Key");
      const creation = await parts.schedules.run(name, {
        createdBy: caller.name,
        from: context.env.from,
        ...(key === undefined ? {} : {
          idempotency: { key, token: caller.id, digest: context.req.path, expiresAt: Date.now() + keyMs },
        }),
      });
      if (creation === undefined) throw scheduleUnknown();
      if ("code" in creation) throw new Problem(409, creation.code, creation.message);
      switch (creation.kind) {
        case "overlapped":
          throw new Problem(409, "ScheduleRunning", "a job of it is not done, and it is not to overlap");
        case "changed":
          throw new Problem(409, "ScheduleChanged", "it was changed or removed meanwhile");
        case "keyReused":
          throw new Problem(
            409,
            "IdempotencyKeyReused",
            "this Idempotency-Key came with another request before",
          );
        case "exists":
        case "settled":
          throw new Error("run schedule: two UUIDs are the same, or a run by hand has a due time");
      }
      const job = creation.kind === "created" ? creation.job : store.read.jobs.get(creation.job);
      if (job === undefined) throw jobUnknown();
      context.header("Location", `/v1/jobs/${job.id}`);
      return context.json(jobDocument(job), 202);
    },
  );
}

/** A token that is limited to some hosts sees its own ones only. */
function maySee(caller: StoredToken, { value }: Versioned<StoredSchedule>): boolean {
  return !isLimited(caller) || value.owner.token === caller.id;
}

/** Up to `count` schedules after the name `cursor` that the caller may see. */
function visible(
  { store }: DaemonParts,
  caller: StoredToken,
  cursor: string,
  count: number,
): Versioned<StoredSchedule>[] {
  const found: Versioned<StoredSchedule>[] = [];
  for (let next: string | null = cursor; next !== null && found.length < count;) {
    const page: ReturnType<typeof store.read.schedules.list> = store.read.schedules.list({ cursor: next });
    found.push(...page.items.filter((schedule) => maySee(caller, schedule)));
    next = page.next;
  }
  return found.slice(0, count);
}

function known(parts: DaemonParts, context: ApiContext, name: string): Versioned<StoredSchedule> {
  const found = parts.store.read.schedules.get(name);
  if (found === undefined || !maySee(context.get("caller"), found)) throw scheduleUnknown();
  return found;
}

function scheduleUnknown(): Problem {
  return new Problem(404, "ScheduleUnknown", "there is no such schedule");
}

/** Hosts may come later; what is no pattern never becomes one. */
function checkPattern({ book }: DaemonParts, caller: StoredToken, pattern: string): void {
  try {
    selectRemote(book.view(caller.hosts), pattern);
  } catch (error) {
    if (!(error instanceof UsageError) || error.code !== "PatternUnmatched") throw error;
  }
}

function document({ store }: DaemonParts, schedule: Versioned<StoredSchedule>): ScheduleDocument {
  const { key, value, updatedAt } = schedule;
  const { cron, timeZone, missed, overlap, enabled, request, owner } = value;
  const now = Date.now();
  const state = store.read.schedules.state(key);
  const last = state?.last ?? null;
  return {
    name: key,
    cron,
    timeZone,
    missed,
    overlap,
    enabled,
    request: {
      ...request,
      command: typeof request.command === "string" ? request.command : [...request.command],
    } as ScheduleDocument["request"],
    updatedAt: iso(updatedAt),
    updatedBy: owner.name,
    refusal: refusalOf(store, value, now) ?? null,
    next: enabled ? nextTimes(value, Math.max(now, state?.settledTo ?? now)).map(iso) : [],
    last: last === null ? null : { ...last, dueAt: isoOrNull(last.dueAt), at: iso(last.at) },
  };
}

function nextTimes({ cron, timeZone }: StoredSchedule, after: number): number[] {
  try {
    return new ScheduleTimes(cron, timeZone).upcoming(after, shownTimes);
  } catch (error) {
    // This machine does not know its time zone (any more).
    if (error instanceof UsageError) return [];
    throw error;
  }
}
