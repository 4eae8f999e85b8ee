/**
 * The rules of the layers, as data, and the checks that hold sources against them. The checks take sources from
 * memory, so that the tests can plant violations.
 * @module
 */
import { importsOf, lineOf, scan, type ScannedSource } from "./source_scan.ts";

/** Sources by path from the top of the repository, with forward slashes. */
export type Sources = ReadonlyMap<string, string>;

/** What may stand at the top of the repository. */
const TOP_LEVEL = new Set(
  ("deno.json deno.lock mod.ts runtime actors protocol ffi tests bench README.md ARCHITECTURE.md CONTRIBUTING.md " +
    "CHANGELOG.md LICENSE .ci .gitignore .gitattributes .editorconfig docs").split(" "),
);

/** Longest file that needs no reason. */
const MAX_LINES = 700;

/** What wsman and everything above it stand on. */
const BELOW_WSMAN = [
  "protocol/.",
  "protocol/access/",
  "protocol/xml/",
  "protocol/soap/",
  "protocol/clixml/",
  "protocol/cim/",
];

/**
 * The layer table. A file belongs to the unit with the longest matching name; `a/.` is the files directly in `a/`,
 * `a/` everything below it. A unit may import itself and the units listed.
 */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  "protocol/.": [],
  "protocol/mod.ts": ["protocol/"],
  "protocol/xml/": ["protocol/."],
  "protocol/soap/": ["protocol/.", "protocol/xml/"],
  "protocol/clixml/": ["protocol/.", "protocol/xml/"],
  "protocol/cim/": ["protocol/.", "protocol/xml/"],
  "protocol/wsman/": BELOW_WSMAN,
  "protocol/shell/": [...BELOW_WSMAN, "protocol/wsman/"],
  "protocol/psrp/": [...BELOW_WSMAN, "protocol/wsman/"],
  "protocol/eventing/": [...BELOW_WSMAN, "protocol/wsman/"],
  "protocol/out_of_proc/": ["protocol/.", "protocol/xml/", "protocol/clixml/", "protocol/psrp/"],
  "protocol/http/": ["protocol/."],
  "protocol/auth/": ["protocol/.", "protocol/http/"],
  "protocol/sealing/": ["protocol/.", "protocol/http/", "protocol/auth/"],
  "protocol/policy/": ["protocol/."],
  "protocol/access/": ["protocol/."],
  "actors/.": ["protocol/"],
  "actors/mod.ts": ["actors/", "protocol/"],
  "actors/kernel/": ["actors/.", "protocol/."],
  "actors/": ["actors/", "protocol/"],
  "ffi/": [],
  "runtime/": ["actors/", "protocol/"],
  "runtime/security/": ["runtime/", "actors/", "protocol/", "ffi/"],
  "runtime/transports/": ["runtime/", "actors/", "protocol/", "ffi/"],
  "runtime/os/": ["runtime/", "actors/", "protocol/", "ffi/"],
  "mod.ts": ["runtime/", "actors/", "protocol/"],
  "tests/": ["mod.ts", "runtime/", "actors/", "protocol/", "ffi/", "bench/"],
  "bench/": ["mod.ts", "runtime/", "actors/", "protocol/", "ffi/", "tests/"],
};

/** Names of `node:crypto` that are synchronous and need neither permission nor randomness. */
const PURE_CRYPTO = new Set(
  ("createHash createHmac createCipheriv createDecipheriv hash timingSafeEqual Hash Hmac Cipher Cipheriv Decipher " +
    "Decipheriv").split(" "),
);

/** Names of globals that reach the world, in layers that must not. */
const WORLD_GLOBALS =
  ("Deno process fetch setTimeout setInterval setImmediate clearTimeout clearInterval performance " +
    "crypto globalThis console require Worker WebSocket EventSource XMLHttpRequest BroadcastChannel localStorage " +
    "sessionStorage navigator Temporal").split(" ");

/** Members that reach the clock or randomness, in layers that must not. */
const WORLD_MEMBERS: readonly { readonly name: string; readonly pattern: RegExp }[] = [
  { name: "Date.now", pattern: /(?<![.\w$#])Date\s*\.\s*now\b/g },
  { name: "new Date() without an argument", pattern: /(?<![.\w$#])new\s+Date\b(?!\s*\(\s*[^\s)])/g },
  { name: "Date() as a function", pattern: /(?<![.\w$#]|\bnew\s{1,9})Date\s*\(/g },
  { name: "AbortSignal.timeout", pattern: /\bAbortSignal\s*\.\s*timeout\b/g },
  { name: "Math.random", pattern: /(?<![.\w$#])Math\s*\.\s*random\b/g },
  { name: "randomUUID", pattern: /\brandomUUID\b/g },
  { name: "getRandomValues", pattern: /\bgetRandomValues\b/g },
  { name: "crypto.subtle", pattern: /\.\s*subtle\b/g },
];

/** Holds product, test and benchmark sources against every rule; one line per violation. */
export function checkSources(sources: Sources): string[] {
  const scanned = new Map([...sources].map(([path, text]) => [path, scan(text)]));
  const violations: string[] = [];
  const graph = new Map<string, string[]>();
  for (const [path, source] of scanned) {
    graph.set(path, []);
    for (const { specifier, clause, line } of importsOf(source)) {
      const where = `${path}:${line}`;
      const target = specifier === undefined ? undefined : resolve(path, specifier);
      if (target === undefined) {
        const reason = foreignImport(path, specifier, clause);
        if (reason) violations.push(`${where}: ${reason}`);
      } else {
        graph.get(path)!.push(target);
        const reason = arrow(path, target);
        if (reason) violations.push(`${where}: ${reason}`);
      }
    }
    if (isPure(path)) violations.push(...worldUses(path, source));
    const lines = lineCount(sources.get(path)!);
    if (lines > MAX_LINES && !/\bwhole\b/i.test(source.comments.split("\n", 40).join("\n"))) {
      violations.push(
        `${path}: ${lines} lines; over ${MAX_LINES} its head must say why it stays whole (in these words)`,
      );
    }
  }
  violations.push(...cycles(graph).map((cycle) => `import cycle: ${cycle.join(" -> ")}`));
  return violations;
}

/** Names the entries at the top of the repository that the layout does not know. */
export function checkTopLevel(paths: Iterable<string>): string[] {
  const unknown = new Set(
    [...paths].map((path) => path.split("/")[0]!).filter((name) => !TOP_LEVEL.has(name)),
  );
  return [...unknown].map((name) => `${name}: unknown at the top of the repository`);
}

function isPure(path: string): boolean {
  return path.startsWith("protocol/") || path.startsWith("actors/");
}

function lineCount(text: string): number {
  return text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
}

/** The path that a relative specifier means, or `undefined` for one that leads out of the repository. */
function resolve(from: string, specifier: string): string | undefined {
  if (!/^\.{0,2}\//.test(specifier)) return undefined;
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}

/** The key of the layer table that a file falls under. */
function unitOf(path: string): string | undefined {
  let best: string | undefined;
  for (const unit of Object.keys(LAYERS)) {
    if (covers(unit, path) && (best === undefined || unit.length > best.length)) best = unit;
  }
  return best;
}

function covers(unit: string, path: string): boolean {
  if (unit.endsWith("/.")) return path.slice(0, path.lastIndexOf("/") + 1) === unit.slice(0, -1);
  return unit.endsWith("/") ? path.startsWith(unit) : path === unit;
}

function arrow(from: string, to: string): string | undefined {
  const unit = unitOf(from);
  if (unit === undefined) return `${from} belongs to no layer (see LAYERS in tests/helpers/architecture.ts)`;
  if (covers(unit, to) || LAYERS[unit]!.some((allowed) => covers(allowed, to))) return undefined;
  return `${unit} must not import ${to}`;
}

/** Why a bare, remote or computed import is not allowed here, if it is not. */
function foreignImport(path: string, specifier: string | undefined, clause: string): string | undefined {
  if (!isPure(path)) return undefined;
  if (specifier === undefined) return "a computed import";
  if (specifier !== "node:crypto") return `${specifier} must not be imported in protocol/ and actors/`;
  if (!path.startsWith("protocol/")) return "node:crypto must not be imported in actors/";
  const names = /^(?:type\s+)?\{([^}]*)\}$/.exec(clause)?.[1];
  if (names === undefined) return "node:crypto must be imported by name";
  const wrong = names.split(",").map((name) => name.trim().replace(/^type\s+/, "").split(/\s/)[0]!)
    .filter((name) => name !== "" && !PURE_CRYPTO.has(name));
  return wrong.length ? `${wrong.join(", ")} of node:crypto must not be imported here` : undefined;
}

/** Uses of the world in a source of a layer that must not touch it. */
function worldUses(path: string, { code }: ScannedSource): string[] {
  const found: { position: number; name: string }[] = [];
  for (const name of WORLD_GLOBALS) {
    if (declares(code, name)) continue;
    for (const match of code.matchAll(new RegExp(`(?<![.\\w$#])${name}(?![\\w$])`, "g"))) {
      if (!isKeyOrMethod(code, match.index, name.length)) found.push({ position: match.index, name });
    }
  }
  for (const { name, pattern } of WORLD_MEMBERS) {
    for (const match of code.matchAll(pattern)) found.push({ position: match.index, name });
  }
  return found.sort((a, b) => a.position - b.position)
    .map(({ position, name }) =>
      `${path}:${lineOf(code, position)}: ${name} must not be used in protocol/ and actors/`
    );
}

/** Whether a file declares the name itself, as a variable, function, class, import or parameter. */
function declares(code: string, name: string): boolean {
  return [
    `\\b(?:const|let|var|function|class|type|interface|enum)\\s+${name}(?![\\w$])`,
    `\\b(?:const|let|var)\\s*[{[][^=;]*(?<![.\\w$])${name}(?![\\w$])[^=;]*=`,
    `\\bimport\\b[^;()]*(?<![.\\w$])${name}(?![\\w$])[^;()]*\\bfrom\\b`,
    `[(,]\\s*(?:(?:private|public|protected|readonly)\\s+)*${name}\\??\\s*:`,
    `(?<![.\\w$])${name}\\s*=>`,
    `\\(\\s*(?:[\\w$]+\\s*,\\s*)*${name}\\s*(?:,\\s*[\\w$]+\\s*)*\\)\\s*=>`,
  ].some((pattern) => new RegExp(pattern).test(code));
}

/** Whether an identifier is a property's key (`name:`), or the name of a method that is being declared. */
function isKeyOrMethod(code: string, start: number, length: number): boolean {
  const before = code.slice(0, start).trimEnd();
  const rest = code.slice(start + length);
  const opens = before === "" ||
    /[{};,(]$|\b(?:async|public|private|protected|readonly|static|override|get|set|abstract)$/.test(before);
  if (!opens) return false;
  if (/^\s*\??\s*:/.test(rest)) return true;
  if (!/^\s*[(<]/.test(rest)) return false;
  let depth = 0;
  for (let i = rest.indexOf("("); i >= 0 && i < rest.length; i++) {
    if (rest[i] === "(") depth++;
    else if (rest[i] === ")" && --depth === 0) return /^\s*[:{]/.test(rest.slice(i + 1));
  }
  return false;
}

/** Import cycles (types count: a reader has to follow them too), each once, from its first file back to itself. */
function cycles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const state = new Map<string, "open" | "done">();
  const path: string[] = [];
  const found: string[][] = [];
  function visit(file: string): void {
    state.set(file, "open");
    path.push(file);
    for (const next of graph.get(file) ?? []) {
      if (state.get(next) === "open") found.push([...path.slice(path.indexOf(next)), next]);
      else if (!state.has(next)) visit(next);
    }
    path.pop();
    state.set(file, "done");
  }
  for (const file of graph.keys()) if (!state.has(file)) visit(file);
  return found;
}
