/**
 * Which lives of Drover send work, and to which hosts: one file each in a state folder, so that a later life can delete the shells
 * that a dead one has left.
 *
 * Its file is locked for as long as an instance lives, and the system gives the lock back when the process ends, however it ends.
 * So nobody mistakes a process that lives for a dead one: not by a number that was given again, nor in another container. A
 * file holds keys of host and user, no secrets. An orderly end removes it, unless shells may be left all the same.
 * @module
 */

/** Ending of the files; the rest of the name is the owner in the names of shells. */
const fileName = /^([0-9a-f]{8})\.instance$/;

/** Milliseconds after which a dead instance is forgotten: any service has deleted its shells by then. */
const forgetMs = 7 * 24 * 3_600_000;

/** A file without content belongs to an instance that is about to lock it, unless it is older than this, in milliseconds. */
const emptyMs = 60_000;

/** More is not ours. */
const maxFileBytes = 64 * 1024 * 1024;

/** A line of a file: an instance, keys that it sends work to, or keys that were swept. */
type Line = { readonly pid: number; readonly version: 1 } | readonly string[] | {
  readonly swept: readonly string[];
};

/** Where instances are written down: below `XDG_STATE_HOME`, else `~/.local/state`. `undefined`: there is no such place. */
export function defaultStateDir(): string | undefined {
  const state = Deno.env.get("XDG_STATE_HOME") ?? "";
  if (state.startsWith("/")) return `${state}/drover`;
  const home = Deno.env.get("HOME") ?? "";
  return home.startsWith("/") ? `${home}/.local/state/drover` : undefined;
}

/** A new owner: 8 hexadecimal digits. */
export function newOwner(): string {
  return crypto.getRandomValues(new Uint8Array(4)).toHex();
}

/** The file of a living instance. It is made with the first keys; where it cannot be made there is none, and nothing fails. */
export class InstanceFile {
  readonly #path: string;
  readonly #folder: string;
  #file: Deno.FsFile | "none" | "unusable" = "none";
  /** All that were noted. */
  readonly #keys: string[] = [];

  /** Writes nothing yet. */
  constructor(folder: string, owner: string) {
    this.#folder = folder;
    this.#path = `${folder}/${owner}.instance`;
  }

  /** Notes keys of host and user, before the first shell is made there. One write for all of them. */
  note(keys: readonly string[]): void {
    if (this.#file === "unusable") return;
    try {
      if (this.#file === "none") this.#file = this.#create();
      writeLine(this.#file, keys);
      for (const key of keys) this.#keys.push(key);
    } catch {
      // What was noted before stays, and stays locked: a file of ours without its lock would be taken for a dead one's.
      if (this.#file === "none") this.#file = "unusable";
    }
  }

  /** An orderly end. `left`: keys of those noted where shells may be left all the same; only they are remembered. */
  close(left: ReadonlySet<string> = new Set()): void {
    if (typeof this.#file === "string") return;
    const kept = this.#keys.filter((key) => left.has(key));
    try {
      if (kept.length > 0) writeLine(this.#file, { swept: this.#keys.filter((key) => !left.has(key)) });
    } catch {
      // Then all of them are looked at.
    }
    if (kept.length === 0) removeFile(this.#path);
    this.#file.close();
    this.#file = "none";
  }

  #create(): Deno.FsFile {
    Deno.mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const file = Deno.openSync(this.#path, { append: true, createNew: true, mode: 0o600 });
    try {
      // Whoever looks for dead instances lets go of an empty file at once.
      file.lockSync(true);
      writeLine(file, { version: 1, pid: Deno.pid });
      return file;
    } catch (error) {
      file.close();
      throw error;
    }
  }
}

/** An instance that has died. Whoever has this has its lock; `close` gives it back. */
export class DeadInstance {
  /** Its part in the names of its shells. */
  readonly owner: string;
  readonly #path: string;
  readonly #file: Deno.FsFile;
  readonly #left: Set<string>;

  /** Made by {@link findDeadInstances}. */
  constructor(owner: string, path: string, file: Deno.FsFile, left: Set<string>) {
    this.owner = owner;
    this.#path = path;
    this.#file = file;
    this.#left = left;
  }

  /** Keys where it may have left shells. */
  get left(): ReadonlySet<string> {
    return this.#left;
  }

  /** Lets go of it; it has left nothing at these keys. Its file goes with the last key. */
  close(swept: readonly string[]): void {
    for (const key of swept) this.#left.delete(key);
    try {
      if (this.#left.size === 0) removeFile(this.#path);
      else if (swept.length > 0) writeLine(this.#file, { swept });
    } catch {
      // Then they are looked at once more.
    }
    this.#file.close();
  }
}

/** The dead instances of `folder`; those that nothing is known of any more are removed. No folder: none. */
export function findDeadInstances(folder: string, now: number): DeadInstance[] {
  const dead: DeadInstance[] = [];
  let names: string[];
  try {
    names = [...Deno.readDirSync(folder)].map(({ name }) => name);
  } catch {
    return dead;
  }
  for (const name of names) {
    const owner = fileName.exec(name)?.[1];
    if (owner === undefined) continue;
    try {
      const found = openDead(`${folder}/${name}`, owner, now);
      if (found !== undefined) dead.push(found);
    } catch {
      // It was removed meanwhile, or belongs to somebody else.
    }
  }
  return dead;
}

function openDead(path: string, owner: string, now: number): DeadInstance | undefined {
  const file = Deno.openSync(path, { read: true, append: true });
  let keep = false;
  try {
    if (!file.tryLockSync(true)) return undefined;
    const { size, mtime, ino } = file.statSync();
    // Another one may have swept and removed it between opening and locking.
    if (Deno.statSync(path).ino !== ino) return undefined;
    const age = now - (mtime?.getTime() ?? 0);
    if (size === 0 && age < emptyMs) return undefined;
    const left = size > maxFileBytes || age > forgetMs ? new Set<string>() : keysOf(readAll(file, size));
    if (left.size === 0) {
      removeFile(path);
      return undefined;
    }
    keep = true;
    return new DeadInstance(owner, path, file, left);
  } finally {
    if (!keep) file.close();
  }
}

/** Keys where something may be left. A line that was cut off by the end of the process had no shells made yet. */
function keysOf(text: string): Set<string> {
  const keys = new Set<string>();
  for (const line of text.split("\n")) {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      continue;
    }
    if (Array.isArray(value)) { for (const key of value) if (typeof key === "string") keys.add(key); }
    else if (typeof value === "object" && value !== null && "swept" in value && Array.isArray(value.swept)) {
      for (const key of value.swept) keys.delete(String(key));
    }
  }
  return keys;
}

function readAll(file: Deno.FsFile, size: number): string {
  const bytes = new Uint8Array(size);
  let length = 0;
  while (length < size) {
    const read = file.readSync(bytes.subarray(length));
    if (read === null) break;
    length += read;
  }
  return new TextDecoder().decode(bytes.subarray(0, length));
}

function writeLine(file: Deno.FsFile, line: Line): void {
  // The line before may have been cut off by the end of its process.
  const bytes = new TextEncoder().encode(`\n${JSON.stringify(line)}\n`);
  for (let written = 0; written < bytes.length;) written += file.writeSync(bytes.subarray(written));
}

function removeFile(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // It is gone already, or the folder has become read-only: then it is found to be dead later.
  }
}
