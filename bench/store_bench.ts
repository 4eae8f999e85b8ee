/**
 * Suite `store`: the daemon's store on a real disk. Output and small events until they are on disk (acknowledged after the commit,
 * synchronous=FULL), reads from a store with many events, and the restart of a daemon with unfinished work.
 *
 * Everything is appended through the store's own interface, with so much on its way as `room()` lets through: packing, the way
 * to the writer's thread, SQLite and the disk are all in the figures. Random bytes, so that nothing can be compressed.
 *
 * `floor`: the same bytes written to a plain file in pieces of 4 MB, each followed by fdatasync.
 * @module
 */
import { openStore, type Store } from "../runtime/store/mod.ts";
import type { StoreRecord } from "../actors/daemon/job_store.ts";

const quick = Deno.args.includes("--quick");
const ingestBytes = (quick ? 200 : 2000) * 1e6;
const smallEvents = quick ? 100_000 : 1_000_000;
const storedEvents = quick ? 1_000_000 : 10_000_000;
const unfinishedHosts = 1000;

/** Targets of issue 5. */
const targets = { mbPerSecond: 100, eventsPerSecond: 50_000, listMs: 50, restartMs: 2000 };

const missed: string[] = [];

function report(name: string, impl: string, figures: Record<string, number>): void {
  const text = Object.entries(figures).map(([key, value]) => `${key}=${Number(value.toPrecision(4))}`).join(
    " ",
  );
  console.log(`BENCH suite=store case=${name} impl=${impl} ${text}`);
}

function expect(what: string, met: boolean): void {
  if (!met) missed.push(what);
}

const seconds = (since: number) => (performance.now() - since) / 1000;

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

/** Milliseconds of one call, the median of many. */
function timed(times: number, call: (round: number) => unknown): number {
  return median(Array.from({ length: times }, (_, round) => {
    const start = performance.now();
    call(round);
    return performance.now() - start;
  }));
}

async function newJob(store: Store, id: string, hosts: number, createdAt = 1): Promise<void> {
  await store.write.jobs.create({
    id,
    request: { command: "report", hosts: "all" },
    hosts: Array.from({ length: hosts }, (_, i) => `host${i}.example`),
    createdAt,
    createdBy: "bench",
  });
}

/** Appends records as fast as the store takes them; resolves when all are on disk. */
async function appendAll(store: Store, records: Iterable<StoreRecord>): Promise<void> {
  let failure: unknown;
  let count = 0;
  let last: Promise<void> = Promise.resolve();
  for (const record of records) {
    last = store.record([record]).catch((error) => {
      failure ??= error;
    });
    if (++count % 64 === 0) await store.room();
  }
  await last;
  if (failure !== undefined) throw failure;
}

function* outputs(job: string, hosts: number, count: number, size: number): Iterable<StoreRecord> {
  const noise = crypto.getRandomValues(new Uint8Array(65_536));
  for (let i = 0; i < count; i++) {
    const data = size > 60_000 ? noise.subarray(0, size) : noise.slice(i % 60_000, i % 60_000 + size);
    yield { kind: "output", job, index: i % hosts, at: i, stream: "stdout", data };
  }
}

function floor(folder: string): void {
  const piece = new Uint8Array(4 * 1024 * 1024);
  for (let at = 0; at < piece.length; at += 65_536) crypto.getRandomValues(piece.subarray(at, at + 65_536));
  const start = performance.now();
  const file = Deno.openSync(`${folder}/floor`, { create: true, write: true });
  let written = 0;
  for (; written < ingestBytes; written += piece.length) {
    file.writeSync(piece);
    file.syncDataSync();
  }
  file.close();
  report("ingest", "floor", { mb_per_s: written / 1e6 / seconds(start) });
  Deno.removeSync(`${folder}/floor`);
}

async function ingest(store: Store): Promise<void> {
  await newJob(store, "bytes", 100);
  const size = 64_000;
  let start = performance.now();
  await appendAll(store, outputs("bytes", 100, Math.ceil(ingestBytes / size), size));
  const mb = ingestBytes / 1e6 / seconds(start);
  report("ingest", "drover", { mb_per_s: mb });
  expect(`ingest: ${mb.toFixed(0)} MB/s`, mb >= targets.mbPerSecond);

  // Of 1,000 hosts in turns: hardly any two pieces can become one event, and each event stays one.
  await newJob(store, "events", 1000);
  const head = store.head;
  start = performance.now();
  await appendAll(store, outputs("events", 1000, smallEvents, 100));
  const taken = seconds(start);
  report("events", "drover", {
    pieces_per_s: smallEvents / taken,
    events_per_s: (store.head - head) / taken,
    events_stored: store.head - head,
  });
  const rate = smallEvents / taken;
  expect(`events: ${rate.toFixed(0)} pieces/s`, rate >= targets.eventsPerSecond);
}

/** Progress cannot be put together: each of them is an event. */
function* progress(job: string, hosts: number, count: number): Iterable<StoreRecord> {
  for (let i = 0; i < count; i++) {
    yield { kind: "progress", job, index: i % hosts, at: i, phase: "connecting" };
  }
}

async function large(store: Store): Promise<void> {
  const jobs = 200;
  await Promise.all(Array.from({ length: jobs }, (_, i) => newJob(store, `large${i}`, 100, i)));
  const before = store.head;
  const start = performance.now();
  for (let number = 0; number < jobs; number++) {
    await appendAll(store, progress(`large${number}`, 100, Math.ceil((storedEvents - before) / jobs)));
  }
  const rate = (store.head - before) / seconds(start);
  report("single_events", "drover", { events_per_s: rate });
  expect(`single events: ${rate.toFixed(0)}/s`, rate >= targets.eventsPerSecond);
  for (let from = 0; from < 10_000; from += 500) {
    await Promise.all(Array.from({ length: 500 }, (_, i) => newJob(store, `small${from + i}`, 1, from + i)));
  }

  const list = timed(
    50,
    (round) => store.read.jobs.list(round % 2 === 0 ? {} : { states: ["queued"], limit: 100 }),
  );
  const firstList = timed(20, () => store.read.jobs.list({ states: ["running", "done"], sort: "createdAt" }));
  report("read", "drover", {
    events: store.head,
    file_mb: store.stats().fileBytes / 1e6,
    job_list_ms: list,
    job_list_filtered_ms: firstList,
    job_us: timed(200, () => {
      for (let i = 0; i < 100; i++) store.read.jobs.get(`large${i % 100}`);
    }) * 10,
    event_page_ms: timed(100, (i) => store.read.events.page({ after: i * 5000 })),
    job_event_page_ms: timed(100, (i) => store.read.events.page({ after: i * 5000, job: "large7" })),
    host_events_page_ms: timed(
      50,
      (i) => store.read.events.page({ after: i, job: "large7", hosts: ["host7.example"] }),
    ),
    range_64k_ms: timed(100, (i) => store.read.output.range("bytes", i, "stdout", i * 10_000, 65_536)),
  });
  expect(`job list: ${Math.max(list, firstList).toFixed(1)} ms`, Math.max(list, firstList) < targets.listMs);
}

async function restart(store: Store): Promise<void> {
  await newJob(store, "cut", unfinishedHosts);
  await store.record(
    Array.from({ length: unfinishedHosts / 2 }, (_, index): StoreRecord => ({
      kind: "intent",
      job: "cut",
      index,
      at: 1,
      shellName: `drover-bench-${index}`,
      shellId: null,
      commandId: `${index}`,
    })),
  );
  const { path } = store;
  await store.close();
  const start = performance.now();
  const again = await openStore({ path });
  const opened = seconds(start) * 1000;
  const hosts = again.read.jobs.unfinished().find(({ job }) => job.id === "cut")!.hosts.length;
  const ready = seconds(start) * 1000;
  report("restart", "drover", { unfinished_hosts: hosts, open_ms: opened, ready_ms: ready });
  expect(
    `restart: ${ready.toFixed(0)} ms, ${hosts} hosts`,
    ready < targets.restartMs && hosts === unfinishedHosts,
  );
  await again.close();
}

const folder = await Deno.makeTempDir({ prefix: "drover-store-bench-" });
try {
  floor(folder);
  const store = await openStore({ path: `${folder}/store.db` });
  await ingest(store);
  await large(store);
  await restart(store);
} finally {
  await Deno.remove(folder, { recursive: true });
}
for (const what of missed) console.error(`store: target missed: ${what}`);
