import assert from "node:assert/strict";
import type { ChildSpec } from "../../../actors/kernel/actor.ts";
import {
  type PermitGrant,
  type PermitRequest,
  Scheduler,
  scheduler,
  type SchedulerInfo,
  type SchedulerMessage,
} from "../../../actors/scheduler/mod.ts";
import { createTestSystem } from "../../helpers/virtual_clock.ts";

const ids = (grants: PermitGrant[]) => grants.map((grant) => grant.id);

Deno.test("a job uses no more hosts at once than its throttle, all jobs no more than the global one", () => {
  const permits = new Scheduler({ slots: 3 });
  const acquire = (id: number, job: string, throttle: number) =>
    permits.acquire({ id, job, quotaKey: `host${id}`, throttle });
  assert.deepEqual(acquire(1, "a", 2), { id: 1 });
  assert.deepEqual(acquire(2, "a", 2), { id: 2 });
  assert.equal(acquire(3, "a", 2), "queued");
  assert.deepEqual(acquire(4, "b", 9), { id: 4 });
  assert.equal(acquire(5, "b", 9), "queued");
  permits.release(1);
  permits.release(4);
  assert.deepEqual(ids(permits.next()).sort(), [3, 5]);
  assert.equal(permits.inspect().slotsUsed, 3);
});

Deno.test("at one host the limits hold, one operation stays reserved for Signal and Delete", () => {
  const permits = new Scheduler({ limits: { operations: 3, shells: 9, processesPerShell: 1 } });
  const request = (id: number, more: Partial<PermitRequest> = {}): PermitRequest => ({
    id,
    job: "j",
    quotaKey: "u@h",
    ...more,
  });
  permits.acquire(request(1));
  permits.acquire(request(2));
  assert.equal(permits.acquire(request(3)), "queued");
  assert.deepEqual(permits.acquire(request(4, { cleanup: true })), { id: 4 });
  assert.equal(permits.acquire(request(5, { cleanup: true })), "queued");
  permits.release(1);
  assert.deepEqual(ids(permits.next()), [5]);
  permits.release(4);
  assert.deepEqual(ids(permits.next()), []);
  permits.release(5);
  assert.deepEqual(ids(permits.next()), [3]);
});

Deno.test("a shell that may be left behind keeps its place at its host, and nothing else", () => {
  const permits = new Scheduler({ slots: 1, limits: { operations: 9, shells: 1, processesPerShell: 9 } });
  permits.acquire({ id: 1, job: "j", quotaKey: "k" });
  assert.equal(permits.acquire({ id: 2, job: "j", quotaKey: "k" }), "queued");
  assert.equal(permits.acquire({ id: 3, job: "j", quotaKey: "elsewhere" }), "queued");
  assert.equal(permits.keepShell(1), true);
  assert.deepEqual(ids(permits.next()), [3], "the slot is free, the place of the shell is not");
  assert.deepEqual(permits.usageOf("k"), { operations: 0, shells: 1 });
  permits.release(3);
  assert.equal(permits.release(1), true);
  assert.deepEqual(ids(permits.next()), [2]);
  permits.release(2);
  assert.equal(permits.keepShell(2), false);
  assert.deepEqual(permits.inspect(), { waiting: 0, held: 0, slotsUsed: 0, slots: 1, jobs: 0, keys: 0 });
});

Deno.test("work inside a slot is not held up by those who wait for one, and processes are counted per shell", () => {
  const permits = new Scheduler({ slots: 1, limits: { operations: 9, shells: 9, processesPerShell: 2 } });
  const inside = (id: number, shell: string): PermitRequest => ({
    id,
    job: "j",
    quotaKey: "k",
    cost: { slots: 0, shells: 0, processOf: shell },
  });
  permits.acquire({ id: 1, job: "j", quotaKey: "k" });
  assert.equal(permits.acquire({ id: 2, job: "j", quotaKey: "k" }), "queued");
  assert.deepEqual(permits.acquire(inside(3, "s1")), { id: 3 });
  assert.deepEqual(permits.acquire(inside(4, "s1")), { id: 4 });
  assert.equal(permits.acquire(inside(5, "s1")), "queued");
  assert.equal(permits.release(3), true);
  assert.deepEqual(ids(permits.next()), [5]);
});

Deno.test("a job of five hosts is not stuck behind one of five thousand", () => {
  const permits = new Scheduler({ slots: 10 });
  for (let id = 0; id < 5000; id++) permits.acquire({ id, job: "big", quotaKey: `h${id}` });
  for (let id = 5000; id < 5005; id++) permits.acquire({ id, job: "small", quotaKey: `h${id}` });
  const order: number[] = [];
  for (let id = 0; id < 10; id++) {
    permits.release(id);
    order.push(...ids(permits.next()));
  }
  assert.equal(order.filter((id) => id >= 5000).length, 5);
});

Deno.test("at a crowded host the jobs take turns", () => {
  const permits = new Scheduler({ limits: { operations: 2, shells: 1, processesPerShell: 1 } });
  let id = 0;
  for (let n = 0; n < 4; n++) {
    for (const job of ["a", "a", "b"]) permits.acquire({ id: id++, job, quotaKey: "k" });
  }
  const jobs: string[] = [];
  for (let current = 0, n = 0; n < 7; n++) {
    permits.release(current);
    current = permits.next()[0]?.id ?? -1;
    jobs.push(current % 3 === 2 ? "b" : "a");
  }
  assert.equal(jobs.slice(0, 6).filter((job) => job === "b").length, 3, jobs.join(""));
});

Deno.test("a quota fault takes the limit down at once, and it returns step by step", () => {
  const permits = new Scheduler({ limits: { operations: 15, shells: 5, processesPerShell: 15 } });
  for (let id = 0; id < 4; id++) permits.acquire({ id, job: "j", quotaKey: "k" });
  assert.equal(permits.onQuotaFault("k", 2150859173), true);
  assert.equal(permits.limitsOf("k").shells, 3);
  assert.equal(permits.acquire({ id: 9, job: "j", quotaKey: "k" }), "queued");
  permits.release(3);
  assert.deepEqual(permits.next(), []);
  assert.equal(permits.raise("k"), true);
  assert.deepEqual(ids(permits.next()), [9]);
  assert.equal(permits.raise("k"), false);
  assert.equal(permits.limitsOf("k").shells, 5);
  assert.equal(permits.onQuotaFault("k", 5), false);
});

Deno.test("a permit is given back once, and nothing is left of what has ended or was cancelled", () => {
  const permits = new Scheduler({ slots: 1 });
  permits.acquire({ id: 1, job: "a", quotaKey: "k" });
  permits.acquire({ id: 2, job: "b", quotaKey: "l" });
  assert.throws(() => permits.acquire({ id: 2, job: "b", quotaKey: "l" }), {
    code: "DuplicatePermitRequest",
  });
  assert.equal(permits.cancel(1), false);
  assert.equal(permits.cancel(2), true);
  assert.equal(permits.cancel(2), false);
  assert.equal(permits.release(2), false);
  assert.equal(permits.release(1), true);
  assert.equal(permits.release(1), false);
  assert.deepEqual(permits.inspect(), { waiting: 0, held: 0, slotsUsed: 0, slots: 1, jobs: 0, keys: 0 });
});

Deno.test("the actor answers every request, and takes back what an owner leaves behind", async () => {
  const { system, run, advance, until } = createTestSystem();
  const permits = system.spawn(scheduler({ slots: 1 }));
  const owner = system.spawn<never>({ start: () => ({ handle() {} }) });
  const acquire = (id: number, more: Partial<Extract<SchedulerMessage, { kind: "acquire" }>> = {}) =>
    system.ask<SchedulerMessage, PermitGrant | undefined>(
      permits,
      (replyTo) => ({
        kind: "acquire",
        request: { id, job: "j", quotaKey: "k" },
        replyTo,
        ...more,
      }),
      Infinity,
    );
  const inspect = () =>
    until(
      system.ask<SchedulerMessage, SchedulerInfo>(permits, (replyTo) => ({ kind: "inspect", replyTo }), 1000),
    );
  const first = acquire(1, { owner: { ref: owner, keepMs: 500 } });
  const patient = acquire(2);
  const hasty = acquire(3, { waitMs: 100 });
  const twice = acquire(2);
  const owned = acquire(4, { owner: { ref: owner } });
  assert.deepEqual(await until(first), { kind: "answered", value: { id: 1 } });
  assert.deepEqual(await until(twice), { kind: "answered", value: undefined });
  advance(100);
  assert.deepEqual(await hasty, { kind: "answered", value: undefined });
  system.stop(owner);
  run();
  assert.deepEqual(await owned, { kind: "answered", value: undefined });
  advance(499);
  const info = await inspect();
  assert.equal(info.kind === "answered" && info.value.held, 1);
  advance(1);
  assert.deepEqual(await patient, { kind: "answered", value: { id: 2 } });
  system.send(permits, { kind: "cancel", id: 2 });
  const idle = await inspect();
  assert.equal(idle.kind === "answered" && idle.value.held + idle.value.waiting, 0);
  assert.equal(system.stats.timers, 0);
});

Deno.test("the actor lets a lowered limit rise again, one step a minute", () => {
  const { system, run, advance } = createTestSystem();
  const permits = system.spawn(scheduler({ limits: { operations: 15, shells: 3, processesPerShell: 15 } }));
  const granted: number[] = [];
  const client: ChildSpec<PermitGrant | undefined> = {
    start: (context) => {
      for (let id = 0; id < 3; id++) {
        context.ask<SchedulerMessage, PermitGrant | undefined>(
          permits,
          (replyTo) => ({ kind: "acquire", request: { id, job: "j", quotaKey: "k" }, replyTo }),
          Infinity,
          (outcome) => outcome.kind === "answered" ? outcome.value : undefined,
        );
      }
      return { handle: (grant) => void granted.push(grant?.id ?? -1) };
    },
  };
  system.send(permits, { kind: "quotaFault", quotaKey: "k", code: 2150859173 });
  system.send(permits, { kind: "quotaFault", quotaKey: "k", code: 2150859173 });
  system.spawn(client);
  run();
  assert.deepEqual(granted, [0]);
  advance(60_000);
  assert.deepEqual(granted, [0, 1]);
  advance(60_000);
  assert.deepEqual(granted, [0, 1, 2]);
  advance(600_000);
  assert.equal(system.stats.timers, 0);
});
