/**
 * `deno task simulate --seeds N --seed S [--scenario X] [--jobs J] [--trace] [--first]`: runs N seeds from S on, of one scenario or of
 * all in turn (up to the first that fails with --first), on J cores (all, by default), and prints what was done. A failing seed is
 * printed with the command that replays it; the exit code is 1 then.
 * @module
 */
import { taskArguments, taskNumber } from "../helpers/task_arguments.ts";
import { byFolder, loadedModules } from "./modules.ts";
import { type ScenarioName, scenarioNames } from "./scenarios.ts";
import {
  addSums,
  type Failure,
  linesOf,
  linesOfFailure,
  noSums,
  type Range,
  runRange,
  type Sums,
} from "./summary.ts";
import type { Answer } from "./worker.ts";

const usage = "deno task simulate [--seeds N] [--seed S] [--scenario X] [--jobs J] [--trace] [--first]";
const { values } = taskArguments(usage, {
  args: Deno.args,
  options: {
    seeds: { type: "string", default: "100" },
    seed: { type: "string", default: "1" },
    scenario: { type: "string" },
    jobs: { type: "string", default: String(navigator.hardwareConcurrency) },
    trace: { type: "boolean", default: false },
    first: { type: "boolean", default: false },
  },
});
const scenario = values.scenario as ScenarioName | undefined;
if (scenario !== undefined && !scenarioNames.includes(scenario)) {
  console.error(`simulate: no scenario ${values.scenario}; there are ${scenarioNames.join(", ")}`);
  Deno.exit(2);
}

/** Seeds that a worker takes at once, and fewest that are worth a second worker. */
const batch = 20;
const fewest = 100;
const progressMs = 10_000;

const whole: Range = {
  from: taskNumber(usage, "seed", values.seed, 0),
  count: taskNumber(usage, "seeds", values.seeds, 1),
  scenario,
};
const cores = taskNumber(usage, "jobs", values.jobs, 1);
const started = performance.now();
const jobs = values.trace || whole.count < fewest ? 1 : cores;
const sums = jobs <= 1
  ? runRange(whole, failed, values.trace ? (line) => console.log(line) : undefined)
  : await runSideBySide();
const seconds = (performance.now() - started) / 1000;
const modules = await loadedModules();
console.log(`${modules.length} modules of the product:\n  ${byFolder(modules).join("\n  ")}`);
for (const line of linesOf(sums, seconds)) console.log(line);
Deno.exit(sums.numbers.failed > 0 ? 1 : 0);

/** Prints a failure; `false`: it is the last one. */
function failed(failure: Failure): boolean {
  for (const line of linesOfFailure(failure)) console.log(line);
  return !values.first;
}

/** Gives batches to workers until all are done, or one has failed and the first is enough. */
async function runSideBySide(): Promise<Sums> {
  const sums = noSums();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const end = whole.from + whole.count;
  let next = whole.from;
  let busy = 0;
  let said = performance.now();
  const workers = Array.from({ length: jobs }, () => {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    const give = () => {
      if (next >= end) return void (busy === 0 && resolve());
      const from = next;
      next = Math.min(end, from + batch);
      busy++;
      worker.postMessage({ from, count: next - from, scenario } satisfies Range);
    };
    worker.onerror = (event) => reject(new Error(event.message));
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      if ("failure" in data) {
        if (failed(data.failure)) return;
        sums.numbers.failed++;
        return resolve();
      }
      busy--;
      addSums(sums, data.sums);
      tell();
      give();
    };
    give();
    return worker;
  });
  const tell = () => {
    const now = performance.now();
    if (now - said < progressMs) return;
    said = now;
    const rate = sums.numbers.seeds / (now - started) * 1000;
    const left = (whole.count - sums.numbers.seeds) / rate;
    console.error(
      `${sums.numbers.seeds} of ${whole.count} seeds, ${rate.toFixed(1)}/s, ${sums.numbers.failed} failed, ` +
        `about ${Math.ceil(left / 60)} min left`,
    );
  };
  await promise;
  for (const worker of workers) worker.terminate();
  return sums;
}
