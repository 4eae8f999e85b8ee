/** Asks a host for a shell that an earlier life of the daemon has made there. @module */
import type { Question } from "../host/inquiry.ts";
import { findShell } from "../host/questions.ts";

/** ShellId of the shell with this Name; `undefined`: there is none. */
export function findShellQuestion(name: string): Question<string | undefined> {
  return { name: "find shell", dialogue: () => findShell(name) };
}
