/** What a daemon deletes by itself, in virtual time: only what is finished and old, and nothing because of a clock that is wrong. */
import assert from "node:assert/strict";
import { type KeepTerms, Upkeep } from "../../../runtime/daemon/upkeep.ts";
import type { RetentionReport, Store } from "../../../runtime/store/mod.ts";
import { VirtualClock } from "../../helpers/virtual_clock.ts";
import { newJob, output, state, succeeded, withStore } from "../store/fixture.ts";
import { world } from "./world.ts";

const minute = 60_000;
const day = 24 * 60 * minute;

async function endedJob(store: Store, id: string, at: number, bytes = 10): Promise<void> {
  await store.write.jobs.create(newJob(id, 1, { createdAt: at }));
  await store.record([output(id, 0, new Uint8Array(bytes).fill(at))]);
  await store.record([succeeded(id, 0, at), state(id, "done", at)]);
}

/** Upkeep of a new store; `pass` lets time go by. */
function withUpkeep(
  keep: KeepTerms,
  use: (
    w: {
      store: Store;
      clock: VirtualClock;
      upkeep: Upkeep;
      reports: RetentionReport[];
      pass: (ms: number) => Promise<void>;
      jobs: () => string[];
    },
  ) => Promise<void>,
): Promise<void> {
  return withStore(async (store) => {
    const clock = new VirtualClock();
    const reports: RetentionReport[] = [];
    const errors: unknown[] = [];
    const upkeep = new Upkeep({
      store,
      clock,
      keep,
      onReport: (report) => reports.push(report),
      onError: (error) => errors.push(error),
    });
    const pass = async (ms: number) => {
      const until = clock.monotonic() + ms;
      while (clock.step(until)) await upkeep.idle;
    };
    const jobs = () => store.read.jobs.list({ sort: "createdAt" }).items.map(({ id }) => id);
    await use({ store, clock, upkeep, reports, pass, jobs });
    upkeep.stop();
    assert.equal(clock.pending, 0);
    assert.deepEqual(errors, []);
  });
}

Deno.test("finished jobs go 30 days after their end, others stay, and it is told", () =>
  withUpkeep({}, async ({ store, clock, reports, pass, jobs }) => {
    const now = clock.now();
    await store.write.jobs.create(newJob("open", 1, { createdAt: now - 400 * day }));
    await endedJob(store, "old", now - 31 * day);
    await endedJob(store, "young", now - 30 * day + 20 * minute);
    assert.deepEqual(jobs(), ["open", "old", "young"], "a start has other work");
    await pass(6 * minute);
    assert.deepEqual(jobs(), ["open", "young"]);
    assert.deepEqual(reports.map(({ jobs }) => jobs), [1]);
    await pass(20 * minute);
    assert.deepEqual(jobs(), ["open"]);
    await pass(60 * minute);
    assert.equal(reports.length, 2, "nothing is told of nothing");
  }));

Deno.test("the number of finished jobs and the size of the store are kept to", async () => {
  await withUpkeep({ jobs: 2 }, async ({ store, clock, pass, jobs }) => {
    for (let n = 0; n < 4; n++) await endedJob(store, `j${n}`, clock.now() - 10 + n);
    await pass(6 * minute);
    assert.deepEqual(jobs(), ["j2", "j3"]);
  });
  await withUpkeep({ maxBytes: 3_000_000 }, async ({ store, clock, pass, jobs }) => {
    for (let n = 0; n < 4; n++) await endedJob(store, `j${n}`, clock.now() - 10 + n, 1_000_000);
    const before = store.stats().fileBytes;
    await pass(6 * minute);
    assert.deepEqual(jobs(), ["j2", "j3"]);
    assert.ok(store.stats().fileBytes < before - 1_500_000, "the file became smaller");
  });
});

Deno.test("a clock that is put forward deletes nothing until it was right for an hour", () =>
  withUpkeep({}, async ({ store, clock, pass, jobs }) => {
    await endedJob(store, "j", clock.now());
    await pass(10 * minute);
    clock.wallOffset += 400 * day;
    await pass(30 * minute);
    clock.wallOffset -= 400 * day;
    await pass(120 * minute);
    assert.deepEqual(jobs(), ["j"]);
    clock.wallOffset += 400 * day;
    await pass(59 * minute);
    assert.deepEqual(jobs(), ["j"]);
    await pass(20 * minute);
    assert.deepEqual(jobs(), []);
  }));

Deno.test("audit records are kept for a year at least", () =>
  withUpkeep({ days: 1 }, async ({ store, clock, pass }) => {
    const record = { who: "ci", from: null, action: "x", outcome: "ok", detail: {} };
    for (const days of [300, 400]) {
      await store.write.audit.add({ ...record, at: clock.now() - days * day, target: `${days}` });
    }
    await pass(6 * minute);
    assert.deepEqual(store.read.audit.page().items.map(({ target }) => target), ["300"]);
  }));

Deno.test("who follows all events from a place that was deleted is told so, and goes on with what there is", async () => {
  await using w = await world({ hosts: 1 });
  const first = await w.submit({ command: "echo old" });
  await w.events(first);
  await w.store.retain({ now: 0, maxJobs: 0 });
  assert.equal((await w.ask("GET", `/v1/jobs/${first}`)).status, 404);
  const socket = new WebSocket(`${w.url.replace("http", "ws")}/v1/events?after=1`, [
    "drover.events",
    `drover.token.${w.token}`,
  ]);
  const types: string[] = [];
  const trimmed = Promise.withResolvers<void>();
  const done = Promise.withResolvers<void>();
  socket.onerror = () => done.reject(new Error("socket"));
  socket.onmessage = ({ data }) => {
    const event = JSON.parse(String(data)) as { type: string; document?: { state: string } };
    types.push(event.type);
    trimmed.resolve();
    if (event.type === "job" && event.document!.state === "done") done.resolve();
  };
  await trimmed.promise;
  await w.submit({ command: "echo new" });
  await done.promise;
  const closed = new Promise((resolve) => socket.onclose = resolve);
  socket.close();
  await closed;
  assert.deepEqual([types[0], types.indexOf("trimmed", 1)], ["trimmed", -1], "once, and first");
  assert.ok(types.includes("result"));
});
