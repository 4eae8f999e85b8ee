import assert from "node:assert/strict";
import fc from "fast-check";
import { type PermitRequest, Scheduler } from "../../actors/scheduler/mod.ts";

type Step =
  | { readonly kind: "acquire"; readonly job: number; readonly key: number; readonly shape: number }
  | { readonly kind: "release" | "cancel"; readonly pick: number }
  | { readonly kind: "fault"; readonly key: number; readonly code: number }
  | { readonly kind: "overload" | "raise"; readonly key: number };

const priorities = ["low", "normal", "high", undefined] as const;

const codes = [2150859173, 2150859174, 2150859179, 2150859241];
const limits = { operations: 4, shells: 3, processesPerShell: 2, users: 2 };
/** Three users of one host, and one of another. */
const keys = ["k0@h", "k1@h", "k2@h", "k3@i"] as const;

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("acquire" as const),
      job: fc.nat(3),
      key: fc.nat(3),
      shape: fc.nat(4),
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
      key: fc.nat(3),
      code: fc.constantFrom(...codes),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom("raise" as const, "overload" as const), key: fc.nat(3) }),
  },
);

function requestOf(id: number, job: number, key: number, shape: number): PermitRequest {
  const priority = priorities[job];
  const base = {
    id,
    job: `j${job}`,
    quotaKey: keys[key]!,
    throttle: 2 + job,
    ...(priority === undefined ? {} : { priority }),
  };
  if (shape === 0) return { ...base, cleanup: true };
  if (shape === 1) return { ...base, cost: { slots: 0, shells: 0, processOf: "s" } };
  if (shape === 2) return { ...base, cost: { operations: 2 } };
  return base;
}

const takesSlot = (request: PermitRequest) => request.cleanup !== true && request.cost?.slots !== 0;

const sameHost = (one: string, other: string) => one.split("@")[1] === other.split("@")[1];

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
    const inSlots = all.filter(takesSlot);
    const operations = at.reduce((sum, other) => sum + (other.cost?.operations ?? 1), 0);
    if (request.cleanup) assert.ok(operations <= bound.operations, "operations");
    else assert.ok(operations < bound.operations || at.length === 1, "the last operation is reserved");
    if (takesSlot(request)) {
      assert.ok(at.filter(takesSlot).length <= bound.shells, "shells");
      assert.ok(inSlots.length <= slots, "slots");
      assert.ok(inSlots.filter((o) => o.job === request.job).length <= (request.throttle ?? 0), "throttle");
      const users = new Set(
        inSlots.map(({ quotaKey }) => quotaKey).filter((key) => sameHost(key, request.quotaKey)),
      );
      if (at.filter(takesSlot).length === 1) assert.ok(users.size <= bound.users, "users");
    }
    if (request.cost?.processOf !== undefined) {
      const processes = at.filter((other) => other.cost?.processOf !== undefined);
      assert.ok(processes.length <= bound.processesPerShell, "processes");
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
        permits.onQuotaFault(keys[action.key]!, action.code);
        break;
      case "overload":
        permits.onOverload(keys[action.key]!);
        break;
      case "raise":
        permits.raise(keys[action.key]!);
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
      for (const key of keys) while (permits.raise(key));
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
      const { permits, waiting, held, drain } = play(steps);
      for (const id of waiting.keys()) {
        waiting.delete(id);
        assert.equal(permits.cancel(id), true);
        // What stood behind it may fit.
        drain();
      }
      const info = permits.inspect();
      assert.equal(info.waiting, 0);
      assert.equal(info.held, held.size);
    }),
    { numRuns: 200 },
  );
});

/** Jobs that always have something waiting, all of it at a few keys. */
const crowd = fc.record({
  jobs: fc.array(fc.constantFrom("high" as const, "normal" as const, "low" as const), {
    minLength: 1,
    maxLength: 8,
  }),
  keys: fc.integer({ min: 1, max: 4 }),
  slots: fc.integer({ min: 1, max: 6 }),
  shells: fc.integer({ min: 1, max: 3 }),
  picks: fc.array(fc.nat(), { minLength: 1, maxLength: 20 }),
});

Deno.test("no job waits for more than its share, however many others of whatever priority never stop asking", () => {
  fc.assert(
    fc.property(crowd, ({ jobs, keys, slots, shells, picks }) => {
      const permits = new Scheduler({ slots, limits: { operations: 15, shells, processesPerShell: 15 } });
      const asker = new Map<number, readonly [job: number, key: number]>();
      const turns = jobs.map(() => new Array<number>(keys).fill(0));
      const held: number[] = [];
      let nextId = 0;
      const granted = (id: number) => {
        const [job, key] = asker.get(id)!;
        held.push(id);
        turns[job]![key]!++;
        ask(job, key);
      };
      const ask = (job: number, key: number) => {
        const id = nextId++;
        asker.set(id, [job, key]);
        const request = { id, job: `j${job}`, quotaKey: `k${key}`, priority: jobs[job]! };
        if (permits.acquire(request) !== "queued") granted(id);
      };
      // Each waits everywhere, and asks again as soon as it was granted.
      for (let key = 0; key < keys; key++) jobs.forEach((_, job) => ask(job, key));
      for (let n = 0; n < 21 * jobs.length * keys * 8; n++) {
        // No permit is held for ever.
        const at = n % 2 === 0 ? 0 : picks[n % picks.length]! % held.length;
        permits.release(held.splice(at, 1)[0]!);
        for (const grant of permits.next()) granted(grant.id);
      }
      assert.ok(turns.flat().every((count) => count > 0), `${jobs}: ${JSON.stringify(turns)}`);
    }),
    { numRuns: 200 },
  );
});

Deno.test("one free slot goes to the highest priority that waits, unless it has had its share of the round", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("high" as const, "normal" as const, "low" as const), {
        minLength: 1,
        maxLength: 60,
      }),
      (asked) => {
        const permits = new Scheduler({ slots: 1 });
        const shares = { high: 16, normal: 4, low: 1 };
        permits.acquire({ id: -1, job: "first", quotaKey: "first", priority: "low" });
        asked.forEach((priority, id) => permits.acquire({ id, job: `j${id}`, quotaKey: `h${id}`, priority }));
        // What the description says, as simply as it can be said.
        const left = { ...shares, low: 0 };
        const waiting = { high: 0, normal: 0, low: 0 };
        for (const priority of asked) waiting[priority]++;
        const order = ["high", "normal", "low"] as const;
        let current = -1;
        for (let n = 0; n < asked.length; n++) {
          permits.release(current);
          current = permits.next()[0]!.id;
          let expected = order.find((priority) => waiting[priority] > 0 && left[priority] > 0);
          if (expected === undefined) {
            Object.assign(left, shares);
            expected = order.find((priority) => waiting[priority] > 0)!;
          }
          left[expected]--;
          waiting[expected]--;
          assert.equal(asked[current], expected);
        }
      },
    ),
    { numRuns: 200 },
  );
});
