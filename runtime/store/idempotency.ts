/** Table `idempotency`: which job an Idempotency-Key has made. @module */
import type { Sql } from "./sql.ts";

/** Keys are told apart by token. */
export const idempotencySchema = `
  CREATE TABLE idempotency (
    token TEXT NOT NULL,
    key TEXT NOT NULL,
    job TEXT NOT NULL,
    digest TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (token, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX idempotency_by_expiry ON idempotency (expires_at);
`;

/** Keys that were used, by whichever connection. */
export class IdempotencyTable {
  readonly #sql: Sql;

  /** Prepares nothing yet. */
  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** The job of a key that did not expire before `now`. */
  find(
    token: string,
    key: string,
    now: number,
  ): { readonly job: string; readonly digest: string } | undefined {
    const row = this.#sql.get<{ job: string; digest: string }>(
      "SELECT job, digest FROM idempotency WHERE token = ? AND key = ? AND expires_at >= ?",
      token,
      key,
      now,
    );
    return row && { job: row.job, digest: row.digest };
  }

  /** Keeps a key. */
  add(entry: { token: string; key: string; job: string; digest: string; expiresAt: number }): void {
    const { token, key, job, digest, expiresAt } = entry;
    this.#sql.run("INSERT INTO idempotency VALUES (?, ?, ?, ?, ?)", token, key, job, digest, expiresAt);
  }

  /** Forgets what expired before `now`. */
  expire(now: number): void {
    this.#sql.run("DELETE FROM idempotency WHERE expires_at < ?", now);
  }
}
