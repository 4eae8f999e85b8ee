/** Laws of the batches of rolling jobs. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { batchSize, Rolling } from "../../actors/daemon/mod.ts";

const terms = fc.record({
  batch: fc.oneof(
    fc.integer({ min: 1, max: 12 }),
    fc.integer({ min: 1, max: 100 }).map((share) => `${share}%`),
  ),
  maxFailures: fc.option(fc.integer({ min: 0, max: 6 }), { nil: undefined }),
});

/** By host: whether it succeeds; and numbers that choose which host that runs ends next, and when a life ends. */
const plans = fc.record({
  terms,
  succeeds: fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }),
  choices: fc.array(fc.nat(1_000), { minLength: 120, maxLength: 120 }),
});

Deno.test("batches begin in turn, none before the end of the last, none after too many failures, restarts or not", () => {
  fc.assert(fc.property(plans, ({ terms: { batch, maxFailures }, succeeds, choices }) => {
    const total = succeeds.length;
    const size = batchSize(batch, total);
    const asked = { batch, ...(maxFailures === undefined ? {} : { maxFailures }) };
    const done = new Set<number>();
    let begun = new Set<number>();
    let failures = 0;
    const live = () => {
      const hosts = succeeds.map((_, index) => ({ index, begun: begun.has(index) }));
      return new Rolling(total, asked, hosts.filter(({ index }) => !done.has(index)), failures);
    };
    let rolling = live();
    for (const choice of choices) {
      const { limit } = rolling;
      for (let index = 0; index < limit; index++) begun.add(index);
      const batchOfLast = Math.ceil(limit / size) - 1;
      // All before the batch that runs have their results.
      for (let index = 0; index < batchOfLast * size; index++) assert.ok(done.has(index));
      assert.ok(limit === total || limit % size === 0);
      const running = [...begun].filter((index) => !done.has(index));
      const next = running[choice % Math.max(1, running.length)];
      if (next === undefined) break;
      const before = rolling.limit;
      done.add(next);
      if (!succeeds[next]!) failures++;
      rolling.ended(next, succeeds[next]!);
      if (rolling.limit > before) {
        assert.ok(maxFailures === undefined || failures === 0 || failures < maxFailures, "a batch too many");
      }
      assert.equal(rolling.failures, failures);
      if (choice % 5 === 0) {
        // What was only allowed to begin may not have begun when the process died.
        begun = new Set([...begun].filter((index) => done.has(index) || choice % 2 === 0));
        const { limit, stopped } = rolling;
        rolling = live();
        assert.deepEqual([rolling.limit, rolling.stopped], [limit, stopped]);
      }
    }
    const expected = maxFailures !== undefined && failures > 0 && failures >= maxFailures &&
      done.size < total;
    if ([...begun].every((index) => done.has(index))) assert.equal(rolling.stopped, expected);
    if (!rolling.stopped && [...begun].every((index) => done.has(index))) assert.equal(done.size, total);
  }));
});

Deno.test("a batch is a number or a share of at least one host, and nothing else", () => {
  assert.deepEqual([batchSize(3, 10), batchSize("10%", 95), batchSize("1%", 10), batchSize("100%", 7)], [
    3,
    9,
    1,
    7,
  ]);
  for (const batch of [0, -1, 1.5, NaN, "0%", "101%", "10", "", "-5%", "1e1%"]) {
    assert.throws(() => batchSize(batch, 10), { code: "BadBatch" }, String(batch));
  }
});
