/** Work on the whole file that takes long, each in a thread of its own with a connection that only reads. @module */
import { StoreError } from "../../actors/daemon/job_store.ts";
import type { ErrorNote } from "./writer.ts";

/** What the thread is asked for. */
export type Chore =
  | { readonly kind: "check"; readonly path: string }
  | { readonly kind: "copy"; readonly path: string; readonly to: string };

/** What it answers: what is wrong with the file (a copy: nothing), or why it could not. */
export type ChoreAnswer = { readonly problems: readonly string[] } | { readonly error: ErrorNote };

/** Has a chore done. */
export async function runChore(chore: Chore): Promise<readonly string[]> {
  const worker = new Worker(new URL("./chores_worker.ts", import.meta.url), { type: "module" });
  try {
    const answer = await new Promise<ChoreAnswer>((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<ChoreAnswer>) => resolve(data);
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new StoreError("StoreFailed", `use store: its thread ended: ${event.message}`));
      };
      worker.postMessage(chore);
    });
    if ("error" in answer) throw new StoreError(answer.error.code, answer.error.message);
    return answer.problems;
  } finally {
    worker.terminate();
  }
}

/**
 * Copies the store to a new file (0600). It appears under its name only when it is whole and on disk; a copy that was
 * interrupted is left as `….partial` and overwritten by the next one. What appears was checked.
 */
export async function backUp(path: string, to: string): Promise<void> {
  const partial = `${to}.partial`;
  try {
    if (exists(to)) throw new StoreError("StoreUnusable", `back up store: ${to} is there already`);
    if (exists(partial)) Deno.removeSync(partial);
    // SQLite takes an empty file for its copy, which then has this mode from the beginning.
    Deno.openSync(partial, { write: true, createNew: true, mode: 0o600 }).close();
    await runChore({ kind: "copy", path, to: partial });
    const [problem] = await runChore({ kind: "check", path: partial });
    if (problem !== undefined) {
      throw new StoreError("StoreCorrupt", `back up store: the copy is damaged: ${problem}`);
    }
    const file = Deno.openSync(partial, { read: true, write: true });
    try {
      file.syncSync();
    } finally {
      file.close();
    }
    // Unlike renaming, it never overwrites what came there meanwhile.
    Deno.linkSync(partial, to);
    Deno.removeSync(partial);
  } catch (error) {
    if (exists(partial)) Deno.removeSync(partial);
    if (error instanceof StoreError) throw error;
    const state = error instanceof Error ? error.message : "failed";
    throw new StoreError("StoreUnusable", `back up store: ${state}`, { cause: error });
  }
}

/**
 * Copies a store that is open in no process, or in another one, to a new file (0600), and checks the copy.
 *
 * @throws StoreError `StoreUnusable`, `StoreForeign`, `StoreCorrupt`, `StoreFull`
 */
export async function copyStore(path: string, to: string): Promise<{ readonly bytes: number }> {
  // Opening would not make it, but say nothing of use.
  if (!exists(path)) throw new StoreError("StoreUnusable", `back up store: there is none at ${path}`);
  await backUp(path, to);
  return { bytes: Deno.statSync(to).size };
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
