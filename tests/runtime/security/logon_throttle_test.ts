/** Slowing down who guesses, in virtual time. */
import assert from "node:assert/strict";
import type { LogonAttempt } from "../../../protocol/auth/mod.ts";
import {
  checksAtOnce,
  forgetMs,
  LogonThrottle,
  longestWaitMs,
  networkOf,
  rememberedInAll,
  waitersEach,
  waitersInAll,
  waitersOfNetwork,
} from "../../../runtime/security/logon_throttle.ts";
import { VirtualClock } from "../../helpers/virtual_clock.ts";

type Turn = LogonAttempt | "refused";

class World {
  readonly clock = new VirtualClock();
  readonly throttle = new LogonThrottle(this.clock);

  advance(ms: number): void {
    const limit = this.clock.monotonic() + ms;
    while (this.clock.step(limit));
  }

  /** Asks for a turn; what has come is at `turn`. */
  enter(account = "alice", address = "10.0.0.1"): { turn?: Turn; at?: number; leave: () => void } {
    const asked: { turn?: Turn; at?: number; leave: () => void } = { leave: () => {} };
    asked.leave = this.throttle.enter(account, address, (attempt) => {
      assert.equal(asked.turn, undefined, "two turns");
      asked.turn = attempt ?? "refused";
      asked.at = this.clock.monotonic();
    });
    return asked;
  }

  /** One logon from its arrival to its outcome; milliseconds that it waited. */
  try(outcome: "right" | "wrong" | "unproven", account?: string, address?: string): number {
    const from = this.clock.monotonic();
    const asked = this.enter(account, address);
    while (asked.turn === undefined && this.clock.step(Infinity));
    attempt(asked.turn).end(outcome);
    return this.clock.monotonic() - from;
  }
}

function attempt(turn: Turn | undefined): LogonAttempt {
  assert.ok(turn !== undefined && turn !== "refused", String(turn));
  return turn;
}

Deno.test("each failure doubles the next wait, and a right password ends it", () => {
  const world = new World();
  const waits = Array.from({ length: 9 }, () => world.try("wrong"));
  assert.deepEqual(waits, [0, 0, 0, 1_000, 2_000, 4_000, 8_000, 16_000, 16_000]);
  assert.equal(world.try("right"), 16_000);
  assert.deepEqual([world.try("wrong"), world.try("wrong"), world.try("wrong")], [0, 0, 0]);
});

Deno.test("what proves nothing neither slows nor clears", () => {
  const world = new World();
  for (let i = 0; i < 50; i++) assert.equal(world.try("unproven"), 0);
  for (let i = 0; i < 4; i++) world.try("wrong");
  assert.equal(world.try("unproven"), 2_000);
  assert.equal(world.try("wrong"), 0, "its time had come");
  assert.equal(world.try("wrong"), 4_000);
});

Deno.test("nobody else is slowed: neither the name from elsewhere nor others from there", () => {
  const world = new World();
  for (let i = 0; i < 8; i++) world.try("wrong");
  assert.equal(world.try("wrong", "alice", "10.0.0.2"), 0);
  assert.equal(world.try("wrong", "bob", "10.0.0.1"), 0);
});

Deno.test("failures are forgotten after 15 minutes without one", () => {
  const world = new World();
  for (let i = 0; i < 6; i++) world.try("wrong");
  world.advance(forgetMs - 1);
  for (let i = 0; i < 3; i++) world.try("unproven");
  assert.equal(world.try("wrong"), 0);
  assert.equal(world.try("wrong"), 16_000);
  world.advance(forgetMs);
  assert.deepEqual(Array.from({ length: 4 }, () => world.try("wrong")), [0, 0, 0, 1_000]);
});

Deno.test("many guesses at once are not checked at once, and each that fails makes the others wait", () => {
  const world = new World();
  const asked = Array.from({ length: 200 }, () => world.enter());
  const begun = asked.filter(({ turn }) => turn !== undefined && turn !== "refused");
  assert.equal(begun.length, checksAtOnce);
  assert.equal(asked.filter(({ turn }) => turn === "refused").length, 200 - checksAtOnce - waitersEach);
  for (const { turn } of begun) attempt(turn).end("wrong");
  const checked = () => asked.filter(({ turn }) => turn !== undefined && turn !== "refused").length;
  assert.equal(checked(), checksAtOnce);
  world.advance(15_999);
  assert.equal(checked(), checksAtOnce);
  world.advance(1);
  assert.equal(checked(), checksAtOnce + 1, "one at a time");
  world.advance(longestWaitMs);
  assert.equal(checked(), checksAtOnce + 1);
  assert.ok(asked.every(({ turn }) => turn !== undefined), "nobody waits for ever");
  assert.equal(world.throttle.stats.waiting, 0);
});

Deno.test("a right password lets all go on that wait behind it", () => {
  const world = new World();
  for (let i = 0; i < 3; i++) world.try("wrong");
  const asked = Array.from({ length: 5 }, () => world.enter());
  world.advance(1_000);
  attempt(asked[0]!.turn).end("right");
  for (const { turn, at } of asked.slice(1)) {
    assert.equal(at, 1_000);
    attempt(turn).end("right");
  }
  assert.deepEqual(world.throttle.stats, { remembered: 0, waiting: 0 });
  assert.equal(world.clock.pending, 0);
});

Deno.test("who gives up makes room; a check that has begun counts all the same", () => {
  const world = new World();
  for (let i = 0; i < 3; i++) world.try("wrong");
  const asked = Array.from({ length: waitersEach }, () => world.enter());
  assert.equal(world.enter().turn, "refused");
  asked[1]!.leave();
  assert.equal(world.enter().turn, undefined);
  world.advance(1_000);
  asked[0]!.leave();
  attempt(asked[0]!.turn).end("wrong");
  for (const { leave } of asked) leave();
  world.advance(longestWaitMs);
  assert.equal(asked[1]!.turn, undefined, "it left");
  assert.equal(world.throttle.stats.waiting, 0);
});

Deno.test("what is waited for and remembered is bounded", () => {
  const world = new World();
  for (let i = 0; i < rememberedInAll + 500; i++) world.try("wrong", `name ${i}`);
  assert.equal(world.throttle.stats.remembered, rememberedInAll);
  const places = Array.from({ length: 10 }, (_, i) => ["slowed", `10.0.1.${i}`] as const);
  for (const place of places) for (let i = 0; i < 3; i++) world.try("wrong", ...place);
  const turns = places.flatMap((place) => Array.from({ length: waitersEach }, () => world.enter(...place)));
  assert.equal(world.throttle.stats.waiting, waitersInAll);
  assert.equal(turns.filter(({ turn }) => turn === "refused").length, 10 * waitersEach - waitersInAll);
  assert.equal(world.try("right", "somebody", "10.0.0.9"), 0, "who has not failed never waits");
});

Deno.test("whoever waits under many names leaves room for those who wait elsewhere", () => {
  const world = new World();
  const names = Array.from({ length: 10 }, (_, i) => `slowed ${i}`);
  for (const name of names) for (let i = 0; i < 3; i++) world.try("wrong", name, `2001:db8::${i}`);
  const turns = names.flatMap((name) =>
    Array.from({ length: waitersEach }, (_, i) => world.enter(name, `2001:db8::${i}`))
  );
  assert.equal(world.throttle.stats.waiting, waitersOfNetwork);
  for (let i = 0; i < 3; i++) world.try("wrong", "alice", "10.0.0.9");
  assert.equal(world.enter("alice", "10.0.0.9").turn, undefined, "it waits, and is not refused");
  for (const { leave } of turns) leave();
  assert.equal(world.throttle.stats.waiting, 1);
  world.advance(longestWaitMs);
  assert.equal(world.throttle.stats.waiting, 0);
});

Deno.test("names that failed once do not make forgotten who is being slowed", () => {
  const world = new World();
  for (let i = 0; i < 6; i++) world.try("wrong", "administrator");
  for (let i = 0; i < rememberedInAll + 500; i++) world.try("wrong", `name ${i}`);
  assert.equal(world.throttle.stats.remembered, rememberedInAll);
  assert.equal(world.try("wrong", "administrator"), 8_000);
});

Deno.test("addresses that one owner can choose from are one", () => {
  assert.equal(networkOf("10.0.0.1"), "10.0.0.1");
  assert.equal(networkOf("::ffff:10.0.0.1"), "10.0.0.1");
  assert.equal(networkOf("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
  assert.equal(networkOf("2001:0DB8:1:2::9"), networkOf("2001:db8:1:2:ffff::1"));
  assert.notEqual(networkOf("2001:db8:1:3::9"), networkOf("2001:db8:1:2::9"));
  assert.equal(networkOf("::1"), "0:0:0:0::/64");
  assert.equal(networkOf("fe80::1%eth0"), "fe80:0:0:0::/64");
});
