/** `drover backup`: a copy of the daemon's store. @module */
import { Command } from "commander";
import { resolve } from "node:path";
import { storePath } from "./state_files.ts";

/** The command. */
export function backupCommand(): Command {
  return new Command("backup")
    .summary("copy a daemon's store, also while it runs")
    .description(
      "Copy a daemon's store as it is at one moment into a new file (0600), and check the copy; the daemon may run " +
        "meanwhile. To go back to a copy, stop the daemon, remove its store with the files -wal and -shm beside it, " +
        "and put the copy there.",
    )
    .argument("<to>", "the new file; what is there is never overwritten")
    .option("--store <file>", "the store (default: drover.db in the state folder)")
    .addHelpText(
      "after",
      `
Examples:
  drover backup /var/backups/drover-$(date +%F).db`,
    )
    .action(backup);
}

async function backup(to: string, flags: { readonly store?: string }): Promise<void> {
  // Only here: the other commands need no database.
  const { copyStore } = await import("../store/mod.ts");
  const { bytes } = await copyStore(storePath(flags.store), resolve(to));
  console.log(`${resolve(to)}: ${bytes} bytes, checked`);
}
