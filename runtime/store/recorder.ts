/**
 * Turns records of jobs into rows and events, inside the writer. What changes of a job or a host within a batch is collected and
 * written once, before the commit; after a rollback everything that was remembered is forgotten.
 * @module
 */
import { StoreError, type StoreRecord } from "../../actors/daemon/job_store.ts";
import type { Job } from "../../actors/daemon/job_types.ts";
import { type HostStatus, hostStatuses } from "../../actors/host/mod.ts";
import { EventTable, streams } from "./events.ts";
import { type JobHostRow, jobHostStates, JobHostTable } from "./job_hosts.ts";
import { JobTable } from "./jobs.ts";
import { OutputChain } from "./output_chain.ts";
import { readMarks } from "./retention.ts";
import type { Sql } from "./sql.ts";

/** A job as it will be after the batch. */
interface JobEntry {
  readonly nr: number;
  job: Omit<Job, "counts"> & { readonly counts: Record<HostStatus, number> };
  readonly hosts: Map<number, HostEntry>;
  changed: boolean;
}

interface HostEntry {
  readonly row: JobHostRow;
  /** By number of the stream; made with the first output of a life. */
  readonly chains: (OutputChain | undefined)[];
  changed: boolean;
}

const stateNumber = { running: jobHostStates.indexOf("running"), done: jobHostStates.indexOf("done") };

/** Jobs that are remembered between batches; more are forgotten and read again. */
const maxJobs = 256;

/** See the head of this file. */
export class Recorder {
  readonly #jobs: JobTable;
  readonly #jobHosts: JobHostTable;
  readonly #events: EventTable;
  readonly #sql: Sql;
  readonly #known = new Map<string, JobEntry>();
  readonly #changedJobs = new Set<JobEntry>();
  readonly #changedHosts = new Set<HostEntry>();
  /** Ends in this batch. */
  readonly #endedHosts: { readonly entry: JobEntry; readonly index: number }[] = [];
  readonly #endedJobs: string[] = [];
  #seq = 0;

  /** Reads where the events end. */
  constructor(sql: Sql) {
    this.#sql = sql;
    this.#jobs = new JobTable(sql);
    this.#jobHosts = new JobHostTable(sql);
    this.#events = new EventTable(sql);
    this.forget();
  }

  /** The last seq that was given, committed or not. */
  get seq(): number {
    return this.#seq;
  }

  /** Takes a record that is no output. Throws StoreError `StoreConflict`, and has then changed nothing. */
  apply(record: Exclude<StoreRecord, { kind: "output" }>): void {
    const entry = this.#job(record.job);
    if (record.kind === "state") return this.#state(entry, record);
    const host = this.#openHost(entry, record.index, record.kind);
    const { row } = host;
    switch (record.kind) {
      case "progress":
        if (row.state !== stateNumber.running) {
          row.state = stateNumber.running;
          row.started_at ??= record.at;
          this.#changed(host);
        }
        this.#events.addProgress(++this.#seq, record.at, entry.nr, record.index, record.phase);
        return;
      case "intent":
        if (row.intent_at !== null) conflict(record.kind, "the host has an intent already");
        row.intent_at = record.at;
        row.shell_name = record.shellName;
        row.shell_id = record.shellId;
        row.command_id = record.commandId;
        this.#changed(host);
        return;
      case "gap": {
        const stream = record.stream === null ? null : streams.indexOf(record.stream);
        this.#events.addGap(++this.#seq, record.at, entry.nr, record.index, stream, record.reason);
        return;
      }
      case "result": {
        const { status, exitCode, durationMs, error } = record;
        row.state = stateNumber.done;
        row.status = hostStatuses.indexOf(status);
        row.exit_code = exitCode;
        row.duration_ms = durationMs;
        row.error_code = error?.code ?? null;
        row.error_message = error?.message ?? null;
        row.ended_at = record.at;
        this.#changed(host);
        this.#endedHosts.push({ entry, index: record.index });
        entry.job.counts[status]++;
        this.#changedJob(entry);
        this.#events.addResult(++this.#seq, record.at, entry.nr, record.index, {
          status,
          exitCode,
          durationMs,
          error,
        });
        return;
      }
    }
  }

  /** Takes output. `stream`: its number. Throws StoreError `StoreConflict`, and has then changed nothing. */
  output(job: string, index: number, stream: number, at: number, data: Uint8Array): void {
    const entry = this.#job(job);
    const host = this.#openHost(entry, index, "output");
    const { row } = host;
    const out = stream === 0;
    const chain = host.chains[stream] ??= new OutputChain(
      out ? row.stdout_events : row.stderr_events,
      out ? row.stdout_tail : row.stderr_tail,
      (seq) => this.#events.link(seq).jump,
    );
    const seq = ++this.#seq;
    const { prev, jump } = chain.add(seq);
    const offset = out ? row.stdout_bytes : row.stderr_bytes;
    this.#events.addOutput(seq, at, entry.nr, index, stream, { offset, prev, jump }, data);
    if (out) {
      row.stdout_bytes += data.length;
      row.stdout_events++;
      row.stdout_tail = seq;
    } else {
      row.stderr_bytes += data.length;
      row.stderr_events++;
      row.stderr_tail = seq;
    }
    this.#changed(host);
  }

  /** Writes what was collected. Before every commit. */
  flush(): void {
    for (const host of this.#changedHosts) {
      this.#jobHosts.update(host.row);
      host.changed = false;
    }
    this.#changedHosts.clear();
    for (const entry of this.#changedJobs) {
      this.#jobs.update(entry.nr, entry.job);
      entry.changed = false;
    }
    this.#changedJobs.clear();
  }

  /** After the commit: lets go of what has ended, and of jobs when there are many. */
  settle(): void {
    // They are looked up again only by what contradicts them.
    for (const { entry, index } of this.#endedHosts) entry.hosts.delete(index);
    this.#endedHosts.length = 0;
    for (const id of this.#endedJobs) this.#known.delete(id);
    this.#endedJobs.length = 0;
    if (this.#known.size > maxJobs) this.#known.clear();
  }

  /** After a rollback: the file is what counts. */
  forget(): void {
    this.#known.clear();
    this.#changedHosts.clear();
    this.#changedJobs.clear();
    this.#endedHosts.length = 0;
    this.#endedJobs.length = 0;
    this.#seq = Math.max(readMarks(this.#sql).lastSeq, this.#events.last());
  }

  #state(entry: JobEntry, { state, at }: Extract<StoreRecord, { kind: "state" }>): void {
    const { job } = entry;
    if (job.state === "done") conflict("state", "the job is done");
    if (state === "done" && Object.values(job.counts).reduce((sum, count) => sum + count, 0) !== job.hosts) {
      conflict("state", "the job has hosts without a result");
    }
    entry.job = {
      ...job,
      state,
      startedAt: job.startedAt ?? (state === "running" ? at : null),
      endedAt: state === "done" ? at : null,
    };
    this.#changedJob(entry);
    if (state === "done") this.#endedJobs.push(job.id);
    this.#events.addJob(++this.#seq, at, entry.nr, entry.job);
  }

  #job(id: string): JobEntry {
    let entry = this.#known.get(id);
    if (entry === undefined) {
      const job = this.#jobs.get(id);
      const nr = this.#jobs.number(id);
      if (job === undefined || nr === undefined) conflict("record", "there is no such job");
      entry = { nr, job: { ...job, counts: { ...job.counts } }, hosts: new Map(), changed: false };
      this.#known.set(id, entry);
    }
    return entry;
  }

  #openHost(entry: JobEntry, index: number, kind: string): HostEntry {
    let host = entry.hosts.get(index);
    if (host === undefined) {
      const row = this.#jobHosts.row(entry.nr, index);
      if (row === undefined) conflict(kind, "the job has no such host");
      host = { row, chains: [], changed: false };
      entry.hosts.set(index, host);
    }
    if (host.row.state === stateNumber.done) conflict(kind, "the host has its result already");
    return host;
  }

  #changed(host: HostEntry): void {
    if (host.changed) return;
    host.changed = true;
    this.#changedHosts.add(host);
  }

  #changedJob(entry: JobEntry): void {
    if (entry.changed) return;
    entry.changed = true;
    this.#changedJobs.add(entry);
  }
}

function conflict(kind: string, state: string): never {
  throw new StoreError("StoreConflict", `store ${kind}: ${state}`);
}
