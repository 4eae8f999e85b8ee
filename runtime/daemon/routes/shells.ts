/** Shells and settings of a host, as it says them now. @module */
import { createRoute } from "@hono/zod-openapi";
import { settingsQuestion } from "../../../actors/host/facts_questions.ts";
import { removeShellQuestion, shellsQuestion } from "../../../actors/host/shell_questions.ts";
import { parseDuration } from "../../../protocol/duration.ts";
import { DroverError } from "../../../protocol/errors.ts";
import type { ShellInfo } from "../../../protocol/shell/mod.ts";
import { needs } from "../access/guard.ts";
import { isLimited } from "../access/tokens.ts";
import { type Api, audit, type DaemonParts } from "../context.ts";
import { Problem } from "../problems.ts";
import { jsonContent, problems, security } from "../schemas/common.ts";
import { hostSettingsSchema, hostShellParams, shellListSchema } from "../schemas/facts.ts";
import { hostParams } from "../schemas/host.ts";
import { askedHost, askHost } from "./asked_host.ts";

/** Shells of one list. */
const maxShells = 1_000;

/** Adds the routes. */
export function addShellRoutes(app: Api, parts: DaemonParts): void {
  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/hosts/{name}/shells",
      operationId: "listHostShells",
      summary: "Shells that are open at a host, as it says now",
      description:
        "Of all users where the daemon's account there is an administrator, else its own. Needs the scope run: the " +
        "host is asked with the daemon's account.",
      security,
      middleware: [needs("run")] as const,
      request: { params: hostParams },
      responses: { 200: jsonContent(shellListSchema, "The shells"), ...problems(502) },
    }),
    async (context) => {
      const { name } = context.req.valid("param");
      const target = await askedHost(parts, context, name);
      const { shells, complete } = await askHost(parts, target, shellsQuestion(maxShells));
      const caller = context.get("caller");
      const mine = isLimited(caller) ? caller.name : undefined;
      return context.json({ items: shells.map((shell) => shellDocument(parts, shell, mine)), complete }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: "delete",
      path: "/v1/hosts/{name}/shells/{shellId}",
      operationId: "deleteHostShell",
      summary: "Delete a shell at a host, with all that runs in it",
      description:
        "Whoever has made it. One that a job of this daemon still needs is refused: cancel the job.",
      security,
      middleware: [needs("admin", { respectsHosts: true })] as const,
      request: { params: hostShellParams },
      responses: { 204: { description: "It is no more" }, ...problems(409, 502, 507) },
    }),
    async (context) => {
      const { name, shellId } = context.req.valid("param");
      const target = await askedHost(parts, context, name);
      let found: ShellInfo | undefined;
      const question = removeShellQuestion(shellId, (shell) => {
        found = shell;
        return useOf(parts, shell).inUse;
      });
      // Written down in any case: a Delete whose answer is lost may have happened.
      const outcome = await askHost(parts, target, question).catch((error: unknown) => error);
      const detail = { host: name, name: found?.name ?? null, owner: found?.owner ?? null };
      const failed = outcome instanceof Error;
      const code = outcome instanceof Problem ? outcome.code : failed ? "Internal" : String(outcome);
      await audit(parts, context, "shell.delete", shellId, detail, outcome === "deleted" ? "ok" : code);
      if (failed) throw outcome;
      if (outcome === "unknown") throw new Problem(404, "ShellUnknown", "the host has no such shell");
      if (outcome === "kept") {
        throw new Problem(409, "ShellInUse", "a job of this daemon still needs it: cancel the job");
      }
      return context.body(null, 204);
    },
  );

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/hosts/{name}/settings",
      operationId: "getHostSettings",
      summary: "winrm/config of a host, as it says now",
      description:
        "Windows shows it to administrators only. Needs the scope run: the host is asked with the daemon's account.",
      security,
      middleware: [needs("run")] as const,
      request: { params: hostParams },
      responses: { 200: jsonContent(hostSettingsSchema, "The settings"), ...problems(502) },
    }),
    async (context) => {
      const { name } = context.req.valid("param");
      const target = await askedHost(parts, context, name);
      const { settings } = await askHost(parts, target, settingsQuestion(target.quotaKey));
      return context.json({ host: name, settings: { ...settings } }, 200);
    },
  );
}

/** For which job a shell was made, and whether that still needs it: by its Name, `drover-OWNER-JOB.INDEX`. */
function useOf({ store }: DaemonParts, { name }: ShellInfo) {
  const match = /^drover-[^-]+-([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})\.(\d{1,6})$/
    .exec(name ?? "");
  if (match === null) return { job: undefined, inUse: false };
  const job = store.read.jobs.get(match.slice(1, 6).join("-"));
  if (job === undefined) return { job, inUse: false };
  const host = store.read.jobHosts.get(job.id, Number(match[6]));
  return { job, inUse: host !== undefined && host.state !== "done" };
}

/** `mine`: only jobs of this name are shown. */
function shellDocument(parts: DaemonParts, shell: ShellInfo, mine: string | undefined) {
  const { job, inUse } = useOf(parts, shell);
  return {
    id: shell.shellId,
    name: shell.name ?? null,
    owner: shell.owner ?? null,
    clientAddress: shell.clientIp ?? null,
    resourceUri: shell.resourceUri ?? null,
    state: shell.state ?? null,
    ageMs: milliseconds(shell.runTime),
    inactiveMs: milliseconds(shell.inactivity),
    idleTimeoutMs: milliseconds(shell.idleTimeout),
    ours: job !== undefined,
    job: job !== undefined && (mine === undefined || job.createdBy === mine) ? job.id : null,
    inUse,
  };
}

/** A host may write what it likes: no time is better than no list. */
function milliseconds(duration: string | undefined): number | null {
  if (duration === undefined) return null;
  try {
    return parseDuration(duration);
  } catch (error) {
    if (error instanceof DroverError) return null;
    throw error;
  }
}
