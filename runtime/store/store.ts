/** Opens a store. @module */
import { StoreError, type StoreRecord } from "../../actors/daemon/job_store.ts";
import type { UnfinishedJob } from "../../actors/daemon/job_types.ts";
import type { Store, StoreReads, StoreTables, StoreWrites } from "./api.ts";
import { backUp, runChore } from "./chores.ts";
import { type OwnedFile, ownFile } from "./files.ts";
import { openReads } from "./reads.ts";
import type { RetentionReport, RetentionTerms, StoreStats } from "./types.ts";
import type { WriterState } from "./writer.ts";
import { WriterLink } from "./writer_link.ts";

/** How to open a store. */
export interface StoreOptions {
  /** The file; it and its folder are made where they are missing. */
  readonly path: string;
  /** Bytes that may wait to be written before writes of the API are refused with `StoreBusy`. Default 64 MiB. */
  readonly maxQueuedBytes?: number;
}

/** Opens a store, alone. Throws StoreError; see {@link StoreErrorCode} for what can be wrong. */
export async function openStore({ path, maxQueuedBytes = 64 * 1024 * 1024 }: StoreOptions): Promise<Store> {
  const file = ownFile(path);
  try {
    const store = new SqliteStore(file);
    await store.start(maxQueuedBytes);
    return store;
  } catch (error) {
    file.release();
    throw error;
  }
}

class SqliteStore implements Store {
  readonly #file: OwnedFile;
  readonly #listeners = new Set<(head: number) => void>();
  #link!: WriterLink;
  #reads!: { readonly reads: StoreReads; close(): void };
  #state!: WriterState;
  #changes = 0;
  #retaining: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;
  readonly write: StoreWrites;

  constructor(file: OwnedFile) {
    this.#file = file;
    this.write = writesBy((table, name, args) => this.#link.call({ table, name, args }));
  }

  async start(maxQueuedBytes: number): Promise<void> {
    this.#link = await WriterLink.open(this.path, maxQueuedBytes, (state) => this.#changed(state));
    try {
      this.#reads = openReads(this.path);
    } catch (error) {
      await this.#link.close();
      throw error;
    }
  }

  get path(): string {
    return this.#file.path;
  }

  get read(): StoreReads {
    return this.#reads.reads;
  }

  get head(): number {
    return this.#state.head;
  }

  get changes(): number {
    return this.#changes;
  }

  subscribe(listener: (head: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  append(records: readonly StoreRecord[], done: (error: StoreError | undefined) => void): void {
    this.#link.append(records, done);
  }

  record(records: readonly StoreRecord[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#link.append(records, (error) => error === undefined ? resolve() : reject(error));
    });
  }

  unfinished(done: (jobs: readonly UnfinishedJob[] | StoreError) => void): void {
    let jobs: readonly UnfinishedJob[] | StoreError;
    try {
      jobs = this.read.jobs.unfinished();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      jobs = error;
    }
    queueMicrotask(() => done(jobs));
  }

  room(): Promise<void> {
    return this.#link.room();
  }

  stats(): StoreStats {
    const { head, usedBytes, fileBytes } = this.#state;
    const { batches, writtenBytes, commitMs, queuedBytes, failure } = this.#link;
    return { head, usedBytes, fileBytes, batches, writtenBytes, commitMs, queuedBytes, failure };
  }

  retain(terms: RetentionTerms): Promise<RetentionReport> {
    const run = this.#retaining.then(() => this.#retain(terms));
    this.#retaining = run.catch(() => {});
    return run;
  }

  backup(path: string): Promise<void> {
    return backUp(this.path, path);
  }

  check(): Promise<readonly string[]> {
    return runChore({ kind: "check", path: this.path });
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#listeners.clear();
    // Before the writer: the last connection to close copies the log into the file, and that has to be one that may write.
    this.#reads.close();
    try {
      await this.#link.close();
    } finally {
      this.#file.release();
    }
  }

  async #retain(terms: RetentionTerms): Promise<RetentionReport> {
    const report = { jobs: 0, events: 0, audit: 0, freedBytes: 0 };
    for (let more = true; more;) {
      const step = await this.#link.retain(terms);
      report.jobs += step.jobs;
      report.events += step.events;
      report.audit += step.audit;
      report.freedBytes += step.freedBytes;
      more = step.more;
    }
    return report;
  }

  #changed(state: WriterState): void {
    const rose = this.#state !== undefined && state.head > this.#state.head;
    this.#state = state;
    this.#changes++;
    if (!rose) return;
    // One listener's mistake is not the store's, nor another listener's.
    for (const listener of this.#listeners) queueMicrotask(() => listener(state.head));
  }
}

/** Each function of each table as a call to the writer. */
function writesBy(
  call: (table: string, name: string, args: readonly unknown[]) => Promise<unknown>,
): StoreWrites {
  const names: { readonly [Table in keyof StoreTables]: readonly (keyof StoreTables[Table] & string)[] } = {
    jobs: ["create"],
    inventories: ["put", "remove"],
    hosts: ["put", "remove"],
    schedules: ["put", "remove", "run", "settle", "rewind"],
    settings: ["put", "remove"],
    facts: ["put", "remove"],
    tokens: ["create", "remove"],
    audit: ["add"],
  };
  const writes = Object.entries(names).map(([table, functions]) => [
    table,
    Object.fromEntries(functions.map((name) => [name, (...args: unknown[]) => call(table, name, args)])),
  ]);
  return Object.fromEntries(writes) as StoreWrites;
}
