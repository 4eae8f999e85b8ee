import assert from "node:assert/strict";
import fc from "fast-check";
import { type PermitRequest, Scheduler } from "../../actors/scheduler/mod.ts";

type Step =
  | { readonly kind: "acquire"; readonly job: number; readonly key: number; readonly shape: number }
  | { readonly kind: "release" | "cancel"; readonly pick: number }
  | { readonly kind: "fault"; readonly key: number; readonly code: number }
  | { readonly kind: "raise"; readonly key: number };

const codes = [2150859173, 2150859174, 2150859241];
const limits = { operations: 4, shells: 3, processesPerShell: 2 };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("acquire" as const),
      job: fc.nat(3),
      key: fc.nat(2),
      shape: fc.nat(3),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constantFrom("release" as const, "cancel" as const), pick: fc.nat() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("fault" as const),
      key: fc.nat(2),
      code: fc.constantFrom(...codes),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("raise" as const), key: fc.nat(2) }) },
);

function requestOf(id: number, job: number, key: number, shape: number): PermitRequest {
  const base = { id, job: `j${job}`, quotaKey: `k${key}`, throttle: 2 + job };
  if (shape === 0) return { ...base, cleanup: true };
  if (shape === 1) return { ...base, cost: { slots: 0, shells: 0, processOf: "s" } };
  return base;
}

/** Runs steps, checking after each that no grant went above a limit. */
function play(steps: readonly Step[]) {
  const slots = 5;
  const permits = new Scheduler({ slots, limits });
  const waiting = new Map<number, PermitRequest>();
  const held = new Map<number, PermitRequest>();
  const granted = (id: number) => {
    const request = waiting.get(id);
    assert.ok(request, "a grant is for something that waits");
    waiting.delete(id);
    held.set(id, request);
    const all = [...held.values()];
    const at = all.filter((other) => other.quotaKey === request.quotaKey);
    const bound = permits.limitsOf(request.quotaKey);
    const slotted = all.filter((other) => !other.cleanup && other.cost === undefined);
    assert.ok(at.length <= bound.operations, "operations");
    if (!request.cleanup) assert.ok(at.length < bound.operations, "the last operation is reserved");
    if (!request.cleanup && request.cost === undefined) {
      assert.ok(at.filter((other) => slotted.includes(other)).length <= bound.shells, "shells");
      assert.ok(slotted.length <= slots, "slots");
      assert.ok(slotted.filter((o) => o.job === request.job).length <= (request.throttle ?? 0), "throttle");
    }
    if (request.cost !== undefined) {
      assert.ok(
        at.filter((other) => other.cost !== undefined).length <= bound.processesPerShell,
        "processes",
      );
    }
  };
  let nextId = 0;
  const drain = () => permits.next().forEach((grant) => granted(grant.id));
  for (const action of steps) {
    switch (action.kind) {
      case "acquire": {
        const request = requestOf(nextId++, action.job, action.key, action.shape);
        waiting.set(request.id, request);
        if (permits.acquire(request) !== "queued") granted(request.id);
        break;
      }
      case "release": {
        const id = [...held.keys()][action.pick % Math.max(1, held.size)];
        if (id === undefined) break;
        held.delete(id);
        assert.equal(permits.release(id), true);
        assert.equal(permits.release(id), false, "each permit returns once");
        break;
      }
      case "cancel": {
        const id = [...waiting.keys()][action.pick % Math.max(1, waiting.size)];
        if (id === undefined) break;
        waiting.delete(id);
        assert.equal(permits.cancel(id), true);
        break;
      }
      case "fault":
        permits.onQuotaFault(`k${action.key}`, action.code);
        break;
      case "raise":
        permits.raise(`k${action.key}`);
    }
    drain();
  }
  return { permits, waiting, held, drain };
}

Deno.test("no grant goes above a limit, whatever happens", () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 120, size: "max" }), (steps) => void play(steps)), {
    numRuns: 300,
  });
});

Deno.test("nothing starves: when what is held returns, everything that waits has its turn, and nothing is left", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: "max" }), (steps) => {
      const { permits, waiting, held, drain } = play(steps);
      while (held.size > 0) {
        const [id] = held.keys();
        if (id === undefined) break;
        held.delete(id);
        permits.release(id);
        drain();
      }
      assert.equal(waiting.size, 0);
      for (const key of ["k0", "k1", "k2"]) while (permits.raise(key));
      assert.deepEqual({ ...permits.inspect(), slots: 0 }, {
        waiting: 0,
        held: 0,
        slotsUsed: 0,
        slots: 0,
        jobs: 0,
        keys: 0,
      });
    }),
    { numRuns: 300 },
  );
});

Deno.test("cancelling everything that waits leaves only what is held", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) => {
      const { permits, waiting, held } = play(steps);
      for (const id of waiting.keys()) assert.equal(permits.cancel(id), true);
      const info = permits.inspect();
      assert.equal(info.waiting, 0);
      assert.equal(info.held, held.size);
    }),
    { numRuns: 200 },
  );
});
