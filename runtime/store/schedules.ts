/**
 * Schedules: what recurs, how far its due times are settled, and the jobs that they became. A due time becomes its job, or is settled
 * without one, in one transaction: after a crash it is either done or still to be done, and never done twice.
 * @module
 */
import { AuditTable } from "./audit.ts";
import { DocumentTable } from "./documents.ts";
import { JobTable } from "./jobs.ts";
import type { Sql } from "./sql.ts";
import type {
  Change,
  Expected,
  JobCreation,
  NewScheduleRun,
  ScheduleOutcome,
  ScheduleRunCreation,
  ScheduleState,
  SettledDue,
  StoredSchedule,
} from "./types.ts";

/** Version 2 of the layout. `due_at` of a job is `NULL` where its schedule was run by hand. */
export const scheduleSchema = `
  ALTER TABLE jobs ADD COLUMN schedule TEXT;
  ALTER TABLE jobs ADD COLUMN due_at INTEGER;
  CREATE UNIQUE INDEX jobs_by_due_time ON jobs (schedule, due_at) WHERE due_at IS NOT NULL;
  CREATE INDEX jobs_by_schedule ON jobs (schedule, created_at) WHERE schedule IS NOT NULL;
  CREATE INDEX jobs_open_by_schedule ON jobs (schedule) WHERE schedule IS NOT NULL AND ended_at IS NULL;
  CREATE TABLE schedule_states (
    name TEXT PRIMARY KEY,
    settled_to INTEGER NOT NULL,
    due_at INTEGER,
    at INTEGER,
    outcome TEXT,
    detail TEXT,
    job TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE schedule_inputs (name TEXT PRIMARY KEY, stdin BLOB NOT NULL) STRICT;
`;

interface StateRow {
  settled_to: number;
  due_at: number | null;
  at: number | null;
  outcome: ScheduleOutcome | null;
  detail: string | null;
  job: string | null;
}

/** Schedules, by whichever connection. */
export class ScheduleTable {
  readonly #sql: Sql;
  readonly #documents: DocumentTable<StoredSchedule>;

  /** Prepares nothing yet. */
  constructor(sql: Sql) {
    this.#sql = sql;
    this.#documents = new DocumentTable(sql, "schedules");
  }

  /** How far it is settled, and what was done last. */
  state(name: string): ScheduleState | undefined {
    const row = this.#sql.get<StateRow>("SELECT * FROM schedule_states WHERE name = ?", name);
    if (row === undefined) return undefined;
    const { at, outcome } = row;
    return {
      settledTo: row.settled_to,
      last: at === null || outcome === null
        ? null
        : { dueAt: row.due_at, at, outcome, detail: row.detail, job: row.job },
    };
  }

  /** Standard input of its jobs. */
  stdin(name: string): Uint8Array | undefined {
    return this.#sql.get<{ stdin: Uint8Array }>("SELECT stdin FROM schedule_inputs WHERE name = ?", name)
      ?.stdin;
  }

  /** Keeps a schedule. Where its times are new, those up to `at` are none of its own. */
  put(
    name: string,
    value: StoredSchedule,
    stdin: Uint8Array | undefined,
    at: number,
    expected: Expected,
  ): Change {
    const before = this.#documents.get(name)?.value;
    const change = this.#documents.put(name, value, at, expected);
    if (change.kind !== "stored") return change;
    this.#sql.run("DELETE FROM schedule_inputs WHERE name = ?", name);
    if (stdin !== undefined) this.#sql.run("INSERT INTO schedule_inputs VALUES (?, ?)", name, stdin);
    const sameTimes = before?.cron === value.cron && before.timeZone === value.timeZone && before.enabled;
    if (!sameTimes) {
      this.#sql.run(
        `INSERT INTO schedule_states (name, settled_to) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET settled_to = ?2`,
        name,
        at,
      );
    }
    return change;
  }

  /** Removes it; its jobs stay. */
  remove(name: string, expected: Expected): Change {
    const change = this.#documents.remove(name, expected);
    if (change.kind === "removed") {
      this.#sql.run("DELETE FROM schedule_states WHERE name = ?", name);
      this.#sql.run("DELETE FROM schedule_inputs WHERE name = ?", name);
    }
    return change;
  }

  /** Makes the job of a due time, or one beside them. */
  run({ name, version, dueAt, job }: NewScheduleRun): ScheduleRunCreation {
    const schedule = this.#documents.get(name);
    if (schedule?.version !== version) return { kind: "changed" };
    if (dueAt !== null && this.#isSettled(name, dueAt)) return { kind: "settled" };
    const { overlap, owner } = schedule.value;
    if (overlap === "skip" && this.#isRunning(name)) {
      if (dueAt !== null) {
        this.settle({
          name,
          version,
          dueAt,
          at: job.createdAt,
          outcome: "overlapped",
          detail: null,
          who: owner.name,
        });
      }
      return { kind: "overlapped" };
    }
    const creation: JobCreation = new JobTable(this.#sql).create({ ...job, schedule: { name, dueAt } });
    if (creation.kind !== "created") return creation;
    this.#note(name, { dueAt, at: job.createdAt, outcome: "started", detail: null, job: job.id });
    if (dueAt !== null) this.#audit(owner.name, name, dueAt, job.createdAt, "ok", { job: job.id });
    return creation;
  }

  /** Settles a due time, and all before it, without a job. `false`: the schedule was changed meanwhile. */
  settle({ name, version, dueAt, at, outcome, detail, who }: SettledDue): boolean {
    if (this.#documents.get(name)?.version !== version) return false;
    if (this.#isSettled(name, dueAt)) return true;
    this.#note(name, { dueAt, at, outcome, detail, job: null });
    this.#audit(who, name, dueAt, at, outcome, detail === null ? {} : { detail });
    return true;
  }

  /** After the clock was put back far: due times from `to` on are looked at again. Those that became jobs stay settled. */
  rewind(name: string, to: number): void {
    this.#sql.run("UPDATE schedule_states SET settled_to = ?2 WHERE name = ?1 AND settled_to > ?2", name, to);
  }

  #note(
    name: string,
    last: {
      dueAt: number | null;
      at: number;
      outcome: ScheduleOutcome;
      detail: string | null;
      job: string | null;
    },
  ): void {
    this.#sql.run(
      `UPDATE schedule_states SET settled_to = max(settled_to, coalesce(?2, settled_to)),
         due_at = ?2, at = ?3, outcome = ?4, detail = ?5, job = ?6 WHERE name = ?1`,
      name,
      last.dueAt,
      last.at,
      last.outcome,
      last.detail,
      last.job,
    );
  }

  #audit(
    who: string,
    target: string,
    dueAt: number,
    at: number,
    outcome: string,
    detail: Readonly<Record<string, unknown>>,
  ): void {
    const due = new Date(dueAt).toISOString();
    new AuditTable(this.#sql).add({
      at,
      who,
      from: null,
      action: "schedule.run",
      target,
      outcome,
      detail: { due, ...detail },
    });
  }

  #isSettled(name: string, dueAt: number): boolean {
    const state = this.state(name);
    if (state === undefined || dueAt <= state.settledTo) return true;
    const ran = this.#sql.get("SELECT 1 FROM jobs WHERE schedule = ? AND due_at = ?", name, dueAt);
    if (ran === undefined) return false;
    this.#sql.run("UPDATE schedule_states SET settled_to = ? WHERE name = ?", dueAt, name);
    return true;
  }

  #isRunning(name: string): boolean {
    return this.#sql.get("SELECT 1 FROM jobs WHERE schedule = ? AND ended_at IS NULL LIMIT 1", name) !==
      undefined;
  }
}
