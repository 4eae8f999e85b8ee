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
  for (const name of "abcdefg") turns.run(work(0.75, name));
  assert.equal(done.join(""), "abc", "2 ms, and the piece that passes them");
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
  assert.equal(done.join(""), "abcdefghij");
});

Deno.test("work within work is a part of it, and counts once", () => {
  const { turns, work, done } = world();
  turns.run(() => {
    turns.run(work(1.5, "a"));
    turns.run(work(0, "b"));
  });
  turns.run(work(1, "c"));
  turns.run(work(1, "d"));
  assert.equal(done.join(""), "abc");
});

Deno.test("what work gives and throws is handed on", async () => {
  const turns = new Turns();
  assert.equal(await turns.take(() => Promise.resolve(3)), 3);
  await assert.rejects(turns.take(() => Promise.reject(new Error("no"))), /no/);
});
