/** Which of the product's modules a simulation has loaded, so that nobody simulates a toy. @module */
import { importsOf, scan } from "../helpers/source_scan.ts";

/** Paths from the top of the repository, sorted; needs to read them. Imports of types only are not followed. */
export async function loadedModules(): Promise<string[]> {
  const top = new URL("../../", import.meta.url);
  const seen = new Set<string>();
  const left = [new URL("./run.ts", import.meta.url)];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (seen.has(next.href)) continue;
    seen.add(next.href);
    for (const { specifier, clause } of importsOf(scan(await Deno.readTextFile(next)))) {
      const erased = clause.startsWith("type ") || /^\{(\s*type\s[^,]*,?)+\s*\}$/.test(clause);
      if (specifier?.startsWith(".") && !erased) left.push(new URL(specifier, next));
    }
  }
  return [...seen].map((url) => url.slice(top.href.length)).filter((path) => !path.startsWith("tests/"))
    .sort();
}

/** The same, by folder. */
export function byFolder(modules: readonly string[]): string[] {
  const folders = new Map<string, string[]>();
  for (const path of modules) {
    const at = path.lastIndexOf("/");
    const folder = path.slice(0, Math.max(at, 0));
    folders.set(folder, [...folders.get(folder) ?? [], path.slice(at + 1, -".ts".length)]);
  }
  return [...folders].map(([folder, names]) => `${folder}: ${names.join(" ")}`);
}
