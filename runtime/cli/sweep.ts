/** `drover sweep`: deletes the shells that runs which have died left behind. @module */
import { Command } from "commander";
import { UsageError } from "../../protocol/errors.ts";
import { Fleet } from "../client/fleet.ts";
import { defaultStateDir } from "../client/instances.ts";
import type { SweepReport } from "../client/sweeper.ts";
import { addConnectionOptions, connectionOptions, reportCrash } from "./options.ts";
import { tell } from "./notices.ts";
import { sanitize } from "./output/sanitize.ts";
import { addSelectionOptions, readInventory, type SelectionFlags, withPasswords } from "./selection.ts";

/** The command. */
export function sweepCommand(): Command {
  const command = new Command("sweep")
    .summary("delete shells that dead runs left behind")
    .description(
      "Delete the shells, with all that runs in them, that runs of drover on this machine left at hosts when they " +
        "were killed. `drover exec` does so by itself at the hosts that it is for. Shells of runs that go on, and of " +
        "anybody else, are not touched. Exit code 0: nothing is left, 1: some hosts could not be asked.",
    );
  addSelectionOptions(command);
  return addConnectionOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  drover sweep -i hosts.yml
  drover sweep -i hosts.yml --limit 'web*'`,
    )
    .action(async (flags: SelectionFlags) => {
      Deno.exitCode = await sweep(flags);
    });
}

async function sweep(flags: SelectionFlags): Promise<number> {
  const stateDir = defaultStateDir();
  if (stateDir === undefined) {
    throw new UsageError(
      "StateDirMissing",
      "sweep: neither XDG_STATE_HOME nor HOME says where runs are noted",
    );
  }
  const connection = connectionOptions(flags);
  const inventory = await withPasswords(readInventory(flags), connection, flags, false);
  await using fleet = new Fleet({ ...connection, inventory, stateDir, onCrash: reportCrash });
  const reports = await fleet.sweep();
  let failed = 0;
  for (const report of reports) {
    if (report.shells > 0) console.log(sanitize(sweptLine(report)));
    if (report.error === undefined) continue;
    failed++;
    console.error(sanitize(`drover: ${report.host}: ${report.error.code}: ${report.error.message}`));
  }
  if (reports.every(({ shells, error }) => shells === 0 && error === undefined)) {
    console.log("nothing to sweep");
  }
  return failed === 0 ? 0 : 1;
}

/** Tells on standard error what was swept in the background. */
export function reportSwept(report: SweepReport): void {
  tell(sanitize(`drover: ${sweptLine(report)}`));
}

function sweptLine({ host, shells }: SweepReport): string {
  return `swept ${shells} ${shells === 1 ? "shell" : "shells"} of an earlier run at ${host}`;
}
