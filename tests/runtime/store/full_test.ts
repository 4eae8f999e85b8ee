/** A full disk: batches are refused whole and in order, and work goes on when there is room again. @module */
import assert from "node:assert/strict";
import { StoreError } from "../../../actors/daemon/job_store.ts";
import { openStore, type Store } from "../../../runtime/store/mod.ts";
import { allEvents, newJob, output, withFolder } from "./fixture.ts";

const piece = 40_000;

/** Appends numbered output until the store refuses; how much of it was acknowledged. */
async function fill(store: Store, first: number): Promise<number> {
  let kept = 0;
  for (let i = first;; i += 8) {
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, (_, k) => {
      const bytes = new Uint8Array(piece).fill((i + k) % 251);
      return store.record([output("j", 0, bytes)]);
    }));
    for (const outcome of outcomes) {
      if (outcome.status === "fulfilled") {
        kept++;
        continue;
      }
      assert.ok(outcome.reason instanceof StoreError);
      assert.equal(outcome.reason.code, "StoreFull", outcome.reason.message);
    }
    const refusedFirst = outcomes.findIndex(({ status }) => status === "rejected");
    if (refusedFirst < 0) continue;
    // Nothing that came after a refusal was kept before the caller could know of it.
    assert.ok(outcomes.slice(refusedFirst).every(({ status }) => status === "rejected"));
    return kept;
  }
}

Deno.test("a disk that becomes full in the middle, and has room again", async (test) => {
  await withFolder(async (folder) => {
    const disk = `${folder}/disk`;
    Deno.mkdirSync(disk);
    const mounted = new Deno.Command("mount", {
      args: ["-t", "tmpfs", "-o", "size=12m,mode=700", "tmpfs", disk],
      stderr: "null",
    });
    let success = false;
    try {
      success = mounted.outputSync().success;
    } catch {
      // There is no `mount`.
    }
    if (!success) {
      await test.step({ name: "needs the right to mount", ignore: true, fn: () => {} });
      return;
    }
    try {
      Deno.writeFileSync(`${disk}/ballast`, new Uint8Array(5 * 1024 * 1024));
      const path = `${disk}/store.db`;
      let store = await openStore({ path });
      await store.write.jobs.create(newJob("j", 1));
      let kept = await fill(store, 0);
      assert.ok(kept > 0);
      assert.equal(store.read.jobHosts.get("j", 0)!.stdoutBytes, kept * piece);
      await assert.rejects(store.write.settings.put("k", "v".repeat(2_000_000), 1, "any"), {
        code: "StoreFull",
      });
      assert.ok(store.read.jobs.get("j"), "reading goes on");

      Deno.removeSync(`${disk}/ballast`);
      await store.record([output("j", 0, new Uint8Array(piece).fill(kept % 251))]);
      kept++;
      assert.equal(store.read.jobHosts.get("j", 0)!.stdoutBytes, kept * piece);
      assert.deepEqual(await store.check(), []);
      await store.close();

      // The log is copied into the file: for a moment what is in it needs its room twice.
      const { success: larger } = new Deno.Command("mount", { args: ["-o", "remount,size=32m", disk] })
        .outputSync();
      assert.ok(larger);
      store = await openStore({ path });
      let seq = 0;
      for (const event of allEvents(store)) assert.equal(event.seq, ++seq);
      for (let i = 0; i < kept; i++) {
        const { data } = store.read.output.range("j", 0, "stdout", i * piece, piece)!;
        assert.ok(data.length === piece && data.every((byte) => byte === i % 251), `piece ${i}`);
      }
      assert.deepEqual(await store.check(), []);
      await store.close();
    } finally {
      new Deno.Command("umount", { args: ["-l", disk] }).outputSync();
    }
  });
});
