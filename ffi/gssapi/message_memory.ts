/** Memory for messages that are sealed and opened, and where it is. @module */
import { addressOf, type Native } from "./memory.ts";

/** Messages up to this length share a piece of memory: a piece of its own costs a fifth of what it does to seal 1 KB. */
const mostShared = 2_048;
const pieceLength = 32_768;

let piece: Native = new Uint8Array(0);
let pieceAddress = 0;
let used = 0;

/** Bytes of nobody else, and their address. */
export interface MessageMemory {
  readonly bytes: Native;
  readonly address: number;
}

/** `length` zero bytes. */
export function messageMemory(length: number): MessageMemory {
  if (length > mostShared) {
    const bytes = new Uint8Array(new ArrayBuffer(length));
    return { bytes, address: Number(addressOf(bytes)) };
  }
  if (used + length > piece.length) {
    piece = new Uint8Array(new ArrayBuffer(pieceLength));
    pieceAddress = Number(addressOf(piece));
    used = 0;
  }
  const begin = used;
  used += length + 7 & ~7;
  return { bytes: new Uint8Array(piece.buffer, begin, length), address: pieceAddress + begin };
}
