/**
 * The daemon's figures for Prometheus. Labels are bounded: states, statuses, operations, patterns of routes; never the name of a host,
 * a job or a token.
 * @module
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { hostStatuses } from "../../../actors/host/mod.ts";
import type { StoreRecord } from "../../../actors/daemon/job_store.ts";
import { type Job, type JobState, jobStates } from "../../../actors/daemon/job_types.ts";
import type { SystemSnapshot } from "../../../actors/kernel/snapshot.ts";
import type { ExchangeNote } from "../../../actors/ports.ts";
import type { StoreStats } from "../../store/types.ts";
import { version } from "../../version.ts";
import type { WorkWatch } from "./watch.ts";

/** What is looked at when figures are asked for. */
export interface MetricSources {
  /** A picture of the actors with the sums of what they tell; `undefined`: there are none any more. */
  readonly actors: (path: string) => SystemSnapshot | undefined;
  readonly store: () => StoreStats;
  /** Requests and streams that are open. */
  readonly open: (kind: "requests" | "streams") => number;
  /** Hosts that are known. */
  readonly hosts: () => number;
  /** Whether work is taken. */
  readonly ready: () => boolean;
}

/** Operations of WinRM that get a label of their own (DSP0226 section 5.1, [MS-WSMV] 3.1.4). */
const operations: ReadonlySet<string> = new Set([
  "Create",
  "Delete",
  "Command",
  "Send",
  "Receive",
  "Signal",
  "Get",
  "Put",
  "Enumerate",
  "Pull",
  "Release",
]);

/** Seconds. */
const quick = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const slow = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40];

/** Making a text takes at most this part of the process' time, however often it is asked for. */
const share = 1 / 20;

/** See the module. */
export class Metrics implements WorkWatch {
  readonly #registry = new Registry();
  readonly #sources: MetricSources;
  readonly #states = new Map<string, JobState>();
  #running = 0;
  #last: { readonly text: string; readonly until: number } | undefined;
  readonly #jobsDone = this.#counter("jobs_done_total", "Jobs all of whose hosts have their results.");
  readonly #results = this.#counter("host_results_total", "Results of hosts, by status.", ["status"]);
  readonly #outputBytes = this.#counter("output_bytes_total", "Bytes of output that were kept.", ["stream"]);
  readonly #exchanges = new Histogram({
    name: "drover_operation_duration_seconds",
    help: "Operations of WinRM from the request to the end of the answer, by what came of them.",
    labelNames: ["operation", "outcome"],
    buckets: slow,
    registers: [this.#registry],
  });
  readonly #exchangeWaits = new Histogram({
    name: "drover_operation_wait_seconds",
    help: "What operations waited for a connection.",
    buckets: quick,
    registers: [this.#registry],
  });
  readonly #requests = new Histogram({
    name: "drover_http_request_duration_seconds",
    help: "Requests to the API until their answer began, by pattern of the route and class of the status.",
    labelNames: ["method", "route", "status"],
    buckets: quick,
    registers: [this.#registry],
  });
  readonly #loop = new Histogram({
    name: "drover_event_loop_delay_seconds",
    help: "By how much a timer of the process comes too late.",
    buckets: quick,
    registers: [this.#registry],
  });
  readonly #reloads = this.#counter("reloads_total", "Files that were read again.", ["file", "outcome"]);
  readonly #refusals = this.#counter("token_refusals_total", "Requests without a valid token.");
  readonly #jobs = new Gauge({
    name: "drover_jobs",
    help: "Jobs that are not done, by state.",
    labelNames: ["state"],
    registers: [this.#registry],
  });
  readonly #commits = this.#counter("store_commits_total", "Batches that were written.");
  readonly #commitSeconds = this.#counter(
    "store_commit_seconds_total",
    "What they took until they were on disk.",
  );
  readonly #written = this.#counter("store_written_bytes_total", "Bytes in them.");
  readonly #gauges: readonly (readonly [gauge: Gauge, value: (look: Look) => number])[];
  readonly #errors = this.#counter("internal_errors_total", "Defects of Drover itself.");

  constructor(sources: MetricSources) {
    this.#sources = sources;
    for (const status of hostStatuses) this.#results.inc({ status }, 0);
    for (const stream of ["stdout", "stderr"]) this.#outputBytes.inc({ stream }, 0);
    for (const file of ["inventory", "credentials"]) {
      for (const outcome of ["changed", "unchanged", "failed"]) this.#reloads.inc({ file, outcome }, 0);
    }
    new Gauge({
      name: "drover_info",
      help: "Version.",
      labelNames: ["version"],
      registers: [this.#registry],
    }).set({ version }, 1);
    this.#gauges = this.#single();
  }

  /** All figures in Prometheus' text form (version 0.0.4), not older than a moment. */
  async text(): Promise<string> {
    const since = performance.now();
    if (this.#last !== undefined && since < this.#last.until) return this.#last.text;
    this.#collect();
    const text = await this.#registry.metrics();
    const now = performance.now();
    this.#last = { text, until: now + (now - since) / share };
    return text;
  }

  /** Its Content-Type. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  exchangeBegan(): void {
    this.#running++;
  }

  exchangeEnded({ operation, outcome, durationMs, waitedMs }: ExchangeNote): void {
    this.#running--;
    const label = operations.has(operation) ? operation : "other";
    this.#exchanges.observe({ operation: label, outcome }, durationMs / 1_000);
    this.#exchangeWaits.observe(waitedMs / 1_000);
  }

  jobBegan({ id, state }: Job): void {
    this.#states.set(id, state);
  }

  recording(): void {}

  recorded(records: readonly StoreRecord[]): void {
    for (const record of records) {
      if (record.kind === "output") this.#outputBytes.inc({ stream: record.stream }, record.data.length);
      else if (record.kind === "result") this.#results.inc({ status: record.status });
      else if (record.kind === "state") {
        if (record.state === "done") this.#jobsDone.inc();
        if (this.#states.has(record.job)) this.#states.set(record.job, record.state);
      }
    }
  }

  jobLeft(id: string): void {
    this.#states.delete(id);
  }

  /** A request was answered. `route`: the pattern that it matched; `undefined`: none. */
  request(method: string, route: string | undefined, status: number, ms: number): void {
    this.#requests.observe(
      { method: methods.has(method) ? method : "other", route: route ?? "none", status: statusClass(status) },
      ms / 1_000,
    );
  }

  /** A request had no valid token. */
  refused(): void {
    this.#refusals.inc();
  }

  /** A file was read again. */
  reloaded(
    file: "inventory" | "credentials" | "certificate",
    outcome: "changed" | "unchanged" | "failed",
  ): void {
    this.#reloads.inc({ file, outcome });
  }

  /** Drover itself is at fault. */
  failed(): void {
    this.#errors.inc();
  }

  /** The event loop came too late to a timer. */
  loopLate(seconds: number): void {
    this.#loop.observe(seconds);
  }

  #counter<L extends string>(name: string, help: string, labelNames: L[] = []): Counter<L> {
    return new Counter({ name: `drover_${name}`, help, labelNames, registers: [this.#registry] });
  }

  /** Gauges that have one value each, all from one look at the sources. */
  #single(): readonly (readonly [gauge: Gauge, value: (look: Look) => number])[] {
    const gauge = (name: string, help: string, value: (look: Look) => number) =>
      [new Gauge({ name: `drover_${name}`, help, registers: [this.#registry] }), value] as const;
    const sum = (figure: string) => ({ actors }: Look) => actors?.totals.figures?.[figure] ?? 0;
    const permits = (figure: string) => ({ scheduler }: Look) => scheduler?.totals.figures?.[figure] ?? 0;
    return [
      gauge("ready", "1: work is taken.", () => this.#sources.ready() ? 1 : 0),
      gauge("inventory_hosts", "Hosts that are known.", () => this.#sources.hosts()),
      gauge("operations_running", "Operations of WinRM that wait for their answer.", () => this.#running),
      gauge("exchanges_waiting", "Operations of WinRM that wait for a connection.", sum("exchangesWaiting")),
      gauge("connections", "Connections to hosts, those being opened included.", sum("links")),
      gauge("breakers_open", "Hosts that are not tried for a while.", sum("circuitsOpen")),
      gauge("breakers_half_open", "Hosts of which one try decides.", sum("circuitsHalfOpen")),
      gauge("permits_held", "Permits of the scheduler that are in use.", permits("held")),
      gauge("permits_waiting", "Requests for permits that wait.", permits("waiting")),
      gauge("permit_slots", "Places of the global throttle.", permits("slots")),
      gauge("permit_slots_used", "Places of the global throttle in use.", permits("slotsUsed")),
      gauge("actors", "Actors that live.", ({ actors }) => actors?.totals.actors ?? 0),
      gauge("actor_restarts", "Restarts of actors that live.", ({ actors }) => actors?.totals.restarts ?? 0),
      gauge("mailbox_messages", "Messages in all mailboxes.", ({ actors }) => actors?.totals.messages ?? 0),
      gauge("mailbox_depth_max", "The deepest mailbox.", ({ actors }) => actors?.totals.deepestMailbox ?? 0),
      gauge(
        "mailbox_age_seconds_max",
        "How long the oldest message has been waiting.",
        ({ actors }) => (actors?.totals.oldestMs ?? 0) / 1_000,
      ),
      gauge("http_requests_open", "Requests that are being answered.", () => this.#sources.open("requests")),
      gauge("streams_open", "Event streams and WebSockets.", () => this.#sources.open("streams")),
      gauge("store_queued_bytes", "Bytes that wait to be written.", ({ store }) => store.queuedBytes),
      gauge("store_used_bytes", "Bytes of the file that are in use.", ({ store }) => store.usedBytes),
      gauge("store_file_bytes", "Bytes of the file.", ({ store }) => store.fileBytes),
      gauge("store_failed", "1: the last batch was not kept.", ({ store }) => store.failure === null ? 0 : 1),
      gauge("store_head", "The latest event.", ({ store }) => store.head),
      gauge("resident_memory_bytes", "Memory of the process.", () => Deno.memoryUsage().rss),
      gauge("start_time_seconds", "Start of the process since 1970.", () => performance.timeOrigin / 1_000),
    ];
  }

  #collect(): void {
    const { actors, store } = this.#sources;
    const look: Look = { actors: actors("/"), scheduler: actors("/scheduler"), store: store() };
    for (const [gauge, value] of this.#gauges) gauge.set(value(look));
    const counts = new Map<JobState, number>();
    for (const state of this.#states.values()) counts.set(state, (counts.get(state) ?? 0) + 1);
    for (const state of jobStates) if (state !== "done") this.#jobs.set({ state }, counts.get(state) ?? 0);
    const { batches, commitMs, writtenBytes } = look.store;
    for (
      const [counter, value] of [
        [this.#commits, batches],
        [this.#commitSeconds, commitMs / 1_000],
        [this.#written, writtenBytes],
      ] as const
    ) {
      counter.reset();
      counter.inc(value);
    }
  }
}

/** What one collection of figures sees. */
interface Look {
  readonly actors: SystemSnapshot | undefined;
  readonly scheduler: SystemSnapshot | undefined;
  readonly store: StoreStats;
}

const methods: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

function statusClass(status: number): string {
  return `${Math.floor(status / 100)}xx`;
}
