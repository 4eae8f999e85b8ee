/**
 * `kill -9`, or the loss of power, at every write: the write-ahead log is cut at each of its frames and in between, and the copying of
 * its pages into the file ends after each page. What was acknowledged before is there, whole batches and nothing else. @module
 */
import assert from "node:assert/strict";
import { openStore } from "../../../runtime/store/mod.ts";
import { Writer } from "../../../runtime/store/writer.ts";
import { allEvents, intent, newJob, output, state, succeeded, withFolder } from "./fixture.ts";

/** [SQLite file format](https://www.sqlite.org/fileformat2.html) section 4.1: the log's header, and that of each frame. */
const logHeaderBytes = 32;
const frameHeaderBytes = 24;
const pageBytes = 16_384;

interface Files {
  /** The file before the log was copied into it, and after. */
  readonly before: Uint8Array;
  readonly after: Uint8Array;
  readonly log: Uint8Array;
  /** By length of the log: the head of the events that are on disk. */
  readonly heads: readonly (readonly [length: number, head: number])[];
}

/** A store that is written to in several batches, and its files at each of them. */
async function written(folder: string): Promise<Files> {
  const path = `${folder}/store.db`;
  const store = await openStore({ path });
  const heads: [number, number][] = [];
  const log = () => Deno.readFileSync(`${path}-wal`);
  const note = () => void heads.push([log().length, store.head]);
  note();
  await store.write.jobs.create(newJob("j", 2));
  note();
  await store.record([state("j", "running")]);
  note();
  for (const index of [0, 1]) {
    await store.record([intent("j", index)]);
    note();
    await store.record([output("j", index, "x".repeat(40_000)), output("j", index, "e", "stderr")]);
    note();
    await store.record([succeeded("j", index)]);
    note();
  }
  const before = Deno.readFileSync(path);
  const whole = log();
  await store.close();
  return { before, after: Deno.readFileSync(path), log: whole, heads };
}

/** Writes these files down and opens them, which checks them whole; gives back the head of their events. */
function open(folder: string, file: Uint8Array, log: Uint8Array): number {
  const path = `${folder}/store.db`;
  Deno.writeFileSync(path, file, { mode: 0o600 });
  Deno.writeFileSync(`${path}-wal`, log, { mode: 0o600 });
  const writer = new Writer(path);
  const { head } = writer.state();
  writer.close();
  return head;
}

/** Looks into the store that was opened last: whole batches are there, and it goes on where it was. */
async function look(folder: string): Promise<void> {
  const store = await openStore({ path: `${folder}/store.db` });
  try {
    const { head } = store;
    assert.deepEqual(allEvents(store).map(({ seq }) => seq), Array.from({ length: head }, (_, at) => at + 1));
    if (store.read.jobs.get("j") === undefined) {
      await store.write.jobs.create(newJob("j", 2));
      return;
    }
    for (const { index, stdoutBytes, stderrBytes, status } of store.read.jobHosts.list("j", {}).items) {
      assert.ok((stdoutBytes === 40_000 && stderrBytes === 1) || stdoutBytes + stderrBytes === 0, `${index}`);
      const more = store.record([output("j", index, "y")]);
      if (status === null) await more;
      else await assert.rejects(more, { code: "StoreConflict" });
    }
  } finally {
    await store.close();
  }
}

Deno.test("a log that ends anywhere has the batches that were whole before, and nothing else", () =>
  withFolder(async (folder) => {
    const { before, log, heads } = await withFolder(written);
    const frames = (log.length - logHeaderBytes) / (frameHeaderBytes + pageBytes);
    assert.ok(Number.isInteger(frames) && frames > 15, `${frames} frames`);
    const cuts = [0, 1, logHeaderBytes - 1];
    for (let frame = 0; frame <= frames; frame++) {
      const at = logHeaderBytes + frame * (frameHeaderBytes + pageBytes);
      cuts.push(at);
      // In the header of the next frame, and in its page.
      if (frame < frames) cuts.push(frame % 2 === 0 ? at + frameHeaderBytes - 1 : at + pageBytes);
    }
    const seen = new Set<number>();
    for (const cut of cuts) {
      const head = open(folder, before, log.subarray(0, cut));
      if (!seen.has(head)) await look(folder);
      const expected = heads.findLast(([length]) => length <= cut)?.[1] ?? 0;
      assert.equal(head, expected, `cut after ${cut} bytes`);
      seen.add(head);
    }
    assert.equal(seen.size, new Set(heads.map(([, head]) => head)).size);
  }));

Deno.test("a frame of the log that was not written whole ends it", () =>
  withFolder(async (folder) => {
    const { before, log, heads } = await withFolder(written);
    const [, , running] = heads;
    // The first frame after that batch.
    for (const at of [0, frameHeaderBytes, frameHeaderBytes + pageBytes - 1]) {
      const torn = log.slice();
      torn[running![0] + at]! ^= 0xff;
      assert.equal(open(folder, before, torn), running![1]);
    }
  }));

Deno.test("copying the log into the file may end after any page", () =>
  withFolder(async (folder) => {
    const { before, after, log, heads } = await withFolder(written);
    for (let bytes = 0; bytes <= after.length; bytes += pageBytes) {
      const file = new Uint8Array(Math.max(before.length, bytes));
      file.set(before);
      file.set(after.subarray(0, bytes));
      assert.equal(open(folder, file, log), heads.at(-1)![1], `after ${bytes} bytes`);
    }
  }));
