/**
 * Whole fleets in virtual time: every scenario with many seeds. A failure prints its seed, which replays it:
 * `deno task simulate --seeds 1 --seed S --scenario X`.
 */
import assert from "node:assert/strict";
import { loadedModules } from "./modules.ts";
import { type CrashPlan, type EffectKind, effectKinds } from "./crash_points.ts";
import { makePlan } from "./plan.ts";
import { simulate, simulatePlan } from "./run.ts";
import { scenarioNames } from "./scenarios.ts";

/** 21 scenarios make 1,071, and some of hundreds of hosts. */
const manySeeds = 51;
const fleetSeeds = 3;

for (const scenario of scenarioNames) {
  const seeds = scenario === "fleet" ? fleetSeeds : manySeeds;
  Deno.test(`simulation ${scenario}: one truthful result per host, limits kept, nothing left, for ${seeds} seeds`, () => {
    for (let seed = 1; seed <= seeds; seed++) {
      const { violations } = simulate(scenario, seed);
      assert.deepEqual(violations, [], `deno task simulate --seeds 1 --seed ${seed} --scenario ${scenario}`);
    }
  });
}

/** Effects that only a life has that goes on with what an earlier one has left. */
const afterDeath: readonly EffectKind[] = [
  "job recovered",
  "store gap",
  "kept gap",
  "write of Enumerate",
  "write of Pull",
];

/** Runs in which each effect of a daemon is the one at which it dies, and seeds that are tried for them: some effects are rare. */
const crashesEach = 2;
const mostSeeds = 1_000;

Deno.test("simulation daemon: it can die at any of its effects, and goes on", () => {
  for (const kind of effectKinds) {
    const crash: CrashPlan = { kind, nth: 1, backMs: 100 };
    const crashes = afterDeath.includes(kind)
      ? [{ ...crash, kind: "write of Receive" as const }, crash]
      : [crash];
    let hits = 0;
    for (let seed = 1; hits < crashesEach; seed++) {
      assert.ok(seed <= mostSeeds, `${kind}: ${hits} crashes`);
      const plan = makePlan("daemon", seed);
      // The others end by themselves.
      if (plan.crashes.length === 0) continue;
      const { violations, faults } = simulatePlan({ ...plan, crashes });
      if (!faults.has(`crash at ${kind}`)) continue;
      hits++;
      assert.deepEqual(violations, [], `${kind}, seed ${seed}`);
    }
  }
});

Deno.test("simulation: the same seed gives the same run, another one another", () => {
  for (const scenario of scenarioNames) {
    if (scenario === "fleet") continue;
    const first = simulate(scenario, 7);
    const second = simulate(scenario, 7);
    assert.deepEqual(second, first, scenario);
    assert.notEqual(simulate(scenario, 8).traceHash, first.traceHash, scenario);
  }
});

Deno.test("simulation: it is the product that runs, on both sides", async () => {
  const modules = await loadedModules();
  const expected = [
    "actors/daemon/durable_job.ts",
    "actors/host/execution.ts",
    "actors/host/link.ts",
    "actors/kernel/system.ts",
    "actors/scheduler/scheduler.ts",
    "actors/service/connection.ts",
    "actors/service/shell.ts",
    "protocol/auth/ntlm_acceptor.ts",
    "protocol/auth/ntlm_initiator.ts",
    "protocol/http/multipart.ts",
    "protocol/http/response_parser.ts",
    "protocol/shell/answers.ts",
    "protocol/xml/parser.ts",
    "runtime/client/targets.ts",
    "runtime/transports/simulated.ts",
  ];
  for (const path of expected) assert.ok(modules.includes(path), `${path} is not in ${modules.join(" ")}`);
});
