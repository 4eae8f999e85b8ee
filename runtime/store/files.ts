/** The store's file, its folder and its lock, before SQLite sees them. @module */
import { dirname, resolve } from "node:path";
import { StoreError } from "../../actors/daemon/job_store.ts";

/** Permission bits of group and others. */
const othersBits = 0o077;

/** A file that is ours alone while this is open. */
export interface OwnedFile {
  /** Absolute. */
  readonly path: string;
  /** Gives the lock back; SQLite must have closed the file before. */
  release(): void;
}

/**
 * Makes the folder (0700) and the file (0600) where they are missing, sees that nobody else can use them, and locks the
 * store. The lock is a file of its own: opening and closing the database's file would drop the locks that SQLite has
 * on it. The system gives the lock back when the process ends, however it ends.
 *
 * Throws StoreError `StoreLocked`, `StoreExposed` or `StoreUnusable`.
 */
export function ownFile(file: string): OwnedFile {
  const path = resolve(file);
  const folder = dirname(path);
  attempt("make its folder", () => Deno.mkdirSync(folder, { recursive: true, mode: 0o700 }));
  checkFolder(folder);
  const lock = attempt("make its lock", () => {
    checkFile(`${path}.lock`);
    return Deno.openSync(`${path}.lock`, { read: true, write: true, create: true, mode: 0o600 });
  });
  try {
    if (!attempt("lock it", () => lock.tryLockSync(true))) {
      throw new StoreError("StoreLocked", `open store: ${path} is open in ${holder(lock)}`);
    }
    attempt("write its lock", () => {
      lock.truncateSync();
      lock.writeSync(new TextEncoder().encode(`${Deno.pid}\n`));
    });
    if (!checkFile(path)) {
      attempt("make it", () => Deno.openSync(path, { write: true, createNew: true, mode: 0o600 }).close());
    }
  } catch (error) {
    lock.close();
    throw error;
  }
  return { path, release: () => lock.close() };
}

function checkFolder(folder: string): void {
  // The folder itself counts, by whichever link it was named.
  const { mode, uid } = attempt("look at its folder", () => Deno.statSync(folder));
  if (mode === null) return;
  if (uid !== Deno.uid()) throw exposed(`the folder ${folder} belongs to another user`);
  if ((mode & othersBits) !== 0) {
    throw exposed(`others may enter the folder ${folder}; use one of its own, or chmod 700 it`);
  }
}

/** Whether the file is there. */
function checkFile(path: string): boolean {
  const found = attempt(`look at ${path}`, () => {
    try {
      return Deno.lstatSync(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  });
  if (found === undefined) return false;
  if (!found.isFile) throw exposed(`${path} is no plain file`);
  if (found.mode === null) return true;
  if (found.uid !== Deno.uid()) throw exposed(`${path} belongs to another user`);
  if ((found.mode & othersBits) !== 0) throw exposed(`others may read ${path}; chmod 600 it`);
  return true;
}

/** Who has the lock, as far as its file tells. */
function holder(lock: Deno.FsFile): string {
  const bytes = new Uint8Array(20);
  const length = lock.readSync(bytes) ?? 0;
  const pid = new TextDecoder().decode(bytes.subarray(0, length)).trim();
  return /^\d+$/.test(pid) ? `process ${pid}` : "another process";
}

function exposed(state: string): StoreError {
  return new StoreError("StoreExposed", `open store: ${state}`);
}

function attempt<T>(what: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof StoreError) throw error;
    const state = error instanceof Error ? error.message : "failed";
    const full = error instanceof Error && "code" in error && error.code === "ENOSPC";
    throw new StoreError(full ? "StoreFull" : "StoreUnusable", `open store: cannot ${what}: ${state}`, {
      cause: error,
    });
  }
}
