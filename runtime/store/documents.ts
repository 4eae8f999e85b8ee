/** Tables of values with a version: inventories, hosts, schedules, settings, facts. @module */
import { pageSize } from "./cursor.ts";
import type { Sql } from "./sql.ts";
import type { Change, Expected, Page, Versioned } from "./types.ts";

/** The tables; the text is put into SQL. */
export type DocumentTableName = "inventories" | "hosts" | "schedules" | "settings" | "facts";

/** A removed key keeps its row without a value, so that no version comes twice. */
export function documentSchema(table: DocumentTableName): string {
  return `CREATE TABLE ${table} (
    key TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    value TEXT
  ) STRICT, WITHOUT ROWID;`;
}

interface Row {
  key: string;
  version: number;
  updated_at: number;
  value: string | null;
}

/** One of the tables, by whichever connection. */
export class DocumentTable<T> {
  readonly #sql: Sql;
  readonly #table: DocumentTableName;

  /** Prepares nothing yet. */
  constructor(sql: Sql, table: DocumentTableName) {
    this.#sql = sql;
    this.#table = table;
  }

  /** One value. */
  get(key: string): Versioned<T> | undefined {
    const row = this.#row(key);
    return row === undefined || row.value === null ? undefined : documentOf<T>(row);
  }

  /** Values by key. */
  list(query: { readonly cursor?: string; readonly limit?: number } = {}): Page<Versioned<T>> {
    const limit = pageSize(query.limit);
    const rows = this.#sql.all<Row>(
      `SELECT * FROM ${this.#table} WHERE key > ? AND value IS NOT NULL ORDER BY key LIMIT ?`,
      query.cursor ?? "",
      limit + 1,
    );
    const more = rows.length > limit;
    if (more) rows.length = limit;
    return { items: rows.map(documentOf<T>), next: more ? rows.at(-1)!.key : null };
  }

  /** Keeps a value, if what is there is what is expected. */
  put(key: string, value: T, at: number, expected: Expected): Change {
    return this.#change(key, JSON.stringify(value), at, expected);
  }

  /** Removes a value, if what is there is what is expected. */
  remove(key: string, expected: Expected): Change {
    if (expected === "any" && this.get(key) === undefined) return { kind: "removed" };
    const change = this.#change(key, null, 0, expected);
    return change.kind === "stored" ? { kind: "removed" } : change;
  }

  #change(key: string, value: string | null, at: number, expected: Expected): Change {
    const row = this.#row(key);
    const there = row === undefined || row.value === null ? null : row.version;
    if (expected !== "any" && there !== (expected === "absent" ? null : expected)) {
      return { kind: "conflict", version: there };
    }
    const version = (row?.version ?? 0) + 1;
    this.#sql.run(`INSERT OR REPLACE INTO ${this.#table} VALUES (?, ?, ?, ?)`, key, version, at, value);
    return { kind: "stored", version };
  }

  #row(key: string): Row | undefined {
    return this.#sql.get(`SELECT * FROM ${this.#table} WHERE key = ?`, key);
  }
}

function documentOf<T>(row: Row): Versioned<T> {
  return {
    key: row.key,
    version: row.version,
    updatedAt: row.updated_at,
    value: JSON.parse(row.value!) as T,
  };
}
