/** The main thread's end of the writer: collects batches, sends them, and tells who waits. @module */
import { StoreError, type StoreErrorCode, type StoreRecord } from "../../actors/daemon/job_store.ts";
import { BatchBuilder, type TableCall } from "./batch.ts";
import type { RetentionStep } from "./retention.ts";
import type { RetentionTerms } from "./types.ts";
import type { ErrorNote, WriterState } from "./writer.ts";
import type { WriterAnswer, WriterRequest } from "./writer_protocol.ts";

/** Batches that are with the writer at once: it works on one while the other is on its way. */
const maxSent = 2;

/** Somebody who waits for rows of one batch. */
interface Waiter {
  error: StoreError | undefined;
  result: unknown;
  readonly done: (error: StoreError | undefined, result: unknown) => void;
}

interface Queued {
  readonly epoch: number;
  readonly builder: BatchBuilder<Waiter>;
  readonly waiters: Waiter[];
}

/** What the writer still has to answer; `batch` for batches. */
interface Sent {
  readonly batch?: Queued;
  readonly cost: number;
  readonly settle: (answer: WriterAnswer | StoreError) => void;
}

/** See the head of this file. */
export class WriterLink {
  readonly #worker: Worker;
  readonly #maxQueuedBytes: number;
  readonly #onState: (state: WriterState) => void;
  readonly #queue: Queued[] = [];
  readonly #sent: Sent[] = [];
  readonly #roomWaiters: (() => void)[] = [];
  #batchesSent = 0;
  #queuedBytes = 0;
  #epoch = 0;
  #flushing = false;
  /** Why nothing is taken any more. */
  #end: StoreError | undefined;
  #closing: Promise<void> | undefined;
  /** Batches committed. */
  batches = 0;
  /** Bytes of output and rows in them, roughly. */
  writtenBytes = 0;
  /** Milliseconds that they took, summed up. */
  commitMs = 0;
  /** Why the last batch was not kept; `null`: it was. */
  failure: StoreErrorCode | null = null;

  private constructor(worker: Worker, maxQueuedBytes: number, onState: (state: WriterState) => void) {
    this.#worker = worker;
    this.#maxQueuedBytes = maxQueuedBytes;
    this.#onState = onState;
    worker.onmessage = ({ data }: MessageEvent<WriterAnswer>) => this.#answered(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#break(new StoreError("StoreFailed", `use store: its writer ended: ${event.message}`));
    };
  }

  /** Starts a writer for a file. `onState` is called after every change, the first time before this resolves. */
  static async open(
    path: string,
    maxQueuedBytes: number,
    onState: (state: WriterState) => void,
  ): Promise<WriterLink> {
    const worker = new Worker(new URL("./writer_worker.ts", import.meta.url), {
      type: "module",
      name: "store writer",
    });
    const link = new WriterLink(worker, maxQueuedBytes, onState);
    try {
      await link.#request({ kind: "open", path });
      return link;
    } catch (error) {
      worker.terminate();
      throw error;
    }
  }

  /** Bytes that are not on disk yet. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Keeps records; see `JobStore.append`. */
  append(records: readonly StoreRecord[], done: (error: StoreError | undefined) => void): void {
    if (this.#end !== undefined) {
      const end = this.#end;
      queueMicrotask(() => done(end));
      return;
    }
    const { builder, waiters } = this.#open();
    const waiter: Waiter = { error: undefined, result: undefined, done };
    const before = builder.cost;
    waiters.push(waiter);
    for (const record of records) builder.add(record, waiter);
    this.#queuedBytes += builder.cost - before;
    this.#flushSoon();
  }

  /** Calls a table's function inside the writer. */
  call(call: TableCall): Promise<unknown> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    if (this.#queuedBytes > this.#maxQueuedBytes) {
      return Promise.reject(
        new StoreError("StoreBusy", "write to store: too much waits to be written; try later"),
      );
    }
    return new Promise((resolve, reject) => {
      const { builder, waiters } = this.#open();
      const done: Waiter["done"] = (error, result) => error === undefined ? resolve(result) : reject(error);
      const waiter: Waiter = { error: undefined, result: undefined, done };
      const before = builder.cost;
      waiters.push(waiter);
      builder.call(call, costOf(call.args), waiter);
      this.#queuedBytes += builder.cost - before;
      this.#flushSoon();
    });
  }

  /** One step of retention, between batches. */
  async retain(terms: RetentionTerms): Promise<RetentionStep> {
    const answer = await this.#request({ kind: "retain", terms });
    if (answer.kind !== "retained") {
      throw new StoreError("StoreFailed", "use store: a wrong answer of its writer");
    }
    return answer.step;
  }

  /** Resolves when less than the limit waits. */
  room(): Promise<void> {
    if (this.#end !== undefined || this.#queuedBytes <= this.#maxQueuedBytes) return Promise.resolve();
    return new Promise((resolve) => this.#roomWaiters.push(resolve));
  }

  /** Writes what waits and ends the writer. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    const broken = this.#end !== undefined;
    this.#end ??= new StoreError("StoreClosed", "use store: it was closed");
    try {
      if (!broken) {
        while (this.#queue.length > 0) this.#send(this.#queue.shift()!);
        await this.#request({ kind: "close" });
      }
    } finally {
      this.#worker.terminate();
    }
  }

  /** The batch that takes what comes next. */
  #open(): Queued {
    const last = this.#queue.at(-1);
    // What was appended before a failure was known goes under the old epoch, and is refused in its turn.
    if (last !== undefined && last.epoch === this.#epoch && !last.builder.full) return last;
    const queued: Queued = { epoch: this.#epoch, builder: new BatchBuilder(), waiters: [] };
    this.#queue.push(queued);
    return queued;
  }

  /** At the end of this turn, so that all that it appends goes together. */
  #flushSoon(): void {
    if (this.#flushing || this.#batchesSent >= maxSent) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (this.#batchesSent < maxSent && this.#queue.length > 0) this.#send(this.#queue.shift()!);
  }

  #send(queued: Queued): void {
    const cost = queued.builder.cost;
    const batch = queued.builder.build();
    const request: WriterRequest = { kind: "batch", epoch: queued.epoch, batch };
    this.#batchesSent++;
    const since = performance.now();
    this.#sent.push({ batch: queued, cost, settle: (answer) => this.#written(queued, cost, since, answer) });
    this.#worker.postMessage(request, [batch.rows.buffer, batch.bytes.buffer]);
  }

  #request(request: WriterRequest): Promise<WriterAnswer> {
    if (this.#end !== undefined && request.kind !== "close") return Promise.reject(this.#end);
    return new Promise((resolve, reject) => {
      const settle: Sent["settle"] = (answer) =>
        answer instanceof StoreError ? reject(answer) : resolve(answer);
      this.#sent.push({ cost: 0, settle });
      this.#worker.postMessage(request);
    });
  }

  #answered(answer: WriterAnswer): void {
    const sent = this.#sent.shift();
    if (sent === undefined) return;
    if (answer.kind !== "failed") this.#onState(answer.state);
    sent.settle(answer.kind === "failed" ? errorOf(answer.error) : answer);
  }

  #written(
    { epoch, builder, waiters }: Queued,
    cost: number,
    since: number,
    answer: WriterAnswer | StoreError,
  ): void {
    this.#batchesSent--;
    this.#queuedBytes -= cost;
    if (answer instanceof StoreError) {
      this.failure = answer.code;
      if (epoch === this.#epoch) this.#epoch++;
      for (const waiter of waiters) waiter.error = answer;
    } else {
      this.failure = null;
      this.batches++;
      this.commitMs += performance.now() - since;
      this.writtenBytes += cost;
      for (const outcome of answer.kind === "written" ? answer.outcomes : []) {
        for (const waiter of builder.owners[outcome.row]!) {
          if ("error" in outcome) waiter.error ??= errorOf(outcome.error);
          else waiter.result = outcome.result;
        }
      }
    }
    this.#flush();
    for (const waiter of waiters) waiter.done(waiter.error, waiter.result);
    if (this.#queuedBytes <= this.#maxQueuedBytes) {
      for (const resolve of this.#roomWaiters.splice(0)) resolve();
    }
  }

  /** The writer is gone: everything that waits fails, and nothing is taken any more. What became of sent batches is not known. */
  #break(error: StoreError): void {
    if (this.#end?.code !== "StoreFailed") this.#end = error;
    this.failure = error.code;
    this.#worker.terminate();
    for (const { settle } of this.#sent.splice(0)) settle(error);
    for (const { builder, waiters } of this.#queue.splice(0)) {
      this.#queuedBytes -= builder.cost;
      for (const { done } of waiters) done(error, undefined);
    }
    for (const resolve of this.#roomWaiters.splice(0)) resolve();
  }
}

function errorOf({ code, message }: ErrorNote): StoreError {
  return new StoreError(code, message);
}

/** Bytes that arguments take, roughly. */
function costOf(value: unknown): number {
  if (typeof value === "string") return value.length;
  if (value instanceof Uint8Array) return value.length;
  if (typeof value !== "object" || value === null) return 8;
  let sum = 16;
  for (const item of Object.values(value)) sum += costOf(item);
  return sum;
}
