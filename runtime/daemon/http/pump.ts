/** Writes parts as the body of an answer, as fast as the client takes them. One is on its way at a time, and none is copied. @module */
import { utf8 } from "../../../protocol/bytes.ts";
import { lastChunk } from "../../../protocol/http/mod.ts";
import type { PartSource } from "../live/part_source.ts";

const lineEnd = utf8("\r\n");

/** See the head of this file. Its handlers are made once: parts are many, and so are streams. */
export class Pump {
  readonly #conn: Deno.TcpConn;
  readonly #source: PartSource;
  readonly #chunked: boolean;
  readonly #done = Promise.withResolvers<void>();
  /** What has to be written before the next part is taken. */
  readonly #pieces: Uint8Array[] = [];
  /** The line end behind the last chunk has not been written. */
  #owed = false;
  #over = false;
  /** See {@link Pump.leave}. */
  #leaving = false;
  #waits = false;

  /** `chunked`: each part is a chunk (RFC 9112, section 7.1). */
  constructor(conn: Deno.TcpConn, source: PartSource, chunked: boolean) {
    this.#conn = conn;
    this.#source = source;
    this.#chunked = chunked;
  }

  /** Begins; resolves when all is written. Rejects with what the connection or the source throws. The source has ended then. */
  run(): Promise<void> {
    this.#step();
    return this.#done.promise;
  }

  /** The client says no more, and may take no more, which nobody can see: what is there is still written, and no more is waited for. */
  leave(): void {
    this.#leaving = true;
    if (this.#waits) this.#source.end();
  }

  readonly #step = (): void => {
    this.#waits = false;
    let part: Uint8Array | "later" | undefined;
    try {
      part = this.#source.take();
    } catch (error) {
      return this.#failed(error);
    }
    const end = this.#owed ? "\r\n" : "";
    if (part === "later") {
      if (!this.#owed) {
        this.#waits = true;
        this.#source.wait(this.#step);
        if (this.#leaving) this.#source.end();
        return;
      }
      this.#pieces.push(lineEnd);
      this.#owed = false;
    } else if (part === undefined) {
      this.#over = true;
      if (this.#owed) this.#pieces.push(lineEnd);
      if (this.#chunked) this.#pieces.push(lastChunk);
    } else if (this.#chunked) {
      this.#pieces.push(utf8(`${end}${part.length.toString(16)}\r\n`), part);
      this.#owed = true;
    } else this.#pieces.push(part);
    this.#write();
  };

  #write(): void {
    const piece = this.#pieces[0];
    if (piece !== undefined) this.#conn.write(piece).then(this.#written, this.#failed);
    else if (!this.#over) this.#step();
    else {
      this.#source.end();
      this.#done.resolve();
    }
  }

  readonly #written = (sent: number): void => {
    const piece = this.#pieces[0]!;
    if (sent < piece.length) this.#pieces[0] = piece.subarray(sent);
    else this.#pieces.shift();
    this.#write();
  };

  readonly #failed = (error: unknown): void => {
    this.#source.end();
    this.#done.reject(error);
  };
}
