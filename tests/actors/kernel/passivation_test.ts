import assert from "node:assert/strict";
import type { ActorRef, ChildSpec, Context, StopReason } from "../../../actors/kernel/actor.ts";
import { passivating } from "../../../actors/kernel/passivating.ts";
import { actorName } from "../../../actors/kernel/registry.ts";
import { createTestSystem } from "../../helpers/virtual_clock.ts";

/** Passivates itself on "sleep"; writes down its lives. */
function sleeper(log: string[], more: Partial<ChildSpec<string>> = {}): ChildSpec<string> {
  let lives = 0;
  return {
    name: "sleeper",
    start: (context) => {
      const life = ++lives;
      log.push(`start ${life}`);
      context.spawn({
        name: "child",
        start: () => ({ handle() {}, stopped: () => void log.push(`child stopped ${life}`) }),
      });
      return {
        handle: (message, inner) => {
          log.push(`${message} ${life}`);
          if (message === "sleep") {
            inner.timer(5, "late");
            inner.effect((post) => later = () => post("completion"));
            inner.passivate();
          }
        },
        stopped: (reason) => void log.push(`stopped ${life}: ${reason.kind}`),
      };
    },
    ...more,
  };
}
let later: () => void = () => {};

Deno.test("a passive actor has no life, keeps address, name and watchers, and its next message starts it", () => {
  const { system, run, advance, clock } = createTestSystem();
  const log: string[] = [];
  const ends: StopReason[] = [];
  const ref = system.spawn(sleeper(log));
  const name = actorName<string>("sleeper");
  system.register(name, ref);
  system.spawn<StopReason>({
    start: (context: Context<StopReason>) => {
      context.watch(ref, (reason) => reason);
      return { handle: (reason) => void ends.push(reason) };
    },
  });
  run();
  system.send(ref, "sleep");
  run();
  const info = system.inspect().children[0]!;
  assert.equal(info.state, "passive");
  assert.deepEqual(info.children, []);
  assert.equal(clock.pending, 0);
  // What the earlier life has asked for never comes.
  later();
  advance(10);
  assert.deepEqual(log, ["start 1", "sleep 1", "child stopped 1", "stopped 1: passivated"]);
  system.send(system.whereis(name)!, "wake");
  run();
  assert.deepEqual(log.slice(4), ["start 2", "wake 2"]);
  assert.equal(system.inspect().children[0]?.restarts, 0);
  assert.deepEqual(ends, []);
  system.send(ref, "sleep");
  run();
  system.stop(ref);
  run();
  assert.deepEqual(ends, [{ kind: "shutdown" }]);
  assert.equal(log.filter((line) => line.startsWith("stopped")).length, 2);
});

Deno.test("an actor is not passivated while a message waits, nor when it is to stop", () => {
  const { system, run } = createTestSystem();
  const log: string[] = [];
  const ref = system.spawn(sleeper(log));
  run();
  system.send(ref, "sleep");
  system.send(ref, "work");
  run();
  assert.deepEqual(log, ["start 1", "sleep 1", "work 1"]);
  system.send(ref, "sleep");
  system.stop(ref);
  run();
  assert.deepEqual(log.slice(3), ["child stopped 1", "stopped 1: shutdown"]);
  assert.equal(system.stats.actors, 0);
});

Deno.test("passivating ends a life after an idle time, not while it is busy, and not before its last timer", () => {
  const { system, run, advance } = createTestSystem();
  let busy = true;
  let lives = 0;
  const seen: string[] = [];
  const ref = system.spawn(passivating<string>({
    start: (context) => {
      lives++;
      context.timer(70, "timer");
      return { handle: (message) => void seen.push(message), busy: () => busy, describe: () => "here" };
    },
  }, 100));
  const state = () => system.inspect().children[0]?.state;
  run();
  advance(150);
  assert.deepEqual([state(), seen], ["running", ["timer"]]);
  advance(1_000);
  assert.equal(state(), "running");
  assert.equal(system.inspect().children[0]?.doing, "here");
  busy = false;
  advance(100);
  assert.equal(state(), "passive");
  assert.equal(system.stats.timers, 0);
  system.send(ref, "again");
  run();
  assert.deepEqual([state(), lives, seen], ["running", 2, ["timer", "again"]]);
});

Deno.test("a question wakes a passive actor; a group restart and a shutdown find it, too", async () => {
  const { system, run, until, advance } = createTestSystem();
  let lives = 0;
  const shared: ActorRef<never>[] = [];
  system.spawn<string>({
    supervision: { strategy: "oneForAll", maxRestarts: 3, windowMs: 1_000 },
    start: (context) => {
      shared.length = 0;
      shared.push(
        context.spawn(passivating<{ answer: (n: number) => void }>({
          restart: "transient",
          start: () => {
            lives++;
            return { handle: (message) => message.answer(lives) };
          },
        }, 50)),
        context.spawn<unknown>({
          restart: "transient",
          start: () => ({
            handle: () => {
              throw new Error("boom");
            },
          }),
        }),
      );
      return { handle() {} };
    },
  });
  run();
  advance(200);
  const [passive, shaky] = shared as unknown as [
    ActorRef<{ answer: (n: number) => void }>,
    ActorRef<unknown>,
  ];
  const states = () => system.inspect().children[0]?.children.map(({ state }) => state);
  assert.deepEqual(states(), ["passive", "running"]);
  system.send(shaky, "crash");
  run();
  assert.deepEqual(states(), ["running", "running"]);
  assert.equal(lives, 2);
  advance(200);
  assert.deepEqual(states(), ["passive", "running"]);
  const asked = system.ask<{ answer: (n: number) => void }, number>(
    passive,
    () => ({ answer: () => {} }),
    30,
  );
  assert.deepEqual(await until(asked), { kind: "timedOut" });
  assert.equal(lives, 3);
  advance(200);
  await until(system.shutdown());
  assert.equal(system.stats.actors, 0);
});
