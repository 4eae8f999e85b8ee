import assert from "node:assert/strict";
import type { ChildSpec, StopReason } from "../../../actors/kernel/actor.ts";
import { createTestSystem } from "../../helpers/virtual_clock.ts";

type Order = "stop" | "crash";

/** A child that ends as it is told; writes its lives down. */
function child(log: string[], name: string, restart?: ChildSpec<Order>["restart"]): ChildSpec<Order> {
  return {
    name,
    ...(restart === undefined ? {} : { restart }),
    start: () => {
      log.push(`+${name}`);
      return {
        handle: (order, context) => {
          if (order === "crash") throw new Error("crash");
          context.stop();
        },
        stopped: (reason) => void log.push(`-${name} ${reason.kind}`),
      };
    },
  };
}

Deno.test("permanent returns always, transient after a crash, temporary never, and nobody who was stopped or killed", () => {
  const ends = { none: [1, 1, 1], stop: [1, 1, 2], crash: [1, 2, 2], stopped: [1, 1, 1], killed: [1, 1, 1] };
  for (const [end, expected] of Object.entries(ends)) {
    (["temporary", "transient", "permanent"] as const).forEach((restart, at) => {
      const { system, run, advance } = createTestSystem();
      const log: string[] = [];
      const ref = system.spawn(child(log, "child", restart));
      run();
      if (end === "stopped") system.stop(ref);
      else if (end === "killed") system.kill(ref);
      else if (end !== "none") system.send(ref, end as Order);
      advance(60_000);
      const lives = log.filter((line) => line === "+child").length;
      assert.equal(lives, expected[at], `${restart}, ${end}: ${log}`);
      assert.equal(system.stats.actors, end === "none" || lives === 2 ? 1 : 0);
    });
  }
});

Deno.test("the children of a crashed actor are stopped in order before it restarts, each life ends with one stopped", () => {
  const { system, run } = createTestSystem();
  const log: string[] = [];
  const parent = system.spawn<Order>({
    name: "parent",
    restart: "permanent",
    start: (context) => {
      log.push("+parent");
      context.spawn(child(log, "a"));
      context.spawn(child(log, "b", "permanent"));
      return {
        handle: () => {
          throw new Error("crash");
        },
        stopped: (reason) => void log.push(`-parent ${reason.kind}`),
      };
    },
  });
  run();
  system.send(parent, "crash");
  run();
  system.kill(parent);
  run();
  const life = (end: StopReason["kind"], children: StopReason["kind"]) => [
    "+parent",
    "+a",
    "+b",
    `-b ${children}`,
    `-a ${children}`,
    `-parent ${end}`,
  ];
  assert.deepEqual(log, [...life("crashed", "shutdown"), ...life("killed", "killed")]);
});

Deno.test("escalation ends at the top: there only the child ends, and its siblings live", () => {
  const { system, run } = createTestSystem();
  const log: string[] = [];
  const sibling = system.spawn(child(log, "sibling", "permanent"));
  system.spawn<never>({
    name: "hopeless",
    restart: "permanent",
    start: () => {
      throw new Error("never lives");
    },
  });
  run();
  assert.deepEqual(log, ["+sibling"]);
  assert.equal(system.stats.actors, 1);
  assert.ok(system.inspect().children.some(({ id }) => id === sibling.id));
});

Deno.test("a question that a full mailbox rejects comes back to undeliverable, and times out", () => {
  const { system, advance } = createTestSystem();
  const log: string[] = [];
  const target = system.spawn<string>({
    mailbox: { capacity: 1, overflow: "reject" },
    start: () => ({ handle() {} }),
  });
  system.spawn<string>({
    start: (context) => {
      for (const name of ["first", "second"]) {
        context.ask<string, never>(target, () => name, 50, (outcome) => `${name} ${outcome.kind}`);
      }
      return {
        handle: (message) => void log.push(message),
        undeliverable: (_to, message, reason) => void log.push(`${message} ${reason}`),
      };
    },
  });
  advance(100);
  assert.deepEqual(log, ["second full", "first timedOut", "second timedOut"]);
});

Deno.test("shutdownMs bounds stopping alone: the children have their own", async () => {
  const { system, run, until, clock } = createTestSystem();
  const slow = (name: string, shutdownMs: number, below?: ChildSpec<never>): ChildSpec<never> => ({
    name,
    shutdownMs,
    start: (context) => {
      if (below !== undefined) context.spawn(below);
      return { handle() {}, stopping: () => false };
    },
  });
  const top = system.spawn(slow("top", 100, slow("middle", 200, slow("leaf", 400))));
  run();
  system.stop(top);
  await until(system.whenStopped(top));
  // Who is killed at its deadline kills what is below it.
  assert.equal(clock.monotonic(), 100);
  const patient = system.spawn<never>({
    shutdownMs: 100,
    start: (context) => {
      context.spawn(slow("child", 400));
      return { handle() {} };
    },
  });
  run();
  system.stop(patient);
  assert.deepEqual(await until(system.whenStopped(patient)), { kind: "shutdown" });
  assert.equal(clock.monotonic(), 500);
});
