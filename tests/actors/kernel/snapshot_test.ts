import assert from "node:assert/strict";
import type { ActorRef, ChildSpec } from "../../../actors/kernel/actor.ts";
import type { ActorInfo } from "../../../actors/kernel/inspection.ts";
import type { SystemSnapshot } from "../../../actors/kernel/snapshot.ts";
import type { ActorSystem } from "../../../actors/kernel/system.ts";
import { createTestSystem, SeededRandom, type TestSystem } from "../../helpers/virtual_clock.ts";

/** Every actor of the unbounded picture, parents first. */
function flatten(info: ActorInfo): ActorInfo[] {
  return [info, ...info.children.flatMap(flatten)];
}

/** An actor with `children` children, each with up to as many below it, that crash now and then. */
function tree(random: SeededRandom, depth: number, refs: ActorRef<string>[]): ChildSpec<string> {
  return {
    label: ["job", "host", "link"][depth] ?? "leaf",
    restart: "permanent",
    mailbox: { capacity: 4, overflow: (["wait", "reject", "shedOldest"] as const)[random.below(3)]! },
    supervision: { strategy: "oneForOne", maxRestarts: 1_000, windowMs: 10, backoffMs: random.below(3) * 20 },
    start: (context) => {
      refs.push(context.self);
      if (depth < 3) {
        for (let n = random.below(5); n > 0; n--) context.spawn(tree(random, depth + 1, refs));
      }
      return {
        handle: (message) => {
          if (message === "crash") throw new Error("crash");
        },
        describe: () => `depth ${depth}`,
        figures: () => ({ depth }),
      };
    },
  };
}

/** A system in the middle of something. */
function busySystem(seed: number): TestSystem {
  const test = createTestSystem({ seed });
  const random = new SeededRandom(seed);
  const refs: ActorRef<string>[] = [];
  for (let n = 0; n < 4; n++) test.system.spawn(tree(random, 0, refs));
  test.run();
  for (let n = 0; n < 200; n++) {
    const ref = refs[random.below(refs.length)];
    if (ref !== undefined) test.system.send(ref, random.below(6) === 0 ? "crash" : "m");
    if (random.below(40) === 0) test.advance(random.below(15));
    if (random.below(60) === 0 && ref !== undefined) test.system.stop(ref);
  }
  test.clock.step(test.clock.monotonic() + 7);
  return test;
}

function snapshot(system: ActorSystem, options?: Parameters<ActorSystem["snapshot"]>[0]): SystemSnapshot {
  const picture = system.snapshot(options);
  assert.ok(picture);
  return picture;
}

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

Deno.test("a picture's sums are those of its parts, at every place of the tree and for every limit", () => {
  let restarts = 0;
  let messages = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const { system } = busySystem(seed);
    const whole = system.inspect();
    for (const top of flatten(whole)) {
      const all = flatten(top);
      for (const limit of [1, 3, 10, 1_000]) {
        const { path, totals, actors } = snapshot(system, { path: top.path, limit });
        assert.equal(path, top.path);
        assert.deepEqual(totals, {
          actors: all.length,
          states: Object.fromEntries(
            [...new Set(all.map(({ state }) => state))]
              .map((state) => [state, all.filter((one) => one.state === state).length]),
          ),
          messages: sum(all.map(({ mailbox }) => mailbox)),
          waiters: sum(all.map(({ waiters }) => waiters)),
          shed: sum(all.map(({ shed }) => shed)),
          restarts: sum(all.map((one) => one.restarts)),
          deepestMailbox: Math.max(...all.map(({ mailbox }) => mailbox)),
          oldestMs: Math.max(...all.map(({ oldestMs }) => oldestMs)),
        });
        assert.equal(actors.length, Math.min(limit, all.length));
        assert.equal(
          actors.length + (actors[0]?.hidden ?? 0),
          all.length,
          "who has no line is counted above",
        );
        // What the lines say is what the whole picture says, each below its parent.
        const seen = new Set<string>();
        for (const line of actors) {
          const { children, figures, doing, label: _label, ...rest } = all.find(({ id }) => id === line.id)!;
          const { hidden, ...told } = line;
          assert.deepEqual(told, {
            ...rest,
            ...(doing === undefined ? {} : { doing }),
            ...(figures === undefined ? {} : { figures }),
            children: children.length,
          });
          const below = (info: ActorInfo) => flatten(info).length - 1;
          const shown = actors.filter((other) => other !== line && isBelow(other.path, line.path)).length;
          assert.equal(shown + hidden, below(all.find(({ id }) => id === line.id)!));
          assert.ok(line === actors[0] || seen.has(line.path.slice(0, line.path.lastIndexOf("/")) || "/"));
          seen.add(line.path);
        }
      }
    }
    restarts += snapshot(system).totals.restarts;
    messages += snapshot(system).totals.messages;
  }
  assert.ok(restarts > 100 && messages > 1_000, `${restarts} restarts, ${messages} messages: too quiet`);
});

function isBelow(path: string, above: string): boolean {
  return path.startsWith(above === "/" ? "/" : `${above}/`);
}

Deno.test("what does not fit is summed up: the deepest mailboxes and the oldest messages have their lines first", () => {
  const { system, run, clock } = createTestSystem();
  const hosts: ActorRef<string>[] = [];
  system.spawn<never>({
    name: "fleet",
    start: (context) => {
      for (let at = 0; at < 100_000; at++) {
        hosts.push(context.spawn<string>({
          name: `h${at}`,
          start: () => ({ handle() {}, describe: () => `host ${at}` }),
        }));
      }
      return { handle() {} };
    },
  });
  run();
  system.send(hosts[77_777]!, "old");
  clock.step(clock.monotonic() + 5_000);
  for (let n = 0; n < 9; n++) system.send(hosts[11_111]!, "deep");
  for (let n = 0; n < 50_000; n++) system.send(hosts[n]!, "one");
  const picture = snapshot(system, { limit: 50 });
  assert.deepEqual(picture.totals, {
    actors: 100_002,
    states: { running: 100_002 },
    messages: 50_010,
    waiters: 0,
    shed: 0,
    restarts: 0,
    deepestMailbox: 10,
    oldestMs: 5_000,
  });
  assert.equal(picture.actors.length, 50);
  assert.ok(JSON.stringify(picture).length < 50 * 400);
  const [root, fleet, ...lines] = picture.actors;
  assert.deepEqual([root?.path, root?.hidden, fleet?.path, fleet?.hidden], ["/", 99_952, "/fleet", 99_952]);
  const paths = lines.map(({ path }) => path);
  assert.ok(paths.includes("/fleet/h77777") && paths.includes("/fleet/h11111"), paths.join());
  // The rest is reached by its path.
  const one = snapshot(system, { path: "/fleet/h99999" });
  assert.deepEqual([one.totals.actors, one.actors[0]?.doing], [1, "host 99999"]);
  assert.equal(system.snapshot({ path: "/fleet/nobody" }), undefined);
  assert.equal(snapshot(system, { limit: 1e9 }).actors.length, 1_000);
  for (const limit of [0, -1, NaN]) assert.equal(snapshot(system, { limit }).actors.length, 1);
});

Deno.test("when nobody has messages, those furthest down the tree are shown: they work", () => {
  const { system, run } = createTestSystem();
  system.spawn<never>({
    name: "fleet",
    start: (context) => {
      for (let at = 0; at < 1_000; at++) {
        context.spawn<never>({
          name: `h${at}`,
          start: (host) => {
            if (at === 500) host.spawn<never>({ name: "shell", start: () => ({ handle() {} }) });
            return { handle() {} };
          },
        });
      }
      return { handle() {} };
    },
  });
  run();
  const paths = snapshot(system, { limit: 5 }).actors.map(({ path }) => path);
  assert.deepEqual(paths.slice(0, 4), ["/", "/fleet", "/fleet/h500", "/fleet/h500/shell"]);
});

Deno.test("long texts and many figures are cut, and what throws spoils only its own line", () => {
  const { system, run } = createTestSystem();
  const throwing = () => {
    throw new Error("no");
  };
  system.spawn<never>({
    name: "long",
    start: () => ({
      handle() {},
      describe: () => "x".repeat(100_000),
      figures: () => Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [`n${at}`, at])),
    }),
  });
  system.spawn<never>({
    name: "broken",
    start: () => ({ handle() {}, describe: throwing, figures: throwing }),
  });
  run();
  const [, long, broken] = snapshot(system).actors;
  assert.deepEqual([long?.doing?.length, Object.keys(long?.figures ?? {}).length], [500, 32]);
  assert.deepEqual([broken?.doing, broken?.figures], ["(describe failed)", undefined]);
});
