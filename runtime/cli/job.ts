/** `drover job`: jobs of a running daemon. @module */
import { Command, Option } from "commander";
import type { JobState } from "../../actors/daemon/job_types.ts";
import { type HostStatus, hostStatuses } from "../../actors/host/mod.ts";
import type { JobDocument, JobHostEvent } from "../client/remote/documents.ts";
import { RemoteFleet } from "../client/remote/remote_fleet.ts";
import { addApiOptions, ApiClient, type ApiFlags, daemonOptions } from "./api_client.ts";
import { addRequestOptions, jobRequest, type RequestFlags } from "./job_request.ts";
import { positiveInteger } from "./options.ts";
import { sanitizeLine } from "./output/sanitize.ts";
import { showRun } from "./run_report.ts";

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
    Deno.exitCode = await follow(id, flags);
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
    Deno.exitCode = await follow(job.id, flags);
    return;
  }
  console.log(flags.json === true ? JSON.stringify(job) : job.id);
}

async function list(
  flags: ApiFlags & { readonly limit: number; readonly state?: JobState; readonly host?: string },
): Promise<void> {
  await using fleet = new RemoteFleet(daemonOptions(flags));
  let left = flags.limit;
  const { state, host } = flags;
  const jobs = fleet.jobs({
    ...(state === undefined ? {} : { state }),
    ...(host === undefined ? {} : { host }),
  });
  for await (const job of jobs) {
    if (left-- <= 0) return;
    console.log(flags.json === true ? JSON.stringify(job) : jobLine(job));
  }
}

async function show(id: string, flags: ApiFlags & { readonly status?: HostStatus }): Promise<void> {
  await using fleet = new RemoteFleet(daemonOptions(flags));
  const job = await fleet.job(id);
  console.log(flags.json === true ? JSON.stringify(job) : jobLine(job));
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

async function retry(
  id: string,
  flags: ApiFlags & { readonly host?: readonly string[]; readonly status?: readonly HostStatus[] },
): Promise<void> {
  await using fleet = new RemoteFleet(daemonOptions(flags));
  const job = await fleet.retry(id, {
    ...(flags.host === undefined ? {} : { hosts: flags.host }),
    ...(flags.status === undefined ? {} : { statuses: flags.status }),
  });
  console.log(flags.json === true ? JSON.stringify(job) : job.id);
}

async function follow(id: string, flags: ApiFlags): Promise<number> {
  await using fleet = new RemoteFleet(daemonOptions(flags));
  const hosts: string[] = [];
  for await (const { host } of fleet.results(id)) hosts.push(host);
  const stop = new AbortController();
  return await showRun(hostEvents(fleet, id, stop.signal), {
    hosts,
    started: performance.now(),
    // Whoever stops looking does not stop the job.
    cancel: () => stop.abort(),
    json: flags.json ?? false,
    interrupted: "drover: no longer following; the job goes on",
  });
}

/** What happens to the hosts of a job, until `signal`. */
async function* hostEvents(
  fleet: RemoteFleet,
  id: string,
  signal: AbortSignal,
): AsyncGenerator<JobHostEvent> {
  try {
    for await (const event of fleet.follow(id, { signal })) if (event.type !== "job") yield event;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
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
