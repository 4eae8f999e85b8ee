/**
 * Where tickets that clients have handed over lie for the commands of their shells: a cache file for each shell, in a folder that
 * only the shell's system user can enter. In memory (/dev/shm) where the system has that, so that no disk ever has them.
 * @module
 */
import type { ProvidedCredentials } from "../../actors/ports.ts";
import { DroverError, UsageError } from "../../protocol/errors.ts";
import { currentUser, lookupUser } from "../os/users.ts";

/** Options of {@link TicketFolders}. */
export interface TicketFolderOptions {
  /** Folder to make them in; default: /dev/shm, else the system's for temporary files. */
  readonly root?: string;
  /** Told of the one folder that all are in, when it is made: what is left of it when this process is killed has to go. */
  readonly onMade?: (path: string) => void;
}

/** See the module. */
export class TicketFolders implements Disposable {
  readonly #options: TicketFolderOptions;
  #all: string | undefined;

  /** Nothing is made before it is needed. */
  constructor(options: TicketFolderOptions = {}) {
    this.#options = options;
  }

  /**
   * Lays tickets ready for processes of `systemUser` (`undefined`: the service's own user). `store` writes them to the cache of the
   * name that it is given.
   *
   * @throws DroverError what `store` throws, and UsageError `TicketsNotStored`
   */
  provide(systemUser: string | undefined, store: (cache: string) => void): ProvidedCredentials {
    let folder: string | undefined;
    let file: Deno.FsFile | undefined;
    try {
      const made = folder = Deno.makeTempDirSync({ dir: this.#folder() });
      const path = `${folder}/krb5cc`;
      const cache = `FILE:${path}`;
      store(cache);
      // By this, and not by its name: whom the folder belongs to can put anything in its place.
      const opened = file = Deno.openSync(path, { write: true });
      Deno.chmodSync(path, 0o600);
      const me = currentUser();
      const user = systemUser === undefined ? me : lookupUser(systemUser);
      if (user !== undefined && user.uid !== me.uid) {
        Deno.chownSync(path, user.uid, user.gid);
        Deno.chownSync(folder, user.uid, user.gid);
      }
      let wiped = false;
      return {
        variables: { KRB5CCNAME: cache },
        wipe() {
          if (wiped) return;
          wiped = true;
          overwrite(opened);
          remove(made);
        },
      };
    } catch (error) {
      file?.close();
      if (folder !== undefined) remove(folder);
      if (error instanceof DroverError) throw error;
      const state = error instanceof Error ? error.message : "it failed";
      throw new UsageError("TicketsNotStored", `lay delegated tickets ready: ${state}`, { cause: error });
    }
  }

  /** Removes what is left. Idempotent. */
  [Symbol.dispose](): void {
    if (this.#all !== undefined) remove(this.#all);
    this.#all = undefined;
  }

  /** Others pass through it to their own folder, and cannot see what else is in it. */
  #folder(): string {
    if (this.#all !== undefined) return this.#all;
    const root = this.#options.root ?? defaultRoot();
    const all = Deno.makeTempDirSync({
      prefix: "drover-tickets-",
      ...(root === undefined ? {} : { dir: root }),
    });
    Deno.chmodSync(all, 0o711);
    this.#options.onMade?.(all);
    return this.#all = all;
  }
}

function defaultRoot(): string | undefined {
  try {
    return Deno.statSync("/dev/shm").isDirectory ? "/dev/shm" : undefined;
  } catch {
    return undefined;
  }
}

/** What was appended since (tickets for other services) is overwritten, too. */
function overwrite(file: Deno.FsFile): void {
  try {
    const zeros = new Uint8Array(64 * 1024);
    let { size } = file.statSync();
    while (size > 0) size -= file.writeSync(zeros.subarray(0, Math.min(size, zeros.length)));
    file.truncateSync(0);
  } catch {
    // Its disk is full or gone; it is removed all the same.
  } finally {
    file.close();
  }
}

/** Follows no links. */
function remove(folder: string): void {
  try {
    Deno.removeSync(folder, { recursive: true });
  } catch {
    // Somebody else has removed it.
  }
}
