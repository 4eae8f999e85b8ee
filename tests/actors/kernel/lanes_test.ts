import assert from "node:assert/strict";
import type { ActorInfo } from "../../../actors/kernel/inspection.ts";
import type { ActorRef, ChildSpec } from "../../../actors/kernel/actor.ts";
import { createTestSystem } from "../../helpers/virtual_clock.ts";

/** An actor with a child; writes down what it is told. */
function parent(log: string[], children: ActorRef<string>[] = []): ChildSpec<string> {
  return {
    name: "parent",
    start: (context) => {
      children.push(context.spawn<string>({
        start: () => ({
          handle: () => {
            throw new Error("boom");
          },
        }),
      }));
      return {
        handle: (message) => void log.push(message),
        childEnded: (_child, reason) => void log.push(`child ${reason.kind}`),
        stopping: () => {
          log.push("stopping");
          return false;
        },
        stopped: (reason) => void log.push(reason.kind),
      };
    },
  };
}

Deno.test("supervision goes before user messages that came earlier", () => {
  const { system, run } = createTestSystem({ maxTurn: 1 });
  const log: string[] = [];
  const children: ActorRef<string>[] = [];
  const ref = system.spawn(parent(log, children));
  run();
  for (let i = 0; i < 40; i++) system.send(ref, `m${i}`);
  system.send(children[0]!, "crash");
  run();
  assert.equal(log.length, 41);
  // Its turn was under way when the child ended; what it had not handled by then came later.
  const at = log.indexOf("child crashed");
  assert.ok(at >= 0 && at <= 17, `after ${at} messages`);
  assert.deepEqual(log.filter((line) => line.startsWith("m")), Array.from({ length: 40 }, (_, i) => `m${i}`));
});

Deno.test("stop goes before user messages that came earlier, and kill before everything", () => {
  const { system, run } = createTestSystem();
  const log: string[] = [];
  const ref = system.spawn(parent(log));
  run();
  system.send(ref, "m");
  system.stop(ref);
  run();
  assert.deepEqual(log, ["stopping", "m"]);

  const other: string[] = [];
  const children: ActorRef<string>[] = [];
  const doomed = system.spawn({ ...parent(other, children), name: "doomed" });
  run();
  system.send(doomed, "m");
  system.send(children[0]!, "crash");
  system.stop(doomed);
  system.kill(doomed);
  run();
  assert.deepEqual(other, ["killed"]);
});

Deno.test("one picture has the whole tree: depth, waiters, shed and oldest messages, restarts, names, work", () => {
  const { system, run, advance, clock } = createTestSystem();
  system.spawn<string>({
    name: "fleet",
    supervision: { strategy: "oneForOne", maxRestarts: 9, windowMs: 1_000, backoffMs: 1_000 },
    start: (context) => {
      let lives = 0;
      const flaky = context.spawn<string>({
        name: "flaky",
        restart: "transient",
        mailbox: { capacity: 2, overflow: "wait" },
        start: () => {
          if (lives++ === 0) throw new Error("first life");
          return { handle() {}, describe: () => `life ${lives}` };
        },
      });
      context.register({ text: "flaky" }, flaky);
      const busy = context.spawn<string>({
        name: "busy",
        mailbox: { capacity: 2, overflow: "shedOldest" },
        start: (inner) => {
          for (const message of ["a", "b", "c", "d"]) inner.send(flaky, message);
          return { handle() {} };
        },
      });
      context.effect((post) => post("flood"));
      return {
        handle: (_message, inner) => {
          for (const message of ["1", "2", "3", "4", "5"]) inner.send(busy, message);
        },
      };
    },
  });
  run();
  const at = (path: string): ActorInfo => {
    const find = (info: ActorInfo): ActorInfo | undefined =>
      info.path === path ? info : info.children.map(find).find((found) => found !== undefined);
    const found = find(system.inspect());
    assert.ok(found, path);
    return found;
  };
  clock.step(clock.monotonic() + 40);
  assert.equal(at("/").children.length, 1);
  const flaky = at("/fleet/flaky");
  assert.deepEqual(
    [flaky.state, flaky.mailbox, flaky.capacity, flaky.waiters, flaky.oldestMs, flaky.names, flaky.restarts],
    ["down", 2, 2, 2, 40, ["flaky"], 0],
  );
  const busy = at("/fleet/busy");
  assert.deepEqual([busy.state, busy.mailbox, busy.shed, busy.oldestMs], ["waiting", 2, 3, 40]);
  advance(2_000);
  const after = at("/fleet/flaky");
  assert.deepEqual(
    [after.state, after.mailbox, after.waiters, after.oldestMs, after.restarts, after.doing],
    ["running", 0, 0, 0, 1, "life 2"],
  );
  assert.deepEqual([at("/fleet/busy").state, at("/fleet/busy").mailbox], ["running", 0]);
});
