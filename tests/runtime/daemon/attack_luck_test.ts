/** Bad luck at the worst moment. */
import assert from "node:assert/strict";
import { StoreError } from "../../../actors/daemon/job_store.ts";
import { inventoryFromHosts } from "../../../runtime/inventory/mod.ts";
import { problemCode, type World, world } from "./world.ts";

/** The audit takes nothing more by itself: the disk is full by now. */
function fillDisk(w: World): void {
  Object.defineProperty(w.store.write, "audit", {
    value: { add: () => Promise.reject(new StoreError("StoreFull", "write to store: the disk is full")) },
  });
}

Deno.test("a job that was taken is told as taken, although the disk is full right after: it is in the audit with itself", async () => {
  await using w = await world({ hosts: 1 });
  const schedule = { cron: "0 0 1 1 *", overlap: "allow", request: { command: "true" } };
  assert.equal((await w.ask("PUT", "/v1/schedules/nightly", { body: schedule })).status, 201);
  fillDisk(w);
  const first = await w.submit({ command: "exit 1" });
  await w.events(first);
  const again = await w.ask("POST", `/v1/jobs/${first}/retry`);
  assert.equal(again.status, 202);
  const second = (await again.json()).id;
  await w.events(second);
  const run = await w.ask("POST", "/v1/schedules/nightly/run");
  assert.equal(run.status, 202);
  const third = (await run.json()).id;
  await w.events(third);
  const { items } = await (await w.ask("GET", "/v1/audit?limit=3")).json();
  assert.deepEqual(
    items.map(({ at: _at, seq: _seq, ...record }: Record<string, unknown>) => record),
    [
      { action: "schedule.run", target: "nightly", detail: { job: third } },
      {
        action: "job.retry",
        target: second,
        detail: { command: "exit 1", hosts: "all", count: 1, retryOf: first },
      },
      { action: "job.create", target: first, detail: { command: "exit 1", hosts: "all", count: 1 } },
    ].map((record) => ({ who: "first", from: "127.0.0.1", outcome: "ok", ...record })),
  );
});

Deno.test("a request that comes again finds its job, also when its hosts are gone from the inventory by now", async () => {
  await using w = await world({ hosts: 1 });
  const headers = { "Idempotency-Key": "once" };
  const create = (command = "exit 1") =>
    w.ask("POST", "/v1/jobs", { headers, body: { command, hosts: w.hosts[0] } });
  const { id } = await (await create()).json();
  await w.events(id);
  const retry = () => w.ask("POST", `/v1/jobs/${id}/retry`, { headers: { "Idempotency-Key": "again" } });
  const second = (await (await retry()).json()).id;
  await w.events(second);
  w.daemon.setInventory(inventoryFromHosts([]));
  for (const [answer, job] of [[await create(), id], [await retry(), second]] as const) {
    assert.equal(answer.status, 202);
    assert.equal(answer.headers.get("Location"), `/v1/jobs/${job}`);
    assert.equal((await answer.json()).id, job);
  }
  assert.equal(await problemCode(await create("true"), 409), "IdempotencyKeyReused");
  assert.equal((await (await w.ask("GET", "/v1/jobs")).json()).items.length, 2);
});
