/**
 * The architecture, enforced: layers, cycles, purity of `protocol/` and `actors/`, the layout of the repository.
 * The second half plants violations, to prove that the checks see them.
 * @module
 */
import assert from "node:assert/strict";
import { checkSources, checkTopLevel } from "./helpers/architecture.ts";
import { checkGuarantees } from "./helpers/guarantees.ts";
import { suiteOf } from "./helpers/suites.ts";

const top = new URL("../", import.meta.url);

/** Every file of the checkout that is committed or could be: tracked and new ones, without the ignored. */
async function repositoryFiles(): Promise<string[]> {
  const { stdout, success } = await new Deno.Command("git", {
    args: ["ls-files", "-z", "--cached", "--others", "--exclude-standard"],
    cwd: top,
  }).output();
  assert.ok(success, "git ls-files: failed");
  const paths = new TextDecoder().decode(stdout).split("\0").filter((path) => path !== "");
  const found = await Promise.all(paths.map(async (path) => {
    try {
      return (await Deno.lstat(new URL(path, top))).isFile ? [path] : [];
    } catch {
      return []; // deleted, but not yet committed
    }
  }));
  return found.flat();
}

Deno.test("the repository keeps its layers", async () => {
  const paths = (await repositoryFiles()).filter((path) => path.endsWith(".ts"));
  const sources = new Map<string, string>();
  for (const path of paths) sources.set(path, await Deno.readTextFile(new URL(path, top)));
  assert.deepEqual(checkSources(sources), []);
});

Deno.test("nothing unknown stands at the top of the repository", async () => {
  assert.deepEqual(checkTopLevel(await repositoryFiles()), []);
});

Deno.test("every test file belongs to exactly one suite", async () => {
  const tests = (await repositoryFiles()).filter((path) => path.endsWith("_test.ts"));
  assert.deepEqual(tests.filter((path) => suiteOf(path).length !== 1), []);
});

/** The text of a file of the repository. */
function readIfThere(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(new URL(path, top));
  } catch {
    return undefined;
  }
}

Deno.test("every guarantee of the actors names tests that exist", () => {
  const document = readIfThere("actors/README.md") ?? "";
  assert.ok([...document.matchAll(/"[^"]+"/g)].length > 20, "they name tests");
  assert.deepEqual(checkGuarantees(document, readIfThere), []);
});

Deno.test("a guarantee whose test was renamed or removed is found", () => {
  const files: Record<string, string> = {
    "tests/a_test.ts": 'Deno.test("one; and two", () => {});\nDeno.test({\n  name: "three",\n});\n',
  };
  const check = (text: string) =>
    checkGuarantees(`**A** \`tests/a_test.ts\`. ${text}`, (path) => files[path]);
  assert.deepEqual(check('Good (A "one", "and\ntwo"; A "three"). See tests/a_test.ts.'), []);
  assert.deepEqual(check('Renamed (A "one", "four").'), ['A "four": there is no such test']);
  assert.deepEqual(check('Unknown (B "one").'), ['B "one": the legend has no B']);
  assert.deepEqual(check("Gone (tests/b_test.ts)."), ["tests/b_test.ts does not exist"]);
});

/** Checks one planted file (and what stands beside it), and gives back the violations without their places. */
function planted(path: string, text: string, beside: Record<string, string> = {}): string[] {
  return checkSources(new Map([[path, text], ...Object.entries(beside)]))
    .map((violation) => violation.replace(/^[\w./]+:\d+: /, ""));
}

Deno.test("a planted arrow against the layers is found", () => {
  const cases: [from: string, specifier: string, to: string][] = [
    ["protocol/xml/a.ts", "../soap/b.ts", "protocol/soap/b.ts"],
    ["protocol/soap/a.ts", "../clixml/b.ts", "protocol/clixml/b.ts"],
    ["protocol/wsman/a.ts", "../shell/b.ts", "protocol/shell/b.ts"],
    ["protocol/http/a.ts", "../wsman/b.ts", "protocol/wsman/b.ts"],
    ["protocol/auth/a.ts", "../soap/b.ts", "protocol/soap/b.ts"],
    ["protocol/sealing/a.ts", "../xml/b.ts", "protocol/xml/b.ts"],
    ["protocol/errors.ts", "./xml/b.ts", "protocol/xml/b.ts"],
    ["protocol/a.ts", "../actors/b.ts", "actors/b.ts"],
    ["actors/kernel/a.ts", "../host/b.ts", "actors/host/b.ts"],
    ["actors/host/a.ts", "../../runtime/b.ts", "runtime/b.ts"],
    ["runtime/cli/a.ts", "../../ffi/b.ts", "ffi/b.ts"],
    ["runtime/cli/a.ts", "../../mod.ts", "mod.ts"],
    ["runtime/a.ts", "../tests/helpers/b.ts", "tests/helpers/b.ts"],
    ["mod.ts", "./bench/b.ts", "bench/b.ts"],
    ["mod.ts", "./ffi/b.ts", "ffi/b.ts"],
    ["ffi/a.ts", "../protocol/errors.ts", "protocol/errors.ts"],
  ];
  for (const [from, specifier, to] of cases) {
    const forms = [
      `import { b } from "${specifier}";`,
      `import type { B } from '${specifier}';`,
      `import {\n  a,\n  type B,\n} from "${specifier}";`,
      `export * from "${specifier}";`,
      `export { b } from "${specifier}";`,
      `import "${specifier}";`,
      `const b = await import("${specifier}");`,
      `type B = import("${specifier}").B;`,
    ];
    for (const form of forms) {
      const violations = planted(from, `/** Head. */\n${form}\n`, { [to]: "export const b = 1;\n" });
      assert.equal(violations.length, 1, `${from}: ${form}: ${violations}`);
      assert.match(violations[0]!, new RegExp(`must not import ${to}$`));
    }
  }
});

Deno.test("allowed arrows pass", () => {
  const cases: [from: string, specifier: string][] = [
    ["protocol/shell/a.ts", "../wsman/b.ts"],
    ["protocol/shell/a.ts", "../errors.ts"],
    ["protocol/mod.ts", "./shell/mod.ts"],
    ["protocol/auth/a.ts", "../http/challenge.ts"],
    ["actors/host/a.ts", "../kernel/actor.ts"],
    ["actors/host/a.ts", "../../protocol/shell/mod.ts"],
    ["actors/kernel/a.ts", "../ports.ts"],
    ["runtime/security/a.ts", "../../ffi/gssapi.ts"],
    ["runtime/cli/a.ts", "npm:some-library@^1"],
    ["mod.ts", "./runtime/mod.ts"],
    ["tests/x_test.ts", "../bench/b.ts"],
  ];
  for (const [from, specifier] of cases) {
    assert.deepEqual(planted(from, `import { b } from "${specifier}";\n`), [], from);
  }
});

Deno.test("an unknown folder of protocol/ has to be put into the layer table", () => {
  assert.equal(planted("protocol/unheard/a.ts", `import { b } from "../errors.ts";`).length, 1);
});

Deno.test("a planted cycle is found, one of types too", () => {
  const beside = {
    "actors/host/b.ts": `export { c } from "./c.ts";`,
    "actors/host/c.ts": `import type { A } from "./a.ts";`,
  };
  assert.deepEqual(planted("actors/host/a.ts", `import { c } from "./b.ts";`, beside), [
    "import cycle: actors/host/a.ts -> actors/host/b.ts -> actors/host/c.ts -> actors/host/a.ts",
  ]);
});

Deno.test("planted uses of the world are found in protocol/ and actors/, and only there", () => {
  const uses = [
    "const os = Deno.build.os;",
    "type C = Deno.Conn;",
    "const home = process.env.HOME;",
    "const r = await fetch(url);",
    "const f = fetch;",
    "{ fetch(url) }",
    "const x = ok ? fetch(url) : undefined;",
    "setTimeout(wake, 5);",
    "const t = setInterval(() => {}, 5);",
    "clearTimeout(timer);",
    "const t = Date.now();",
    "const t = Date . now();",
    "const d = new Date();",
    "const d = new Date( /* now */ );",
    "const d = new Date;",
    "const s = Date();",
    "const t = performance.now();",
    "const s = AbortSignal.timeout(5);",
    "const n = Math.random();",
    "const s = `${Math.random()}`;",
    "const s = `a ${`b ${Date.now()}`} c`;",
    "const id = api.randomUUID();",
    "source.getRandomValues(bytes);",
    "const k = await api.subtle.importKey();",
    "const k = globalThis;",
    'console.log("x");',
  ];
  for (const use of uses) {
    for (const path of ["protocol/xml/a.ts", "actors/host/a.ts"]) {
      assert.equal(planted(path, `${use}\n`).length, 1, `${path}: ${use}: ${planted(path, use)}`);
    }
    assert.deepEqual(planted("runtime/a.ts", use), [], use);
  }
});

Deno.test("imports that reach the world are found in protocol/ and actors/", () => {
  const imports = [
    'import { readFile } from "node:fs";',
    'import { randomBytes } from "node:crypto";',
    'import { createHash, generateKeySync as key } from "node:crypto";',
    'import * as crypto from "node:crypto";',
    'import crypto from "node:crypto";',
    'import fc from "fast-check";',
    "const m = await import(name);",
    'import { x } from "https://example.org/x.ts";',
  ];
  for (const line of imports) assert.equal(planted("protocol/auth/a.ts", line).length, 1, line);
  assert.deepEqual(planted("protocol/auth/a.ts", 'import { createHash, type Hmac } from "node:crypto";'), []);
  assert.equal(planted("actors/host/a.ts", 'import { createHash } from "node:crypto";').length, 1);
});

Deno.test("comments, strings, names and expressions that only look like uses are not reported", () => {
  const harmless = [
    "// Deno.open, fetch(url), import x from 'y'",
    "/* setTimeout(wake, 5) */",
    '/** `Date.now()` is an argument: `import "../soap/x.ts"` */',
    'const s = "Date.now() and Math.random()";',
    "const s = 'import { x } from \"../wsman/x.ts\"';",
    "const s = `fetch(${url}) and setTimeout()`;",
    "const s = `a ${b} // Deno ${c}`;",
    'const r = /fetch\\(|"|Deno/g;',
    "const r = text.replace(/['\"`/]/g, ''); const t = 'Deno';",
    "const q = a / b; const d = c / 2; // Deno",
    'return /"Deno.x/.test(s);',
    "const d = new Date(0);",
    "const d = new Date(clock.now());",
    "interface Port { fetch(url: string): void; process: number; setTimeout?: number }",
    "class Machine { async fetch(url: string): Promise<void> { await this.port.fetch(url); } }",
    "const o = { process: 1, performance: 2 };",
    "this.process.kill();",
    "function run(process: ProcessHandle) { process.kill(); }",
    "const process = host.start(); process.kill();",
    "const { process } = state; process.kill();",
    "list.map((process) => process.pid);",
    "const denoVersion = Denote.x;",
    "const n = import.meta.url;",
  ];
  for (const line of harmless) assert.deepEqual(planted("actors/host/a.ts", `${line}\n`), [], line);
});

Deno.test("an overlong file must say at its head why", () => {
  const long = "const x = 1;\n".repeat(701);
  assert.equal(checkSources(new Map([["runtime/a.ts", long]])).length, 1);
  assert.deepEqual(checkSources(new Map([["runtime/a.ts", `/** A table; it stays whole. */\n${long}`]])), []);
  assert.deepEqual(checkSources(new Map([["runtime/a.ts", "const x = 1;\n".repeat(700)]])), []);
});

Deno.test("an unknown entry at the top is found", () => {
  assert.deepEqual(checkTopLevel(["mod.ts", "protocol/a.ts", "package.json", "src/a.ts", "src/b.ts"]), [
    "package.json: unknown at the top of the repository",
    "src: unknown at the top of the repository",
  ]);
});
