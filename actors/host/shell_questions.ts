/** Shells of a host, whoever has made them: to be looked at, and to be deleted by hand. @module */
import { deleteShell, type ShellInfo } from "../../protocol/shell/mod.ts";
import type { Dialogue, Question } from "./inquiry.ts";
import { visitShells } from "./questions.ts";

/** Shells of a host. */
export interface ShellList {
  readonly shells: readonly ShellInfo[];
  /** Whether these are all. */
  readonly complete: boolean;
}

/** Lists shells: at most `most`. Windows shows administrators those of all users, others their own. */
export function shellsQuestion(most: number): Question<ShellList> {
  return {
    name: "list shells",
    dialogue: function* () {
      const shells: ShellInfo[] = [];
      let cut = false;
      const ended = yield* visitShells((shell) => {
        if (shells.length < most) return void shells.push(shell);
        cut = true;
        return "stop";
      });
      return { shells, complete: ended && !cut };
    },
  };
}

/** What became of a shell that was to be deleted. */
export type ShellRemoval = "deleted" | "unknown" | "kept";

/** Deletes one shell, with all that runs in it, unless `keep` says of it that it is to stay. */
export function removeShellQuestion(
  shellId: string,
  keep: (shell: ShellInfo) => boolean,
): Question<ShellRemoval> {
  return { name: "delete shell", cleanup: true, dialogue: () => remove(shellId.toLowerCase(), keep) };
}

function* remove(shellId: string, keep: (shell: ShellInfo) => boolean): Dialogue<ShellRemoval> {
  let found: ShellInfo | undefined;
  yield* visitShells((shell) => {
    if (shell.shellId.toLowerCase() !== shellId) return;
    found = shell;
    return "stop";
  });
  if (found === undefined) return "unknown";
  if (keep(found)) return "kept";
  const request = deleteShell(found.shellId);
  const outcome = yield {
    // Shells of PowerShell are known by another resource.
    request: found.resourceUri === undefined ? request : { ...request, resourceUri: found.resourceUri },
    priority: "urgent",
  };
  if (outcome.kind === "failed") throw outcome.error;
  if (outcome.kind === "answered") return "deleted";
  // Its own time was over meanwhile.
  if (outcome.fault.isUnknownSelectors) return "unknown";
  throw outcome.fault;
}
