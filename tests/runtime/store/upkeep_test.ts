/** Retention and backup, while work goes on. @module */
import assert from "node:assert/strict";
import { openStore, type Store } from "../../../runtime/store/mod.ts";
import { allEvents, newJob, output, state, succeeded, withStore } from "./fixture.ts";

/** A job that has ended, with a megabyte of output. */
async function endedJob(store: Store, id: string, endedAt: number): Promise<void> {
  await store.write.jobs.create(newJob(id, 1, { createdAt: endedAt }));
  const noise = crypto.getRandomValues(new Uint8Array(50_000));
  for (let i = 0; i < 20; i++) await store.record([output(id, 0, noise.slice())]);
  await store.record([succeeded(id, 0, endedAt), state(id, "done", endedAt)]);
}

Deno.test("old jobs go whole, young and unfinished ones stay, and the file becomes smaller", () =>
  withStore(async (store) => {
    for (let day = 1; day <= 5; day++) await endedJob(store, `day${day}`, day * 100);
    await store.write.jobs.create(newJob("open", 1, { createdAt: 50 }));
    await store.record([output("open", 0, "kept")]);
    const before = store.stats();
    const head = store.head;
    const [report] = await Promise.all([
      store.retain({ now: 0, endedBefore: 300 }),
      (async () => {
        for (let i = 0; i < 50; i++) await store.record([output("open", 0, `${i} `)]);
      })(),
    ]);
    assert.deepEqual([report.jobs, report.events], [2, 44]);
    assert.ok(report.freedBytes > 1_500_000, `${report.freedBytes}`);
    assert.ok(store.stats().fileBytes < before.fileBytes - 1_500_000);
    assert.deepEqual(store.read.jobs.list({ sort: "createdAt" }).items.map(({ id }) => id), [
      "open",
      "day3",
      "day4",
      "day5",
    ]);
    assert.equal(store.read.jobHosts.list("day1").items.length, 0);
    // A reader that stopped within what was deleted learns it; one that is beyond does not.
    assert.equal(store.read.events.page({ after: 3 }).trimmed, true);
    assert.equal(store.read.events.page({ after: 3, job: "day3" }).trimmed, false);
    assert.equal(store.read.events.page({ after: 44 }).trimmed, false);
    assert.ok(allEvents(store).every(({ job }) => job !== "day1" && job !== "day2"));
    assert.equal(store.head, head + 50);
    assert.deepEqual(await store.check(), []);
  }));

Deno.test("the oldest jobs go until the store is small enough, and no seq comes again", () =>
  withStore(async (store) => {
    for (let day = 1; day <= 4; day++) await endedJob(store, `day${day}`, day * 100);
    await store.retain({ now: 0, maxBytes: 3_000_000 });
    const left = store.read.jobs.list({}).items.map(({ id }) => id);
    assert.deepEqual(left, ["day4", "day3"]);
    assert.ok(store.stats().usedBytes <= 3_000_000);
    await store.retain({ now: 0, maxBytes: 0 });
    assert.deepEqual(allEvents(store), []);
    // A reader is told once that all is gone, not for ever.
    const gone = store.read.events.page({ after: 1 });
    assert.deepEqual([gone.trimmed, gone.next], [true, store.head]);
    const { head, path } = store;
    await store.close();
    const again = await openStore({ path });
    await again.write.jobs.create(newJob("new", 1));
    await again.record([output("new", 0, "x")]);
    assert.equal(allEvents(again)[0]!.seq, head + 1);
    await again.close();
  }));

Deno.test("the oldest jobs go until no more are left than are to be kept; those that are not done do not count", () =>
  withStore(async (store) => {
    for (let n = 1; n <= 4; n++) {
      await store.write.jobs.create(newJob(`j${n}`, 1, { createdAt: n }));
      await store.record([succeeded(`j${n}`, 0, n), state(`j${n}`, "done", n)]);
    }
    await store.write.jobs.create(newJob("open", 1, { createdAt: 0 }));
    assert.equal((await store.retain({ now: 9, maxJobs: 4 })).jobs, 0);
    assert.equal((await store.retain({ now: 9, maxJobs: 1 })).jobs, 3);
    assert.deepEqual(store.read.jobs.list({}).items.map(({ id }) => id), ["j4", "open"]);
    assert.equal((await store.retain({ now: 9, maxJobs: 0 })).jobs, 1);
  }));

Deno.test("a backup is a whole store as it was at one moment, while work goes on", () =>
  withStore(async (store, folder) => {
    await endedJob(store, "day1", 100);
    await store.write.jobs.create(newJob("open", 1));
    let written = 0;
    let copied = false;
    const copy = store.backup(`${folder}/copy.db`).then(() => copied = true);
    while (!copied) {
      await store.record([output("open", 0, "0123456789")]);
      written++;
    }
    await copy;
    assert.equal(Deno.statSync(`${folder}/copy.db`).mode! & 0o777, 0o600);
    await assert.rejects(store.backup(`${folder}/copy.db`), { code: "StoreUnusable" });
    await assert.rejects(store.backup(`${folder}/none/copy.db`), { code: "StoreUnusable" });
    const backup = await openStore({ path: `${folder}/copy.db` });
    assert.deepEqual(await backup.check(), []);
    assert.deepEqual(backup.read.jobs.get("day1"), store.read.jobs.get("day1"));
    const { data, total } = backup.read.output.range("open", 0, "stdout", 0, 1e6)!;
    assert.equal(new TextDecoder().decode(data), "0123456789".repeat(total / 10));
    assert.ok(total / 10 <= written);
    let seq = 0;
    for (const event of allEvents(backup)) assert.equal(event.seq, ++seq);
    await backup.close();
    assert.deepEqual([...Deno.readDirSync(folder)].filter(({ name }) => name.includes("partial")), []);
  }));
