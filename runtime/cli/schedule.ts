/** `drover schedule`: work of a running daemon that recurs. @module */
import { Command, Option } from "commander";
import { DroverError, UsageError } from "../../protocol/errors.ts";
import { addApiOptions, ApiClient, type ApiFlags } from "./api_client.ts";
import { addRequestOptions, jobRequest, type RequestFlags } from "./job_request.ts";
import { sanitizeLine } from "./output/sanitize.ts";
import { showTime } from "./output/times.ts";

interface ScheduleDocument {
  readonly name: string;
  readonly cron: string;
  readonly timeZone: string;
  readonly missed: string;
  readonly overlap: string;
  readonly enabled: boolean;
  readonly request: { readonly command: string | readonly string[]; readonly hosts: string };
  readonly updatedBy: string;
  readonly refusal: { readonly code: string; readonly message: string } | null;
  readonly next: readonly string[];
  readonly last: {
    readonly dueAt: string | null;
    readonly at: string;
    readonly outcome: string;
    readonly detail: string | null;
    readonly job: string | null;
  } | null;
}

interface SetFlags extends ApiFlags, RequestFlags {
  readonly cron: string;
  readonly timeZone: string;
  readonly missed: string;
  readonly overlap: string;
  readonly disabled?: boolean;
}

/** The command. */
export function scheduleCommand(): Command {
  const command = new Command("schedule").summary("have a running daemon run jobs by the clock")
    .description("Jobs of a running daemon that recur.")
    .addHelpText(
      "after",
      `
Examples:
  drover schedule set nightly --cron '30 2 * * *' --time-zone Europe/Berlin \\
    --hosts 'web*' -- /opt/clean
  drover schedule show nightly`,
    );
  const add = (child: Command) => command.addCommand(addApiOptions(child));
  add(
    addRequestOptions(
      new Command("set").description("Make a schedule, or put another one in its place.")
        .usage("[options] <name> -- <command> [argument...]")
        .argument("<name>", "its name")
        .argument("<command...>", "command, after --")
        .requiredOption("--cron <fields>", 'minute, hour, day of month, month, day of week: "30 2 * * *"')
        .option("--time-zone <name>", "zone of these times, e.g. Europe/Berlin", "UTC"),
    )
      .addOption(
        new Option(
          "--missed <policy>",
          "times that were missed while the daemon was down: none is run, or one",
        )
          .choices(["skip", "runOnce"]).default("skip"),
      )
      .addOption(
        new Option("--overlap <policy>", "while its last job is not done: no job, or another one")
          .choices(["skip", "allow"]).default("skip"),
      )
      .option("--disabled", "keep it, but run nothing"),
  ).commands.at(-1)!.action(set);
  add(new Command("list").description("List schedules, by name.")).commands.at(-1)!.action(list);
  add(
    new Command("show").description("Show a schedule, when it is due, and what became of it last.")
      .argument("<name>", "its name"),
  ).commands.at(-1)!.action(show);
  add(
    new Command("remove").description("Remove a schedule; its jobs stay.").argument("<name>", "its name"),
  ).commands.at(-1)!.action(remove);
  add(
    new Command("run").description("Make a job of a schedule now, and print the job's id.")
      .argument("<name>", "its name"),
  ).commands.at(-1)!.action(run);
  return command;
}

async function set(name: string, words: string[], flags: SetFlags): Promise<void> {
  using client = new ApiClient(flags);
  const current = await find(client, name);
  const made = await client.json<ScheduleDocument>("PUT", path(name), {
    cron: flags.cron,
    timeZone: flags.timeZone,
    missed: flags.missed,
    overlap: flags.overlap,
    enabled: flags.disabled !== true,
    request: await jobRequest(words, flags),
  }, current === undefined ? {} : { "If-Match": current });
  print(made, flags);
  const why = await unmatched(client, made.request.hosts);
  if (why !== undefined) console.error(sanitizeLine(`drover: ${name} is saved, but now ${why}`));
}

/** Why a job for these hosts would find none now; `undefined`: it would find some, or nobody knows. */
async function unmatched(client: ApiClient, pattern: string): Promise<string | undefined> {
  try {
    const query = new URLSearchParams({ pattern, limit: "1" });
    const { items } = await client.json<{ readonly items: readonly unknown[] }>("GET", `/v1/hosts?${query}`);
    return items.length > 0 ? undefined : `no host matches ${pattern}`;
  } catch (error) {
    if (!(error instanceof DroverError)) throw error;
    // It is saved whatever becomes of this question.
    return error.code === "PatternUnmatched" ? `its hosts are not found: ${error.message}` : undefined;
  }
}

async function list(flags: ApiFlags): Promise<void> {
  using client = new ApiClient(flags);
  for await (const schedule of client.pages<ScheduleDocument>("/v1/schedules", {})) {
    print(schedule, flags);
  }
}

async function show(name: string, flags: ApiFlags): Promise<void> {
  using client = new ApiClient(flags);
  const schedule = await client.json<ScheduleDocument>("GET", path(name));
  print(schedule, flags);
  if (flags.json === true) return;
  const { request, missed, overlap, updatedBy, refusal, next, last, timeZone } = schedule;
  const words = typeof request.command === "string" ? request.command : request.command.join(" ");
  const lines = [
    `command: ${words}`,
    `hosts: ${request.hosts}`,
    `missed: ${missed}, overlap: ${overlap}`,
    `by: ${updatedBy}`,
    ...(refusal === null ? [] : [`refused: ${refusal.code}: ${refusal.message}`]),
    ...next.map((time) => `next: ${showTime(time, timeZone)}`),
  ];
  if (last !== null) {
    const due = last.dueAt === null ? "by hand" : `due ${showTime(last.dueAt, timeZone)}`;
    const job = last.job === null ? "" : ` job ${last.job}`;
    lines.push(`last: ${last.outcome} ${showTime(last.at, timeZone)} (${due})${job}`);
    if (last.detail !== null) lines.push(`  ${last.detail}`);
  }
  for (const line of lines) console.log(sanitizeLine(`  ${line}`));
}

async function remove(name: string, flags: ApiFlags): Promise<void> {
  using client = new ApiClient(flags);
  await client.request("DELETE", path(name), { headers: { "If-Match": "*" } });
}

async function run(name: string, flags: ApiFlags): Promise<void> {
  using client = new ApiClient(flags);
  const job = await client.json<{ readonly id: string }>("POST", `${path(name)}/run`, undefined, {
    "Idempotency-Key": crypto.randomUUID(),
  });
  console.log(flags.json === true ? JSON.stringify(job) : job.id);
}

/** ETag of a schedule, if there is one. */
async function find(client: ApiClient, name: string): Promise<string | undefined> {
  try {
    const answer = await client.request("GET", path(name));
    await answer.body?.cancel();
    return answer.headers.get("ETag") ?? undefined;
  } catch (error) {
    if (error instanceof UsageError && error.code === "ScheduleUnknown") return undefined;
    throw error;
  }
}

function print(schedule: ScheduleDocument, flags: ApiFlags): void {
  if (flags.json === true) {
    console.log(JSON.stringify(schedule));
    return;
  }
  const { name, cron, timeZone, enabled, refusal, next } = schedule;
  const state = !enabled
    ? "disabled"
    : refusal !== null
    ? `refused (${refusal.code})`
    : `next ${next[0] === undefined ? "never" : showTime(next[0], timeZone)}`;
  console.log(sanitizeLine(`${name}: ${cron} ${timeZone}, ${state}`));
}

function path(name: string): string {
  return `/v1/schedules/${encodeURIComponent(name)}`;
}
