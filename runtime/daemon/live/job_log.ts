/**
 * The latest events of a job as server-sent events: encoded once, for all who follow it. Each follower has a cursor and takes what lies
 * behind it; who is so slow that its cursor has left the log reads the store by itself until it has caught up.
 * @module
 */
import type { StoredEvent } from "../../../actors/daemon/job_types.ts";
import type { Store } from "../../store/api.ts";
import { eventDocument } from "../documents.ts";
import { knownPage } from "./known_page.ts";

/** Bytes of one piece; a follower is sent one at a time, so this is what a slow one may keep in memory. */
const pieceBytes = 256 * 1024;
/** Bytes of all pieces: the latest seconds of a job that says much. */
const maxBytes = 24 * 1024 * 1024;
/** Events, and bytes of output, that are read at once. */
const pageEvents = 1_000;
const pageBytes = 256 * 1024;
/** Milliseconds between two times at which followers are woken: what comes in between goes together. */
const pauseMs = 50;

const encoder = new TextEncoder();

/** A part of a stream. */
export interface EventBytes {
  readonly bytes: Uint8Array;
  /** Cursor behind it. */
  readonly next: number;
  /** Whether the job is done with it. */
  readonly over: boolean;
}

/** Encodes events (HTML Living Standard, section 9.2). */
export function encodeEvents(events: readonly StoredEvent[]): Uint8Array {
  return encoder.encode(events.map(textOf).join(""));
}

/** Whether a job ends with an event. */
export function isLast(event: StoredEvent): boolean {
  return event.type === "job" && event.document.state === "done";
}

function textOf(event: StoredEvent): string {
  return `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(eventDocument(event))}\n\n`;
}

/** Whole events one after the other. Only what is behind `filled` still changes, so parts of it can be sent without a copy. */
class Piece {
  readonly bytes: Uint8Array;
  filled = 0;
  /** Of each event its seq, and where it begins. */
  readonly seqs: number[] = [];
  readonly starts: number[] = [];

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
  }

  /** The part behind a cursor. */
  behind(after: number): Uint8Array {
    let low = 0;
    for (let high = this.seqs.length; low < high;) {
      const middle = (low + high) >> 1;
      if (this.seqs[middle]! > after) high = middle;
      else low = middle + 1;
    }
    return this.bytes.subarray(this.starts[low] ?? this.filled, this.filled);
  }
}

/** See the head of this file. */
export class JobLog {
  readonly #store: Store;
  readonly #job: string;
  readonly #unsubscribe: () => void;
  readonly #pieces: Piece[] = [];
  readonly #wakers = new Set<() => void>();
  /** Everything up to here was forgotten. */
  #first: number;
  /** Everything up to here was read. */
  #last: number;
  #bytes = 0;
  #changed = false;
  #over: number | undefined;
  #wokenAt = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Begins with what comes from now on. */
  constructor(store: Store, job: string) {
    this.#store = store;
    this.#job = job;
    this.#first = this.#last = store.head;
    this.#unsubscribe = store.subscribe(() => this.#risen());
  }

  /** Events up to here are only in the store. */
  get first(): number {
    return this.#first;
  }

  /** What lies behind a cursor; `undefined`: nothing yet. Only for cursors from `first` on. */
  read(after: number): EventBytes | undefined {
    let piece = this.#behind(after);
    // Also for who is behind what was read: it ends at what was heard of, which can be an event of another job.
    while (piece === undefined && this.#changed) {
      this.#fill();
      piece = this.#behind(after);
    }
    if (piece === undefined) return undefined;
    const next = piece.seqs.at(-1)!;
    return { bytes: piece.behind(after), next, over: this.#over !== undefined && this.#over <= next };
  }

  /** Calls `wake` once when there may be more; the function given back calls it off. */
  wait(wake: () => void): () => void {
    this.#wakers.add(wake);
    return () => this.#wakers.delete(wake);
  }

  /** Nobody follows any more. */
  close(): void {
    this.#unsubscribe();
    clearTimeout(this.#timer);
  }

  #behind(after: number): Piece | undefined {
    return this.#pieces.find(({ seqs }) => seqs.at(-1)! > after);
  }

  #risen(): void {
    this.#changed = true;
    if (this.#timer !== undefined || this.#wakers.size === 0) return;
    const rest = this.#wokenAt + pauseMs - performance.now();
    if (rest <= 0) this.#wake();
    else this.#timer = setTimeout(() => this.#wake(), rest);
  }

  #wake(): void {
    this.#timer = undefined;
    this.#wokenAt = performance.now();
    const wakers = [...this.#wakers];
    this.#wakers.clear();
    for (const wake of wakers) wake();
  }

  #fill(): void {
    const page = knownPage(this.#store, {
      after: this.#last,
      job: this.#job,
      limit: pageEvents,
      maxBytes: pageBytes,
    });
    this.#changed = page.more;
    for (const event of page.events) this.#add(event);
    this.#last = Math.max(this.#last, page.next);
    while (this.#bytes > maxBytes && this.#pieces.length > 1) {
      const gone = this.#pieces.shift()!;
      this.#bytes -= gone.bytes.length;
      this.#first = gone.seqs.at(-1)!;
    }
  }

  #add(event: StoredEvent): void {
    const text = textOf(event);
    let piece = this.#pieces.at(-1);
    // At most three bytes for each unit of UTF-16.
    if (piece === undefined || piece.filled + text.length * 3 > piece.bytes.length) {
      piece = new Piece(Math.max(pieceBytes, text.length * 3));
      this.#pieces.push(piece);
      this.#bytes += piece.bytes.length;
    }
    piece.seqs.push(event.seq);
    piece.starts.push(piece.filled);
    piece.filled += encoder.encodeInto(text, piece.bytes.subarray(piece.filled)).written;
    if (isLast(event)) this.#over = event.seq;
  }
}

/** The logs of all jobs that are followed. */
export class JobLogs {
  readonly #store: Store;
  readonly #open = new Map<string, { readonly log: JobLog; followers: number }>();

  /** None yet. */
  constructor(store: Store) {
    this.#store = store;
  }

  /** The log of a job, until the function given back is called. */
  follow(job: string): { readonly log: JobLog; readonly leave: () => void } {
    let entry = this.#open.get(job);
    if (entry === undefined) this.#open.set(job, entry = { log: new JobLog(this.#store, job), followers: 0 });
    const { log } = entry;
    entry.followers++;
    return {
      log,
      leave: () => {
        if (--entry.followers > 0) return;
        this.#open.delete(job);
        log.close();
      },
    };
  }
}
