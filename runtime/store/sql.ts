/** Prepared statements of one connection, and what SQLite's errors mean. @module */
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { StoreError, type StoreErrorCode } from "../../actors/daemon/job_store.ts";

/** Statements of one connection: each text is prepared once. Texts must come from the program, never from a caller. */
export class Sql {
  readonly db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /** Prepares nothing yet. */
  constructor(db: DatabaseSync) {
    this.db = db;
  }

  /** The statement of a text. */
  prepare(text: string): StatementSync {
    let statement = this.#statements.get(text);
    if (statement === undefined) this.#statements.set(text, statement = this.db.prepare(text));
    return statement;
  }

  /** The first row. */
  get<Row>(text: string, ...values: SQLInputValue[]): Row | undefined {
    return this.prepare(text).get(...values) as Row | undefined;
  }

  /** All rows; the text has to bound them. */
  all<Row>(text: string, ...values: SQLInputValue[]): Row[] {
    return this.prepare(text).all(...values) as Row[];
  }

  /** Runs a change; the number of rows that it changed. */
  run(text: string, ...values: SQLInputValue[]): number {
    return Number(this.prepare(text).run(...values).changes);
  }

  /** Reads with several statements as if at one moment. `read` must not wait. */
  snapshot<T>(read: () => T): T {
    this.db.exec("BEGIN");
    try {
      return read();
    } finally {
      this.db.exec("COMMIT");
    }
  }
}

/** Primary result codes of SQLite. */
const primary: Readonly<Record<number, readonly [StoreErrorCode, string]>> = {
  3: ["StoreUnusable", "the file system allows no access"],
  5: ["StoreLocked", "another program is using the file"],
  6: ["StoreLocked", "another program is using the file"],
  8: ["StoreUnusable", "the file is read-only"],
  10: ["StoreFailed", "the disk reported an error"],
  11: ["StoreCorrupt", "the file is damaged; put a backup in its place"],
  13: ["StoreFull", "no room on the disk; work is refused until there is room"],
  14: ["StoreUnusable", "the file cannot be opened"],
  26: ["StoreForeign", "the file is no store of Drover"],
};

/** SQLITE_IOERR_SHMSIZE: the shared-memory file could not grow, which needs room on the disk. */
const shmSize = 19 << 8 | 10;

/** SQLite's own texts for them: errors of `exec` come without the number. */
const numbersOfTexts: Readonly<Record<string, number>> = {
  "access permission denied": 3,
  "database is locked": 5,
  "database table is locked": 6,
  "attempt to write a readonly database": 8,
  "disk I/O error": 10,
  "database disk image is malformed": 11,
  "database or disk is full": 13,
  "unable to open database file": 14,
  "file is not a database": 26,
};

/** SQLite's result code of an error, with its extension where it is known; -1: it is none of SQLite's. */
function numberOf(error: unknown): number {
  if (!(error instanceof Error)) return -1;
  if ("errcode" in error) return Number(error.errcode);
  return numbersOfTexts[error.message] ?? -1;
}

/** What an error of SQLite means; errors of ours stay what they are. */
export function storeError(action: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const number = numberOf(error);
  const [code, state] = primary[number === shmSize ? 13 : number & 0xff] ??
    ["StoreFailed", error instanceof Error ? error.message : "an unknown error"];
  return new StoreError(code, `${action}: ${state}`, { cause: error });
}

/** Whether an error of a statement leaves the other statements of its transaction in order: a broken constraint, or ours. */
export function isHarmless(error: unknown): boolean {
  if (error instanceof StoreError) return error.code === "StoreConflict";
  const number = numberOf(error);
  // Arguments that are none; SQLITE_ERROR, TOOBIG, CONSTRAINT, MISMATCH, RANGE.
  return number === -1 || [1, 18, 19, 20, 25].includes(number & 0xff);
}
