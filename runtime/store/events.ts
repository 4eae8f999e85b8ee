/** Table `events`: all that happened, in order. Its key is the cursor of every reader. @module */
import type { SQLInputValue, StatementSync } from "node:sqlite";
import type { Job, JobResultEvent, StoredEvent, StoredEventType } from "../../actors/daemon/job_types.ts";
import type { OutputStream } from "../../actors/ports.ts";
import { pageSize } from "./cursor.ts";
import type { ChainLink } from "./output_chain.ts";
import type { Sql } from "./sql.ts";
import type { EventPage, EventQuery } from "./types.ts";

/** `data`: bytes of output, else text: the phase, the reason of a gap, JSON of a job or of a result. */
export const eventSchema = `
  CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    job INTEGER NOT NULL,
    type INTEGER NOT NULL,
    idx INTEGER,
    stream INTEGER,
    offset INTEGER,
    prev INTEGER,
    jump INTEGER,
    data ANY NOT NULL
  ) STRICT;
  CREATE INDEX events_by_job ON events (job);
`;

/** Types and streams by their number in the table. */
const types: readonly StoredEventType[] = ["job", "progress", "output", "gap", "result"];
/** Streams by their number in the table. */
export const streams: readonly OutputStream[] = ["stdout", "stderr"];

/** Bytes of output in one event at most, so that pages can be bounded. */
export const maxEventBytes = 64 * 1024;

/** Rows that a filtered page looks at, at most. */
const maxScanned = 5000;

interface Row {
  seq: number;
  at: number;
  job: string;
  type: number;
  idx: number | null;
  host: string | null;
  stream: number | null;
  offset: number | null;
  data: Uint8Array | string;
}

/** What an event about a host's end says. */
export type ResultData = Pick<JobResultEvent, "status" | "exitCode" | "durationMs" | "error">;

/** Events, by whichever connection. */
export class EventTable {
  readonly #sql: Sql;
  #insert: StatementSync | undefined;

  /** Prepares nothing yet. */
  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Adds output. */
  addOutput(
    seq: number,
    at: number,
    job: number,
    index: number,
    stream: number,
    { offset, prev, jump }: ChainLink,
    data: Uint8Array,
  ): void {
    this.#add(seq, at, job, 2, index, stream, offset, prev, jump, data);
  }

  /** Adds an event about the job as a whole. */
  addJob(seq: number, at: number, job: number, document: Job): void {
    this.#add(seq, at, job, 0, null, null, null, null, null, JSON.stringify(document));
  }

  /** Adds that a host works. */
  addProgress(seq: number, at: number, job: number, index: number, phase: string): void {
    this.#add(seq, at, job, 1, index, null, null, null, null, phase);
  }

  /** Adds that output may be missing. */
  addGap(seq: number, at: number, job: number, index: number, stream: number | null, reason: string): void {
    this.#add(seq, at, job, 3, index, stream, null, null, null, reason);
  }

  /** Adds the end of a host. */
  addResult(seq: number, at: number, job: number, index: number, result: ResultData): void {
    this.#add(seq, at, job, 4, index, null, null, null, null, JSON.stringify(result));
  }

  #add(...values: SQLInputValue[]): void {
    this.#insert ??= this.#sql.prepare("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    this.#insert.run(...values);
  }

  /** The last seq; 0: there is none. */
  last(): number {
    return this.#sql.get<{ seq: number | null }>("SELECT max(seq) AS seq FROM events")?.seq ?? 0;
  }

  /** How an event with output stands in its chain. */
  link(seq: number): ChainLink {
    return this.#sql.get<ChainLink & Record<string, number>>(
      "SELECT offset, prev, jump FROM events WHERE seq = ?",
      seq,
    )!;
  }

  /** The bytes of an event with output. */
  data(seq: number): Uint8Array {
    return this.#sql.get<{ data: Uint8Array }>("SELECT data FROM events WHERE seq = ?", seq)!.data;
  }

  /** Some events in order. `trimmedTo`: the last seq that retention has deleted. */
  page(query: EventQuery, trimmedTo: number): EventPage {
    const limit = pageSize(query.limit, 500, 5000);
    const filtered = query.hosts !== undefined || query.types !== undefined;
    const looked = filtered ? maxScanned : limit;
    const ofJob = query.job === undefined ? "" : "AND e.job = (SELECT nr FROM jobs WHERE id = :job)";
    const inJob = query.job === undefined ? {} : { job: query.job };
    const bound = this.#sql.prepare(
      `SELECT max(seq) AS last, count(*) AS rows FROM
       (SELECT seq FROM events e WHERE seq > :after ${ofJob} ORDER BY seq LIMIT :looked)`,
    ).get({ after: query.after, looked, ...inJob }) as { last: number | null; rows: number };
    const last = bound.last ?? query.after;
    const trimmed = query.job === undefined && query.after < trimmedTo;
    // With nothing behind it, the next page begins behind what was deleted: it is told of once.
    if (bound.rows === 0) {
      return { events: [], next: trimmed ? Math.max(last, trimmedTo) : last, more: false, trimmed };
    }

    // The unary plus keeps the order by seq without a sort, whatever else there is an index for.
    const rows = this.#sql.prepare(
      `SELECT e.seq, e.at, j.id AS job, e.type, e.idx, h.host, e.stream, e.offset, e.data
       FROM events e CROSS JOIN jobs j ON j.nr = e.job LEFT JOIN job_hosts h ON h.job = e.job AND h.idx = e.idx
       WHERE e.seq > :after AND e.seq <= :last ${ofJob}
       ${query.types === undefined ? "" : "AND +e.type IN (SELECT value FROM json_each(:types))"}
       ${query.hosts === undefined ? "" : "AND h.host IN (SELECT value FROM json_each(:hosts))"}
       ORDER BY e.seq`,
    ).iterate({
      after: query.after,
      last,
      ...inJob,
      ...(query.types === undefined
        ? {}
        : { types: JSON.stringify(query.types.map((type) => types.indexOf(type))) }),
      ...(query.hosts === undefined ? {} : { hosts: JSON.stringify(query.hosts) }),
    }) as unknown as Iterable<Row>;
    const events: StoredEvent[] = [];
    const maxBytes = query.maxBytes ?? 1024 * 1024;
    let bytes = 0;
    for (const row of rows) {
      bytes += row.data.length;
      if (events.length === limit || (events.length > 0 && bytes > maxBytes)) {
        return { events, next: events.at(-1)!.seq, more: true, trimmed };
      }
      events.push(eventOf(row));
    }
    return { events, next: last, more: bound.rows === looked, trimmed };
  }

  /** Deletes up to `limit` events of a job; how many there were, and the last of them. */
  trim(job: number, limit: number): { readonly events: number; readonly last: number } {
    const { last, events } = this.#sql.get<{ last: number | null; events: number }>(
      "SELECT max(seq) AS last, count(*) AS events FROM (SELECT seq FROM events WHERE job = ? ORDER BY seq LIMIT ?)",
      job,
      limit,
    )!;
    if (last === null) return { events: 0, last: 0 };
    this.#sql.run("DELETE FROM events WHERE job = ? AND seq <= ?", job, last);
    return { events, last };
  }
}

function eventOf(row: Row): StoredEvent {
  const { seq, at, job } = row;
  const type = types[row.type]!;
  if (type === "job") return { seq, at, job, type, document: JSON.parse(row.data as string) as Job };
  const head = { seq, at, job, index: row.idx!, host: row.host! };
  const stream = row.stream === null ? null : streams[row.stream]!;
  switch (type) {
    case "progress":
      return { ...head, type, phase: row.data as "connecting" };
    case "output":
      return { ...head, type, stream: stream!, offset: row.offset!, data: row.data as Uint8Array };
    case "gap":
      return { ...head, type, stream, reason: row.data as string };
    case "result":
      return { ...head, type, ...JSON.parse(row.data as string) as ResultData };
  }
}
