/**
 * Suite `api`: the daemon's HTTP API. One job again and again, against hono on `Deno.serve` that gives an equally long JSON and does
 * nothing else; many event streams open on one job; a daemon's start with unfinished work. Server and clients are processes of their
 * own, the load comes over raw TCP.
 * @module
 */
import { openStore } from "../runtime/store/mod.ts";
import type { StoreRecord } from "../actors/daemon/job_store.ts";
import { peer } from "./fleet/processes.ts";
import type { DaemonSaid } from "./peers/api/daemon_process.ts";
import type { LoadFigures, LoadJob } from "./peers/api/load_client.ts";
import type { StreamFigures, StreamJob } from "./peers/api/stream_client.ts";
import { usageOf } from "./peers/fleet/process_usage.ts";

const quick = Deno.args.includes("--quick");
const rounds = quick ? 2 : 5;
const roundMs = quick ? 1_000 : 3_000;
const streams = quick ? 200 : 1_000;
const eventsPerSecond = quick ? 2_000 : 10_000;
const streamSeconds = quick ? 3 : 10;

/** Targets of issue 5. */
const targets = { ratio: 0.6, growthMb: 200, restartMs: 2_000 };

const missed: string[] = [];

function report(name: string, impl: string, figures: Record<string, number>): void {
  const text = Object.entries(figures).map(([key, value]) => `${key}=${Number(value.toPrecision(4))}`);
  console.log(`BENCH suite=api case=${name} impl=${impl} ${text.join(" ")}`);
}

function expect(what: string, met: boolean): void {
  if (!met) missed.push(what);
}

const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
const seconds = (since: number) => (performance.now() - since) / 1000;

/** A process that is spoken to by lines. Disposing of it closes its input, at which it ends. */
class Peer implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #reader: ReadableStreamDefaultReader<string>;
  #rest = "";

  constructor(path: string, ...args: string[]) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", path, ...args],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#reader = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Its next line. */
  async line(): Promise<string> {
    while (!this.#rest.includes("\n")) {
      const { value, done } = await this.#reader.read();
      if (done) throw new Error("a process of the benchmark ended too early");
      this.#rest += value;
    }
    const end = this.#rest.indexOf("\n");
    const line = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end + 1);
    return line;
  }

  async said<T>(): Promise<T> {
    return JSON.parse(await this.line()) as T;
  }

  async tell(what: unknown): Promise<void> {
    const writer = this.#child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(`${JSON.stringify(what)}\n`));
    writer.releaseLock();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stdin.close();
    await this.#reader.cancel();
    await this.#child.status;
  }
}

const portOf = (url: string) => Number(new URL(url).port);

async function load(job: LoadJob): Promise<LoadFigures> {
  await using client = new Peer(peer("api/load_client.ts"), JSON.stringify(job));
  return await client.said();
}

/** One job, as `GET` gives it: `bare` and the daemon in turns. */
async function getJob(name: string, daemon: Peer, { url, token }: DaemonSaid, id: string): Promise<void> {
  const path = `/v1/jobs/${id}`;
  const answer = await fetch(`${url}${path}`, { headers: { "Authorization": `Bearer ${token}` } });
  const document = await answer.text();
  await using bare = new Peer(peer("api/bare_hono.ts"), document);
  const { url: bareUrl } = await bare.said<{ url: string }>();
  const servers = [{ impl: "bare-hono", peer: bare, url: bareUrl }, { impl: "drover", peer: daemon, url }];
  for (const connections of [1, 32]) {
    const rates = new Map<string, number[]>();
    const costs = new Map<string, number[]>();
    for (let round = 0; round <= rounds; round++) {
      for (const { impl, peer: server, url: at } of servers) {
        const before = usageOf(server.pid).cpuSeconds;
        const job = { port: portOf(at), path, token, connections, ms: roundMs };
        const { requestsPerSecond, bodyBytes } = await load(job);
        if (bodyBytes !== document.length) {
          throw new Error(`${impl}: ${bodyBytes} bytes instead of ${document.length}`);
        }
        // The first round is for the compiler.
        if (round === 0) continue;
        const cost = (usageOf(server.pid).cpuSeconds - before) * 1e6 / (requestsPerSecond * roundMs / 1_000);
        rates.set(impl, [...rates.get(impl) ?? [], requestsPerSecond]);
        costs.set(impl, [...costs.get(impl) ?? [], cost]);
      }
    }
    const of = (impl: string) => ({
      requests_per_s: median(rates.get(impl)!),
      cpu_us: median(costs.get(impl)!),
    });
    const [theirs, ours] = [of("bare-hono"), of("drover")];
    report(`${name}-c${connections}`, "bare-hono", { ...theirs, body_bytes: document.length });
    const ratio = median(rates.get("drover")!.map((rate, i) => rate / rates.get("bare-hono")![i]!));
    report(`${name}-c${connections}`, "drover", { ...ours, ratio, cpu_ratio: theirs.cpu_us / ours.cpu_us });
    expect(
      `${name} with ${connections} connections: ${ratio.toFixed(2)} of bare hono`,
      ratio >= targets.ratio,
    );
  }
}

async function followers(daemon: Peer, { url, token, queued }: DaemonSaid): Promise<void> {
  const before = usageOf(daemon.pid);
  const job: StreamJob = { port: portOf(url), path: `/v1/jobs/${queued}/events`, token, streams };
  await using client = new Peer(peer("api/stream_client.ts"), JSON.stringify(job));
  if (await client.line() !== "begun") throw new Error("the streams did not begin");
  const open = usageOf(daemon.pid).rssMb;
  let peak = open;
  const sampling = setInterval(() => peak = Math.max(peak, usageOf(daemon.pid).rssMb), 50);
  const start = performance.now();
  await daemon.tell({ rate: eventsPerSecond, seconds: streamSeconds });
  await daemon.line();
  const appended = seconds(start);
  const { events, bytes } = await client.said<StreamFigures>();
  const delivered = seconds(start);
  clearInterval(sampling);
  report(`streams${streams}`, "drover", {
    events,
    events_per_s: events / delivered,
    append_s: appended,
    delivered_s: delivered,
    mb_per_s: bytes / 1e6 / delivered,
    open_growth_mb: open - before.rssMb,
    peak_growth_mb: peak - before.rssMb,
    cpu_s: usageOf(daemon.pid).cpuSeconds - before.cpuSeconds,
  });
  expect(
    `streams: memory grew by ${(peak - before.rssMb).toFixed(0)} MB`,
    peak - before.rssMb < targets.growthMb,
  );
  expect(
    `streams: ${(events / delivered).toFixed(0)} of ${eventsPerSecond} events/s on ${streams} streams`,
    delivered < streamSeconds * 1.1 + 1,
  );
}

/** A daemon process from its start to its first answer, with 1,000 hosts that a dead one has left, half of them with an intent. */
async function restart(folder: string): Promise<void> {
  const path = `${folder}/restart.db`;
  const hosts = 1_000;
  const store = await openStore({ path });
  const { id } = { id: "01900000-0000-7000-8000-000000000003" };
  await store.write.jobs.create({
    id,
    request: { command: "report", hosts: "all" },
    // Nobody listens there.
    hosts: Array.from({ length: hosts }, (_, i) => `127.1.${i >> 8}.${i & 255}:9`),
    createdAt: 1,
    createdBy: "bench",
  });
  await store.record([
    { kind: "state", job: id, at: 1, state: "running" },
    ...Array.from({ length: hosts / 2 }, (_, index): StoreRecord => ({
      kind: "intent",
      job: id,
      index,
      at: 1,
      shellName: `drover-bench-${index}`,
      shellId: null,
      commandId: crypto.randomUUID(),
    })),
  ]);
  await store.close();
  const times: number[] = [];
  const start = performance.now();
  await using daemon = new Peer(peer("api/restart_process.ts"), path);
  const { url, startMs } = await daemon.said<{ url: string; startMs: number }>();
  const answer = await fetch(`${url}/openapi.json`);
  await answer.body?.cancel();
  times.push(seconds(start) * 1_000);
  report("restart", "drover", { unfinished_hosts: hosts, start_ms: startMs, first_answer_ms: times[0]! });
  expect(`restart: ${times[0]!.toFixed(0)} ms`, times[0]! < targets.restartMs);
}

const folder = await Deno.makeTempDir({ prefix: "drover-api-bench-" });
try {
  {
    await using daemon = new Peer(peer("api/daemon_process.ts"), `${folder}/api.db`);
    const said = await daemon.said<DaemonSaid>();
    await getJob("job", daemon, said, said.done);
    await getJob("job-small", daemon, said, said.queued);
    await followers(daemon, said);
  }
  await restart(folder);
} finally {
  await Deno.remove(folder, { recursive: true });
}
for (const what of missed) console.error(`api: target missed: ${what}`);
