// Dialogues whose steps wait for their turn.
import assert from "node:assert/strict";
import { ProtocolError } from "../../../protocol/errors.ts";
import type { SecurityContext, SecurityStep } from "../../../protocol/ports.ts";
import { inTurns } from "../../../runtime/security/in_turns.ts";
import { Turns } from "../../../runtime/security/turns.ts";

const pending = new ProtocolError("Waiting", "wait: nobody answers");

/** A dialogue of steps that take 3 ms each, and a queue whose later turns the test begins. */
function world(step: (token: Uint8Array | undefined) => SecurityStep) {
  let now = 0;
  const soon: (() => void)[] = [];
  const turns = new Turns(() => now, (next) => soon.push(next));
  const calls: string[] = [];
  const context: SecurityContext = {
    established: true,
    principal: "alice",
    mechanism: "CredSSP",
    lifetimeMs: 7,
    pending,
    step: (token, done) => {
      now += 3;
      done(step(token));
    },
    seal: (text) => text.toReversed(),
    unseal: (text) => text.toReversed(),
    dispose: () => void calls.push("dispose"),
  };
  const outcomes: SecurityStep[] = [];
  return {
    make: () => inTurns(context, turns),
    take: (of: SecurityContext, token?: Uint8Array) => of.step(token, (outcome) => outcomes.push(outcome)),
    next: () => soon.shift()!(),
    outcomes,
    calls,
  };
}

Deno.test("steps of all dialogues take turns, each gets its token and its outcome", () => {
  const { make, take, next, outcomes } = world((token) => ({ kind: "continue", token: token! }));
  const tokens = [1, 2, 3].map((byte) => Uint8Array.of(byte));
  for (const token of tokens) take(make(), token);
  const seen = () => outcomes.map((outcome) => outcome.kind === "continue" ? outcome.token[0] : outcome.kind);
  assert.deepEqual(seen(), [1], "the first one has used the turn up");
  next();
  assert.deepEqual(seen(), [1], "and its end begins the next one");
  next();
  assert.deepEqual(seen(), [1, 2]);
  next();
  assert.deepEqual(seen(), [1, 2, 3]);
});

Deno.test("a step that breaks in a later turn fails by itself, and the others go on", () => {
  const { make, take, next, outcomes } = world((token) => {
    if (token?.[0] === 2) throw new TypeError("a bug");
    return { kind: "done" };
  });
  for (const byte of [1, 2, 3]) take(make(), Uint8Array.of(byte));
  for (let turn = 0; turn < 3; turn++) next();
  assert.deepEqual(outcomes.map(({ kind }) => kind), ["done", "failed", "done"]);
  const [, broken] = outcomes;
  assert.ok(broken?.kind === "failed" && broken.error.code === "LogonBroken");
  assert.ok(broken.error.cause instanceof TypeError);
});

Deno.test("all else is the dialogue's own", () => {
  const { make, calls } = world(() => ({ kind: "done" }));
  const context = make();
  const { established, principal, mechanism, lifetimeMs } = context;
  assert.deepEqual([established, principal, mechanism, lifetimeMs], [true, "alice", "CredSSP", 7]);
  assert.equal(context.pending, pending);
  assert.deepEqual(context.seal(Uint8Array.of(1, 2)), Uint8Array.of(2, 1));
  assert.deepEqual(context.unseal(Uint8Array.of(1, 2, 3)), Uint8Array.of(3, 2, 1));
  context.dispose();
  assert.deepEqual(calls, ["dispose"]);
});
