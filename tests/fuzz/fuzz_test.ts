// Every target for a fixed number of inputs from a fixed seed. Long runs: `deno task fuzz [TARGET] [--seconds N] [--seed S]`.
import assert from "node:assert/strict";
import { fuzz, show } from "./engine.ts";
import { suiteSeed, targets } from "./targets.ts";

for (const { target, execs, states } of targets) {
  Deno.test(`${target.name}: mutated inputs break no law`, () => {
    const figures = fuzz(target, suiteSeed, { execs });
    console.log(show(figures));
    assert.ok(figures.states >= states, `only ${figures.states} states were reached`);
  });
}
