/** Table `audit`: who did what. Records are added and, when they are old, deleted; never changed. @module */
import type { SQLInputValue } from "node:sqlite";
import { pageOf, pageSize, readCursor, writeCursor } from "./cursor.ts";
import type { Sql } from "./sql.ts";
import type { AuditQuery, AuditRecord, Page } from "./types.ts";

/** A seq is never given twice, so that a deleted record leaves a hole that can be seen. */
export const auditSchema = `
  CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    who TEXT NOT NULL,
    origin TEXT,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL
  ) STRICT;
  CREATE INDEX audit_by_who ON audit (who);
  CREATE INDEX audit_by_target ON audit (target);
  CREATE INDEX audit_by_time ON audit (at);
`;

interface Row {
  seq: number;
  at: number;
  who: string;
  origin: string | null;
  action: string;
  target: string;
  outcome: string;
  detail: string;
}

/** Audit records, by whichever connection. */
export class AuditTable {
  readonly #sql: Sql;

  /** Prepares nothing yet. */
  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Adds a record. */
  add(record: AuditRecord): void {
    const { at, who, from, action, target, outcome, detail } = record;
    this.#sql.run(
      "INSERT INTO audit (at, who, origin, action, target, outcome, detail) VALUES (?, ?, ?, ?, ?, ?, ?)",
      at,
      who,
      from,
      action,
      target,
      outcome,
      JSON.stringify(detail),
    );
  }

  /** Some records, latest first. */
  page(query: AuditQuery = {}): Page<AuditRecord & { readonly seq: number }> {
    const limit = pageSize(query.limit);
    const conditions: string[] = ["seq < ?"];
    const values: SQLInputValue[] = [
      query.cursor === undefined ? Number.MAX_SAFE_INTEGER : readCursor(query.cursor, 1)[0]!,
    ];
    const where = (condition: string, value: SQLInputValue | undefined) => {
      if (value === undefined) return;
      conditions.push(condition);
      values.push(value);
    };
    where("who = ?", query.who);
    where("action = ?", query.action);
    where("target = ?", query.target);
    where("at >= ?", query.from);
    where("at < ?", query.before);
    const rows = this.#sql.all<Row>(
      `SELECT * FROM audit WHERE ${conditions.join(" AND ")} ORDER BY seq DESC LIMIT ?`,
      ...values,
      limit + 1,
    );
    return pageOf(rows, limit, recordOf, (row) => writeCursor([row.seq]));
  }

  /** Deletes up to `limit` records from before `time`; how many. */
  trim(time: number, limit: number): number {
    return this.#sql.run(
      "DELETE FROM audit WHERE seq IN (SELECT seq FROM audit WHERE at < ? ORDER BY at LIMIT ?)",
      time,
      limit,
    );
  }
}

function recordOf({ seq, at, who, origin, action, target, outcome, detail }: Row) {
  return {
    seq,
    at,
    who,
    from: origin,
    action,
    target,
    outcome,
    detail: JSON.parse(detail) as Record<string, unknown>,
  };
}
