/**
 * `deno task bench [NAME…] [--quick]`: runs `bench/NAME_bench.ts`, each in a process of its own and one after the
 * other, passes its output on and keeps its `BENCH` lines in `build/bench/NAME.txt`.
 * @module
 */
import { fileURLToPath } from "node:url";
import { killTree, MARK } from "../tests/helpers/process_tree.ts";
import { interopEnvironment } from "../tests/interop/environment.ts";
import { kerberosEnvironment } from "../tests/auth/environment.ts";

const HERE = fileURLToPath(new URL("./", import.meta.url));
const RESULTS = fileURLToPath(new URL("../build/bench/", import.meta.url));

/** Longest that a suite may take, in seconds. */
const BUDGET = 900;
const QUICK_BUDGET = 40;

async function main(args: readonly string[]): Promise<number> {
  const quick = args.includes("--quick");
  const known = [...Deno.readDirSync(HERE)].flatMap(({ name }) => /^(.*)_bench\.ts$/.exec(name)?.[1] ?? [])
    .sort();
  const named = args.filter((arg) => arg !== "--quick");
  const unknown = named.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    console.error(`run benchmarks: no suite ${unknown.join(", ")}; there are ${known.join(", ")}`);
    return 2;
  }
  const names = named.length > 0 ? named : known;
  // The peers are made before the clock of a suite starts: the first time takes longer than a quick suite may.
  if (names.includes("exec") || names.includes("fleet")) await interopEnvironment();
  if (names.includes("auth")) await kerberosEnvironment();
  await Deno.mkdir(RESULTS, { recursive: true });
  const failed: string[] = [];
  for (const name of names) {
    if (!await runSuite(name, quick)) failed.push(name);
  }
  if (failed.length > 0) console.error(`failed: ${failed.join(", ")}`);
  return failed.length > 0 ? 1 : 0;
}

async function runSuite(name: string, quick: boolean): Promise<boolean> {
  const mark = `bench-${crypto.randomUUID()}`;
  const budget = quick ? QUICK_BUDGET : BUDGET;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", `${HERE}${name}_bench.ts`, ...(quick ? ["--quick"] : [])],
    env: { [MARK]: mark },
    stdin: "null",
    stdout: "piped",
    detached: true,
  }).spawn();
  const stop = () => {
    killTree(child.pid, mark);
    Deno.exit(130);
  };
  Deno.addSignalListener("SIGINT", stop);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    killTree(child.pid, mark);
  }, budget * 1000);

  const lines: string[] = [];
  let rest = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    Deno.stdout.writeSync(new TextEncoder().encode(text));
    const parts = (rest + text).split("\n");
    rest = parts.pop()!;
    lines.push(...parts.filter((line) => line.startsWith("BENCH ")));
  }
  const { success } = await child.status;
  clearTimeout(timer);
  killTree(child.pid, mark);
  Deno.removeSignalListener("SIGINT", stop);
  await Deno.writeTextFile(`${RESULTS}${name}.txt`, lines.map((line) => `${line}\n`).join(""));
  if (late) console.error(`${name}: did not end within ${budget} s and was killed`);
  return success && !late;
}

Deno.exit(await main(Deno.args));
