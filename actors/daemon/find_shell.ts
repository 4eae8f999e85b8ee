/** Asks a host for a shell that an earlier life of the daemon has made there. @module */
import type { Dialogue, Question } from "../host/inquiry.ts";
import { visitShells } from "../host/questions.ts";

/** ShellId of the shell with this Name; `undefined`: there is none. The list is read up to its 10,000th shell. */
export function findShellQuestion(name: string): Question<string | undefined> {
  return { name: "find shell", dialogue: () => find(name) };
}

function* find(name: string): Dialogue<string | undefined> {
  let found: string | undefined;
  yield* visitShells((shell) => {
    if (shell.name !== name) return;
    found = shell.shellId;
    return "stop";
  });
  return found;
}
