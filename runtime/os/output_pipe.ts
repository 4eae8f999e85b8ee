/** One output stream of a process: a chunk for each request. @module */

/** Large enough to take all that a pipe holds in one read; larger ones only cost. */
const chunkBytes = 64 * 1024;

/** What an {@link OutputPipe} tells. Called from a microtask or later. */
export interface OutputPipeEvents {
  /** A chunk, after a {@link OutputPipe.resume}; the array belongs to the receiver. */
  onChunk(bytes: Uint8Array): void;
  /** Nothing more comes. Once. */
  onEnd(): void;
}

/** Reads a pipe only when it is asked to, so that a process whose output nobody takes blocks. */
export class OutputPipe {
  readonly #reader: ReadableStreamBYOBReader;
  readonly #events: OutputPipeEvents;
  #wanted = false;
  #reading = false;
  #closed = false;
  #ended = false;

  /** Takes over `stream`. */
  constructor(stream: ReadableStream<Uint8Array>, events: OutputPipeEvents) {
    this.#reader = stream.getReader({ mode: "byob" });
    this.#events = events;
  }

  /** Whether `onEnd` was told. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether the receiver waits for us, rather than we for the receiver. */
  get waiting(): boolean {
    return this.#reading;
  }

  /** Asks for the next chunk. */
  resume(): void {
    this.#wanted = true;
    this.#readNext();
  }

  /** Ends the stream now, whoever else still holds the pipe. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reader.cancel().catch(() => {});
    queueMicrotask(() => this.#end());
  }

  #end(): void {
    this.#closed = true;
    this.#ended = true;
    this.#events.onEnd();
  }

  #readNext(): void {
    if (this.#closed || this.#reading || !this.#wanted) return;
    this.#reading = true;
    this.#wanted = false;
    this.#reader.read(new Uint8Array(chunkBytes)).then(({ value, done }) => {
      this.#reading = false;
      if (this.#closed) return;
      if (done || value === undefined) return this.#end();
      // A little output must not hold a large array for as long as its receiver keeps it.
      this.#events.onChunk(value.length * 4 < chunkBytes ? value.slice() : value);
    }, () => {
      this.#reading = false;
      if (!this.#closed) this.#end();
    });
  }
}
