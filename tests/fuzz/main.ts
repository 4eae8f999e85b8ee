/**
 * `deno task fuzz [TARGET…] [--seconds N] [--seed S] [--execs N]`: fuzzes each target (or those named) for N seconds, 20 by
 * default. Prints executions per second and states reached; exit code 1 with the input that broke a law, or that hung.
 * `deno task fuzz --mutants [NAME…]` plants bugs in a copy of the sources and shows that they are found.
 * @module
 */
import { taskArguments, taskNumber } from "../helpers/task_arguments.ts";
import { type Figures, latin1, show } from "./engine.ts";
import { showMutants } from "./mutants.ts";
import { targets } from "./targets.ts";
import { progressHead, type Work } from "./worker.ts";

/** One input may take this long before it counts as a hang; all take less than a hundredth of it. */
const hangMs = 20_000;

const usage = "deno task fuzz [TARGET…] [--seconds N] [--seed S] [--execs N], or --mutants [NAME…]";
const { values, positionals } = taskArguments(usage, {
  args: Deno.args,
  allowPositionals: true,
  options: {
    seconds: { type: "string", default: "20" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    execs: { type: "string" },
    mutants: { type: "boolean", default: false },
  },
});

const seed = taskNumber(usage, "seed", values.seed, 0);
const seconds = taskNumber(usage, "seconds", values.seconds, 0);
const execs = values.execs === undefined ? undefined : taskNumber(usage, "execs", values.execs, 1);
if (values.mutants) Deno.exit(await showMutants(positionals) ? 0 : 1);

const chosen = targets.map(({ target }) => target.name)
  .filter((name) => positionals.length === 0 || positionals.some((part) => name.includes(part)));
if (chosen.length === 0) {
  console.error(`there is no such target; targets: ${targets.map(({ target }) => target.name).join(", ")}`);
  Deno.exit(2);
}
console.log(`seed ${values.seed}`);
let failed = false;
for (const name of chosen) {
  const outcome = await run(name);
  failed ||= typeof outcome === "string";
  console.log(typeof outcome === "string" ? `FINDING ${outcome}` : show(outcome));
}
Deno.exit(failed ? 1 : 0);

/** Figures, or the finding. */
function run(name: string): Promise<Figures | string> {
  const progress = new SharedArrayBuffer(progressHead + 65_536);
  const counters = new Int32Array(progress, 0, 2);
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  const { promise, resolve } = Promise.withResolvers<Figures | string>();
  let last = -1;
  const watch = setInterval(() => {
    const now = Atomics.load(counters, 0);
    if (now === last && now > 0) {
      const input = new Uint8Array(progress, progressHead).slice(0, Atomics.load(counters, 1));
      resolve(`${name}: input ${now} hangs\n  input: ${JSON.stringify(latin1(input))}`);
    }
    last = now;
  }, hangMs);
  worker.onmessage = ({ data }: MessageEvent<{ figures?: Figures; finding?: string }>) =>
    resolve(data.figures ?? data.finding ?? "no answer");
  worker.onerror = (event) => {
    event.preventDefault();
    resolve(`${name}: ${event.message}`);
  };
  worker.postMessage(
    {
      name,
      seed,
      execs: execs ?? Infinity,
      milliseconds: execs === undefined ? seconds * 1_000 : Infinity,
      progress,
    } satisfies Work,
  );
  return promise.finally(() => {
    clearInterval(watch);
    worker.terminate();
  });
}
