/** Table `tokens`: who may use the API. Only hashes are kept. @module */
import type { Sql } from "./sql.ts";
import type { StoredToken } from "./types.ts";

/** Lists are JSON. */
export const tokenSchema = `
  CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    hash BLOB NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    hosts TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires_at INTEGER
  ) STRICT, WITHOUT ROWID;
`;

interface Row {
  id: string;
  name: string;
  hash: Uint8Array;
  scopes: string;
  hosts: string;
  created_at: number;
  created_by: string;
  expires_at: number | null;
}

/** Tokens, by whichever connection. */
export class TokenTable {
  readonly #sql: Sql;

  /** Prepares nothing yet. */
  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** By id. */
  get(id: string): StoredToken | undefined {
    return tokenOf(this.#sql.get("SELECT * FROM tokens WHERE id = ?", id));
  }

  /** By the SHA-256 of the token. */
  byHash(hash: Uint8Array): StoredToken | undefined {
    return tokenOf(this.#sql.get("SELECT * FROM tokens WHERE hash = ?", hash));
  }

  /** By name. */
  byName(name: string): StoredToken | undefined {
    return tokenOf(this.#sql.get("SELECT * FROM tokens WHERE name = ?", name));
  }

  /** All, by name. */
  list(): StoredToken[] {
    return this.#sql.all<Row>("SELECT * FROM tokens ORDER BY name").map((row) => tokenOf(row)!);
  }

  /**
   * Keeps a token; `false`: there is one of its name, id or hash, or work of one that had this name: jobs and schedules are their
   * owner's by name, and a new token must not come by those of an old one.
   */
  create(token: StoredToken): boolean {
    const { name } = token;
    const owns = this.#sql.get("SELECT 1 FROM jobs WHERE created_by = ? LIMIT 1", name) ??
      this.#sql.get("SELECT 1 FROM schedules WHERE value ->> '$.owner.name' = ? LIMIT 1", name);
    if (owns !== undefined) return false;
    return this.#sql.run(
      "INSERT OR IGNORE INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      token.id,
      token.name,
      token.hash,
      JSON.stringify(token.scopes),
      JSON.stringify(token.hosts),
      token.createdAt,
      token.createdBy,
      token.expiresAt,
    ) > 0;
  }

  /** Removes a token; `false`: there was none. */
  remove(id: string): boolean {
    return this.#sql.run("DELETE FROM tokens WHERE id = ?", id) > 0;
  }
}

function tokenOf(row: Row | undefined): StoredToken | undefined {
  return row && {
    id: row.id,
    name: row.name,
    hash: row.hash,
    scopes: JSON.parse(row.scopes) as string[],
    hosts: JSON.parse(row.hosts) as string[],
    createdAt: row.created_at,
    createdBy: row.created_by,
    expiresAt: row.expires_at,
  };
}
