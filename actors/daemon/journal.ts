/**
 * The records of one job on their way to the store: one append at a time, which takes all that has come together meanwhile. So
 * nothing waits for its own commit alone, and what one append has failed to keep can never stand behind what follows it.
 *
 * What cannot be kept now is tried again until it is; only intents are refused at once, since work waits for them. What is not
 * kept yet is bounded: by the output window of each running command, and by one result for each host.
 * @module
 */
import type { Context } from "../kernel/actor.ts";
import type { JobStore, StoreError, StoreRecord } from "./job_store.ts";

/** What an append has come to. */
export interface StoredMessage {
  readonly kind: "stored";
  readonly error: StoreError | undefined;
}

/** Messages of a journal to the actor that has it. */
export type JournalMessage = StoredMessage | { readonly kind: "storeAgain" };

/** Called in the actor's handler when the fate of a record is known. */
export type Then<M> = (error: StoreError | undefined, context: Context<M>) => void;

interface Entry<M> {
  readonly record: StoreRecord;
  readonly then: Then<M> | undefined;
}

/** Milliseconds before a failed append is tried again, doubled each time up to the second number. */
const firstPauseMs = 500;
const longestPauseMs = 15_000;

/** See the module. */
export class Journal<M> {
  readonly #store: JobStore;
  #queue: Entry<M>[] = [];
  /** What the store has been given. */
  #writing: Entry<M>[] = [];
  /** Who waits for all that is in the queue, and for all that the store has been given. */
  #queueWaits: Then<M>[] = [];
  #writingWaits: Then<M>[] = [];
  #pauseMs = firstPauseMs;
  /** The store's last word was a failure; it is asked again after a pause. */
  #failure: StoreError | undefined;

  constructor(store: JobStore) {
    this.#store = store;
  }

  /** The store cannot keep anything now, and why. */
  get failure(): StoreError | undefined {
    return this.#failure;
  }

  /** Everything is kept. */
  get empty(): boolean {
    return this.#queue.length === 0 && this.#writing.length === 0;
  }

  /** Records that nobody has said to be kept, for a last try. */
  get rest(): readonly StoreRecord[] {
    return this.#queue.map(({ record }) => record);
  }

  /** Keeps a record behind all before it, with the next {@link Journal.write}. */
  add(record: StoreRecord, then?: Then<M>): void {
    this.#queue.push({ record, then });
  }

  /** Calls `then` when all that was added so far is kept, or with the error for which it could not be: it is tried again all the same. */
  whenKept(context: Context<M>, then: Then<M>): void {
    if (this.#failure !== undefined) then(this.#failure, context);
    else if (this.#queue.length > 0) this.#queueWaits.push(then);
    else if (this.#writing.length > 0) this.#writingWaits.push(then);
    else then(undefined, context);
  }

  /** At the end of a handler: what was added goes to the store, unless that is busy with what was before. */
  write(context: Context<M>): void {
    if (this.#failure === undefined) this.#append(context);
  }

  /** The store has answered. Only after that are the records' `then` called. */
  stored({ error }: StoredMessage, context: Context<M>): void {
    const written = this.#writing;
    this.#writing = [];
    const waits = this.#writingWaits;
    this.#writingWaits = [];
    if (error === undefined || error.code === "StoreConflict") {
      this.#failure = undefined;
      this.#pauseMs = firstPauseMs;
      for (const { record, then } of written) {
        // Which of the records contradicted is not said: no work may rest on any of them.
        then?.(record.kind === "intent" ? error : undefined, context);
      }
      for (const then of waits) then(undefined, context);
    } else {
      this.#failure = error;
      const all = [...written, ...this.#queue];
      this.#queue = all.filter(({ record }) => record.kind !== "intent");
      if (error.code !== "StoreClosed") {
        (context as Context<JournalMessage>).timer(this.#pauseMs, { kind: "storeAgain" });
        this.#pauseMs = Math.min(longestPauseMs, this.#pauseMs * 2);
      }
      for (const { record, then } of all) if (record.kind === "intent") then?.(error, context);
      waits.push(...this.#queueWaits);
      this.#queueWaits = [];
      for (const then of waits) then(error, context);
    }
  }

  /** A pause is over. `probe`: a record that does no harm, for when nothing else is to be kept. */
  again(context: Context<M>, probe: StoreRecord): void {
    if (this.#queue.length === 0) this.#queue.push({ record: probe, then: undefined });
    this.#append(context);
  }

  #append(context: Context<M>): void {
    if (this.#writing.length > 0 || this.#queue.length === 0) return;
    this.#writing = this.#queue;
    this.#queue = [];
    this.#writingWaits = this.#queueWaits;
    this.#queueWaits = [];
    const records = this.#writing.map(({ record }) => record);
    (context as Context<JournalMessage>).effect((post) =>
      this.#store.append(records, (error) => post({ kind: "stored", error }))
    );
  }
}
