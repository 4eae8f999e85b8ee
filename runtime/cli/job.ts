/** `drover job`: jobs of a running daemon. @module */
import { Command, Option } from "commander";
import type { JobState } from "../../actors/daemon/job_types.ts";
import { type HostStatus, hostStatuses } from "../../actors/host/mod.ts";
import type { JobDocument, JobHostEvent } from "../client/remote/documents.ts";
import { RemoteFleet } from "../client/remote/remote_fleet.ts";
import { addApiOptions, ApiClient, type ApiFlags, daemonOptions } from "./api_client.ts";
import { addRequestOptions, jobRequest, type RequestFlags } from "./job_request.ts";
import { positiveInteger } from "./options.ts";
import { columns } from "./output/columns.ts";
import { sanitizeLine } from "./output/sanitize.ts";
import { showDuration } from "./output/summary_table.ts";
import { showTime } from "./output/times.ts";
import { showRun } from "./run_report.ts";

interface SubmitFlags extends ApiFlags, RequestFlags {
  readonly key?: string;
  readonly follow?: boolean;
}

/** The command. */
export function jobCommand(): Command {
  const command = new Command("job").description(
    "Jobs of a running daemon: ask for one, look, follow, stop.",
  ).summary("ask a running daemon for jobs, look, follow, stop")
    .addHelpText(
      "after",
      `
Examples:
  drover job submit --hosts 'web*' -- hostname
  drover job submit --follow --batch 10% --max-failures 2 -- ./upgrade
  drover job list --state running
  drover job retry --follow ID`,
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
    Deno.exitCode = await follow(id, flags);
  });
  add(
    new Command("cancel").description("Stop a job; every host still gets its result.").argument(
      "<id>",
      "id of the job",
    ),
  ).commands.at(-1)!.action(cancel);
  add(
    new Command("pause").description("Begin no further host of a job; what runs goes on.")
      .argument("<id>", "id of the job"),
  ).commands.at(-1)!.action(pause);
  add(
    new Command("resume").description("Go on with a job that was paused.").argument("<id>", "id of the job"),
  ).commands.at(-1)!.action(resume);
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
      )
      .option("--follow", "show the new job until its end"),
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
  await tellJob(job, flags);
}

/** Shows a job that was made: its id, or all of it with `--follow`. */
async function tellJob(job: JobDocument, flags: ApiFlags & { readonly follow?: boolean }): Promise<void> {
  if (flags.follow === true) {
    // Whoever loses sight of it finds it again.
    console.error(`drover: job ${job.id}`);
    Deno.exitCode = await follow(job.id, flags);
  } else console.log(flags.json === true ? JSON.stringify(job) : job.id);
}

async function list(
  flags: ApiFlags & { readonly limit: number; readonly state?: JobState; readonly host?: string },
): Promise<void> {
  await using fleet = new RemoteFleet(daemonOptions(flags));
  let left = flags.limit;
  const rows: string[][] = [];
  const { state, host } = flags;
  const jobs = fleet.jobs({
    ...(state === undefined ? {} : { state }),
    ...(host === undefined ? {} : { host }),
  });
  for await (const job of jobs) {
    if (left-- <= 0) break;
    if (flags.json === true) console.log(JSON.stringify(job));
    else {
      const { id, state, createdAt } = job;
      rows.push([id, state, showTime(createdAt), hostsOf(job), commandOf(job)]);
    }
  }
  if (left === flags.limit) console.error("drover: no jobs");
  if (rows.length === 0) return;
  // An id that was cut would be of no use, so only the end of a line gives way.
  const head = ["ID", "STATE", "ASKED FOR", "HOSTS", "COMMAND"];
  for (const line of columns(head, rows, Infinity)) console.log(cut(line));
}

async function show(id: string, flags: ApiFlags & { readonly status?: HostStatus }): Promise<void> {
  await using fleet = new RemoteFleet(daemonOptions(flags));
  const job = await fleet.job(id);
  if (flags.json === true) console.log(JSON.stringify(job));
  else for (const line of jobLines(job)) console.log(sanitizeLine(line));
  for await (const host of fleet.results(id, flags.status === undefined ? {} : { status: flags.status })) {
    if (flags.json === true) console.log(JSON.stringify(host));
    else {
      const exit = host.exitCode === null ? "" : ` (exit code ${host.exitCode})`;
      const why = host.error === null ? "" : `: ${host.error.code}: ${host.error.message}`;
      console.log(sanitizeLine(`  ${host.host}: ${host.status ?? host.state}${exit}${why}`));
    }
  }
}

async function cancel(id: string, flags: ApiFlags): Promise<void> {
  await using fleet = new RemoteFleet(daemonOptions(flags));
  const job = await fleet.cancel(id);
  console.log(flags.json === true ? JSON.stringify(job) : jobLine(job));
}

async function pause(id: string, flags: ApiFlags): Promise<void> {
  await using fleet = new RemoteFleet(daemonOptions(flags));
  const job = await fleet.pause(id);
  console.log(flags.json === true ? JSON.stringify(job) : jobLine(job));
}

async function resume(id: string, flags: ApiFlags): Promise<void> {
  await using fleet = new RemoteFleet(daemonOptions(flags));
  const job = await fleet.resume(id);
  console.log(flags.json === true ? JSON.stringify(job) : jobLine(job));
}

async function retry(
  id: string,
  flags: ApiFlags & {
    readonly host?: readonly string[];
    readonly status?: readonly HostStatus[];
    readonly follow?: boolean;
  },
): Promise<void> {
  await using fleet = new RemoteFleet(daemonOptions(flags));
  const job = await fleet.retry(id, {
    ...(flags.host === undefined ? {} : { hosts: flags.host }),
    ...(flags.status === undefined ? {} : { statuses: flags.status }),
  });
  await tellJob(job, flags);
}

async function follow(id: string, flags: ApiFlags): Promise<number> {
  await using fleet = new RemoteFleet(daemonOptions(flags));
  const hosts: string[] = [];
  for await (const { host } of fleet.results(id)) hosts.push(host);
  const stop = new AbortController();
  let took: number | undefined;
  const ended = (job: JobDocument) => took = tookMs(job);
  return await showRun(hostEvents(fleet, id, stop.signal, ended), {
    hosts,
    started: performance.now(),
    // Whoever stops looking does not stop the job.
    cancel: () => stop.abort(),
    json: flags.json ?? false,
    interrupted: `drover: no longer following; the job goes on: drover job follow ${id}`,
    // It may have begun long before anybody looked.
    took: () => took,
  });
}

/** What happens to the hosts of a job, until `signal`; `ended` is given the job when it is done. */
async function* hostEvents(
  fleet: RemoteFleet,
  id: string,
  signal: AbortSignal,
  ended: (job: JobDocument) => void,
): AsyncGenerator<JobHostEvent> {
  try {
    for await (const event of fleet.follow(id, { signal })) {
      if (event.type !== "job") yield event;
      else if (event.document.state === "done") ended(event.document);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** One line: id, state, how many hosts are done, how they ended, the command; cut on a terminal. */
function jobLine(job: JobDocument): string {
  return cut(sanitizeLine(`${stateOf(job)} ${commandOf(job)}`));
}

/** As much of a line as a terminal shows. */
function cut(line: string): string {
  const width = Deno.stdout.isTerminal() ? Deno.consoleSize().columns : Infinity;
  return line.length <= width ? line : `${line.slice(0, width - 1)}…`;
}

/** All of a job but its hosts. */
function jobLines(job: JobDocument): string[] {
  const took = tookMs(job);
  return [
    stateOf(job),
    `  command: ${commandOf(job)}`,
    `  hosts: ${job.request.hosts}`,
    `  asked for: ${job.createdAt} by ${job.createdBy}${
      took === undefined ? "" : `, took ${showDuration(took)}`
    }`,
    ...(job.scheduledBy === null ? [] : [`  schedule: ${job.scheduledBy}`]),
    ...(job.retryOf === null ? [] : [`  retry of: ${job.retryOf}`]),
  ];
}

function stateOf(job: JobDocument): string {
  return `${job.id} ${job.state.padEnd(7)} ${hostsOf(job)}`;
}

/** How many hosts are done, of how many, and how they ended. */
function hostsOf(job: JobDocument): string {
  const done = Object.values(job.counts).reduce((sum, count) => sum + count, 0);
  const ended = hostStatuses.filter((status) => job.counts[status] > 0)
    .map((status) => `${job.counts[status]} ${status}`).join(", ");
  return `${done}/${job.hosts}${ended === "" ? "" : ` (${ended})`}`;
}

function commandOf({ request: { command } }: JobDocument): string {
  return typeof command === "string" ? command : command.join(" ");
}

/** Milliseconds from its first host to its end. */
function tookMs({ startedAt, endedAt }: JobDocument): number | undefined {
  return startedAt === null || endedAt === null ? undefined : Date.parse(endedAt) - Date.parse(startedAt);
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}
