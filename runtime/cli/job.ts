/** `drover job`: jobs of a running daemon. @module */
import { Command, Option } from "commander";
import type { HostStatus, RunEvent } from "../../actors/host/mod.ts";
import { hostStatuses } from "../../actors/host/mod.ts";
import { NetworkError } from "../../protocol/errors.ts";
import { addApiOptions, ApiClient, type ApiFlags, pages } from "./api_client.ts";
import { addRequestOptions, jobRequest, type RequestFlags } from "./job_request.ts";
import { readEventStream } from "../client/remote/event_stream.ts";
import { positiveInteger } from "./options.ts";
import { sanitizeLine } from "./output/sanitize.ts";
import { showRun } from "./run_report.ts";

interface JobDocument {
  readonly id: string;
  readonly state: string;
  readonly request: { readonly command: string | readonly string[]; readonly hosts: string };
  readonly hosts: number;
  readonly counts: Readonly<Record<HostStatus, number>>;
  readonly createdAt: string;
  readonly createdBy: string;
}

interface HostDocument {
  readonly host: string;
  readonly state: string;
  readonly status: HostStatus | null;
  readonly exitCode: number | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

interface SubmitFlags extends ApiFlags, RequestFlags {
  readonly key?: string;
  readonly follow?: boolean;
}

/** Columns of a line where there is no terminal. */
const plainColumns = 80;

/** The command. */
export function jobCommand(): Command {
  const command = new Command("job").description(
    "Jobs of a running daemon: ask for one, look, follow, stop.",
  );
  const add = (child: Command) => command.addCommand(addApiOptions(child));
  add(
    addRequestOptions(
      new Command("submit").description("Ask for a job, and print its id.")
        .usage("[options] -- <command> [argument...]")
        .argument("<command...>", "command, after --"),
    )
      .option("--key <text>", "Idempotency-Key: the same key finds the same job, for 24 hours")
      .option("--follow", "show it until its end, as drover exec does"),
  ).commands.at(-1)!.action(submit);
  add(
    new Command("list").description("List jobs, newest first.")
      .option("--limit <number>", "jobs at most", positiveInteger, 20)
      .addOption(
        new Option("--state <state>", "only these").choices([
          "queued",
          "running",
          "paused",
          "cancelling",
          "done",
        ]),
      )
      .option("--host <name>", "only jobs that have this host"),
  ).commands.at(-1)!.action(list);
  add(
    new Command("show").description("Show a job and its hosts.").argument("<id>", "id of the job")
      .addOption(new Option("--status <status>", "only hosts that ended so").choices(hostStatuses)),
  ).commands.at(-1)!.action(show);
  add(
    new Command("follow").description("Show a job from its beginning to its end. Exit code as drover exec.")
      .argument("<id>", "id of the job"),
  ).commands.at(-1)!.action(async (id: string, flags: ApiFlags) => {
    using client = new ApiClient(flags);
    Deno.exitCode = await follow(client, id, flags);
  });
  add(
    new Command("cancel").description("Stop a job; every host still gets its result.").argument("<id>", "id"),
  ).commands.at(-1)!.action(cancel);
  add(
    new Command("retry").description("Run hosts of a job that is done once more, and print the new job's id.")
      .argument("<id>", "id of the job")
      .option("--host <name>", "this host; may be repeated", collect)
      .addOption(
        new Option(
          "--status <status>",
          "hosts that ended so; may be repeated (default: all but succeeded and unknown)",
        )
          .choices(hostStatuses).argParser(collect),
      ),
  ).commands.at(-1)!.action(retry);
  return command;
}

async function submit(words: string[], flags: SubmitFlags): Promise<void> {
  using client = new ApiClient(flags);
  const job = await client.json<JobDocument>(
    "POST",
    "/v1/jobs",
    await jobRequest(words, flags),
    // A connection that breaks may be tried again: the key finds the job that was made.
    { "Idempotency-Key": flags.key ?? crypto.randomUUID() },
  );
  if (flags.follow === true) {
    Deno.exitCode = await follow(client, job.id, flags);
    return;
  }
  console.log(flags.json === true ? JSON.stringify(job) : job.id);
}

async function list(
  flags: ApiFlags & { readonly limit: number; readonly state?: string; readonly host?: string },
): Promise<void> {
  using client = new ApiClient(flags);
  let left = flags.limit;
  const query = new URLSearchParams({
    ...(flags.state === undefined ? {} : { state: flags.state }),
    ...(flags.host === undefined ? {} : { host: flags.host }),
  });
  for await (const job of pages<JobDocument>(client, "/v1/jobs", query)) {
    if (left-- <= 0) return;
    console.log(flags.json === true ? JSON.stringify(job) : jobLine(job));
  }
}

async function show(id: string, flags: ApiFlags & { readonly status?: string }): Promise<void> {
  using client = new ApiClient(flags);
  const path = jobPath(id);
  const job = await client.json<JobDocument>("GET", path);
  console.log(flags.json === true ? JSON.stringify(job) : jobLine(job));
  const query = new URLSearchParams(flags.status === undefined ? {} : { status: flags.status });
  for await (const host of pages<HostDocument>(client, `${path}/hosts`, query)) {
    if (flags.json === true) console.log(JSON.stringify(host));
    else {
      const exit = host.exitCode === null ? "" : ` (exit code ${host.exitCode})`;
      const why = host.error === null ? "" : `: ${host.error.code}: ${host.error.message}`;
      console.log(sanitizeLine(`  ${host.host}: ${host.status ?? host.state}${exit}${why}`));
    }
  }
}

async function cancel(id: string, flags: ApiFlags): Promise<void> {
  using client = new ApiClient(flags);
  const job = await client.json<JobDocument>("POST", `${jobPath(id)}/cancel`);
  console.log(flags.json === true ? JSON.stringify(job) : jobLine(job));
}

async function retry(
  id: string,
  flags: ApiFlags & { readonly host?: readonly string[]; readonly status?: readonly string[] },
): Promise<void> {
  using client = new ApiClient(flags);
  const job = await client.json<JobDocument>("POST", `${jobPath(id)}/retry`, {
    ...(flags.host === undefined ? {} : { hosts: flags.host }),
    ...(flags.status === undefined ? {} : { statuses: flags.status }),
  });
  console.log(flags.json === true ? JSON.stringify(job) : job.id);
}

async function follow(client: ApiClient, id: string, flags: ApiFlags): Promise<number> {
  const path = jobPath(id);
  const hosts: string[] = [];
  for await (const { host } of pages<HostDocument>(client, `${path}/hosts`, new URLSearchParams())) {
    hosts.push(host);
  }
  const stop = new AbortController();
  return await showRun(runEvents(client, path, stop.signal), {
    hosts,
    started: performance.now(),
    // Whoever stops looking does not stop the job.
    cancel: () => stop.abort(),
    json: flags.json ?? false,
    interrupted: "drover: no longer following; the job goes on",
  });
}

/** Breaks that are taken one after the other without an event in between. */
const maxBreaks = 10;

/** Events of a job, across connections that break: each once. */
async function* runEvents(client: ApiClient, path: string, signal: AbortSignal): AsyncGenerator<RunEvent> {
  let last = "0";
  for (let breaks = 0;;) {
    try {
      const answer = await client.request("GET", `${path}/events`, {
        headers: { "Last-Event-ID": last },
        signal,
      });
      for await (const { id, data } of readEventStream(answer.body!)) {
        const event = JSON.parse(data) as Record<string, unknown> & { type: string };
        last = id;
        breaks = 0;
        const shown = runEvent(event);
        if (shown !== undefined) yield shown;
        if (event.type === "job" && (event["document"] as JobDocument).state === "done") return;
      }
    } catch (error) {
      if (signal.aborted) return;
      const broken = error instanceof NetworkError || error instanceof TypeError;
      if (!broken || breaks >= maxBreaks) throw error;
    }
    if (signal.aborted) return;
    if (++breaks > maxBreaks) {
      throw new NetworkError("DaemonUnreachable", "follow job: the connection breaks again and again");
    }
    await new Promise((resolve) => setTimeout(resolve, 100 * breaks));
  }
}

function runEvent(event: Record<string, unknown>): RunEvent | undefined {
  const host = String(event["host"]);
  switch (event["type"]) {
    case "progress":
      return { type: "progress", host, phase: event["phase"] as "connecting" | "running" };
    case "output": {
      const data = event["data"];
      return {
        type: "output",
        host,
        stream: event["stream"] as "stdout" | "stderr",
        data: typeof data === "string"
          ? new TextEncoder().encode(data)
          : Uint8Array.fromBase64(String(event["base64"])),
      };
    }
    case "result": {
      const error = event["error"] as { code: string; message: string } | null;
      return {
        type: "result",
        host,
        status: event["status"] as HostStatus,
        exitCode: (event["exitCode"] as number | null) ?? undefined,
        durationMs: Number(event["durationMs"]),
        error: error ?? undefined,
      };
    }
    default:
      return undefined;
  }
}

function jobPath(id: string): string {
  return `/v1/jobs/${encodeURIComponent(id)}`;
}

/** One line: id, state, how many hosts are done, how they ended, the command. */
function jobLine(job: JobDocument): string {
  const done = Object.values(job.counts).reduce((sum, count) => sum + count, 0);
  const ended = hostStatuses.filter((status) => job.counts[status] > 0)
    .map((status) => `${job.counts[status]} ${status}`).join(", ");
  const { command } = job.request;
  const text = typeof command === "string" ? command : command.join(" ");
  const line = sanitizeLine(
    `${job.id} ${job.state.padEnd(7)} ${done}/${job.hosts}${ended === "" ? "" : ` (${ended})`} ${text}`,
  );
  const columns = Deno.stdout.isTerminal() ? Deno.consoleSize().columns : plainColumns;
  return line.length <= columns ? line : `${line.slice(0, columns - 1)}…`;
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}
