/** The layout of the file, and the way from older ones. @module */
import { StoreError } from "../../actors/daemon/job_store.ts";
import { auditSchema } from "./audit.ts";
import { documentSchema } from "./documents.ts";
import { eventSchema } from "./events.ts";
import { idempotencySchema } from "./idempotency.ts";
import { jobHostSchema } from "./job_hosts.ts";
import { jobSchema } from "./jobs.ts";
import { retentionSchema } from "./retention.ts";
import { scheduleSchema } from "./schedules.ts";
import type { Sql } from "./sql.ts";
import { tokenSchema } from "./tokens.ts";

/** `application_id` of our files: "Drov". */
export const applicationId = 0x44726f76;

/**
 * What leads from each version to the next one; version 1 comes from an empty file. An entry is never changed after a
 * release: a change of the layout is a new entry.
 */
export const migrations: readonly string[] = [
  [
    jobSchema,
    jobHostSchema,
    eventSchema,
    documentSchema("inventories"),
    documentSchema("hosts"),
    documentSchema("schedules"),
    documentSchema("settings"),
    tokenSchema,
    auditSchema,
    idempotencySchema,
    retentionSchema,
  ].join("\n"),
  scheduleSchema,
  documentSchema("facts"),
];

/** Brings the file to our version, in one transaction. Throws StoreError `StoreNewer` or `StoreForeign`. */
export function migrate(sql: Sql, steps: readonly string[] = migrations): void {
  const version = sql.get<{ user_version: number }>("PRAGMA user_version")!.user_version;
  const id = sql.get<{ application_id: number }>("PRAGMA application_id")!.application_id;
  const tables = sql.get<{ n: number }>("SELECT count(*) AS n FROM sqlite_schema")!.n;
  if (id !== applicationId && (id !== 0 || version !== 0 || tables > 0)) {
    throw new StoreError("StoreForeign", "open store: the file is a database of another program");
  }
  if (version > steps.length) {
    throw new StoreError(
      "StoreNewer",
      `open store: the file has version ${version}, this Drover knows up to ${steps.length}; use a newer Drover`,
    );
  }
  if (version === steps.length) return;
  sql.db.exec("BEGIN IMMEDIATE");
  try {
    for (const step of steps.slice(version)) sql.db.exec(step);
    sql.db.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${steps.length}`);
    sql.db.exec("COMMIT");
  } catch (error) {
    if (sql.db.isTransaction) sql.db.exec("ROLLBACK");
    throw error;
  }
}
