/** Notices that the inventory's files have changed. @module */
import { basename, dirname } from "node:path";

/** Milliseconds without a further change until files are read: editors write in several steps. */
const settleMs = 300;

/** Folders beside an inventory whose files belong to it. */
const variableFolders = ["group_vars", "host_vars"];

/** How to watch. */
export interface WatchOptions {
  /** A file, or a folder of files. */
  readonly path: string;
  /** It may have changed. */
  readonly changed: () => void;
  /** It can be watched no longer. */
  readonly failed: (error: unknown) => void;
}

/** Watches an inventory until the result is disposed of. */
export function watchInventory({ path, changed, failed }: WatchOptions): Disposable {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let watchers: Deno.FsWatcher[] = [];
  let ended = false;
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(changed, settleMs);
  };
  const follow = async (watcher: Deno.FsWatcher, concerns: (path: string) => boolean) => {
    try {
      for await (const event of watcher) {
        if (event.kind !== "access" && event.paths.some(concerns)) soon();
      }
      if (!ended) failed(new Error("the watch ended"));
    } catch (error) {
      if (!ended) failed(error);
    }
  };
  try {
    if (Deno.statSync(path).isDirectory) {
      const watcher = Deno.watchFs(path);
      watchers.push(watcher);
      void follow(watcher, () => true);
    } else {
      // Not the file itself: editors put a new one in its place, and so do mounted configurations (..data).
      const name = basename(path);
      const folder = dirname(path);
      const watcher = Deno.watchFs(folder, { recursive: false });
      watchers.push(watcher);
      void follow(watcher, (changedPath) => {
        const changedName = basename(changedPath);
        return changedName === name || changedName.startsWith("..") || variableFolders.includes(changedName);
      });
      for (const each of variableFolders) {
        if (!isFolder(`${folder}/${each}`)) continue;
        const variables = Deno.watchFs(`${folder}/${each}`);
        watchers.push(variables);
        void follow(variables, () => true);
      }
    }
  } catch (error) {
    failed(error);
  }
  return {
    [Symbol.dispose]() {
      ended = true;
      clearTimeout(timer);
      for (const watcher of watchers) watcher.close();
      watchers = [];
    },
  };
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}
