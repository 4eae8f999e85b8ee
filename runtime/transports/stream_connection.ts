/**
 * The part that plain TCP and TLS share: the promises of {@link Connection} and {@link ConnectionEvents}, over a raw
 * socket that only reads, writes and closes.
 *
 * - Events come from microtasks or later, never from inside a call of the owner. Handlers must not throw.
 * - One chunk is read ahead and held until the owner asks for it, the first one too. So the peer's end or reset is
 *   noticed even while the owner is not asking, and at most one chunk is buffered for a slow owner.
 * - Small writes of one turn leave in one piece.
 * @module
 */
import type { Connection, ConnectionEvents, ConnectionFacts } from "../../actors/ports.ts";
import { concat } from "../../protocol/bytes.ts";
import { NetworkError } from "../../protocol/errors.ts";
import { networkError } from "./network_errors.ts";

/** Bytes that may be queued before `write` answers `false`. */
export const highWaterBytes = 256 * 1024;
/** Queued pieces are joined up to this size; a larger one goes alone, uncopied. */
const coalesceBytes = 64 * 1024;
/** How long, after a failed write, the owner may still read what the peer had sent before (an early answer). */
const lastWordsMs = 2000;

/** What differs between TCP and TLS. All methods may reject with whatever the platform throws. */
export interface RawSocket {
  /** What is known about the connection. */
  readonly facts: ConnectionFacts;
  /** The next bytes, owned by the caller; `undefined` at the peer's end. One call at a time. */
  read(): Promise<Uint8Array | undefined>;
  /** Sends all of `bytes`. One call at a time. */
  write(bytes: Uint8Array): Promise<void>;
  /** Tells the peer that no more will come. */
  closeWrite(): Promise<void>;
  /** Closes at once and makes pending calls settle. Idempotent, never throws. */
  close(): void;
}

/** How a connection comes to stand. */
export interface Opening {
  /** Whom the connection is with, for errors. */
  readonly peer: string;
  /** Milliseconds that `open` may take. */
  readonly timeoutMs: number;
  /** Opens the socket; `signal` aborts when the result is no longer wanted. What comes too late is closed. */
  open(signal: AbortSignal): Promise<RawSocket>;
  /** The error when `timeoutMs` is over. */
  late(): NetworkError;
  /** The error when `open` failed. */
  failed(error: unknown): NetworkError;
}

/** A {@link Connection} over a raw socket that stands now or later. */
export class StreamConnection implements Connection {
  readonly #events: ConnectionEvents;
  readonly #name: string;
  readonly #cancelOpening = new AbortController();
  #raw: RawSocket | undefined;
  #closed = false;

  #wanted = false;
  #held: Uint8Array | undefined;
  #readDone = false;

  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #flushing = false;
  /** Bytes of the piece that is being written. */
  #writing = 0;
  #drainOwed = false;
  #ending = false;
  #writeDone = false;
  #writeError: NetworkError | undefined;
  #lastWords: ReturnType<typeof setTimeout> | undefined;

  /** Starts to open; the rest comes through `events`. */
  constructor(events: ConnectionEvents, opening: Opening) {
    this.#events = events;
    this.#name = opening.peer;
    const deadline = setTimeout(() => this.#finish(opening.late()), opening.timeoutMs);
    this.#open(opening).finally(() => clearTimeout(deadline));
  }

  write(bytes: Uint8Array): boolean {
    if (this.#closed || this.#ending || this.#writeError !== undefined) return false;
    if (bytes.length > 0) {
      this.#queue.push(bytes);
      this.#queuedBytes += bytes.length;
      this.#scheduleFlush();
    }
    if (this.#queuedBytes <= highWaterBytes) return true;
    this.#drainOwed = true;
    return false;
  }

  resume(): void {
    this.#wanted = true;
    if (this.#held !== undefined) queueMicrotask(() => this.#deliver());
  }

  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#scheduleFlush();
  }

  abort(): void {
    this.#finish(new NetworkError("ConnectionClosed", `talk to ${this.#name}: aborted on this side`));
  }

  async #open(opening: Opening): Promise<void> {
    let raw: RawSocket;
    try {
      raw = await opening.open(this.#cancelOpening.signal);
    } catch (error) {
      return this.#finish(opening.failed(error));
    }
    if (this.#closed) return raw.close();
    this.#raw = raw;
    this.#events.onOpen(raw.facts);
    this.#readNext();
    if (this.#queue.length > 0 || this.#ending) this.#scheduleFlush();
  }

  // Reading: exactly one read is pending, or one chunk is held, until the peer's end.

  #readNext(): void {
    if (this.#closed || this.#raw === undefined) return;
    this.#raw.read().then(this.#onRead, this.#onReadError);
  }

  // Handlers of what repeats with every message are made once for a connection.

  readonly #onRead = (bytes: Uint8Array | undefined): void => {
    if (this.#closed) return;
    if (bytes === undefined) return this.#peerEnded();
    this.#held = bytes;
    if (this.#wanted) this.#deliver();
  };

  readonly #onReadError = (error: unknown): void => {
    this.#finish(this.#writeError ?? networkError(error, `read from ${this.#name}`));
  };

  #deliver(): void {
    const bytes = this.#held;
    if (this.#closed || bytes === undefined || !this.#wanted) return;
    this.#held = undefined;
    this.#wanted = false;
    this.#events.onData(bytes);
    this.#readNext();
  }

  #peerEnded(): void {
    this.#readDone = true;
    this.#events.onEnd();
    if (this.#writeError !== undefined) this.#finish(this.#writeError);
    else if (this.#writeDone) this.#finish(undefined);
  }

  // Writing.

  #scheduleFlush(): void {
    if (this.#flushing || this.#raw === undefined) return;
    this.#flushing = true;
    queueMicrotask(this.#flush);
  }

  readonly #flush = (): void => {
    if (!this.#closed && this.#queue.length > 0) {
      const batch = this.#takeBatch();
      this.#writing = batch.length;
      this.#raw!.write(batch).then(this.#onWritten, this.#onWriteError);
    } else if (!this.#ending) this.#flushing = false;
    // After `end` it stays "flushing": nothing more is ever written.
    else if (!this.#closed) this.#raw!.closeWrite().then(this.#onWriteClosed, this.#onWriteError);
  };

  readonly #onWritten = (): void => {
    this.#queuedBytes -= this.#writing;
    if (this.#queuedBytes === 0 && this.#drainOwed && !this.#closed) {
      this.#drainOwed = false;
      this.#events.onDrain();
    }
    this.#flush();
  };

  readonly #onWriteClosed = (): void => {
    this.#writeDone = true;
    if (this.#readDone) this.#finish(undefined);
  };

  readonly #onWriteError = (error: unknown): void => {
    this.#writeFailed(networkError(error, `write to ${this.#name}`));
  };

  #takeBatch(): Uint8Array {
    let count = 1;
    let length = this.#queue[0]!.length;
    while (count < this.#queue.length && length + this.#queue[count]!.length <= coalesceBytes) {
      length += this.#queue[count]!.length;
      count++;
    }
    return count === 1 ? this.#queue.shift()! : concat(this.#queue.splice(0, count));
  }

  /** The peer takes no more, but may have said why before: that stays readable until its end, or for a moment. */
  #writeFailed(error: NetworkError): void {
    if (this.#closed) return;
    this.#writeError = error;
    this.#queue = [];
    if (this.#readDone) return this.#finish(error);
    this.#lastWords = setTimeout(() => this.#finish(error), lastWordsMs);
  }

  #finish(error: NetworkError | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelOpening.abort();
    this.#raw?.close();
    this.#queue = [];
    this.#held = undefined;
    clearTimeout(this.#lastWords);
    queueMicrotask(() => this.#events.onClosed(error));
  }
}
