/**
 * `deno task mutants [--jobs N] [NAME…]`: plants each bug of `mutant_list.ts` in a copy of the sources, on N cores (all, by default), and shows
 * that the simulation finds it within 500 seeds: a table says by which seed. The product is not touched, and has no switches for this.
 * Exit code 1 when a bug is not found, or cannot be planted because the source has changed.
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { taskArguments, taskNumber } from "../helpers/task_arguments.ts";
import { type Mutant, mutants } from "./mutant_list.ts";

const top = fileURLToPath(new URL("../../", import.meta.url));
const seeds = 500;
const usage = "deno task mutants [--jobs N] [NAME…]";
const { values, positionals } = taskArguments(usage, {
  args: Deno.args,
  allowPositionals: true,
  options: { jobs: { type: "string", default: String(navigator.hardwareConcurrency) } },
});
const jobs = taskNumber(usage, "jobs", values.jobs, 1);
const chosen = mutants.filter(({ name }) =>
  positionals.length === 0 || positionals.some((part) => name.includes(part))
);
const started = performance.now();
const temporary = await Deno.makeTempDir({ prefix: "drover-mutants-" });
const outcomes = new Map<Mutant, string>();
try {
  const left = [...chosen];
  const lanes = Array.from({ length: jobs }, async (_, lane) => {
    const copy = join(temporary, String(lane));
    for (const name of ["actors", "protocol", "runtime", "ffi", "tests/helpers", "tests/simulation"]) {
      await copyFolder(join(top, name), join(copy, name));
    }
    for (const name of ["deno.json", "deno.lock"]) await Deno.copyFile(join(top, name), join(copy, name));
    for (let mutant = left.shift(); mutant !== undefined; mutant = left.shift()) {
      const outcome = await tryMutant(mutant, copy);
      outcomes.set(mutant, outcome);
      console.error(`${mutant.name}: ${outcome}`);
    }
  });
  await Promise.all(lanes);
} finally {
  await Deno.remove(temporary, { recursive: true });
}
const width = Math.max(0, ...chosen.map(({ name }) => name.length));
for (const mutant of chosen) console.log(`${mutant.name.padEnd(width)}  ${outcomes.get(mutant)}`);
const found = [...outcomes.values()].filter((outcome) => outcome.startsWith("seed")).length;
const minutes = ((performance.now() - started) / 60_000).toFixed(1);
console.log(`${found} of ${chosen.length} planted bugs were found within ${seeds} seeds, in ${minutes} min`);
Deno.exit(found < chosen.length ? 1 : 0);

/** What the simulation says first about a bug that is planted in `copy`. */
async function tryMutant({ edits, scenario }: Mutant, copy: string): Promise<string> {
  try {
    for (const { file, from, to } of edits) {
      const path = join(copy, file);
      const text = await Deno.readTextFile(path);
      if (text.split(from).length !== 2) {
        return `CANNOT BE PLANTED: ${file} has changed, fit the mutant to it`;
      }
      await Deno.writeTextFile(path, text.replace(from, () => to));
    }
    const { stdout } = await new Deno.Command("deno", {
      args: [
        "run",
        "--no-check",
        "--allow-read",
        "tests/simulation/main.ts",
        "--first",
        "--jobs",
        "1",
        "--seeds",
        String(seeds),
        ...(scenario === undefined ? [] : ["--scenario", scenario]),
      ],
      cwd: copy,
      stderr: "null",
    }).output();
    const found = /FAILED (seed \d+ \w+)[^\n]*\n\s*([^\n]*)/.exec(new TextDecoder().decode(stdout));
    return found === null ? "MISSED" : `${found[1]}: ${found[2]}`;
  } finally {
    for (const { file } of edits) await Deno.copyFile(join(top, file), join(copy, file));
  }
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory, isFile } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(join(from, name), join(to, name));
    else if (isFile) await Deno.copyFile(join(from, name), join(to, name));
  }
}
