import assert from "node:assert/strict";
import fc from "fast-check";
import type { ActorRef } from "../../actors/kernel/actor.ts";
import { passivating } from "../../actors/kernel/passivating.ts";
import { actorName } from "../../actors/kernel/registry.ts";
import { createTestSystem, SeededRandom } from "../helpers/virtual_clock.ts";

const seeds = fc.integer({ min: 1, max: 0x7fffffff });

Deno.test("however often an actor is passivated, every message is handled once and in order", () => {
  let passivations = 0;
  fc.assert(
    fc.property(
      seeds,
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 1, max: 64 }),
      (seed, capacity, idleMs, maxTurn) => {
        const test = createTestSystem({ seed, maxTurn });
        const random = new SeededRandom(seed);
        const received: string[] = [];
        const sent: string[] = [];
        const sleepy = test.system.spawn(passivating<string>({
          mailbox: { capacity, overflow: "wait" },
          start: (context) => {
            // A child that takes its time to end: messages come while the life is ending.
            if (random.below(2) === 0) {
              context.spawn<"over">({
                start: () => ({
                  handle: (_over, inner) => inner.stop(),
                  stopping: (inner) => {
                    inner.timer(random.below(6), "over");
                    return false;
                  },
                }),
              });
            }
            return {
              handle: (message) => void received.push(message),
              stopped: () => void passivations++,
            };
          },
        }, idleMs));
        for (let from = 0; from < 3; from++) {
          test.system.spawn<"go">({
            start: (context) => {
              let n = 0;
              context.timer(random.below(20), "go");
              return {
                handle: (_go, inner) => {
                  for (let i = random.below(4); i >= 0; i--) {
                    sent.push(`${from}.${n}`);
                    inner.send(sleepy, `${from}.${n++}`);
                  }
                  if (n < 30) inner.timer(random.below(20), "go");
                },
              };
            },
          });
        }
        test.settle();
        for (let from = 0; from < 3; from++) {
          const own = (line: string) => line.startsWith(`${from}.`);
          assert.deepEqual(received.filter(own), sent.filter(own));
        }
        assert.equal(test.system.inspect().children[0]?.state, "passive");
        assert.equal(test.system.stats.timers, 0);
      },
    ),
    { numRuns: 150 },
  );
  assert.ok(passivations > 500);
});

Deno.test("a name has one living actor at most, and none that has ended", () => {
  fc.assert(
    fc.property(seeds, fc.integer({ min: 1, max: 64 }), (seed, maxTurn) => {
      const { system, run, advance } = createTestSystem({ seed, maxTurn });
      const random = new SeededRandom(seed);
      const names = ["a", "b", "c"].map((text) => actorName<string>(text));
      const living = new Map<string, ActorRef<string>>();
      for (let step = 0; step < 40; step++) {
        const action = random.below(4);
        const name = names[random.below(names.length)]!;
        if (action === 0) {
          const ref = system.spawn<string>({
            restart: "transient",
            start: (context) => {
              context.register(name, context.self);
              return {
                handle: (message, inner) => {
                  if (message === "crash") throw new Error("boom");
                  if (message === "sleep") inner.passivate();
                  else inner.stop();
                },
              };
            },
          });
          living.set(ref.path, ref);
        } else {
          const ref = [...living.values()][random.below(living.size || 1)];
          const message = (["crash", "sleep", "stop"] as const)[action - 1]!;
          if (ref !== undefined) system.send(ref, message);
        }
        if (random.below(2) === 0) run();
      }
      advance(60_000);
      const seen = new Map<string, number>();
      const top = system.inspect().children;
      for (const info of top) {
        for (const name of info.names) {
          assert.ok(!seen.has(name));
          seen.set(name, info.id);
        }
      }
      for (const name of names) assert.equal(system.whereis(name)?.id, seen.get(name.text));
    }),
    { numRuns: 100 },
  );
});
