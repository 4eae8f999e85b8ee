/** A store for durable jobs in virtual time: commits take their time, a crash loses what is not committed, the disk may be full. */
import { type JobStore, StoreError, type StoreRecord } from "../../actors/daemon/mod.ts";
import type { Intent, Job, JobState, StatusCounts, UnfinishedJob } from "../../actors/daemon/job_types.ts";
import { hostStatuses } from "../../actors/host/mod.ts";
import type { OutputStream } from "../../actors/ports.ts";

/** What is kept of one host. */
export interface KeptHost {
  readonly host: string;
  intent: Intent | null;
  startedAt: number | null;
  readonly output: Record<OutputStream, Uint8Array[]>;
  /** By gap and stream: bytes that were kept before it. */
  readonly gaps: Record<OutputStream, number>[];
  readonly results: Extract<StoreRecord, { kind: "result" }>[];
}

/** What is kept of one job. */
export interface KeptJob {
  readonly id: string;
  readonly request: Job["request"];
  readonly stdin: Uint8Array | undefined;
  readonly hosts: readonly KeptHost[];
  readonly states: JobState[];
}

/** Makes `task` happen after `ms`. */
export type Schedule = (ms: number, task: () => void) => void;

interface Waiting {
  readonly records: readonly StoreRecord[];
  readonly done: (error: StoreError | undefined) => void;
}

/** What is on the disk; it outlives the lives of the daemon. Records that contradict what is kept are written down. */
export class Disk {
  readonly jobs = new Map<string, KeptJob>();
  readonly conflicts: string[] = [];
  /** What it answers to every append now; with `StoreConflict` it keeps all that contradicts nothing. */
  trouble: "StoreFull" | "StoreFailed" | "StoreConflict" | undefined;
  /** Told every record that is kept. */
  onKept: (record: StoreRecord) => void = () => {};

  get full(): boolean {
    return this.trouble === "StoreFull";
  }

  set full(full: boolean) {
    this.trouble = full ? "StoreFull" : undefined;
  }

  create(id: string, request: Job["request"], hosts: readonly string[], stdin?: Uint8Array): void {
    const kept = hosts.map((host): KeptHost => ({
      host,
      intent: null,
      startedAt: null,
      output: { stdout: [], stderr: [] },
      gaps: [],
      results: [],
    }));
    this.jobs.set(id, { id, request, stdin, hosts: kept, states: ["queued"] });
  }

  /** Jobs that are not done, as a new life finds them. */
  unfinished(): UnfinishedJob[] {
    return [...this.jobs.values()].filter(({ states }) => states.at(-1) !== "done").map((job) => ({
      job: documentOf(job),
      stdin: job.stdin,
      hosts: job.hosts.flatMap(({ host, intent, startedAt, results, output }, index) =>
        results.length > 0 ? [] : [{
          index,
          host,
          intent,
          startedAt,
          stdoutBytes: bytesOf(output.stdout),
          stderrBytes: bytesOf(output.stderr),
        }]
      ),
    }));
  }

  commit(record: StoreRecord): void {
    const job = this.jobs.get(record.job)!;
    if (job.states.at(-1) === "done") return this.#conflict(record, "the job is done");
    if (record.kind === "state") {
      job.states.push(record.state);
      return this.onKept(record);
    }
    const host = job.hosts[record.index]!;
    if (host.results.length > 0) return this.#conflict(record, "the host has its result");
    if (record.kind === "intent" && host.intent !== null) {
      return this.#conflict(record, "the host has its intent");
    }
    keep(record, host);
    this.onKept(record);
  }

  #conflict({ kind, job, ...rest }: StoreRecord, why: string): void {
    this.conflicts.push(`${kind} of ${job} ${"index" in rest ? rest.index : ""}: ${why}`);
  }
}

function keep(record: Exclude<StoreRecord, { kind: "state" }>, host: KeptHost): void {
  switch (record.kind) {
    case "progress":
      host.startedAt ??= record.at;
      return;
    case "intent":
      host.intent = record;
      return;
    case "output":
      host.output[record.stream].push(record.data.slice());
      return;
    case "gap":
      host.gaps.push({ stdout: bytesOf(host.output.stdout), stderr: bytesOf(host.output.stderr) });
      return;
    case "result":
      host.results.push(record);
      return;
  }
}

/** Told what a store does. */
export interface StoreWatch {
  /** Was given to it. */
  readonly given: (records: readonly StoreRecord[]) => void;
  /** Is on disk; nobody was told. */
  readonly kept: (records: readonly StoreRecord[]) => void;
}

/** A store over `disk` for one life of the daemon. */
export class MemoryStore implements JobStore {
  readonly disk: Disk;
  readonly #schedule: Schedule;
  readonly #delayMs: () => number;
  readonly #watch: StoreWatch | undefined;
  #waiting: Waiting[] = [];
  #busy = false;
  #dead = false;

  /** `delayMs`: how long the next commit takes. */
  constructor(disk: Disk, schedule: Schedule, delayMs: () => number, watch?: StoreWatch) {
    this.disk = disk;
    this.#watch = watch;
    this.#schedule = schedule;
    this.#delayMs = delayMs;
  }

  append(records: readonly StoreRecord[], done: (error: StoreError | undefined) => void): void {
    if (this.#dead) return;
    this.#waiting.push({ records, done });
    this.#next();
    this.#watch?.given(records);
  }

  unfinished(done: (jobs: readonly UnfinishedJob[]) => void): void {
    done(this.disk.unfinished());
  }

  /** `kill -9`: what is not committed by now never will be. */
  die(): void {
    this.#dead = true;
  }

  #next(): void {
    if (this.#busy || this.#waiting.length === 0) return;
    this.#busy = true;
    const batch = this.#waiting;
    this.#waiting = [];
    this.#schedule(this.#delayMs(), () => {
      if (this.#dead) return;
      const { disk } = this;
      const { trouble } = disk;
      if (trouble === undefined || trouble === "StoreConflict") {
        const records = batch.flatMap(({ records }) => records);
        for (const record of records) disk.commit(record);
        this.#watch?.kept(records);
      }
      const error = trouble === undefined ? undefined : new StoreError(trouble, "write records: not now");
      // A process may die between its commit and hearing of it.
      this.#schedule(0, () => {
        if (this.#dead) return;
        this.#busy = false;
        for (const { done } of batch) done(error);
        this.#next();
      });
    });
  }
}

/** The job as the real store shows it. */
export function documentOf({ id, request, hosts, states }: KeptJob): Job {
  const counts = Object.fromEntries(hostStatuses.map((status) => [
    status,
    hosts.filter(({ results }) => results[0]?.status === status).length,
  ])) as StatusCounts;
  return {
    id,
    state: states.at(-1)!,
    request,
    hosts: hosts.length,
    counts,
    createdAt: 0,
    startedAt: null,
    endedAt: null,
    createdBy: "test",
    retryOf: null,
    scheduledBy: null,
  };
}

function bytesOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}
