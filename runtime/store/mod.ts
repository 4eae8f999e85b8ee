/** Where the daemon keeps what must survive it. @module */
export type { DocumentReads, DocumentWrites, Store, StoreReads, StoreTables, StoreWrites } from "./api.ts";
export { openStore, type StoreOptions } from "./store.ts";
export type {
  AuditQuery,
  AuditRecord,
  Change,
  EventPage,
  EventQuery,
  Expected,
  HostRun,
  JobCreation,
  JobHostQuery,
  JobQuery,
  NewJob,
  OutputRange,
  Page,
  RetentionReport,
  RetentionTerms,
  StoredHost,
  StoredInventory,
  StoredSchedule,
  StoredToken,
  StoreStats,
  Versioned,
} from "./types.ts";
