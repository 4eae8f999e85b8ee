import assert from "node:assert/strict";
import v8 from "node:v8";
import vm from "node:vm";
import { UsageError } from "../../../protocol/errors.ts";
import { EventQueue } from "../../../runtime/client/event_queue.ts";

/** A queue whose consumer's departures and acknowledgements are noted. */
function watched() {
  const taken: string[] = [];
  let abandoned = 0;
  const queue = new EventQueue<string>(() => {
    abandoned++;
    return Promise.resolve();
  });
  return {
    queue,
    taken,
    abandoned: () => abandoned,
    push: (value: string) => queue.push(value, () => taken.push(value)),
  };
}

Deno.test("events come in order, each acknowledged when the next one is asked for, until the end", async () => {
  const { queue, taken, push, abandoned } = watched();
  push("a");
  push("b");
  const events = queue[Symbol.asyncIterator]();
  assert.equal((await events.next()).value, "a");
  assert.deepEqual(taken, []);
  assert.equal((await events.next()).value, "b");
  assert.deepEqual(taken, ["a"]);
  const third = events.next();
  push("c");
  assert.equal((await third).value, "c");
  assert.deepEqual(taken, ["a", "b"]);
  queue.end();
  assert.equal((await events.next()).done, true);
  assert.deepEqual(taken, ["a", "b", "c"]);
  assert.equal(abandoned(), 0);
});

Deno.test("what was pushed before the end is still handed out, and a waiting consumer hears of the end", async () => {
  const { queue, taken, push } = watched();
  push("last");
  queue.end();
  const seen: string[] = [];
  for await (const event of queue) seen.push(event);
  assert.deepEqual([seen, taken], [["last"], ["last"]]);

  const empty = watched().queue;
  const next = empty[Symbol.asyncIterator]().next();
  empty.end();
  assert.equal((await next).done, true);
});

Deno.test("who leaves the loop early takes the rest and abandons the run, by break and by throw", async () => {
  const leave = {
    break: async (queue: EventQueue<string>) => {
      for await (const _ of queue) break;
    },
    throw: async (queue: EventQueue<string>) => {
      await assert.rejects(async () => {
        for await (const event of queue) throw new Error(event);
      }, /^Error: a$/);
    },
  };
  for (const [how, go] of Object.entries(leave)) {
    const { queue, taken, push, abandoned } = watched();
    for (const value of ["a", "b", "c"]) push(value);
    await go(queue);
    assert.deepEqual(taken, ["a", "b", "c"], how);
    assert.equal(abandoned(), 1, how);
  }
});

Deno.test("the loop is left only after the run was abandoned", async () => {
  const gone = Promise.withResolvers<void>();
  const queue = new EventQueue<string>(() => gone.promise);
  queue.push("a", () => {});
  const order: string[] = [];
  const left = (async () => {
    for await (const _ of queue) break;
    order.push("left");
  })();
  order.push("abandoned");
  gone.resolve();
  await left;
  assert.deepEqual(order, ["abandoned", "left"]);
});

Deno.test("events are given to one loop only", async () => {
  const { queue, push, abandoned } = watched();
  push("a");
  queue.end();
  for await (const _ of queue);
  await assert.rejects(
    async () => {
      for await (const _ of queue);
    },
    (error) => error instanceof UsageError && error.code === "AlreadyIterated",
  );
  assert.equal(abandoned(), 0);
});

Deno.test("a taken event is held by the queue no more", async () => {
  v8.setFlagsFromString("--expose-gc");
  const collect: () => void = vm.runInNewContext("gc");
  const queue = new EventQueue<object>(() => Promise.resolve());
  const pushed: WeakRef<object>[] = [];
  for (let i = 0; i < 100; i++) {
    const value = { i };
    pushed.push(new WeakRef(value));
    queue.push(value, () => {});
  }
  const events = queue[Symbol.asyncIterator]();
  for (let i = 0; i < 50; i++) await events.next();
  // A WeakRef keeps its target until the present task is over.
  await new Promise((resolve) => setTimeout(resolve));
  collect();
  const alive = pushed.map((ref) => ref.deref() !== undefined);
  assert.ok(alive.slice(0, 48).every((held) => !held), "an event that was taken is kept");
  assert.ok(alive.slice(50).every((held) => held), "an event that was not taken is gone");
});
