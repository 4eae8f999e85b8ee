/** `drover exec`: one command, many hosts. @module */
import { Command, Option } from "commander";
import { concat } from "../../protocol/bytes.ts";
import { UsageError } from "../../protocol/errors.ts";
import type { Priority } from "../../actors/scheduler/mod.ts";
import { Fleet } from "../client/fleet.ts";
import { defaultStateDir } from "../client/instances.ts";
import { inspectable } from "./inspectable.ts";
import {
  addConnectionOptions,
  connectionOptions,
  positiveInteger,
  reportCrash,
  retryCount,
  seconds,
} from "./options.ts";
import { showRun } from "./run_report.ts";
import { addSelectionOptions, readInventory, type SelectionFlags, withPasswords } from "./selection.ts";
import { reportSwept } from "./sweep.ts";

interface ExecFlags extends SelectionFlags {
  readonly throttle: number;
  readonly priority?: Priority;
  readonly waitTimeout?: number;
  readonly timeout?: number;
  readonly stdin?: string;
  readonly json?: boolean;
  readonly raw?: boolean;
  readonly verbose?: boolean;
  readonly inspect: boolean;
}

/** Largest standard input: it is held in memory once and sent to every host. */
const maxStdinBytes = 256 * 1024 * 1024;

/** The command. */
export function execCommand(): Command {
  const command = new Command("exec")
    .summary("run a command on many hosts")
    .usage("[options] -- <command> [argument...]")
    .description(
      "Run a command on many hosts at once and show the output as it arrives.\n\n" +
        "One COMMAND word goes to the remote shell as it is; several words are quoted, so that the program " +
        "gets exactly these arguments. A password that is missing is asked for on a terminal. Exit code 0: all " +
        "hosts succeeded, 1: some did not, 2: wrong usage.",
    )
    .argument("<command...>", "command, after --");
  addSelectionOptions(command)
    .option("--throttle <number>", "hosts at once", positiveInteger, 32)
    .option("--timeout <seconds>", "per host, from its start to its result", seconds)
    .option("--wait-timeout <seconds>", "per host, until its turn comes; then it ends as NotStarted", seconds)
    .addOption(
      new Option("--priority <level>", "beside other work of the same process (default: normal)").choices([
        "high",
        "normal",
        "low",
      ]),
    )
    .option(
      "--connect-retries <number>",
      "further tries when a host cannot be connected to, within 10 seconds; 0: none (default: 2)",
      retryCount,
    )
    .option("--stdin <file>", "standard input of every command; - is drover's own (default: open, empty)")
    .option("--json", "one JSON object a line instead of text")
    .option("--raw", "do not neutralise control sequences in remote output")
    .option("--verbose", "list every host in the summary, and what it was logged on to with")
    .option("--no-inspect", "do not let your `drover inspect` look into this process");
  return addConnectionOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  drover exec -i hosts.yml -- hostname
  drover exec -i hosts.yml --limit 'web*' --timeout 30 -- 'dir C:\\ | sort'
  drover exec --hosts 10.0.0.5,10.0.0.6 --user admin --password-env PW --ssl \\
    -- ipconfig /all
  drover exec -i hosts.yml --stdin script.sql --json -- sqlcmd -b`,
    )
    .action(async (words: string[], flags: ExecFlags) => {
      Deno.exitCode = await execute(words, flags);
    });
}

async function execute(words: readonly string[], flags: ExecFlags): Promise<number> {
  const connection = connectionOptions(flags);
  const inventory = await withPasswords(readInventory(flags), connection, flags, flags.stdin === "-");
  const selected = inventory.hosts;
  if (selected.length === 0) throw new UsageError("HostsMissing", "select hosts: the selection is empty");
  const stdin = flags.stdin === undefined ? undefined : await readStdin(flags.stdin);
  const started = performance.now();
  await using fleet = new Fleet({
    ...connection,
    inventory,
    throttle: flags.throttle,
    stateDir: defaultStateDir() ?? false,
    onSwept: reportSwept,
    onCrash: reportCrash,
  });
  const run = fleet.run(words, {
    ...(flags.timeout === undefined ? {} : { timeout: flags.timeout * 1000 }),
    ...(flags.waitTimeout === undefined ? {} : { waitTimeout: flags.waitTimeout * 1000 }),
    ...(flags.priority === undefined ? {} : { priority: flags.priority }),
    ...(stdin === undefined ? {} : { stdin }),
  });
  using _inspection = inspectable(flags.inspect, {
    program: "exec",
    about: `a command on ${selected.length} ${selected.length === 1 ? "host" : "hosts"}`,
    notable: ["/scheduler"],
    snapshot: (options) => fleet.inspect(options),
  });
  for (const ignored of inventory.ignored) {
    const where = ignored.hosts.length === 0 ? "" : ` (${ignored.hosts.length} hosts)`;
    console.error(`drover: ${ignored.variable} is ignored${where}: ${ignored.reason}`);
  }
  return await showRun(run, {
    hosts: selected.map((host) => host.name),
    started,
    cancel: () => run.cancel(),
    json: flags.json ?? false,
    raw: flags.raw ?? false,
    verbose: flags.verbose ?? false,
  });
}

async function readStdin(path: string): Promise<Uint8Array> {
  try {
    using file = path === "-" ? undefined : await Deno.open(path);
    const parts: Uint8Array[] = [];
    let length = 0;
    for await (const part of (file ?? Deno.stdin).readable) {
      length += part.length;
      if (length > maxStdinBytes) {
        throw new UsageError("StdinTooLarge", "read --stdin: more than 256 MiB cannot be sent to every host");
      }
      parts.push(part);
    }
    return concat(parts);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError("FileUnreadable", `read --stdin: ${path} cannot be read`, { cause: error });
  }
}
