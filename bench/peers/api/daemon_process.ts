/**
 * A daemon for suite `api`, with a store at the path that is its argument: jobs that nobody runs, since the API alone is measured. Prints
 * {@link DaemonSaid}; each line of its input is an {@link AppendOrder}, which it answers by a line when all is on disk; ends with its
 * input.
 * @module
 */
import type { StoreRecord } from "../../../actors/daemon/job_store.ts";
import type { JobRequest } from "../../../actors/daemon/job_types.ts";
import { Daemon, firstToken } from "../../../runtime/daemon/daemon.ts";
import { inventoryFromHosts } from "../../../runtime/inventory/mod.ts";
import { openStore } from "../../../runtime/store/mod.ts";

/** Where it is, and ids of its jobs. */
export interface DaemonSaid {
  readonly url: string;
  readonly token: string;
  /** Has just been asked for, with nothing but a command. */
  readonly queued: string;
  /** Is done, and was asked for with some options. */
  readonly done: string;
}

/** Events for the queued job, so many a second, for so long. */
export interface AppendOrder {
  readonly rate: number;
  readonly seconds: number;
}

/** Hosts of each job. */
const hosts = 1000;

const store = await openStore({ path: Deno.args[0]! });
const token = (await firstToken(store))!;
await using daemon = await Daemon.start({
  store,
  inventory: inventoryFromHosts([]),
  connection: { user: "bench" },
  host: "127.0.0.1",
  port: 0,
  limits: { requestsPerSecond: 1_000_000 },
  heartbeatMs: 3_600_000,
  onError: (error) => console.error("daemon:", error),
});

/** Behind the daemon's back: it does not know that there is something to run. */
async function newJob(id: string, request: JobRequest): Promise<string> {
  await store.write.jobs.create({
    id,
    request,
    hosts: Array.from({ length: hosts }, (_, i) => `host${i}.example`),
    createdAt: Date.now(),
    createdBy: "bench",
  });
  return id;
}

const queued = await newJob("01900000-0000-7000-8000-000000000001", { command: "hostname", hosts: "all" });
const done = await newJob("01900000-0000-7000-8000-000000000002", {
  command: ["report", "--of", "disks", "--format", "json"],
  hosts: "web*:!web07:&prod",
  priority: "low",
  throttle: 64,
  timeoutMs: 60_000,
  shell: { cwd: "C:\\Reports", env: { LANG: "en" } },
});
/** Every host succeeds, and the job is done. */
function endOf(job: string): StoreRecord[] {
  return [
    { kind: "state", job, at: Date.now(), state: "running" },
    ...Array.from({ length: hosts }, (_, index): StoreRecord => ({
      kind: "result",
      job,
      index,
      at: Date.now(),
      status: "succeeded",
      exitCode: 0,
      durationMs: 1,
      error: null,
    })),
    { kind: "state", job, at: Date.now(), state: "done" },
  ];
}

await store.record(endOf(done));
const said: DaemonSaid = { url: daemon.url, token, queued, done };
console.log(JSON.stringify(said));

/** Progress, evenly: each record is an event of its own. Then the job is done. */
async function append({ rate, seconds }: AppendOrder): Promise<void> {
  const total = rate * seconds;
  const start = performance.now();
  for (let sent = 0; sent < total;) {
    const due = Math.min(total, Math.floor((performance.now() - start) / 1000 * rate));
    const records = Array.from({ length: due - sent }, (_, i): StoreRecord => ({
      kind: "progress",
      job: queued,
      index: (sent + i) % hosts,
      at: Date.now(),
      phase: "connecting",
    }));
    sent = due;
    store.record(records).catch((error) => console.error("append:", error));
    await store.room();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await store.record(endOf(queued));
}

let rest = "";
for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const lines = (rest + text).split("\n");
  rest = lines.pop()!;
  for (const line of lines) {
    await append(JSON.parse(line));
    console.log("appended");
  }
}
