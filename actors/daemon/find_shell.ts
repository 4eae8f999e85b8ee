/** Asks a host for a shell that an earlier life of the daemon has made there. @module */
import { resources } from "../../protocol/soap/mod.ts";
import { readShellInfo } from "../../protocol/shell/mod.ts";
import { enumerate, pull, readEnumeration } from "../../protocol/wsman/mod.ts";
import { type Dialogue, exchange, type Question } from "../host/inquiry.ts";

/** Items in one answer, and answers in one enumeration: a service that never comes to its end is left. */
const pageItems = 100;
const maxPages = 100;

/** ShellId of the shell with this Name; `undefined`: there is none. The list is read up to its 10,000th shell. */
export function findShellQuestion(name: string): Question<string | undefined> {
  return { name: "find shell", dialogue: () => find(name) };
}

function* find(name: string): Dialogue<string | undefined> {
  let page = readEnumeration(yield* exchange({ request: enumerate(resources.shell, pageItems) }));
  for (let pages = 1;; pages++) {
    for (const item of page.items) {
      const info = readShellInfo(item);
      if (info.name === name && info.shellId !== "") return info.shellId;
    }
    if (page.context === undefined || pages >= maxPages) return undefined;
    page = readEnumeration(yield* exchange({ request: pull(resources.shell, page.context, pageItems) }));
  }
}
