/**
 * What goes to the writer at once. Output, of which there is much, is packed into numbers and one buffer, which cost nothing to hand
 * to another thread; everything else goes as it is.
 * @module
 */
import type { StoreRecord } from "../../actors/daemon/job_store.ts";
import { maxEventBytes, streams } from "./events.ts";

/** A call of a table's function. */
export interface TableCall {
  readonly table: string;
  readonly name: string;
  readonly args: readonly unknown[];
}

/** Records that go as they are. */
export type PlainRecord = Exclude<StoreRecord, { kind: "output" }>;

/** A batch on its way. */
export interface Batch {
  /** Five numbers for each row: kind, then by kind. */
  readonly rows: Float64Array<ArrayBuffer>;
  /** Output, in the order of the rows. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Ids of the jobs that rows of output name by number. */
  readonly jobs: readonly string[];
  /** What rows of other kinds name by number. */
  readonly records: readonly PlainRecord[];
  readonly calls: readonly TableCall[];
}

/** Numbers of a row. */
export const rowLength = 5;

/** Kinds of rows: output (index of host, job * 2 + stream, at, bytes), record (number), call (number). */
export const rowKind = { output: 0, record: 1, call: 2 } as const;

/** Bytes and rows after which a batch takes no more. */
const maxBatchBytes = 4 * 1024 * 1024;
const maxBatchRows = 8192;

/** Bytes that a row counts for beside its output. */
const rowCost = 256;

/** A piece of output that may grow, and who waits for it. */
interface OutputRow {
  readonly job: number;
  readonly stream: number;
  length: number;
  readonly place: number;
  readonly pieces: Uint8Array[];
}

/** Collects a batch. `Owner`: who waits for a row. */
export class BatchBuilder<Owner> {
  readonly #numbers: number[] = [];
  readonly #outputs: OutputRow[] = [];
  readonly #jobs = new Map<string, { readonly number: number; readonly last: Map<number, OutputRow> }>();
  readonly #records: PlainRecord[] = [];
  readonly #calls: TableCall[] = [];
  /** By row. */
  readonly owners: Owner[][] = [];
  #bytes = 0;

  /** Bytes that wait, roughly. */
  get cost(): number {
    return this.#bytes + this.owners.length * rowCost;
  }

  /** Whether it should take no more. */
  get full(): boolean {
    return this.#bytes >= maxBatchBytes || this.owners.length >= maxBatchRows;
  }

  /** Adds a record. */
  add(record: StoreRecord, owner: Owner): void {
    if (record.kind !== "output") {
      // What comes after it must not be put into a row before it.
      if (record.kind !== "state") this.#jobs.get(record.job)?.last.delete(record.index);
      this.#row(rowKind.record, this.#records.push(record) - 1, 0, 0, 0, owner);
      return;
    }
    for (let at = 0; at < record.data.length; at += maxEventBytes) {
      this.#output(record, record.data.subarray(at, at + maxEventBytes), owner);
    }
  }

  /** Adds a call of `cost` bytes. */
  call(call: TableCall, cost: number, owner: Owner): void {
    this.#bytes += cost;
    this.#row(rowKind.call, this.#calls.push(call) - 1, 0, 0, 0, owner);
  }

  /** The batch; the builder is used up. */
  build(): Batch {
    const rows = Float64Array.from(this.#numbers);
    const bytes = new Uint8Array(this.#outputs.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const { pieces, place, length } of this.#outputs) {
      rows[place + 4] = length;
      for (const piece of pieces) {
        bytes.set(piece, at);
        at += piece.length;
      }
    }
    return { rows, bytes, jobs: [...this.#jobs.keys()], records: this.#records, calls: this.#calls };
  }

  #output(record: Extract<StoreRecord, { kind: "output" }>, piece: Uint8Array, owner: Owner): void {
    let job = this.#jobs.get(record.job);
    if (job === undefined) this.#jobs.set(record.job, job = { number: this.#jobs.size, last: new Map() });
    const stream = streams.indexOf(record.stream);
    this.#bytes += piece.length;
    const last = job.last.get(record.index);
    if (last !== undefined && last.stream === stream && last.length + piece.length <= maxEventBytes) {
      last.pieces.push(piece);
      last.length += piece.length;
      const owners = this.owners[last.place / rowLength]!;
      if (owners.at(-1) !== owner) owners.push(owner);
      return;
    }
    const place = this.#numbers.length;
    const row = { job: job.number, stream, length: piece.length, place, pieces: [piece] };
    this.#outputs.push(row);
    job.last.set(record.index, row);
    this.#row(rowKind.output, record.index, job.number * 2 + stream, record.at, 0, owner);
  }

  #row(kind: number, a: number, b: number, c: number, d: number, owner: Owner): void {
    this.#numbers.push(kind, a, b, c, d);
    this.owners.push([owner]);
  }
}
