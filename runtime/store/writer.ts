/** The one writer of a store: batches become transactions. It runs in a worker; nothing here knows that. @module */
import { DatabaseSync } from "node:sqlite";
import { StoreError, type StoreErrorCode } from "../../actors/daemon/job_store.ts";
import type { StoreTables } from "./api.ts";
import { AuditTable } from "./audit.ts";
import { type Batch, rowKind, rowLength, type TableCall } from "./batch.ts";
import { DocumentTable } from "./documents.ts";
import { JobTable } from "./jobs.ts";
import { Recorder } from "./recorder.ts";
import { readMarks, type RetentionStep, retentionStep, sizes } from "./retention.ts";
import { ScheduleTable } from "./schedules.ts";
import { applicationId, migrate } from "./schema.ts";
import { isHarmless, Sql, storeError } from "./sql.ts";
import { TokenTable } from "./tokens.ts";
import type { RetentionTerms } from "./types.ts";

/** Large pages: output is written in long rows, and other rows stand close together. */
const pageSize = 16 * 1024;
/** Pages of the log after which they are copied into the file, and bytes that the log keeps after that. */
const checkpointPages = 2048;
const keptLogBytes = 64 * 1024 * 1024;
/** Files up to this size are checked whole when they are opened. */
const checkedBytes = 32 * 1024 * 1024;

/** An error on its way between threads. */
export interface ErrorNote {
  readonly code: StoreErrorCode;
  readonly message: string;
}

/** What became of a row: by its number, nothing is told of rows that were written and have nothing to tell. */
export type RowOutcome =
  | { readonly row: number; readonly error: ErrorNote }
  | { readonly row: number; readonly result: unknown };

/** How the store stands after a change. */
export interface WriterState {
  readonly head: number;
  readonly trimmedTo: number;
  readonly usedBytes: number;
  readonly fileBytes: number;
}

/** Writes an error down. */
export function noteOf(error: StoreError): ErrorNote {
  return { code: error.code, message: error.message };
}

/** See the head of this file. */
export class Writer {
  readonly #db: DatabaseSync;
  readonly #sql: Sql;
  readonly #recorder: Recorder;
  readonly #tables: StoreTables;

  /** Opens or makes the file. The folder, the lock and the mode of the file are in order. Throws StoreError. */
  constructor(path: string) {
    try {
      this.#db = new DatabaseSync(path, { timeout: 5000 });
    } catch (error) {
      throw storeError("open store", error);
    }
    try {
      this.#sql = open(this.#db, path);
      this.#recorder = new Recorder(this.#sql);
    } catch (error) {
      this.#db.close();
      throw storeError("open store", error);
    }
    this.#tables = {
      jobs: new JobTable(this.#sql),
      inventories: new DocumentTable(this.#sql, "inventories"),
      hosts: new DocumentTable(this.#sql, "hosts"),
      schedules: new ScheduleTable(this.#sql),
      settings: new DocumentTable(this.#sql, "settings"),
      facts: new DocumentTable(this.#sql, "facts"),
      tokens: new TokenTable(this.#sql),
      audit: new AuditTable(this.#sql),
    };
  }

  /** How the store stands. */
  state(): WriterState {
    const { used, file } = sizes(this.#sql);
    const { trimmedTo } = readMarks(this.#sql);
    return { head: this.#recorder.seq, trimmedTo, usedBytes: used, fileBytes: file };
  }

  /** Writes a batch in one transaction. Throws StoreError; nothing of the batch is kept then. */
  write(batch: Batch): RowOutcome[] {
    const outcomes: RowOutcome[] = [];
    this.#transaction("write to store", () => {
      const { rows, bytes } = batch;
      let at = 0;
      for (let row = 0, i = 0; i < rows.length; row++, i += rowLength) {
        const data = rows[i] === rowKind.output ? bytes.subarray(at, at += rows[i + 4]!) : bytes;
        try {
          this.#row(batch, row, i, data, outcomes);
        } catch (error) {
          if (!(error instanceof StoreError) || error.code !== "StoreConflict") throw error;
          outcomes.push({ row, error: noteOf(error) });
        }
      }
      this.#recorder.flush();
    });
    this.#recorder.settle();
    return outcomes;
  }

  /** One step of retention. */
  retain(terms: RetentionTerms): RetentionStep {
    return this.#transaction("delete from store", () => retentionStep(this.#sql, terms, this.#recorder.seq));
  }

  /** Copies the log into the file and closes. */
  close(): void {
    this.#db.close();
  }

  #row(
    { rows, jobs, records, calls }: Batch,
    row: number,
    i: number,
    data: Uint8Array,
    out: RowOutcome[],
  ): void {
    const number = rows[i + 1]!;
    switch (rows[i]) {
      case rowKind.output: {
        const jobAndStream = rows[i + 2]!;
        const stream = jobAndStream % 2;
        this.#recorder.output(jobs[(jobAndStream - stream) / 2]!, number, stream, rows[i + 3]!, data);
        return;
      }
      case rowKind.record:
        this.#recorder.apply(records[number]!);
        return;
      default:
        out.push({ row, result: this.#call(calls[number]!) });
    }
  }

  /** Calls are wholes: one that breaks a constraint takes nothing else with it. */
  #call({ table, name, args }: TableCall): unknown {
    const functions = this.#tables[table as keyof StoreTables] as unknown as
      | Record<string, (...args: readonly unknown[]) => unknown>
      | undefined;
    this.#db.exec("SAVEPOINT call");
    try {
      const result = functions![name]!(...args);
      this.#db.exec("RELEASE call");
      return result;
    } catch (error) {
      if (!isHarmless(error)) throw error;
      this.#db.exec("ROLLBACK TO call; RELEASE call");
      throw new StoreError(
        "StoreConflict",
        `store ${table}: ${error instanceof Error ? error.message : "failed"}`,
      );
    }
  }

  #transaction<T>(action: string, work: () => T): T {
    try {
      this.#db.exec("BEGIN IMMEDIATE");
      const result = work();
      this.#db.exec("COMMIT");
      return result;
    } catch (error) {
      // SQLite may have rolled back already.
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      this.#recorder.forget();
      throw storeError(action, error);
    }
  }
}

/** Prepares the connection, and sees whether the file is whole and ours. */
function open(db: DatabaseSync, path: string): Sql {
  const sql = new Sql(db);
  // Asked first: to choose auto_vacuum gives an empty file its first page.
  const empty = sql.get<{ page_count: number }>("PRAGMA page_count")!.page_count === 0;
  // Both take effect only in an empty file.
  db.exec(`PRAGMA page_size = ${pageSize}; PRAGMA auto_vacuum = INCREMENTAL`);
  // A database of another program is not changed, not even its journal mode.
  if (
    empty || sql.get<{ application_id: number }>("PRAGMA application_id")!.application_id === applicationId
  ) {
    db.exec("PRAGMA journal_mode = WAL");
  }
  db.exec(`
    PRAGMA synchronous = FULL;
    PRAGMA trusted_schema = OFF;
    PRAGMA cache_size = -32768;
    PRAGMA wal_autocheckpoint = ${checkpointPages};
    PRAGMA journal_size_limit = ${keptLogBytes};
  `);
  migrate(sql);
  // With the log copied into the file, the file alone has to be whole.
  sql.get("PRAGMA wal_checkpoint(TRUNCATE)");
  const { file } = sizes(sql);
  const broken = Deno.statSync(path).size < file ||
    (file <= checkedBytes &&
      sql.get<{ quick_check: string }>("PRAGMA quick_check(1)")?.quick_check !== "ok");
  if (broken) {
    throw new StoreError("StoreCorrupt", "open store: the file is damaged; put a backup in its place");
  }
  return sql;
}
