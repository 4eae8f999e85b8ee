import assert from "node:assert/strict";
import type { ChildSpec } from "../../../actors/kernel/actor.ts";
import {
  conservativeLimits,
  type CrowdedMessage,
  limitsOfProfile,
  type PermitGrant,
  type PermitRequest,
  Scheduler,
  scheduler,
  type SchedulerInfo,
  type SchedulerMessage,
  windowsProfiles,
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
  assert.deepEqual(permits.keysOfKeptShells(), ["k"]);
  permits.release(3);
  assert.equal(permits.release(1), true);
  assert.deepEqual(permits.keysOfKeptShells(), [], "what is open is not left behind");
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

Deno.test("a command with standard input needs two operations, and is not overtaken for ever by those that need one", () => {
  const permits = new Scheduler({ limits: { operations: 5, shells: 99 } });
  let id = 0;
  const ask = (job: string, operations: 1 | 2) =>
    permits.acquire({ id: ++id, job, quotaKey: "k", cost: { operations } });
  for (let n = 0; n < 40; n++) ask("plain", 1);
  assert.equal(permits.usageOf("k").operations, 4);
  const fed = id + 1;
  ask("fed", 2);
  for (let oldest = 1; oldest < 30; oldest++) {
    permits.release(oldest);
    const now = ids(permits.next());
    assert.ok(permits.usageOf("k").operations <= 4);
    if (!now.includes(fed)) continue;
    assert.ok(oldest <= 3, `it waited for ${oldest} others`);
    return;
  }
  assert.fail("it starves");
});

Deno.test("where the limit is below what one request needs, it goes alone", () => {
  const permits = new Scheduler({ limits: { operations: 2 } });
  permits.acquire({ id: 1, job: "a", quotaKey: "k" });
  assert.equal(permits.acquire({ id: 2, job: "b", quotaKey: "k", cost: { operations: 2 } }), "queued");
  assert.equal(permits.acquire({ id: 3, job: "a", quotaKey: "k" }), "queued");
  permits.release(1);
  assert.deepEqual(ids(permits.next()), [2]);
  permits.release(2);
  assert.deepEqual(ids(permits.next()), [3]);
});

Deno.test("an idle shell has no operation, and keeps its slot and its place", () => {
  const permits = new Scheduler({ slots: 2, limits: { operations: 2, shells: 2 } });
  permits.acquire({ id: 1, job: "j", quotaKey: "k" });
  assert.equal(permits.acquire({ id: 2, job: "j", quotaKey: "k" }), "queued");
  assert.equal(permits.returnOperations(2), false);
  assert.equal(permits.returnOperations(1), true);
  assert.deepEqual(ids(permits.next()), [2]);
  assert.deepEqual(permits.usageOf("k"), { operations: 1, shells: 2 });
  assert.equal(permits.inspect().slotsUsed, 2);
  permits.release(2);
  permits.release(1);
  assert.deepEqual(permits.inspect(), { waiting: 0, held: 0, slotsUsed: 0, slots: 2, jobs: 0, keys: 0 });
});

Deno.test("connections bound what is open at once where operations would allow more", () => {
  const permits = new Scheduler({ limits: { operations: 99, connections: 3, shells: 99 } });
  for (let id = 1; id <= 3; id++) permits.acquire({ id, job: "j", quotaKey: "k" });
  assert.equal(permits.usageOf("k").operations, 2);
  assert.deepEqual(permits.acquire({ id: 4, job: "j", quotaKey: "k", cleanup: true }), { id: 4 });
  assert.equal(permits.acquire({ id: 5, job: "j", quotaKey: "k", cleanup: true }), "queued");
});

Deno.test("users of one host: one more waits until another one has no shell there", () => {
  const permits = new Scheduler({ limits: { users: 2 } });
  const ask = (id: number, quotaKey: string) => permits.acquire({ id, job: `j${id}`, quotaKey });
  ask(1, "ann@h");
  ask(2, "bob@realm@h");
  assert.equal(ask(3, "cy@h"), "queued");
  assert.deepEqual(ask(4, "ann@h"), { id: 4 }, "who has a shell there may have another");
  assert.deepEqual(ask(5, "cy@elsewhere"), { id: 5 });
  assert.equal(ask(6, "dee@h"), "queued");
  permits.release(1);
  assert.deepEqual(ids(permits.next()), []);
  permits.release(4);
  assert.deepEqual(ids(permits.next()), [3]);
  assert.equal(ask(7, "ann@h"), "queued");
  permits.cancel(6);
  permits.keepShell(2);
  assert.deepEqual(ids(permits.next()), [], "the service may still have bob's shell");
  permits.release(2);
  assert.deepEqual(ids(permits.next()), [7]);
  for (const id of [3, 5, 7]) permits.release(id);
  assert.deepEqual({ ...permits.inspect(), slots: 0 }, {
    waiting: 0,
    held: 0,
    slotsUsed: 0,
    slots: 0,
    jobs: 0,
    keys: 0,
  });
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

Deno.test("a small job has its turn however many large ones wait at its hosts", () => {
  const permits = new Scheduler({ slots: 1 });
  let id = 0;
  const jobOf = new Map<number, string>();
  const acquire = (job: string, host: number) => {
    jobOf.set(id, job);
    permits.acquire({ id: id++, job, quotaKey: `h${host}` });
  };
  for (let host = 0; host < 20; host++) for (const job of ["a", "b", "c"]) acquire(job, host);
  for (let host = 0; host < 5; host++) acquire("small", 10 + host);
  const order: string[] = [];
  for (let current = 0; order.length < 20;) {
    permits.release(current);
    current = permits.next()[0]!.id;
    order.push(jobOf.get(current)!);
  }
  assert.equal(order.filter((job) => job === "small").length, 5, order.join(" "));
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

Deno.test("a higher priority goes first, and lower ones have their share of every round", () => {
  const permits = new Scheduler({ slots: 1 });
  permits.acquire({ id: 0, job: "first", quotaKey: "first" });
  const jobs = ["low", "normal", "high"] as const;
  for (let id = 1; id <= 300; id++) {
    const priority = jobs[id % 3]!;
    permits.acquire({ id, job: priority, quotaKey: `h${id}`, priority });
  }
  const order: string[] = [];
  for (let current = 0, n = 0; n < 105; n++) {
    permits.release(current);
    current = permits.next()[0]?.id ?? -1;
    order.push(jobs[current % 3]!);
  }
  assert.equal(order[0], "high", "the last to come");
  for (let n = 0; n + 21 <= 105; n += 21) {
    const round = order.slice(n, n + 21);
    const count = (job: string) => round.filter((other) => other === job).length;
    // The first permit was the one of a job of normal priority.
    assert.deepEqual([count("high"), count("normal"), count("low")], n === 0 ? [17, 3, 1] : [16, 4, 1]);
  }
});

Deno.test("at a crowded host a higher priority goes first, and a lower one has its share while other hosts are free", () => {
  const permits = new Scheduler({ limits: { operations: 2, shells: 1, processesPerShell: 1 } });
  let id = 0;
  const acquire = (job: "high" | "low", quotaKey: string) =>
    permits.acquire({ id: id++, job, quotaKey, priority: job });
  acquire("low", "k");
  for (let n = 0; n < 50; n++) acquire("low", "k");
  const firstHigh = id;
  for (let n = 0; n < 200; n++) acquire("high", "k");
  const order: string[] = [];
  for (let current = 0, n = 0; n < 40; n++) {
    // Another host takes the low job's share of the global round each time.
    acquire("low", `free${n}`);
    permits.release(current);
    current = permits.next()[0]?.id ?? -1;
    order.push(current >= firstHigh && current < firstHigh + 200 ? "high" : "low");
  }
  assert.equal(order[0], "high");
  assert.equal(order.slice(0, 34).filter((job) => job === "low").length, 2, order.join(" "));
});

Deno.test("a job's priority may change while it waits", () => {
  const permits = new Scheduler({ slots: 1 });
  permits.acquire({ id: 0, job: "first", quotaKey: "h0" });
  permits.acquire({ id: 1, job: "a", quotaKey: "h1", priority: "low" });
  permits.acquire({ id: 2, job: "b", quotaKey: "h2" });
  permits.acquire({ id: 3, job: "a", quotaKey: "h3", priority: "high" });
  permits.release(0);
  assert.deepEqual(ids(permits.next()), [1]);
});

Deno.test("profiles: what each version of Windows lets one user do", () => {
  assert.deepEqual(limitsOfProfile("winrm-2.0"), conservativeLimits);
  assert.deepEqual(limitsOfProfile("windows-2012"), {
    operations: 1500,
    connections: 33,
    shells: 30,
    processesPerShell: 25,
    users: 10,
  });
  assert.equal(limitsOfProfile("windows-2022").shells, 2_147_483_647);
  assert.deepEqual(Object.keys(windowsProfiles), ["winrm-2.0", "windows-2012", "windows-2022"]);
  for (const name of ["windows-95", "toString", ""]) {
    assert.throws(() => limitsOfProfile(name), { code: "UnknownProfile" });
  }
});

Deno.test("every quota fault takes down the limit that it speaks of, and no other fault does", () => {
  const limits = { operations: 15, connections: 25, shells: 5, processesPerShell: 7, users: 3 };
  const codes = {
    shells: [2150859173, 2150859236, 2150859238, 2150859242],
    users: [2150859179, 2150859237],
    operations: [2150858815, 2150859174, 2150859175, 2150859176, 2150859239, 2150859240],
    processesPerShell: [2150859241],
  };
  const left = { shells: 1, users: 1, operations: 2, processesPerShell: 6 };
  for (const quota of ["shells", "users", "operations", "processesPerShell"] as const) {
    for (const code of codes[quota]) {
      const permits = new Scheduler({ limits });
      assert.equal(permits.onQuotaFault("k", code), true);
      assert.deepEqual(permits.limitsOf("k"), { ...limits, [quota]: left[quota] });
    }
  }
  // DIFFERENT_AUTHZ_TOKEN and REDIRECT_LOCATION_NOT_AVAILABLE stand among them.
  const permits = new Scheduler();
  for (const code of [2150859177, 2150859178, 5, 2150858843]) {
    assert.equal(permits.onQuotaFault("k", code), false);
  }
});

Deno.test("an overloaded service gets half of the operations, and what was learnt is unlearnt even where there is no limit", () => {
  const permits = new Scheduler({ limits: { ...limitsOfProfile("windows-2022"), connections: 300 } });
  for (let id = 0; id < 100; id++) permits.acquire({ id, job: "j", quotaKey: "k" });
  permits.onOverload("k");
  assert.equal(permits.limitsOf("k").operations, 50);
  assert.equal(permits.limitsOf("k").shells, 2_147_483_647);
  permits.onQuotaFault("k", 2150859173);
  assert.equal(permits.limitsOf("k").shells, 99);
  for (let id = 0; id < 100; id++) permits.release(id);
  let steps = 1;
  while (permits.raise("k")) steps++;
  assert.ok(steps > 50 && steps < 100, `${steps} steps`);
  assert.equal(permits.inspect().keys, 0);
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

Deno.test("the actor raises a limit a minute after the last fault, not after the first", () => {
  const { system, advance } = createTestSystem();
  const permits = system.spawn(scheduler({ limits: { operations: 15, shells: 2, processesPerShell: 15 } }));
  const fault = () => system.send(permits, { kind: "quotaFault", quotaKey: "k", code: 2150859173 });
  fault();
  for (let id = 0; id < 2; id++) {
    void system.ask<SchedulerMessage, PermitGrant | undefined>(
      permits,
      (replyTo) => ({ kind: "acquire", request: { id, job: "j", quotaKey: "k" }, replyTo }),
      Infinity,
    );
  }
  advance(59_000);
  fault();
  const held = () =>
    system.inspect().children.find(({ path }) => path === permits.path)?.doing?.split(",")[0];
  advance(59_999);
  assert.equal(held(), "1 permits held");
  advance(1);
  assert.equal(held(), "2 permits held");
  assert.equal(system.stats.timers, 0);
});

Deno.test("who watches crowding is told where limits that nobody has learnt keep requests back, once in ten minutes", () => {
  const { system, run, advance } = createTestSystem();
  const permits = system.spawn(
    scheduler({ slots: 3, limits: { operations: 15, shells: 1, processesPerShell: 15 } }),
  );
  const told: string[] = [];
  const watcher = system.spawn<CrowdedMessage>({
    mailbox: { capacity: 16, overflow: "shedOldest" },
    start: () => ({ handle: ({ quotaKey }) => void told.push(quotaKey) }),
  });
  const granted: number[] = [];
  let nextId = 0;
  const ask = (quotaKey: string) => {
    const id = nextId++;
    void system.ask<SchedulerMessage, PermitGrant | undefined>(
      permits,
      (replyTo) => ({ kind: "acquire", request: { id, job: "j", quotaKey }, replyTo }),
      Infinity,
    ).then((outcome) => outcome.kind === "answered" && granted.push(id));
    run();
  };
  const heard = () => told.splice(0);
  system.send(permits, { kind: "watchCrowding", watcher });
  ask("a");
  ask("b");
  assert.deepEqual(heard(), [], "nothing waits");
  ask("a");
  ask("a");
  assert.deepEqual(heard(), ["a"]);
  advance(599_999);
  ask("a");
  assert.deepEqual(heard(), []);
  advance(1);
  ask("a");
  assert.deepEqual(heard(), ["a"], "nobody has learnt anything in ten minutes");
  system.send(permits, {
    kind: "adjust",
    quotaKey: "a",
    limits: { operations: 15, shells: 2, processesPerShell: 15 },
  });
  run();
  ask("a");
  ask("c");
  assert.deepEqual(heard(), [], "a's limits are known, and c waits for a slot");
  system.send(permits, { kind: "quotaFault", quotaKey: "c", code: 2150859173 });
  system.send(permits, { kind: "quotaFault", quotaKey: "c", code: 2150859173 });
  run();
  assert.deepEqual(heard(), ["c"]);
  advance(1_200_000);
  system.send(permits, { kind: "quotaFault", quotaKey: "a", code: 2150859173 });
  run();
  assert.deepEqual(heard(), ["a"], "what was learnt is not true any more");
});

Deno.test("limits that were learnt let waiting requests go at once", () => {
  const permits = new Scheduler({ limits: { operations: 15, shells: 1, processesPerShell: 15 } });
  for (let id = 0; id < 6; id++) permits.acquire({ id, job: "j", quotaKey: "k" });
  permits.adjust("k", { operations: 15, shells: 4, processesPerShell: 15 });
  assert.deepEqual(ids(permits.next()), [1, 2, 3]);
  permits.adjust("k", { operations: 15, shells: 2, processesPerShell: 15 });
  permits.release(0);
  permits.release(1);
  assert.deepEqual(ids(permits.next()), [], "what was granted before stays");
  permits.release(2);
  assert.deepEqual(ids(permits.next()), [4]);
});

Deno.test("inspection tells what is held and waits, and the limits that were learnt", async () => {
  const { system, run, until } = createTestSystem();
  const permits = system.spawn(scheduler({ slots: 7 }));
  const acquire = (id: number, quotaKey: string) =>
    until(system.ask<SchedulerMessage, PermitGrant | undefined>(
      permits,
      (replyTo) => ({ kind: "acquire", request: { id, job: "j", quotaKey }, replyTo }),
      1_000,
    ));
  await acquire(1, "a@web01");
  const seen = () => system.inspect().children[0];
  assert.equal(seen()?.doing, "1 permits held, 0 requests waiting, 1 of 7 slots in use");
  for (let at = 1; at <= 5; at++) {
    system.send(permits, { kind: "adjust", quotaKey: `a@web0${at}`, limits: { operations: 40, shells: at } });
  }
  system.send(permits, { kind: "quotaFault", quotaKey: "a@web01", code: 2150859174 });
  run();
  assert.deepEqual(seen()?.figures, { held: 1, waiting: 0, slotsUsed: 1, slots: 7, limitsLearnt: 5 });
  assert.match(
    seen()?.doing ?? "",
    /; limits learnt: a@web01 2 operations 1 shells \(lowered\), a@web02 40 operations 2 shells, .*, and 2 more$/,
  );
});
