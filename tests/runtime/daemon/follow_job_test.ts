/** Followers of a job: each event once and in order, encoded once for all of them, whoever is slow. */
import assert from "node:assert/strict";
import type { StoreRecord } from "../../../actors/daemon/job_store.ts";
import { JobFollower } from "../../../runtime/daemon/live/follow_job.ts";
import { JobLog, JobLogs } from "../../../runtime/daemon/live/job_log.ts";
import { streamOf } from "../../../runtime/daemon/live/part_source.ts";
import { openStore, type Store } from "../../../runtime/store/mod.ts";
import { readEvents, world } from "./world.ts";

const job = "01900000-0000-7000-8000-00000000000a";

async function withJob(use: (store: Store) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "drover-follow-" });
  await Deno.chmod(folder, 0o700);
  const store = await openStore({ path: `${folder}/drover.db` });
  try {
    for (const id of [job, `${job.slice(0, -1)}b`]) {
      await store.write.jobs.create({
        id,
        request: { command: "x", hosts: "all" },
        hosts: ["a", "b"],
        createdAt: 1,
        createdBy: "test",
      });
    }
    await use(store);
  } finally {
    await store.close();
    await Deno.remove(folder, { recursive: true });
  }
}

function output(count: number, bytes: number): StoreRecord[] {
  return Array.from({ length: count }, (_, i) => ({
    kind: "output",
    job,
    // In turns: pieces of one host that follow each other could become one event.
    index: i % 2,
    at: 1,
    stream: "stdout",
    data: new Uint8Array(bytes).fill(65 + i % 26),
  }));
}

const done: StoreRecord[] = [
  ...[0, 1].map((index): StoreRecord => ({
    kind: "result",
    job,
    index,
    at: 1,
    status: "succeeded",
    exitCode: 0,
    durationMs: 1,
    error: null,
  })),
  { kind: "state", job, at: 1, state: "done" },
];

/** Seqs that a follower is given. `pause` is awaited between two parts. */
async function seqsOf(
  store: Store,
  logs: JobLogs,
  after: number,
  pause = () => Promise.resolve(),
): Promise<number[]> {
  const seqs: number[] = [];
  const follower = new JobFollower(store, logs, job, after, new AbortController().signal);
  for await (const bytes of streamOf(follower)) {
    seqs.push(...readEvents(new TextDecoder().decode(bytes)).map(({ seq }) => seq));
    await pause();
  }
  return seqs;
}

Deno.test("an event that is on disk before this thread hears of it comes when it does: followers waited for ever", () =>
  withJob(async (store) => {
    // Heard of up to here, and no further.
    let head = store.head;
    const risen: (() => void)[] = [];
    const late: Store = Object.create(store, {
      read: { value: store.read },
      head: { get: () => head },
      subscribe: { value: (listener: () => void) => (risen.push(listener), () => {}) },
    });
    const hear = (upTo: number) => {
      head = upTo;
      for (const listener of risen) listener();
    };
    const log = new JobLog(late, job);
    const after = head;
    await store.record([{ kind: "state", job: `${job.slice(0, -1)}b`, at: 1, state: "running" }]);
    const others = after + 1;
    await store.record([{ kind: "state", job, at: 1, state: "running" }]);
    hear(others);
    assert.equal(log.read(after), undefined);
    hear(others + 1);
    assert.match(new TextDecoder().decode(log.read(after)?.bytes), /"running"/);
    log.close();
  }));

Deno.test("what is on disk when the daemon stops still goes out", () =>
  withJob(async (store) => {
    const stop = new AbortController();
    const items = streamOf(new JobFollower(store, new JobLogs(store), job, store.head, stop.signal))
      .getReader();
    const next = items.read();
    await store.record([{ kind: "state", job, at: 1, state: "running" }]);
    stop.abort();
    const { value } = await next;
    assert.match(new TextDecoder().decode(value), /"running"/);
    assert.equal((await items.read()).done, true);
  }));

Deno.test("every follower sees each event once and in order: fast, slow, from the middle, come late", () =>
  withJob(async (store) => {
    const logs = new JobLogs(store);
    await store.record([{ kind: "state", job, at: 1, state: "running" }, ...output(100, 50)]);
    const opened = Promise.withResolvers<void>();
    const followers = [0, 0, 40, store.head].map((after) => ({ after, seqs: seqsOf(store, logs, after) }));
    // Takes one part and nothing more until all is written: 12 MB later its cursor is in the log no more.
    const slow = seqsOf(store, logs, 0, () => opened.promise);
    for (let i = 0; i < 20; i++) {
      await store.record(output(10, 60_000));
      if (i === 10) followers.push({ after: 7, seqs: seqsOf(store, logs, 7) });
    }
    await store.record(done);
    opened.resolve();
    const all = Array.from({ length: store.head }, (_, i) => i + 1);
    for (const { after, seqs } of followers) assert.deepEqual(await seqs, all.slice(after));
    assert.deepEqual(await slow, all);
  }));

Deno.test("followers at the head share one read of the store and the same bytes", () =>
  withJob(async (store) => {
    let reads = 0;
    const counting = {
      get head() {
        return store.head;
      },
      subscribe: (listener: (head: number) => void) => store.subscribe(listener),
      read: {
        events: {
          page(query: Parameters<Store["read"]["events"]["page"]>[0]) {
            reads++;
            return store.read.events.page(query);
          },
        },
      },
    } as Store;
    const logs = new JobLogs(counting);
    await store.record([{ kind: "state", job, at: 1, state: "running" }]);
    const stop = new AbortController();
    const feeds = Array.from(
      { length: 50 },
      () => streamOf(new JobFollower(counting, logs, job, store.head, stop.signal)).getReader(),
    );
    const waiting = feeds.map((feed) => feed.read());
    await store.record(output(3, 10));
    const parts = (await Promise.all(waiting)).map(({ value }) => value);
    assert.ok(parts.every((bytes) => bytes !== undefined && bytes.buffer === parts[0]!.buffer));
    assert.equal(reads, 1);
    stop.abort();
    assert.ok((await Promise.all(feeds.map((feed) => feed.read()))).every(({ done }) => done));
  }));

Deno.test("a client that takes nothing loses its stream and its place, and delays nobody", async () => {
  await using w = await world({ hosts: 1, stuckMs: 3_000, limits: { streams: 2 } });
  const { store } = w;
  await store.write.jobs.create({
    id: job,
    request: { command: "x", hosts: "all" },
    hosts: ["a", "b"],
    createdAt: 1,
    createdBy: "first",
  });
  const { hostname, port } = new URL(w.url);
  using deaf = await Deno.connect({ hostname, port: Number(port) });
  await deaf.write(new TextEncoder().encode(
    `GET /v1/jobs/${job}/events HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${w.token}\r\n\r\n`,
  ));
  const other = w.events(job);
  // More than the system's buffers between the two take.
  for (let i = 0; i < 60; i++) await store.record(output(10, 60_000));
  // The place of the deaf one becomes free.
  for (;;) {
    const abort = new AbortController();
    const answer = await w.ask("GET", `/v1/jobs/${job}/events`, { signal: abort.signal });
    abort.abort();
    await answer.body?.cancel().catch(() => {});
    if (answer.status === 200) break;
    assert.equal(answer.status, 429);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await store.record(done);
  const seqs = (await other).map(({ seq }) => seq);
  assert.deepEqual(seqs, Array.from({ length: store.head }, (_, i) => i + 1));
  assert.deepEqual(w.errors, []);
});

Deno.test("what a source throws is told of, and breaks the stream off", async () => {
  const broken = new Error("the store is gone");
  let ends = 0;
  const source = {
    take() {
      throw broken;
    },
    wait() {},
    end: () => void ends++,
  };
  const told: unknown[] = [];
  const reader = streamOf(source, (error) => told.push(error)).getReader();
  await assert.rejects(reader.read(), broken);
  assert.deepEqual([told, ends], [[broken], 1]);
});
