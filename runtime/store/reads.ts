/** All reads of a store, by a connection of their own that cannot write. @module */
import { DatabaseSync } from "node:sqlite";
import { StoreError } from "../../actors/daemon/job_store.ts";
import { DroverError } from "../../protocol/errors.ts";
import type { StoreReads } from "./api.ts";
import { AuditTable } from "./audit.ts";
import { DocumentTable, type DocumentTableName } from "./documents.ts";
import { EventTable } from "./events.ts";
import { IdempotencyTable } from "./idempotency.ts";
import { JobHostTable } from "./job_hosts.ts";
import { JobTable } from "./jobs.ts";
import { outputRange } from "./output.ts";
import { readMarks } from "./retention.ts";
import { ScheduleTable } from "./schedules.ts";
import { Sql, storeError } from "./sql.ts";
import { TokenTable } from "./tokens.ts";

/** Opens the reading connection of a file that the writer has opened. */
export function openReads(path: string): { readonly reads: StoreReads; close(): void } {
  let db: DatabaseSync;
  try {
    db = new DatabaseSync(path, { readOnly: true, timeout: 5000 });
    db.exec("PRAGMA trusted_schema = OFF; PRAGMA cache_size = -16384");
  } catch (error) {
    throw storeError("open store", error);
  }
  let closed = false;
  /** Errors of SQLite leave as ours. */
  const safe =
    <Args extends unknown[], Result>(read: (...args: Args) => Result) => (...args: Args): Result => {
      if (closed) throw new StoreError("StoreClosed", "read store: it was closed");
      try {
        return read(...args);
      } catch (error) {
        if (error instanceof DroverError) throw error;
        throw storeError("read store", error);
      }
    };
  const sql = new Sql(db);
  const tables = { jobs: new JobTable(sql), jobHosts: new JobHostTable(sql), events: new EventTable(sql) };
  const { jobs, jobHosts, events } = tables;
  const tokens = new TokenTable(sql);
  const audit = new AuditTable(sql);
  const idempotency = new IdempotencyTable(sql);
  const schedules = new ScheduleTable(sql);
  const documents = <T>(table: DocumentTableName) => {
    const all = new DocumentTable<T>(sql, table);
    return { get: safe((key: string) => all.get(key)), list: safe(all.list.bind(all)) };
  };
  const reads: StoreReads = {
    jobs: {
      get: safe((id) => jobs.get(id)),
      list: safe((query) => jobs.list(query)),
      stdin: safe((id) => jobs.stdin(id)),
      unfinished: safe(() => sql.snapshot(() => jobs.unfinished())),
    },
    jobHosts: {
      get: safe((job, index) => jobHosts.get(job, index)),
      list: safe((job, query) => jobHosts.list(job, query)),
      history: safe((host, query) => jobHosts.history(host, query)),
      latest: safe((host, createdBy) => jobHosts.latest(host, createdBy)),
    },
    events: {
      page: safe((query) => sql.snapshot(() => events.page(query, readMarks(sql).trimmedTo))),
    },
    output: {
      range: safe((job, index, stream, offset, length) =>
        sql.snapshot(() => outputRange(tables, job, index, stream, offset, length))
      ),
    },
    inventories: documents("inventories"),
    hosts: documents("hosts"),
    schedules: {
      ...documents("schedules"),
      state: safe((name) => schedules.state(name)),
      stdin: safe((name) => schedules.stdin(name)),
    },
    settings: documents("settings"),
    facts: documents("facts"),
    tokens: {
      get: safe((id) => tokens.get(id)),
      byHash: safe((hash) => tokens.byHash(hash)),
      byName: safe((name) => tokens.byName(name)),
      list: safe(() => tokens.list()),
    },
    audit: { page: safe((query) => audit.page(query)) },
    idempotency: { find: safe((token, key, now) => idempotency.find(token, key, now)) },
  };
  return {
    reads,
    close: () => {
      closed = true;
      db.close();
    },
  };
}
