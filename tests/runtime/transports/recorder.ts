/** Test helper: one side of a connection whose events can be awaited. @module */
import type { Connection, ConnectionEvents, ConnectionFacts } from "../../../actors/ports.ts";
import type { NetworkError } from "../../../protocol/errors.ts";

/** Records what happens on a connection. `asks` = how many chunks to ask for at once (default: always one more). */
export class Recorder implements ConnectionEvents {
  readonly log: string[] = [];
  readonly opened = Promise.withResolvers<ConnectionFacts>();
  readonly closed = Promise.withResolvers<NetworkError | undefined>();
  readonly ended = Promise.withResolvers<void>();
  received = 0;
  text = "";
  connection: Connection | undefined;
  #drain = Promise.withResolvers<void>();
  #waiters: { readonly bytes: number; resolve(): void }[] = [];

  constructor(readonly options: { paused?: boolean; keep?: boolean; echo?: boolean } = {}) {}

  onOpen(facts: ConnectionFacts): void {
    this.log.push("open");
    this.opened.resolve(facts);
    if (!this.options.paused) this.connection!.resume();
  }

  onData(bytes: Uint8Array): void {
    if (this.log.at(-1) !== "data") this.log.push("data");
    this.received += bytes.length;
    if (this.options.keep !== false) this.text += new TextDecoder().decode(bytes);
    if (this.options.echo) this.connection!.write(bytes);
    this.#waiters = this.#waiters.filter((waiter) => {
      if (this.received < waiter.bytes) return true;
      waiter.resolve();
      return false;
    });
    if (!this.options.paused) this.connection!.resume();
  }

  onEnd(): void {
    this.log.push("end");
    this.ended.resolve();
    if (this.options.echo) this.connection!.end();
  }

  onDrain(): void {
    this.log.push("drain");
    this.#drain.resolve();
    this.#drain = Promise.withResolvers<void>();
  }

  onClosed(error: NetworkError | undefined): void {
    this.log.push(`closed ${error?.code ?? "in order"}`);
    this.closed.resolve(error);
  }

  /** The next `onDrain`. */
  drained(): Promise<void> {
    return this.#drain.promise;
  }

  /** When `bytes` bytes were received in all. */
  got(bytes: number): Promise<void> {
    if (this.received >= bytes) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ bytes, resolve }));
  }
}
