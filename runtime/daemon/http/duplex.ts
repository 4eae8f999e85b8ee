/** A connection as a stream of Node, for libraries that want one. @module */
import type { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import type { AdaptiveReader } from "../../transports/adaptive_reader.ts";

type Done = (error?: Error | null) => void;

/** See the head of this file. Closes the connection with itself. */
export class ConnectionDuplex extends Duplex {
  readonly #conn: Deno.TcpConn;
  readonly #reader: AdaptiveReader;

  /** Takes over both. */
  constructor(conn: Deno.TcpConn, reader: AdaptiveReader) {
    super({ allowHalfOpen: false });
    this.#conn = conn;
    this.#reader = reader;
  }

  /** See Node. */
  override _read(): void {
    this.#reader.read().then(
      (bytes) => void this.push(bytes ?? null),
      (error) => void this.destroy(error),
    );
  }

  /** See Node. */
  override _write(bytes: Buffer, _encoding: string, done: Done): void {
    this.#send(bytes).then(() => done(), done);
  }

  /** See Node. */
  override _final(done: Done): void {
    this.#conn.closeWrite().then(() => done(), () => done());
  }

  /** See Node. */
  override _destroy(error: Error | null, done: Done): void {
    try {
      this.#conn.close();
    } catch {
      // It is closed already.
    }
    done(error);
  }

  async #send(bytes: Uint8Array): Promise<void> {
    for (let sent = 0; sent < bytes.length;) sent += await this.#conn.write(bytes.subarray(sent));
  }
}
