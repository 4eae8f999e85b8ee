// How much work of logons one turn of the event loop takes.
import assert from "node:assert/strict";
import { Turns } from "../../../runtime/security/turns.ts";

/** Turns with a clock that only work moves on, and the turns that wait for their time. */
function world(): {
  turns: Turns;
  work: (ms: number, name: string) => () => void;
  done: string[];
  next: () => void;
} {
  let now = 0;
  const soon: (() => void)[] = [];
  const done: string[] = [];
  return {
    turns: new Turns(() => now, (next) => soon.push(next)),
    done,
    work: (ms, name) => () => {
      now += ms;
      done.push(name);
    },
    next: () => {
      assert.equal(soon.length, 1, "one turn is asked for at a time");
      soon.shift()!();
    },
  };
}

Deno.test("work begins at once while the turn has time left, then waits for later turns in its order", () => {
  const { turns, work, done, next } = world();
  for (const name of "abcdefg") turns.run(work(0.375, name));
  assert.equal(done.join(""), "abc", "1 ms, and the piece that passes it");
  next();
  next();
  assert.equal(done.join(""), "abcdef");
  turns.run(work(0.1, "h"));
  assert.equal(done.join(""), "abcdef", "nobody overtakes those who wait");
  next();
  assert.equal(done.join(""), "abcdefgh");
  turns.run(work(5, "i"));
  turns.run(work(0, "j"));
  assert.equal(done.join(""), "abcdefghi");
  next();
  next();
  assert.equal(done.join(""), "abcdefghij");
});

Deno.test("what came with a turn's messages and what had waited for it share its time", () => {
  const { turns, work, done, next } = world();
  for (const name of "abc") turns.run(work(0.6, name));
  assert.equal(done.join(""), "ab");
  next();
  assert.equal(done.join(""), "ab", "the time of this turn was used up before");
  turns.run(work(0.6, "d"));
  next();
  assert.equal(done.join(""), "abcd");
});

Deno.test("work within work is a part of it, and counts once", () => {
  const { turns, work, done } = world();
  turns.run(() => {
    turns.run(work(0.75, "a"));
    turns.run(work(0, "b"));
  });
  turns.run(work(0.5, "c"));
  turns.run(work(0.5, "d"));
  assert.equal(done.join(""), "abc");
});

Deno.test("what work gives and throws is handed on", async () => {
  const turns = new Turns();
  assert.equal(await turns.take(() => Promise.resolve(3)), 3);
  await assert.rejects(turns.take(() => Promise.reject(new Error("no"))), /no/);
});
