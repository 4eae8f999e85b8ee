/**
 * `deno task ok`: everything that can be said about the sources without running the suites: format, lint, types
 * (also of the examples in the documentation), the documentation of the public API, the architecture.
 * @module
 */
import { fileURLToPath } from "node:url";

const TOP = fileURLToPath(new URL("../", import.meta.url));

const browserFolders = ["runtime/daemon/dashboard", "tests/browser"];

interface Step {
  readonly name: string;
  readonly args: readonly string[];
}

const steps: Step[] = [
  { name: "format", args: ["fmt", "--check"] },
  { name: "lint", args: ["lint"] },
  // Of bench/peers only our own part is checked: the others import rival packages that need not be there.
  { name: "types", args: ["check", ...await sources()] },
];
// Apart, because what runs in a browser has its types, which must not be there for all others.
steps.push({ name: "types of the dashboard", args: ["check", ...await browserSources()] });
if (await exists("mod.ts")) {
  steps.push({ name: "types of the examples", args: ["check", "--doc", "mod.ts"] });
  steps.push({ name: "documentation", args: ["doc", "--lint", "mod.ts"] });
}
steps.push({
  name: "architecture",
  args: [
    "test",
    "--no-check",
    "--no-prompt",
    "--allow-read",
    "--allow-run=git",
    "tests/architecture_test.ts",
  ],
});

const failed: string[] = [];
for (const { name, args } of steps) {
  const started = performance.now();
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: TOP,
    env: Deno.stdout.isTerminal() ? {} : { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  console.log(
    `${success ? "ok    " : "FAILED"} ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)`,
  );
  if (success) continue;
  failed.push(name);
  console.log(`$ deno ${args.length > 6 ? `${args.slice(0, 6).join(" ")} …` : args.join(" ")}`);
  console.log(new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr));
}
console.log(failed.length === 0 ? "ok" : `failed: ${failed.join(", ")}`);
Deno.exit(failed.length === 0 ? 0 : 1);

/** All TypeScript files that belong to the project, but for what runs in a browser. */
async function sources(): Promise<string[]> {
  const found: string[] = [];
  const left = ["build", "node_modules", "bench/peers", ...browserFolders];
  async function walk(folder: string): Promise<void> {
    for await (const { name, isDirectory } of Deno.readDir(TOP + folder)) {
      const path = folder + name;
      if (isDirectory && !name.startsWith(".") && !left.includes(path)) {
        await walk(`${path}/`);
      } else if (/\.tsx?$/.test(name)) found.push(path);
    }
  }
  await walk("");
  if (await exists("bench/peers/drover_exec.ts")) found.push("bench/peers/drover_exec.ts");
  return found.sort();
}

/** The dashboard's modules, JavaScript with types in comments, and its tests. */
async function browserSources(): Promise<string[]> {
  const found: string[] = [];
  for (const folder of browserFolders) {
    for await (const { name } of Deno.readDir(TOP + folder)) {
      if (/\.(?:js|ts)$/.test(name)) found.push(`${folder}/${name}`);
    }
  }
  return found.sort();
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(TOP + path);
    return true;
  } catch {
    return false;
  }
}
