/** Files with secrets: nobody but their owner may read them, and the owner is this process' user or root. @module */
import { UsageError } from "../../protocol/errors.ts";

/** Owner and mode, where the system has them. */
interface Ownership {
  readonly isFile: boolean;
  readonly mode: number | null;
  readonly uid: number | null;
}

/**
 * Throws `UsageError` (`FileNotPrivate`) when others than root and this process' user may read or write an open file. Asks the open
 * file and not its name, which may mean another one by now.
 */
export function assertPrivate(action: string, path: string, { isFile, mode, uid }: Ownership): void {
  if (!isFile) throw notPrivate(action, path, "it is not a file");
  if (Deno.build.os === "windows") return;
  if (uid !== 0 && uid !== Deno.uid()) {
    throw notPrivate(action, path, `its owner (uid ${uid}) is neither root nor the user of this process`);
  }
  if (((mode ?? 0o777) & 0o077) !== 0) {
    const shown = ((mode ?? 0o777) & 0o7777).toString(8).padStart(4, "0");
    throw notPrivate(action, path, `others may read or change it (mode ${shown}); chmod 600 it`);
  }
}

function notPrivate(action: string, path: string, why: string): UsageError {
  return new UsageError("FileNotPrivate", `${action}: ${path}: ${why}`);
}
