/**
 * `deno task simulate --seeds N --seed S [--scenario X] [--trace] [--first]`: runs N seeds from S on, of one scenario or of all
 * in turn (up to the first that fails with --first), and prints what was done. A failing seed is printed with the command that replays it; the exit code is 1 then.
 * @module
 */
import { parseArgs } from "node:util";
import { byFolder, loadedModules } from "./modules.ts";
import { type RunReport, simulate } from "./run.ts";
import { type ScenarioName, scenarioNames } from "./plan.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    seeds: { type: "string", default: "100" },
    seed: { type: "string", default: "1" },
    scenario: { type: "string" },
    trace: { type: "boolean", default: false },
    first: { type: "boolean", default: false },
  },
});
const chosen = values.scenario === undefined ? scenarioNames : [values.scenario as ScenarioName];
if (!chosen.every((name) => scenarioNames.includes(name))) {
  console.error(`simulate: no scenario ${values.scenario}; there are ${scenarioNames.join(", ")}`);
  Deno.exit(2);
}

const totals = { hosts: 0, steps: 0, messages: 0, bytes: 0, virtualMs: 0, expired: 0, failed: 0 };
const statuses = new Map<string, number>();
const faults = new Map<string, number>();
const requests = new Map<string, number>();
const byScenario = new Map<string, number>();
const started = performance.now();
const first = Number(values.seed);
const count = Number(values.seeds);
for (let i = 0; i < count; i++) {
  const seed = first + i;
  const scenario = chosen[seed % chosen.length]!;
  const report = simulate(scenario, seed, values.trace ? (line) => console.log(line) : undefined);
  add(report);
  if (report.violations.length === 0) continue;
  totals.failed++;
  console.log(
    `FAILED seed ${seed} ${scenario}: deno task simulate --seeds 1 --seed ${seed} --scenario ${scenario}`,
  );
  for (const violation of report.violations.slice(0, 5)) console.log(`  ${violation}`);
  if (values.first) break;
}
const seconds = (performance.now() - started) / 1000;
const modules = await loadedModules();
console.log(`${modules.length} modules of the product:\n  ${byFolder(modules).join("\n  ")}`);
console.log(`scenarios: ${list(byScenario)}`);
console.log(`statuses:  ${list(statuses)}`);
console.log(`faults:    ${list(faults)}`);
console.log(`requests:  ${list(requests)}`);
console.log(
  `${count} seeds in ${seconds.toFixed(1)} s (${(count / seconds).toFixed(1)}/s), ${totals.failed} failed; ` +
    `${totals.hosts} hosts, ${totals.steps} steps, ${totals.messages} messages, ${totals.bytes} bytes, ` +
    `${(totals.virtualMs / 1000).toFixed(0)} virtual s, ${totals.expired} shells left to their idle time-out`,
);
Deno.exit(totals.failed > 0 ? 1 : 0);

function add(report: RunReport): void {
  for (const key of ["hosts", "steps", "messages", "bytes", "virtualMs", "expired"] as const) {
    totals[key] += report[key];
  }
  byScenario.set(report.scenario, (byScenario.get(report.scenario) ?? 0) + 1);
  for (
    const [from, to] of [[report.statuses, statuses], [report.faults, faults], [
      report.requests,
      requests,
    ]] as const
  ) {
    for (const [name, number] of from) to.set(name, (to.get(name) ?? 0) + number);
  }
}

function list(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([name, number]) => `${name} ${number}`).join(", ") || "none";
}
