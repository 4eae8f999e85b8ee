/** What many runs have done and checked, added up. @module */
import { invariants } from "./checks.ts";
import { type RunReport, simulate } from "./run.ts";
import { type ScenarioName, scenarioOf } from "./scenarios.ts";

const numbers = ["seeds", "failed", "hosts", "steps", "messages", "bytes", "virtualMs", "expired"] as const;
const tables = ["scenarios", "statuses", "faults", "requests", "checks"] as const;

/** Sums; a structured clone of them passes between workers. */
export interface Sums {
  readonly numbers: Record<typeof numbers[number], number>;
  readonly tables: Record<typeof tables[number], Map<string, number>>;
}

/** Seeds to run. */
export interface Range {
  readonly from: number;
  readonly count: number;
  /** `undefined`: each seed has its scenario. */
  readonly scenario: ScenarioName | undefined;
}

/** A run that has violated something. */
export interface Failure {
  readonly seed: number;
  readonly scenario: ScenarioName;
  readonly violations: readonly string[];
}

/** Nothing yet. */
export function noSums(): Sums {
  return {
    numbers: { seeds: 0, failed: 0, hosts: 0, steps: 0, messages: 0, bytes: 0, virtualMs: 0, expired: 0 },
    tables: {
      scenarios: new Map(),
      statuses: new Map(),
      faults: new Map(),
      requests: new Map(),
      checks: new Map(),
    },
  };
}

/** Adds `other` to `sums`. */
export function addSums(sums: Sums, other: Sums): void {
  for (const name of numbers) sums.numbers[name] += other.numbers[name];
  for (const name of tables) count(sums.tables[name], other.tables[name]);
}

/** Runs seeds one after the other, up to the first that fails when `failed` returns `false`. */
export function runRange(
  { from, count: seeds, scenario }: Range,
  failed: (failure: Failure) => boolean,
  onTrace?: (line: string) => void,
): Sums {
  const sums = noSums();
  for (let seed = from; seed < from + seeds; seed++) {
    const report = simulate(scenario ?? scenarioOf(seed), seed, onTrace);
    addReport(sums, report);
    if (report.violations.length > 0 && !failed(report)) break;
  }
  return sums;
}

/** The sums as lines of text. */
export function linesOf({ numbers: sums, tables }: Sums, seconds: number): string[] {
  const checked = invariants.map((name) => `  ${String(tables.checks.get(name) ?? 0).padStart(12)}  ${name}`);
  const perSecond = (sums.seeds / seconds).toFixed(1);
  return [
    `scenarios: ${list(tables.scenarios)}`,
    `statuses:  ${list(tables.statuses)}`,
    `faults:    ${list(tables.faults)}`,
    `requests:  ${list(tables.requests)}`,
    "invariants checked:",
    ...checked,
    `${sums.seeds} seeds in ${seconds.toFixed(1)} s (${perSecond}/s), ${sums.failed} failed; ` +
    `${sums.hosts} hosts, ${sums.steps} steps, ${sums.messages} messages, ${sums.bytes} bytes, ` +
    `${(sums.virtualMs / 1000).toFixed(0)} virtual s, ${sums.expired} shells left to their idle time-out`,
  ];
}

/** What is printed of a run that has failed, with the command that replays it. */
export function linesOfFailure({ seed, scenario, violations }: Failure): string[] {
  return [
    `FAILED seed ${seed} ${scenario}: deno task simulate --seeds 1 --seed ${seed} --scenario ${scenario}`,
    ...violations.slice(0, 5).map((violation) => `  ${violation}`),
  ];
}

function addReport({ numbers: sums, tables }: Sums, report: RunReport): void {
  sums.seeds++;
  if (report.violations.length > 0) sums.failed++;
  for (const name of ["hosts", "steps", "messages", "bytes", "virtualMs", "expired"] as const) {
    sums[name] += report[name];
  }
  count(tables.scenarios, new Map([[report.scenario, 1]]));
  for (const name of ["statuses", "faults", "requests", "checks"] as const) {
    count(tables[name], report[name]);
  }
}

function count(sums: Map<string, number>, more: ReadonlyMap<string, number>): void {
  for (const [name, number] of more) sums.set(name, (sums.get(name) ?? 0) + number);
}

function list(counts: ReadonlyMap<string, number>): string {
  return [...counts].sort(([a], [b]) => a < b ? -1 : 1).map(([name, number]) => `${name} ${number}`).join(
    ", ",
  ) ||
    "none";
}
