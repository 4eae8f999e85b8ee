/** Output of one command between its process and the client's Receive. @module */
import { concat } from "../../protocol/bytes.ts";
import type { OutputStream } from "../ports.ts";

/** Bytes of one stream that are held before its process is not asked for more. */
export const streamCapacity = 1024 * 1024;

/** Pieces of one stream that are held before its process is not asked for more: a byte alone costs hundreds in memory. */
const pieceCapacity = 8192;

/** What an element around one piece costs, as bytes before base64: tag, CommandId and padding. */
const pieceOverhead = 128;

/** A run of bytes of one stream. */
export interface OutputPiece {
  readonly name: OutputStream;
  readonly bytes: Uint8Array;
}

/** Keeps the order in which output came; runs of one stream are joined when they are taken. */
export class OutputBuffer {
  #pieces: OutputPiece[] = [];
  /** Index of the first piece that was not taken: taking shifts nothing. */
  #first = 0;
  readonly #held: Record<OutputStream, number> = { stdout: 0, stderr: 0 };
  readonly #count: Record<OutputStream, number> = { stdout: 0, stderr: 0 };

  /** Bytes of `stream` that nobody has taken. */
  held(stream: OutputStream): number {
    return this.#held[stream];
  }

  /** Whether `stream` has room for more. */
  hasRoom(stream: OutputStream): boolean {
    return this.#held[stream] < streamCapacity && this.#count[stream] < pieceCapacity;
  }

  /** Adds a chunk; the array must not be changed afterwards. */
  push(name: OutputStream, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#pieces.push({ name, bytes });
    this.#held[name] += bytes.length;
    this.#count[name]++;
  }

  /** Takes up to `capacity` bytes of the wanted streams (the elements around them counted), at least one byte when there is any. */
  take(wanted: ReadonlySet<OutputStream>, capacity: number): OutputPiece[] {
    const taken: OutputPiece[] = [];
    const kept: OutputPiece[] = [];
    let run: Uint8Array[] = [];
    let runName: OutputStream | undefined;
    let room = capacity;
    let at = this.#first;
    for (; at < this.#pieces.length; at++) {
      const piece = this.#pieces[at]!;
      if (!wanted.has(piece.name)) {
        kept.push(piece);
        continue;
      }
      if (piece.name !== runName) {
        if (run.length > 0) {
          if (room <= pieceOverhead) break;
          taken.push({ name: runName!, bytes: concat(run) });
          run = [];
        }
        runName = piece.name;
        room -= pieceOverhead;
      }
      const length = Math.min(piece.bytes.length, Math.max(room, 1));
      run.push(length === piece.bytes.length ? piece.bytes : piece.bytes.subarray(0, length));
      this.#held[piece.name] -= length;
      room -= length;
      if (length < piece.bytes.length) {
        this.#pieces[at] = { name: piece.name, bytes: piece.bytes.subarray(length) };
        break;
      }
      this.#count[piece.name]--;
      if (room <= 0) {
        at++;
        break;
      }
    }
    if (run.length > 0) taken.push({ name: runName!, bytes: concat(run) });
    this.#drop(at, kept);
    return taken;
  }

  /** Forgets everything. */
  clear(): void {
    this.#pieces = [];
    this.#first = 0;
    this.#held.stdout = this.#held.stderr = 0;
    this.#count.stdout = this.#count.stderr = 0;
  }

  #drop(end: number, kept: OutputPiece[]): void {
    if (kept.length > 0) {
      this.#pieces = [...kept, ...this.#pieces.slice(end)];
      this.#first = 0;
    } else if (end >= this.#pieces.length) {
      this.#pieces = [];
      this.#first = 0;
    } else {
      // What was taken is released at once; the array itself is cut now and then.
      for (let i = this.#first; i < end; i++) this.#pieces[i] = { name: "stdout", bytes: empty };
      this.#first = end;
      if (this.#first > 1024) {
        this.#pieces = this.#pieces.slice(this.#first);
        this.#first = 0;
      }
    }
  }
}

const empty = new Uint8Array(0);
