/**
 * `deno task test [SUITE…]`: runs the suites, each as a `deno test` of its own, and sums up their JUnit files.
 *
 * Types are not checked here, for speed: `deno task ok` does that. With `DROVER_REQUIRE_ALL=1` a suite that has no
 * tests, or that lacks what it needs, fails, unless `tests/exceptions.json` excuses it by name and reason.
 *
 * The last line is always `N passed, N failed, N skipped`, the exit code 1 when anything failed.
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { interopEnvironment } from "./interop/environment.ts";
import { kerberosEnvironment } from "./auth/environment.ts";
import { countCases, type Counts, failureReport } from "./helpers/junit.ts";
import { killTree, MARK, type MarkedProcess, markedProcesses } from "./helpers/process_tree.ts";
import { type Need, type Suite, suites } from "./helpers/suites.ts";

const TOP = fileURLToPath(new URL("../", import.meta.url));
const REPORTS = join(TOP, "build", "junit");

/** How long processes that a suite started may take to end after it, in milliseconds. */
const GRACE = 20_000;

/** What a need came to: variables for the suite, and what is missing of it. */
interface Provision {
  readonly env: Readonly<Record<string, string>>;
  readonly missing: readonly string[];
  /** Whether the suite can do something useful all the same. */
  readonly usable: boolean;
}

/** What became of a suite, or of a part of it. */
type Outcome =
  | { readonly kind: "ran"; readonly seconds: number; readonly problems: readonly string[] }
  | { readonly kind: "empty" }
  | { readonly kind: "leftOut" };

/** One run of `deno test`: a suite, or some of its files. */
interface Part {
  readonly suite: Suite;
  /** From 1 on. */
  readonly number: number;
}

interface Result extends Part {
  readonly outcome: Outcome;
  /** What has to be installed for the suite to run whole. */
  readonly missing: readonly string[];
}

/** Suites that are running now, for Ctrl-C. */
const running = new Map<number, string>();

async function main(names: readonly string[]): Promise<number> {
  const unknown = names.filter((name) => !suites.some((suite) => suite.name === name));
  if (unknown.length > 0) {
    console.error(
      `run tests: no suite ${unknown.join(", ")}; there are ${suites.map(({ name }) => name).join(", ")}`,
    );
    return 2;
  }
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      for (const [group, mark] of running) killTree(group, mark);
      Deno.exit(signal === "SIGINT" ? 130 : 143);
    });
  }
  const required = Deno.env.get("DROVER_REQUIRE_ALL") === "1";
  const exceptions: Record<string, string> = required
    ? JSON.parse(await Deno.readTextFile(join(TOP, "tests", "exceptions.json")))
    : {};
  await Deno.remove(REPORTS, { recursive: true }).catch(() => {});
  await Deno.mkdir(REPORTS, { recursive: true });

  const chosen = suites.filter(({ name }) => names.length === 0 || names.includes(name));
  // What takes long to be prepared is so beside the suites that do not need it; what fails is told where it is needed.
  void (async () => {
    for (const need of chosen.flatMap(({ needs }) => needs)) await provision(need).catch(() => {});
  })();
  const queue = chosen.filter(({ concurrent }) => concurrent).flatMap(partsOf);
  const results: Result[] = [];
  async function worker(): Promise<void> {
    for (let part = queue.shift(); part; part = queue.shift()) results.push(await runPart(part, true));
  }
  await Promise.all([worker(), worker()]);
  for (const part of chosen.filter(({ concurrent }) => !concurrent).flatMap(partsOf)) {
    results.push(await runPart(part, false));
  }

  const rows: [string, Counts, string][] = [];
  const notes: string[] = [];
  for (const suite of chosen) {
    const parts = results.filter((result) => result.suite === suite);
    const { outcome, missing } = sumOf(parts);
    const problems = outcome.kind === "ran" ? [...outcome.problems] : [];
    const excuse = exceptions[suite.name];
    const absence = missing.length > 0
      ? missing.join("; ")
      : outcome.kind === "empty"
      ? "no tests"
      : undefined;
    if (absence !== undefined && required) {
      if (excuse === undefined) problems.push(`required, but: ${absence}`);
      else notes.push(`EXCUSED ${suite.name}: ${excuse} (${absence})`);
    } else if (absence !== undefined && outcome.kind !== "empty") {
      notes.push(`${outcome.kind === "leftOut" ? "LEFT OUT" : "PARTLY RUN"} ${suite.name}: ${absence}`);
    } else if (excuse !== undefined) {
      notes.push(`${suite.name} needs no exception any more: take it out of tests/exceptions.json`);
    }
    if (problems.length > 0) {
      notes.push(`FAILED ${suite.name}: ${problems.join("; ")}`);
      await Deno.writeTextFile(
        join(REPORTS, `${suite.name}.whole.xml`),
        failureReport(suite.name, problems.join("; ")),
      );
    }
    if (outcome.kind === "empty" && problems.length === 0) continue;
    const counts = await countReports((file) => file.split(".")[0] === suite.name);
    rows.push([suite.name, counts, outcome.kind === "ran" ? outcome.seconds.toFixed(1) : "-"]);
  }

  console.log("");
  printRow("suite", "passed", "failed", "skipped", "seconds");
  for (const [name, { passed, failed, skipped }, seconds] of rows) {
    printRow(name, `${passed}`, `${failed}`, `${skipped}`, seconds);
  }
  if (notes.length > 0) console.log(`\n${notes.join("\n")}`);
  const sum = await countReports(() => true);
  console.log(`\n${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
  return sum.failed > 0 ? 1 : 0;
}

function partsOf(suite: Suite): Part[] {
  return Array.from({ length: suite.parts }, (_, index) => ({ suite, number: index + 1 }));
}

/** What became of a suite, of what became of its parts. */
function sumOf(parts: readonly Result[]): Pick<Result, "outcome" | "missing"> {
  const { outcome: first, missing } = parts[0]!;
  const ran = parts.flatMap(({ outcome }) => outcome.kind === "ran" ? [outcome] : []);
  if (ran.length === 0) return { outcome: first, missing };
  return {
    outcome: {
      kind: "ran",
      seconds: ran.reduce((sum, { seconds }) => sum + seconds, 0),
      problems: ran.flatMap(({ problems }) => problems),
    },
    missing,
  };
}

/** See `tests/helpers/fixed_seed.ts`. */
const PRELOADED = Deno.env.get("CI") === "true"
  ? [`--preload=${join(TOP, "tests", "helpers", "fixed_seed.ts")}`]
  : [];

/** Runs one suite, or a part of it, to its end, or to the end of its time. */
async function runPart({ suite, number }: Part, quiet: boolean): Promise<Result> {
  const files = (await testFiles(suite)).filter((_, index) => index % suite.parts === number - 1);
  if (files.length === 0) return { suite, number, outcome: { kind: "empty" }, missing: [] };
  const provisions = await Promise.all(suite.needs.map(provision));
  const missing = provisions.flatMap((provision) => provision.missing);
  if (provisions.some(({ usable }) => !usable)) {
    return { suite, number, outcome: { kind: "leftOut" }, missing };
  }
  const name = suite.parts === 1 ? suite.name : `${suite.name}.${number}`;
  if (!quiet) console.log(`\n--- ${name}`);

  const mark = `${name}-${crypto.randomUUID()}`;
  const report = join(REPORTS, `${name}.xml`);
  const started = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "test",
      "--no-check",
      "--no-prompt",
      ...PRELOADED,
      `--junit-path=${report}`,
      ...suite.permissions,
      ...files,
    ],
    cwd: TOP,
    env: Object.assign({ [MARK]: mark }, ...provisions.map(({ env }) => env)),
    stdin: "null",
    stdout: quiet ? "piped" : "inherit",
    stderr: quiet ? "piped" : "inherit",
    detached: true,
  }).spawn();
  running.set(child.pid, mark);
  const output = quiet ? Promise.all([collect(child.stdout), collect(child.stderr)]) : undefined;
  let hung = false;
  const timer = setTimeout(() => {
    hung = true;
    killTree(child.pid, mark);
  }, suite.budget * 1000);
  const status = await child.status;
  clearTimeout(timer);
  const seconds = (performance.now() - started) / 1000;

  const left = await leftBehind(mark);
  killTree(child.pid, mark);
  running.delete(child.pid);
  if (output) {
    const [out, err] = await Promise.race([
      output,
      elapsed(GRACE).then(() => ["", "(its output could not be read)"]),
    ]);
    console.log(`\n--- ${name}\n${out!.trimEnd()}${err!.trim() === "" ? "" : `\n${err!.trimEnd()}`}`);
  }

  const { passed, failed, skipped } = await countReports((file) => file === `${name}.xml`);
  const problems: string[] = [];
  if (hung) problems.push(`${name} did not end within ${suite.budget} s and was killed`);
  // A file that cannot be loaded fails the run without a case in the report.
  else if (!status.success && failed === 0) {
    problems.push(`${name}: deno test ended with ${status.signal ?? status.code}`);
  } else if (passed + failed + skipped === 0) problems.push(`${name}: no test ran`);
  if (left.length > 0) {
    problems.push(
      `${name} left processes behind: ${left.map(({ pid, command }) => `${pid} ${command}`).join(", ")}`,
    );
  }
  return { suite, number, outcome: { kind: "ran", seconds, problems }, missing };
}

/** What still runs of a suite after a moment of grace for what is just ending. */
async function leftBehind(mark: string): Promise<MarkedProcess[]> {
  const end = performance.now() + GRACE;
  let left = markedProcesses(mark);
  while (left.length > 0 && performance.now() < end) {
    await elapsed(50);
    left = markedProcesses(mark);
  }
  return left;
}

function elapsed(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    Deno.unrefTimer(setTimeout(resolve, milliseconds));
  });
}

async function collect(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  return await new Response(stream).text();
}

async function testFiles({ path }: Suite): Promise<string[]> {
  const files: string[] = [];
  async function walk(folder: string): Promise<void> {
    for await (const { name, isDirectory } of Deno.readDir(join(TOP, folder))) {
      if (isDirectory) await walk(`${folder}${name}/`);
      else if (name.endsWith("_test.ts")) files.push(folder + name);
    }
  }
  if (!path.endsWith("/")) return await exists(join(TOP, path)) ? [path] : [];
  if (await exists(join(TOP, path))) await walk(path);
  return files.sort();
}

const provisions = new Map<Need, Promise<Provision>>();

/** Finds out whether a need is met here, once. */
function provision(need: Need): Promise<Provision> {
  const known = provisions.get(need) ?? provide(need);
  provisions.set(need, known);
  return known;
}

async function provide(need: Need): Promise<Provision> {
  switch (need) {
    case "git":
      return await exists(join(TOP, ".git")) && await succeeds("git", ["--version"])
        ? { env: {}, missing: [], usable: true }
        : { env: {}, missing: ["install git, and run in a clone"], usable: false };
    case "corpus": {
      const corpus = Deno.env.get("DROVER_CORPUS") ?? join(TOP, "..", "shared", "corpus");
      return await exists(corpus) ? { env: { DROVER_CORPUS: corpus }, missing: [], usable: true } : {
        env: {},
        missing: [`no recorded traffic at ${corpus}: set DROVER_CORPUS to its folder`],
        usable: false,
      };
    }
    case "chromium": {
      const chromium = Deno.env.get("DROVER_CHROMIUM") ?? "/usr/bin/chromium";
      return await succeeds(chromium, ["--version"])
        ? { env: { DROVER_CHROMIUM: chromium }, missing: [], usable: true }
        : {
          env: {},
          missing: [`no Chromium at ${chromium}: apt-get install chromium, or set DROVER_CHROMIUM`],
          usable: false,
        };
    }
    case "interop peers": {
      const { python, go, missing } = await interopEnvironment();
      return {
        env: {
          ...(python === undefined ? {} : { DROVER_INTEROP_PYTHON: python }),
          ...(go === undefined ? {} : { DROVER_INTEROP_MASTERZEN: go.masterzen }),
        },
        missing,
        usable: python !== undefined || go !== undefined,
      };
    }
    case "kerberos": {
      const { python, usable, missing } = await kerberosEnvironment();
      return { env: python === undefined ? {} : { DROVER_KERBEROS_PYTHON: python }, missing, usable };
    }
  }
}

async function succeeds(program: string, args: string[]): Promise<boolean> {
  try {
    return (await new Deno.Command(program, { args, stdin: "null", stdout: "null", stderr: "null" }).output())
      .success;
  } catch {
    return false;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}

async function countReports(chosen: (file: string) => boolean): Promise<Counts> {
  let passed = 0, failed = 0, skipped = 0;
  for await (const { name } of Deno.readDir(REPORTS)) {
    if (!chosen(name)) continue;
    const counts = countCases(await Deno.readTextFile(join(REPORTS, name)));
    passed += counts.passed;
    failed += counts.failed;
    skipped += counts.skipped;
  }
  return { passed, failed, skipped };
}

function printRow(name: string, ...cells: string[]): void {
  console.log(name.padEnd(14) + cells.map((cell) => cell.padStart(9)).join(""));
}

Deno.exit(await main(Deno.args));
