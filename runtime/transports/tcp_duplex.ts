/** A TCP socket of the platform as a Node stream, for `node:tls` to run over. @module */
import { Duplex } from "node:stream";
import { AdaptiveReader } from "./adaptive_reader.ts";

/** Event: the peer's end arrived. (`node:tls` does not pass a stream's own 'end' on during the handshake.) */
export const peerEnded = "peerEnded";

/** Reads only while it is told to {@link TcpDuplex.flow}; it starts flowing. Half-open as TCP is. */
export class TcpDuplex extends Duplex {
  /** The socket below. */
  readonly conn: Deno.TcpConn;
  /** What broke the socket, once it is broken. */
  failure: Error | undefined;
  readonly #reader: AdaptiveReader;
  #flowing = true;
  #demanded = false;
  #reading = false;

  /** Takes over `conn`: it is closed with the stream. */
  constructor(conn: Deno.TcpConn) {
    super({ allowHalfOpen: true });
    this.conn = conn;
    this.#reader = new AdaptiveReader(conn);
    conn.setNoDelay(true);
    // An 'error' without a listener would end the process; the failure is kept for whoever asks.
    this.on("error", (error) => this.failure ??= error);
  }

  /** Whether to go on reading; one read may still be under way. */
  flow(flowing: boolean): void {
    this.#flowing = flowing;
    this.#readNext();
  }

  override _read(): void {
    this.#demanded = true;
    this.#readNext();
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error | null) => void): void {
    this.#send(chunk).then(() => done(), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.conn.closeWrite().then(() => done(), done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.conn.close();
    done(error);
  }

  async #send(chunk: Uint8Array): Promise<void> {
    let sent = await this.conn.write(chunk);
    while (sent < chunk.length) sent += await this.conn.write(chunk.subarray(sent));
  }

  #readNext(): void {
    if (!this.#flowing || !this.#demanded || this.#reading || this.destroyed) return;
    this.#reading = true;
    this.#reader.read().then((bytes) => {
      this.#reading = false;
      this.#demanded = false;
      if (bytes === undefined) this.emit(peerEnded);
      if (!this.destroyed) this.push(bytes ?? null);
    }, (error) => this.destroy(error));
  }
}
