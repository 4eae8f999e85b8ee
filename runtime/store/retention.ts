/**
 * Deleting what is old, step by step. A job that goes is first taken out of `jobs`, so that nobody sees half of it, and noted in
 * `leaving`; its events and hosts follow in small steps, also after a crash in between.
 * @module
 */
import { AuditTable } from "./audit.ts";
import { EventTable } from "./events.ts";
import { IdempotencyTable } from "./idempotency.ts";
import type { Sql } from "./sql.ts";
import type { RetentionTerms } from "./types.ts";

/** One row in `marks`: seqs that must not come again, or are known to be deleted. */
export const retentionSchema = `
  CREATE TABLE leaving (job INTEGER PRIMARY KEY) STRICT;
  CREATE TABLE marks (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    last_seq INTEGER NOT NULL,
    trimmed_to INTEGER NOT NULL
  ) STRICT;
  INSERT INTO marks VALUES (1, 0, 0);
`;

/** Rows of a step: a few milliseconds. */
const stepRows = 1000;
/** Events of a step: they may have 64 KB each. */
const stepEvents = 200;
/** Pages that a step gives back to the file system. */
const stepPages = 128;

/** What a step has done; `more`: there is another one to do. */
export interface RetentionStep {
  readonly jobs: number;
  readonly events: number;
  readonly audit: number;
  readonly freedBytes: number;
  readonly more: boolean;
}

/** Marks that survive deletion, by whichever connection. */
export function readMarks(sql: Sql): { readonly lastSeq: number; readonly trimmedTo: number } {
  const { last_seq, trimmed_to } = sql.get<{ last_seq: number; trimmed_to: number }>(
    "SELECT last_seq, trimmed_to FROM marks",
  )!;
  return { lastSeq: last_seq, trimmedTo: trimmed_to };
}

/** Bytes of pages, free ones apart. */
export function sizes(sql: Sql): { readonly used: number; readonly file: number } {
  const pages = sql.get<{ page_count: number }>("PRAGMA page_count")!.page_count;
  const free = sql.get<{ freelist_count: number }>("PRAGMA freelist_count")!.freelist_count;
  const size = sql.get<{ page_size: number }>("PRAGMA page_size")!.page_size;
  return { used: (pages - free) * size, file: pages * size };
}

/** One step, inside a transaction. `lastSeq`: the last seq that was given. */
export function retentionStep(sql: Sql, terms: RetentionTerms, lastSeq: number): RetentionStep {
  const nothing = { jobs: 0, events: 0, audit: 0, freedBytes: 0, more: true };
  const leaving = sql.get<{ job: number }>("SELECT job FROM leaving LIMIT 1")?.job;
  if (leaving !== undefined) return { ...nothing, events: clear(sql, leaving, lastSeq) };

  const job = candidate(sql, terms);
  if (job !== undefined) {
    sql.run("INSERT INTO leaving VALUES (?)", job);
    sql.run("DELETE FROM job_inputs WHERE job = ?", job);
    sql.run("DELETE FROM jobs WHERE nr = ?", job);
    return { ...nothing, jobs: 1 };
  }
  const audit = terms.auditBefore === undefined ? 0 : new AuditTable(sql).trim(terms.auditBefore, stepRows);
  if (audit > 0) return { ...nothing, audit };
  new IdempotencyTable(sql).expire(terms.now);
  const before = sizes(sql);
  if (before.file === before.used) return { ...nothing, more: false };
  sql.prepare(`PRAGMA incremental_vacuum(${stepPages})`).all();
  const freedBytes = before.file - sizes(sql).file;
  return { ...nothing, freedBytes, more: freedBytes > 0 };
}

/** Deletes some rows of a job that leaves; how many events. */
function clear(sql: Sql, job: number, lastSeq: number): number {
  const { events, last } = new EventTable(sql).trim(job, stepEvents);
  if (events > 0) {
    sql.run("UPDATE marks SET last_seq = ?, trimmed_to = max(trimmed_to, ?)", lastSeq, last);
    return events;
  }
  const hosts = sql.run(
    "DELETE FROM job_hosts WHERE job = ?1 AND idx IN (SELECT idx FROM job_hosts WHERE job = ?1 LIMIT ?2)",
    job,
    stepRows,
  );
  if (hosts === 0) sql.run("DELETE FROM leaving WHERE job = ?", job);
  return 0;
}

/** The next job that may go. */
function candidate(sql: Sql, { endedBefore, maxJobs, maxBytes }: RetentionTerms): number | undefined {
  const oldest = sql.get<{ nr: number; ended_at: number }>(
    "SELECT nr, ended_at FROM jobs WHERE ended_at IS NOT NULL ORDER BY ended_at, nr LIMIT 1",
  );
  if (oldest === undefined) return undefined;
  const old = endedBefore !== undefined && oldest.ended_at < endedBefore;
  const tooMany = () =>
    maxJobs !== undefined && sql.get(
        "SELECT 1 FROM jobs WHERE ended_at IS NOT NULL ORDER BY ended_at LIMIT 1 OFFSET ?",
        maxJobs,
      ) !== undefined;
  const tooLarge = () => maxBytes !== undefined && sizes(sql).used > maxBytes;
  return old || tooMany() || tooLarge() ? oldest.nr : undefined;
}
