/** Table `job_hosts`: how each host of each job stands, its intent, and where its output ends. @module */
import type { Intent, JobHostResult, JobHostState, UnfinishedHost } from "../../actors/daemon/job_types.ts";
import { type HostStatus, hostStatuses } from "../../actors/host/mod.ts";
import type { SQLInputValue } from "node:sqlite";
import { pageOf, pageSize, readCursor, writeCursor } from "./cursor.ts";
import type { Sql } from "./sql.ts";
import type { HostRun, JobHostQuery, Page } from "./types.ts";

/** `…_tail`: seq of the last event with output of this stream; `…_events`: how many there are (see output_chain.ts). */
export const jobHostSchema = `
  CREATE TABLE job_hosts (
    job INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    host TEXT NOT NULL,
    state INTEGER NOT NULL DEFAULT 0,
    status INTEGER,
    exit_code INTEGER,
    duration_ms REAL NOT NULL DEFAULT 0,
    error_code TEXT,
    error_message TEXT,
    started_at INTEGER,
    ended_at INTEGER,
    intent_at INTEGER,
    shell_name TEXT,
    shell_id TEXT,
    command_id TEXT,
    stdout_bytes INTEGER NOT NULL DEFAULT 0,
    stdout_events INTEGER NOT NULL DEFAULT 0,
    stdout_tail INTEGER NOT NULL DEFAULT 0,
    stderr_bytes INTEGER NOT NULL DEFAULT 0,
    stderr_events INTEGER NOT NULL DEFAULT 0,
    stderr_tail INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (job, idx)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX job_hosts_by_host ON job_hosts (host, job);
`;

/** Where a stream of a host ends. */
export interface StreamEnd {
  bytes: number;
  events: number;
  tail: number;
}

/** A row, as the writer changes it. */
export interface JobHostRow {
  readonly job: number;
  readonly idx: number;
  readonly host: string;
  state: number;
  status: number | null;
  exit_code: number | null;
  duration_ms: number;
  error_code: string | null;
  error_message: string | null;
  started_at: number | null;
  ended_at: number | null;
  intent_at: number | null;
  shell_name: string | null;
  shell_id: string | null;
  command_id: string | null;
  stdout_bytes: number;
  stdout_events: number;
  stdout_tail: number;
  stderr_bytes: number;
  stderr_events: number;
  stderr_tail: number;
}

/** Runs of a host that are looked at for its last result: a bound, however many others have run there or wait. */
const latestRuns = 200;

/** States by their number in the table. */
export const jobHostStates: readonly JobHostState[] = ["waiting", "running", "done"];

/** Hosts of jobs, by whichever connection. */
export class JobHostTable {
  readonly #sql: Sql;

  /** Prepares nothing yet. */
  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Keeps the hosts of a new job, all waiting. */
  create(job: number, hosts: readonly string[]): void {
    const insert = this.#sql.prepare("INSERT INTO job_hosts (job, idx, host) VALUES (?, ?, ?)");
    for (const [index, host] of hosts.entries()) insert.run(job, index, host);
  }

  /** One row as it is. */
  row(job: number, index: number): JobHostRow | undefined {
    return this.#sql.get("SELECT * FROM job_hosts WHERE job = ? AND idx = ?", job, index);
  }

  /** Writes what may change of a row. */
  update(row: JobHostRow): void {
    this.#sql.run(
      `UPDATE job_hosts SET state = ?, status = ?, exit_code = ?, duration_ms = ?, error_code = ?, error_message = ?,
       started_at = ?, ended_at = ?, intent_at = ?, shell_name = ?, shell_id = ?, command_id = ?,
       stdout_bytes = ?, stdout_events = ?, stdout_tail = ?, stderr_bytes = ?, stderr_events = ?, stderr_tail = ?
       WHERE job = ? AND idx = ?`,
      row.state,
      row.status,
      row.exit_code,
      row.duration_ms,
      row.error_code,
      row.error_message,
      row.started_at,
      row.ended_at,
      row.intent_at,
      row.shell_name,
      row.shell_id,
      row.command_id,
      row.stdout_bytes,
      row.stdout_events,
      row.stdout_tail,
      row.stderr_bytes,
      row.stderr_events,
      row.stderr_tail,
      row.job,
      row.idx,
    );
  }

  /** One host of a job. */
  get(job: string, index: number): JobHostResult | undefined {
    const row = this.#sql.get<JobHostRow>(
      "SELECT h.* FROM jobs j JOIN job_hosts h ON h.job = j.nr WHERE j.id = ? AND h.idx = ?",
      job,
      index,
    );
    return row && resultOf(row);
  }

  /** Hosts of a job. */
  list(job: string, query: JobHostQuery = {}): Page<JobHostResult> {
    const limit = pageSize(query.limit);
    const conditions = ["j.id = ?"];
    const values: SQLInputValue[] = [job];
    const isOneOf = (column: string, list: readonly (string | number)[]) => {
      conditions.push(`${column} IN (SELECT value FROM json_each(?))`);
      values.push(JSON.stringify(list));
    };
    if (query.states !== undefined) {
      isOneOf(
        "h.state",
        query.states.map((state) => jobHostStates.indexOf(state)),
      );
    }
    if (query.statuses !== undefined) {
      isOneOf("h.status", query.statuses.map((status) => hostStatuses.indexOf(status)));
    }
    if (query.hosts !== undefined) isOneOf("h.host", query.hosts);
    if (query.cursor !== undefined) {
      conditions.push("h.idx > ?");
      values.push(...readCursor(query.cursor, 1));
    }
    const rows = this.#sql.all<JobHostRow>(
      `SELECT h.* FROM jobs j CROSS JOIN job_hosts h ON h.job = j.nr
       WHERE ${conditions.join(" AND ")} ORDER BY h.idx LIMIT ?`,
      ...values,
      limit + 1,
    );
    return pageOf(rows, limit, resultOf, (row) => writeCursor([row.idx]));
  }

  /** Runs of a host, latest job first. */
  history(host: string, query: { readonly cursor?: string; readonly limit?: number } = {}): Page<HostRun> {
    const limit = pageSize(query.limit);
    const [job, index] = query.cursor === undefined
      ? [Number.MAX_SAFE_INTEGER, 0]
      : readCursor(query.cursor, 2);
    const rows = this.#sql.all<JobHostRow & { id: string }>(
      `SELECT h.*, j.id FROM job_hosts h JOIN jobs j ON j.nr = h.job
       WHERE h.host = ? AND (h.job, h.idx) < (?, ?) ORDER BY h.job DESC, h.idx DESC LIMIT ?`,
      host,
      job!,
      index!,
      limit + 1,
    );
    return pageOf(
      rows,
      limit,
      (row) => ({ ...resultOf(row), job: row.id }),
      (row) => writeCursor([row.job, row.idx]),
    );
  }

  /** The last result of a host; see `StoreReads.jobHosts.latest`. */
  latest(host: string, createdBy?: string): HostRun | undefined {
    const row = this.#sql.get<JobHostRow & { id: string }>(
      `SELECT h.*, j.id
       FROM (SELECT * FROM job_hosts WHERE host = ? ORDER BY job DESC, idx DESC LIMIT ${latestRuns}) h
       JOIN jobs j ON j.nr = h.job
       WHERE h.state = 2 AND (? IS NULL OR j.created_by = ?) ORDER BY h.job DESC, h.idx DESC LIMIT 1`,
      host,
      createdBy ?? null,
      createdBy ?? null,
    );
    return row && { ...resultOf(row), job: row.id };
  }

  /** Hosts of a job that have no result. */
  unfinished(job: number): UnfinishedHost[] {
    return this.#sql.all<JobHostRow>("SELECT * FROM job_hosts WHERE job = ? AND state < 2 ORDER BY idx", job)
      .map((row) => ({
        index: row.idx,
        host: row.host,
        intent: intentOf(row),
        stdoutBytes: row.stdout_bytes,
        stderrBytes: row.stderr_bytes,
        startedAt: row.started_at,
      }));
  }
}

function intentOf(row: JobHostRow): Intent | null {
  if (row.intent_at === null) return null;
  return {
    shellName: row.shell_name!,
    shellId: row.shell_id,
    commandId: row.command_id!,
    at: row.intent_at,
  };
}

function resultOf(row: JobHostRow): JobHostResult {
  const status: HostStatus | null = row.status === null ? null : hostStatuses[row.status]!;
  return {
    index: row.idx,
    host: row.host,
    state: jobHostStates[row.state]!,
    status,
    exitCode: row.exit_code,
    durationMs: row.duration_ms,
    error: row.error_code === null ? null : { code: row.error_code, message: row.error_message! },
    stdoutBytes: row.stdout_bytes,
    stderrBytes: row.stderr_bytes,
    startedAt: row.started_at,
    endedAt: row.ended_at,
  };
}
