/** Standard input of a process: a queue whose every piece is answered for. @module */

/** Writes in order; each `done` is called exactly once, from a microtask or later. */
export class StdinPipe {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #pending = new Set<(taken: boolean) => void>();
  #closed = false;

  /** Takes over `stream`. */
  constructor(stream: WritableStream<Uint8Array>) {
    this.#writer = stream.getWriter();
    // A process that closes its input is told by the writes; these promises would be unhandled.
    this.#writer.closed.catch(() => {});
    this.#writer.ready.catch(() => {});
  }

  /** Queues `bytes`; `done(false)` when the process reads no more. */
  write(bytes: Uint8Array, done: (taken: boolean) => void): void {
    if (this.#closed) return queueMicrotask(() => done(false));
    this.#pending.add(done);
    const settle = (taken: boolean) => {
      if (this.#pending.delete(done)) done(taken);
    };
    this.#writer.write(bytes).then(() => settle(true), () => settle(false));
  }

  /** Closes after what is queued. */
  end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#writer.close().catch(() => {});
  }

  /** Closes at once; what is queued is answered with `false`. */
  abort(): void {
    this.#closed = true;
    this.#writer.abort().catch(() => {});
    // Not by the writes themselves: one may be stuck for as long as somebody else holds the pipe open.
    const pending = [...this.#pending];
    this.#pending.clear();
    if (pending.length > 0) queueMicrotask(() => pending.forEach((done) => done(false)));
  }
}
