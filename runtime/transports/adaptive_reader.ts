/** Reads from a TCP socket with buffers as large as the traffic asks for. @module */
import { ByteWriter } from "../../protocol/byte_writer.ts";

/** An idle connection holds a buffer of this size; it grows while chunks fill it. */
const smallestBytes = 4 * 1024;
const largestBytes = 256 * 1024;

/** Small chunks of all connections share their memory. */
const small = new ByteWriter();

/** Reads chunks that belong to the caller, without a large allocation for each small one. */
export class AdaptiveReader {
  readonly #conn: Deno.TcpConn;
  #buffer = new Uint8Array(smallestBytes);

  /** Reads from `conn`, which stays the caller's to close. */
  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
  }

  /** The next bytes, `undefined` at the peer's end. One call at a time. */
  read(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    // Not an async function: there is a read for each message, and it would make two more promises of each.
    return this.#conn.read(this.#buffer).then(this.#taken);
  }

  readonly #taken = (count: number | null): Uint8Array<ArrayBuffer> | undefined => {
    const buffer = this.#buffer;
    if (count === null) return undefined;
    const size = buffer.length;
    if (count * 2 >= size) {
      // Well filled: it is handed over as it is.
      this.#buffer = new Uint8Array(count === size ? Math.min(size * 4, largestBytes) : size);
      return buffer.subarray(0, count);
    }
    const bytes = small.join(buffer.subarray(0, count));
    if (count * 16 < size && size > smallestBytes) this.#buffer = new Uint8Array(size / 4);
    return bytes;
  };
}
