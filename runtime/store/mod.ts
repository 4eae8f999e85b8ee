/** Where the daemon keeps what must survive it. @module */
export type { DocumentReads, DocumentWrites, Store, StoreReads, StoreTables, StoreWrites } from "./api.ts";
export { copyStore } from "./chores.ts";
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
  MissedPolicy,
  NewJob,
  NewScheduleRun,
  OutputRange,
  OverlapPolicy,
  Page,
  RetentionReport,
  RetentionTerms,
  ScheduleOutcome,
  ScheduleRunCreation,
  ScheduleState,
  SettledDue,
  StoredHost,
  StoredInventory,
  StoredSchedule,
  StoredToken,
  StoreStats,
  Versioned,
} from "./types.ts";
