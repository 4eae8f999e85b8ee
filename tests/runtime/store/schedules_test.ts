/** Schedules in the store: a due time becomes a job or is settled, once, and a file of the first layout gets room for them. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { hostStatuses } from "../../../actors/host/mod.ts";
import { openStore, type Store, type StoredSchedule } from "../../../runtime/store/mod.ts";
import { migrate, migrations } from "../../../runtime/store/schema.ts";
import { Sql } from "../../../runtime/store/sql.ts";
import { newJob, state, succeeded, withFolder, withStore } from "./fixture.ts";

const nightly: StoredSchedule = {
  cron: "0 0 * * *",
  timeZone: "UTC",
  missed: "skip",
  overlap: "skip",
  enabled: true,
  request: { command: "true", hosts: "all" },
  owner: { token: "t", name: "ci", hosts: ["all"] },
};

const run = (store: Store, version: number, dueAt: number | null, id: string) =>
  store.write.schedules.run({ name: "s", version, dueAt, job: newJob(id, 1, { createdAt: 5_000 }) });

async function end(store: Store, id: string): Promise<void> {
  await store.record([succeeded(id, 0), state(id, "done")]);
}

Deno.test("a due time becomes one job, whatever asks for it again", () =>
  withStore(async (store) => {
    await store.write.schedules.put("s", nightly, new Uint8Array([1]), 1_000, "absent");
    assert.deepEqual(store.read.schedules.stdin("s"), new Uint8Array([1]));
    assert.deepEqual(store.read.schedules.state("s"), { settledTo: 1_000, last: null });
    // Due times before it was made are none of its own.
    assert.equal((await run(store, 1, 1_000, "early")).kind, "settled");
    const kinds = await Promise.all([2_000, 2_000, 2_000].map((due, n) => run(store, 1, due, `j${n}`)));
    assert.deepEqual(kinds.map(({ kind }) => kind), ["created", "settled", "settled"]);
    assert.equal(store.read.jobs.get("j0")!.scheduledBy, "s");
    assert.deepEqual(store.read.schedules.state("s")!, {
      settledTo: 2_000,
      last: { dueAt: 2_000, at: 5_000, outcome: "started", detail: null, job: "j0" },
    });
    assert.equal((await run(store, 1, 3_000, "over")).kind, "overlapped");
    assert.equal((await run(store, 1, null, "hand")).kind, "overlapped");
    assert.deepEqual(store.read.schedules.state("s")!.last!.outcome, "overlapped");
    await end(store, "j0");
    assert.equal((await run(store, 1, 3_000, "late")).kind, "settled", "it was passed over");
    assert.equal((await run(store, 1, 4_000, "j4")).kind, "created");
    await end(store, "j4");
    assert.equal((await run(store, 1, null, "hand")).kind, "created");
    assert.equal(store.read.schedules.state("s")!.settledTo, 4_000);
    await end(store, "hand");

    // The clock was put back: what ran does not run again, what did not may.
    await store.write.schedules.rewind("s", 1_500);
    const again = await Promise.all([2_000, 3_000].map((due) => run(store, 1, due, `again${due}`)));
    assert.deepEqual(again.map(({ kind }) => kind), ["settled", "created"]);
    await end(store, "again3000");
    assert.equal((await run(store, 1, 4_000, "again4")).kind, "settled");

    assert.deepEqual(
      store.read.jobs.list({ scheduledBy: "s", sort: "createdAt" }).items.map(({ id }) => id),
      ["j0", "j4", "hand", "again3000"],
    );
    assert.deepEqual(
      store.read.audit.page({ action: "schedule.run" }).items.map(({ who, outcome }) => `${who} ${outcome}`),
      ["ci ok", "ci ok", "ci overlapped", "ci ok"],
    );
  }));

Deno.test("nothing is made for a schedule that was changed or removed meanwhile; new times begin anew", () =>
  withStore(async (store) => {
    const { schedules } = store.write;
    await schedules.put("s", nightly, undefined, 1_000, "absent");
    await schedules.put("s", { ...nightly, overlap: "allow" }, undefined, 2_000, 1);
    assert.equal(store.read.schedules.state("s")!.settledTo, 1_000, "the times are the same");
    assert.equal((await run(store, 1, 3_000, "old")).kind, "changed");
    const due = {
      name: "s",
      version: 1,
      dueAt: 3_000,
      at: 3_000,
      outcome: "missed",
      detail: null,
      who: "ci",
    };
    assert.equal(await schedules.settle(due as Parameters<typeof schedules.settle>[0]), false);
    assert.equal((await run(store, 2, 3_000, "new")).kind, "created");
    assert.equal((await run(store, 2, 4_000, "beside")).kind, "created");
    for (const change of [{ cron: "1 0 * * *" }, { timeZone: "Asia/Tokyo" }]) {
      const { version } = store.read.schedules.get("s")!;
      await schedules.put(
        "s",
        { ...store.read.schedules.get("s")!.value, ...change },
        undefined,
        9_000,
        version,
      );
      assert.equal(store.read.schedules.state("s")!.settledTo, 9_000);
      await schedules.rewind("s", 100);
    }
    await schedules.put("s", { ...nightly, enabled: false }, undefined, 10_000, 4);
    await schedules.put("s", nightly, undefined, 20_000, 5);
    assert.equal(store.read.schedules.state("s")!.settledTo, 20_000, "nothing was missed while it was off");
    assert.deepEqual(await schedules.remove("s", 6), { kind: "removed" });
    assert.equal(store.read.schedules.state("s"), undefined);
    assert.equal((await run(store, 6, 30_000, "gone")).kind, "changed");
  }));

Deno.test("a file of the first layout keeps its jobs and takes schedules", () =>
  withFolder(async (folder) => {
    const path = `${folder}/store.db`;
    const db = new DatabaseSync(path);
    migrate(new Sql(db), migrations.slice(0, 1));
    db.prepare("INSERT INTO jobs VALUES (1, 'j', 0, '{}', 0, ?, 1, NULL, NULL, 'ci', NULL)")
      .run(Array(hostStatuses.length).fill(0).join(" "));
    db.close();
    Deno.chmodSync(path, 0o600);
    const store = await openStore({ path });
    assert.equal(store.read.jobs.get("j")!.scheduledBy, null);
    await store.write.schedules.put("s", nightly, undefined, 1_000, "absent");
    assert.equal((await run(store, 1, 2_000, "k")).kind, "created");
    assert.deepEqual(await store.check(), []);
    await store.close();
  }));
