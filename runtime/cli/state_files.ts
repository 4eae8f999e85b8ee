/** Small files in the state folder by which the daemon's own user reaches it: only that user can read them. @module */
import { resolve } from "node:path";
import { UsageError } from "../../protocol/errors.ts";
import { defaultStateDir } from "../client/instances.ts";

/** Name of the file with the first token. */
export const tokenFileName = "daemon.token";
/** Name of the file with the address of the running daemon. */
export const urlFileName = "daemon.url";

/** Writes a line to a file of mode 0600, replacing what is there, also a link. */
export function writePrivate(path: string, line: string): void {
  const fresh = `${path}.${crypto.randomUUID()}`;
  Deno.writeTextFileSync(fresh, `${line}\n`, { createNew: true, mode: 0o600 });
  Deno.renameSync(fresh, path);
}

/** The line of such a file; `undefined` when there is none. */
export function readPrivate(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path).trim();
  } catch {
    return undefined;
  }
}

/** Removes it, where it is there. */
export function removePrivate(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // It is gone already.
  }
}

/**
 * The file of the store: the given one, or that in the state folder of this user.
 *
 * @throws UsageError `StoreMissing`
 */
export function storePath(given: string | undefined): string {
  if (given !== undefined) return resolve(given);
  const state = defaultStateDir();
  if (state === undefined) {
    throw new UsageError(
      "StoreMissing",
      "open store: there is no state folder (HOME is not set), give --store",
    );
  }
  return `${state}/drover.db`;
}
