import assert from "node:assert/strict";
import fc from "fast-check";
import type { ActorRef, AskOutcome, ChildSpec, Overflow, ReplyTo } from "../../actors/kernel/actor.ts";
import type { ActorInfo } from "../../actors/kernel/inspection.ts";
import { createTestSystem, SeededRandom } from "../helpers/virtual_clock.ts";

const seeds = fc.integer({ min: 1, max: 0x7fffffff });

interface Numbered {
  readonly from: number;
  readonly n: number;
}

/** Several senders with bursts of several sizes into one slow, small mailbox. */
function flood(seed: number, overflow: Overflow, maxTurn: number) {
  const test = createTestSystem({ seed, maxTurn });
  const random = new SeededRandom(seed);
  const received: Numbered[] = [];
  const returned: Numbered[] = [];
  const capacity = 1 + random.below(5);
  const senders = 1 + random.below(5);
  const perSender = 40;
  test.system.spawn<"go">({
    start: (context) => {
      const sink = context.spawn<Numbered>({
        mailbox: { capacity, overflow },
        start: () => ({ handle: (message) => void received.push(message) }),
      });
      for (let from = 0; from < senders; from++) {
        context.spawn<"go">({
          start: (own) => {
            let n = 0;
            own.timer(random.below(3), "go");
            return {
              handle: (_message, inner) => {
                const burst = 1 + random.below(7);
                for (let i = 0; i < burst && n < perSender; i++) inner.send(sink, { from, n: n++ });
                if (n < perSender) inner.timer(random.below(3), "go");
              },
              undeliverable: (_to, message) => void returned.push(message as Numbered),
            };
          },
        });
      }
      return { handle() {} };
    },
  });
  test.settle();
  return { received, returned, sent: senders * perSender };
}

Deno.test("per sender, messages arrive in order, whatever the mailbox does when it is full", () => {
  fc.assert(
    fc.property(
      seeds,
      fc.constantFrom<Overflow>("wait", "reject", "shedOldest"),
      fc.integer({ min: 1, max: 64 }),
      (seed, overflow, maxTurn) => {
        const { received } = flood(seed, overflow, maxTurn);
        const last = new Map<number, number>();
        for (const { from, n } of received) {
          assert.ok(n > (last.get(from) ?? -1));
          last.set(from, n);
        }
      },
    ),
    { numRuns: 100 },
  );
});

Deno.test("with wait nothing is lost or doubled, with reject everything arrives or comes back", () => {
  fc.assert(
    fc.property(seeds, fc.integer({ min: 1, max: 64 }), (seed, maxTurn) => {
      const waited = flood(seed, "wait", maxTurn);
      assert.equal(waited.received.length, waited.sent);
      assert.equal(waited.returned.length, 0);
      const rejected = flood(seed, "reject", maxTurn);
      const all = [...rejected.received, ...rejected.returned].map(({ from, n }) => `${from}.${n}`);
      assert.equal(all.length, rejected.sent);
      assert.equal(new Set(all).size, all.length);
    }),
    { numRuns: 100 },
  );
});

Deno.test("a mailbox never holds more counted messages than its bound", () => {
  fc.assert(
    fc.property(
      seeds,
      fc.integer({ min: 1, max: 8 }),
      fc.constantFrom<Overflow>("wait", "reject", "shedOldest"),
      fc.array(fc.boolean(), { maxLength: 100, size: "max" }),
      (seed, capacity, overflow, script) => {
        const { system, run } = createTestSystem({ seed });
        let handled = 0;
        const ref = system.spawn<number>({
          mailbox: { capacity, overflow },
          start: () => ({ handle: () => void handled++ }),
        });
        run();
        let accepted = 0;
        script.forEach((send, i) => {
          if (!send) return run();
          if (system.send(ref, i)) accepted++;
          const info = system.inspect().children[0];
          assert.ok(info !== undefined && info.mailbox <= capacity);
        });
        const shed = system.inspect().children[0]?.shed ?? 0;
        run();
        assert.equal(handled, accepted - shed);
      },
    ),
    { numRuns: 200 },
  );
});

type Question = { readonly mood: number; readonly replyTo: ReplyTo<number> };

Deno.test("every ask has exactly one outcome, whoever is stopped, killed, crashed or cancelled meanwhile", async () => {
  await fc.assert(
    fc.asyncProperty(seeds, async (seed) => {
      const test = createTestSystem({ seed, maxTurn: 4 });
      const { system } = test;
      const random = new SeededRandom(seed);
      const answerer = (): ChildSpec<Question> => ({
        restart: "transient",
        mailbox: { capacity: 2, overflow: "wait" },
        shutdownMs: 20,
        start: () => {
          const kept: ReplyTo<number>[] = [];
          return {
            handle: ({ mood, replyTo }, context) => {
              kept.push(replyTo);
              if (mood === 0) context.reply(replyTo, 1);
              if (mood === 1) throw new Error("crash");
              if (mood === 2) context.stop();
              if (mood === 3) kept.forEach((open) => context.reply(open, 2));
            },
            stopping: () => random.below(2) === 0,
          };
        },
      });
      const targets: ActorRef<Question>[] = [];
      for (let i = 0; i < 4; i++) targets.push(system.spawn(answerer()));
      let inside = 0;
      let outcomes = 0;
      const asker = system.spawn<number | AskOutcome<number>>({
        start: () => ({
          handle: (message, context) => {
            if (typeof message !== "number") return void outcomes++;
            const target = targets[message];
            if (target === undefined) return;
            inside++;
            context.ask<Question, number>(
              target,
              (replyTo) => ({ mood: random.below(6), replyTo }),
              1 + random.below(30),
              (outcome) => outcome,
            );
          },
        }),
      });
      const outside: Promise<AskOutcome<number>>[] = [];
      for (let i = 0; i < 40; i++) {
        const target = targets[random.below(4)];
        if (target === undefined) continue;
        const controller = new AbortController();
        outside.push(
          system.ask<Question, number>(
            target,
            (replyTo) => ({ mood: random.below(6), replyTo }),
            1 + random.below(30),
            controller.signal,
          ),
        );
        system.send(asker, random.below(4));
        if (random.below(5) === 0) controller.abort();
        if (random.below(9) === 0) system.stop(target);
        if (random.below(9) === 0) system.kill(target);
        if (random.below(3) === 0) test.advance(random.below(5));
      }
      test.settle();
      const kinds = await Promise.all(outside);
      assert.equal(kinds.length, outside.length);
      assert.equal(outcomes, inside);
      await test.until(system.shutdown());
      assert.equal(system.stats.timers, 0);
      assert.equal(system.stats.actors, 0);
      assert.equal(test.clock.pending, 0);
    }),
    { numRuns: 150 },
  );
});

Deno.test("a handler has all of its effects or, when it throws, none", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(5), fc.boolean()), { maxLength: 30, size: "max" }), (script) => {
      const { system, run, crashes } = createTestSystem();
      const effects: string[] = [];
      const sink = system.spawn<string>({ start: () => ({ handle: (m) => void effects.push(m) }) });
      const ref = system.spawn<readonly [number, number, boolean]>({
        restart: "permanent",
        start: () => ({
          handle: ([index, count, fails], context) => {
            for (let i = 0; i < count; i++) {
              context.send(sink, `${index}`);
              context.effect(() => void effects.push(`${index}`));
              context.spawn({ name: `${index}.${i}`, start: () => ({ handle() {} }) });
            }
            if (fails) throw new Error("after asking");
          },
        }),
      });
      let failures = 0;
      script.forEach(([count, fails], index) => {
        if (fails && failures === 3) return;
        if (fails) failures++;
        system.send(ref, [index, count, fails]);
        run();
        const mine = effects.filter((effect) => effect === `${index}`).length;
        assert.equal(mine, fails ? 0 : 2 * count);
      });
      assert.equal(crashes.length, failures);
    }),
    { numRuns: 150 },
  );
});

/** A random tree; every end is logged. */
function tree(random: SeededRandom, name: string, depth: number, log: string[]): ChildSpec<never> {
  const children = depth === 0 ? 0 : random.below(4);
  const slow = random.below(5) === 0;
  return {
    name,
    shutdownMs: 10 + random.below(100),
    start: (context) => {
      for (let i = 0; i < children; i++) context.spawn(tree(random, `${i}`, depth - 1, log));
      return { handle() {}, stopping: () => !slow, stopped: () => void log.push(context.self.path) };
    },
  };
}

Deno.test("a tree stops in reverse start order, children before parents, also when some must be killed", async () => {
  await fc.assert(
    fc.asyncProperty(seeds, async (seed) => {
      const test = createTestSystem({ seed });
      const log: string[] = [];
      test.system.spawn(tree(new SeededRandom(seed), "top", 3, log));
      test.run();
      const expected: string[] = [];
      const visit = (info: ActorInfo) => {
        [...info.children].reverse().forEach(visit);
        if (info.path !== "/") expected.push(info.path);
      };
      visit(test.system.inspect());
      await test.until(test.system.shutdown());
      assert.deepEqual(log, expected);
      assert.equal(test.clock.pending, 0);
    }),
    { numRuns: 100 },
  );
});

Deno.test("no more restarts within a window than its supervisor allows", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 5 }),
      fc.integer({ min: 10, max: 1000 }),
      fc.array(fc.nat(300), { minLength: 1, maxLength: 40, size: "max" }),
      (maxRestarts, windowMs, gaps) => {
        const { system, advance, run, clock } = createTestSystem();
        const restarts: number[] = [];
        let child: ActorRef<"crash"> | undefined;
        system.spawn<never>({
          supervision: { strategy: "oneForOne", maxRestarts, windowMs },
          start: (context) => {
            let first = true;
            child = context.spawn<"crash">({
              restart: "permanent",
              start: () => {
                if (!first) restarts.push(clock.monotonic());
                first = false;
                return {
                  handle: () => {
                    throw new Error("crash");
                  },
                };
              },
            });
            return { handle() {} };
          },
        });
        run();
        for (const gap of gaps) {
          advance(gap);
          if (child !== undefined) system.send(child, "crash");
          run();
        }
        for (const start of restarts) {
          const within = restarts.filter((time) => time >= start && time < start + windowMs);
          assert.ok(within.length <= maxRestarts);
        }
      },
    ),
    { numRuns: 200 },
  );
});

Deno.test("the same seed gives the same run", () => {
  const trace = (seed: number): string => {
    const test = createTestSystem({ seed, maxTurn: 7 });
    const log: string[] = [];
    const { system } = test;
    const peers: ActorRef<number>[] = [];
    for (let i = 0; i < 5; i++) {
      peers.push(system.spawn<number>({
        name: `p${i}`,
        restart: "permanent",
        mailbox: { capacity: 3, overflow: "shedOldest" },
        start: (context) => {
          context.timer(10, 8);
          return {
            handle: (n, inner) => {
              const [dice = 0, other = 0] = inner.random.bytes(2);
              log.push(`${inner.now()} ${i} ${n} ${dice}`);
              if (dice > 245) throw new Error("bad luck");
              const peer = peers[other % 5];
              if (n > 0 && peer !== undefined) {
                inner.send(peer, n - 1);
                inner.timer(dice % 17, n - 1);
              }
            },
          };
        },
      }));
    }
    test.settle();
    log.push(...test.crashes.map((crash) => crash.path));
    return log.join("\n");
  };
  fc.assert(
    fc.property(seeds, (seed) => {
      const first = trace(seed);
      assert.ok(first.length > 100);
      assert.equal(trace(seed), first);
    }),
    { numRuns: 20 },
  );
});
