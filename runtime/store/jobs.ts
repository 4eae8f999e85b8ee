/** Table `jobs`: one row for each job, and its standard input. @module */
import { type Job, type JobRequest, type JobState, jobStates } from "../../actors/daemon/job_types.ts";
import { hostStatuses } from "../../actors/host/mod.ts";
import type { StatusCounts, UnfinishedJob } from "../../actors/daemon/job_types.ts";
import type { SQLInputValue } from "node:sqlite";
import { AuditTable } from "./audit.ts";
import { pageOf, pageSize, readCursor, writeCursor } from "./cursor.ts";
import { IdempotencyTable } from "./idempotency.ts";
import { JobHostTable } from "./job_hosts.ts";
import type { Sql } from "./sql.ts";
import type { JobCreation, JobQuery, NewJob, Page } from "./types.ts";

/** `nr` stands for the job in all other tables and is never given twice. */
export const jobSchema = `
  CREATE TABLE jobs (
    nr INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    state INTEGER NOT NULL,
    request TEXT NOT NULL,
    hosts INTEGER NOT NULL,
    counts TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    ended_at INTEGER,
    created_by TEXT NOT NULL,
    retry_of TEXT
  ) STRICT;
  CREATE INDEX jobs_by_creation ON jobs (created_at);
  CREATE INDEX jobs_by_end ON jobs (ended_at) WHERE ended_at IS NOT NULL;
  CREATE INDEX jobs_by_state ON jobs (state, created_at);
  CREATE INDEX jobs_by_creator ON jobs (created_by, created_at);
  CREATE INDEX jobs_by_retry ON jobs (retry_of) WHERE retry_of IS NOT NULL;
  CREATE TABLE job_inputs (job INTEGER PRIMARY KEY, stdin BLOB NOT NULL) STRICT;
`;

interface JobRow {
  nr: number;
  id: string;
  state: number;
  request: string;
  hosts: number;
  counts: string;
  created_at: number;
  started_at: number | null;
  ended_at: number | null;
  created_by: string;
  retry_of: string | null;
  schedule: string | null;
}

/** Name of a state by its number in the table. */
const numberOfState = (state: JobState) => jobStates.indexOf(state);

/** Counts of a job of which no host has ended. */
const noCounts: StatusCounts = Object.freeze(
  Object.fromEntries(hostStatuses.map((status) => [status, 0])) as Record<
    typeof hostStatuses[number],
    number
  >,
);

/** What changes of a job after it was made. */
export type JobProgress = Pick<Job, "state" | "counts" | "startedAt" | "endedAt">;

/** Jobs, by whichever connection. */
export class JobTable {
  readonly #sql: Sql;

  /** Prepares nothing yet. */
  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Keeps a new job with its hosts, all waiting. */
  create(job: NewJob): JobCreation {
    const { idempotency } = job;
    const keys = new IdempotencyTable(this.#sql);
    if (idempotency !== undefined) {
      keys.expire(job.createdAt);
      const known = keys.find(idempotency.token, idempotency.key, job.createdAt);
      if (known !== undefined) {
        return { kind: known.digest === idempotency.digest ? "repeated" : "keyReused", job: known.job };
      }
    }
    if (this.number(job.id) !== undefined) return { kind: "exists" };
    const request = job.stdin === undefined ? job.request : { ...job.request, stdinBytes: job.stdin.length };
    this.#sql.run(
      `INSERT INTO jobs (id, state, request, hosts, counts, created_at, created_by, retry_of, schedule, due_at)
       VALUES (?, 0, ?, ?, ?, ?, ?, ?, ?, ?)`,
      job.id,
      JSON.stringify(request),
      job.hosts.length,
      writeCounts(noCounts),
      job.createdAt,
      job.createdBy,
      job.retryOf ?? null,
      job.schedule?.name ?? null,
      job.schedule?.dueAt ?? null,
    );
    const nr = this.number(job.id)!;
    if (job.stdin !== undefined) {
      this.#sql.run("INSERT INTO job_inputs (job, stdin) VALUES (?, ?)", nr, job.stdin);
    }
    new JobHostTable(this.#sql).create(nr, job.hosts);
    if (idempotency !== undefined) keys.add({ ...idempotency, job: job.id });
    if (job.audit !== undefined) new AuditTable(this.#sql).add(job.audit);
    return { kind: "created", job: this.get(job.id)! };
  }

  /** The number of a job in the other tables. */
  number(id: string): number | undefined {
    return this.#sql.get<{ nr: number }>("SELECT nr FROM jobs WHERE id = ?", id)?.nr;
  }

  /** One job. */
  get(id: string): Job | undefined {
    const row = this.#sql.get<JobRow>("SELECT * FROM jobs WHERE id = ?", id);
    return row && jobOf(row);
  }

  /** Its standard input. */
  stdin(id: string): Uint8Array | undefined {
    return this.#sql.get<{ stdin: Uint8Array }>(
      "SELECT stdin FROM job_inputs JOIN jobs ON jobs.nr = job_inputs.job WHERE jobs.id = ?",
      id,
    )?.stdin;
  }

  /** Some jobs. */
  list(query: JobQuery): Page<Job> {
    const sort = query.sort ?? "-createdAt";
    const column = sort.endsWith("createdAt") ? "created_at" : "ended_at";
    const down = sort.startsWith("-");
    const limit = pageSize(query.limit);
    const conditions: string[] = [];
    const values: SQLInputValue[] = [];
    const where = (condition: string, ...more: SQLInputValue[]) => {
      conditions.push(condition);
      values.push(...more);
    };
    if (query.states !== undefined) {
      where("state IN (SELECT value FROM json_each(?))", JSON.stringify(query.states.map(numberOfState)));
    }
    if (query.createdBy !== undefined) where("created_by = ?", query.createdBy);
    if (query.retryOf !== undefined) where("retry_of = ?", query.retryOf);
    if (query.scheduledBy !== undefined) where("schedule = ?", query.scheduledBy);
    if (query.createdFrom !== undefined) where("created_at >= ?", query.createdFrom);
    if (query.createdBefore !== undefined) where("created_at < ?", query.createdBefore);
    if (column === "ended_at") where("ended_at IS NOT NULL");
    if (query.cursor !== undefined) {
      where(`(${column}, nr) ${down ? "<" : ">"} (?, ?)`, ...readCursor(query.cursor, 2));
    }
    const rows = this.#sql.all<JobRow>(
      `SELECT * FROM jobs ${conditions.length > 0 ? "WHERE" : ""} ${conditions.join(" AND ")}
       ORDER BY ${column} ${down ? "DESC" : ""}, nr ${down ? "DESC" : ""} LIMIT ?`,
      ...values,
      limit + 1,
    );
    return pageOf(rows, limit, jobOf, (row) => writeCursor([row[column]!, row.nr]));
  }

  /** What changed of a job. */
  update(nr: number, job: JobProgress): void {
    this.#sql.run(
      "UPDATE jobs SET state = ?, counts = ?, started_at = ?, ended_at = ? WHERE nr = ?",
      numberOfState(job.state),
      writeCounts(job.counts),
      job.startedAt,
      job.endedAt,
      nr,
    );
  }

  /** Jobs that are not done with their hosts that have no result, oldest first. */
  unfinished(): UnfinishedJob[] {
    const hosts = new JobHostTable(this.#sql);
    return this.#sql.all<JobRow>("SELECT * FROM jobs WHERE state < ? ORDER BY nr", numberOfState("done"))
      .map((row) => ({ job: jobOf(row), stdin: this.stdin(row.id), hosts: hosts.unfinished(row.nr) }));
  }
}

function jobOf(row: JobRow): Job {
  return {
    id: row.id,
    state: jobStates[row.state]!,
    request: JSON.parse(row.request) as JobRequest,
    hosts: row.hosts,
    counts: readCounts(row.counts),
    createdAt: row.created_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    createdBy: row.created_by,
    retryOf: row.retry_of,
    scheduledBy: row.schedule,
  };
}

/** Numbers in the order of `hostStatuses`. */
function writeCounts(counts: StatusCounts): string {
  return hostStatuses.map((status) => counts[status]).join(" ");
}

function readCounts(text: string): StatusCounts {
  const counts: Record<string, number> = {};
  const numbers = text.split(" ");
  for (let i = 0; i < hostStatuses.length; i++) counts[hostStatuses[i]!] = Number(numbers[i]);
  return counts as StatusCounts;
}
