/**
 * MD5 (RFC 1321) and HMAC-MD5 (RFC 2104), which NTLM is made of: ten times in a logon and once in every message.
 *
 * The platform's cost 3 to 8 microseconds a call, more than all else in a short message, and are slower on long ones, too
 * (bench/README.md, suite `auth`).
 * @module
 */
import { md5Blocks } from "./md5_blocks.ts";

const blockLength = 64;
/** Bytes that are taken at once. */
const chunkLength = 4_096;

/** Where bytes stand as words, with room for the padding; the platform's byte order is MD5's. Wiped after each hash. */
const chunk = new Uint8Array(chunkLength + blockLength);
const words = new Int32Array(chunk.buffer);

const initial = Int32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476);
/** The state that is worked on, and its bytes; wiped, too. A new array costs as much as three blocks. */
const state = new Int32Array(4);
const stateBytes = new Uint8Array(state.buffer);

/** Goes on from {@link state}, which has taken `before` bytes (whole blocks), with `parts`, and ends there. */
function finish(before: number, parts: readonly Uint8Array[]): void {
  let used = 0;
  let total = 0;
  for (const part of parts) {
    total += part.length;
    for (let at = 0; at < part.length;) {
      const length = Math.min(chunkLength - used, part.length - at);
      chunk.set(length === part.length ? part : part.subarray(at, at + length), used);
      at += length;
      used += length;
      if (used === chunkLength) {
        md5Blocks(state, words, 0, chunkLength / 4);
        used = 0;
      }
    }
  }
  // A one, zeros, and the length in bits in the last 8 bytes of a block (RFC 1321 sections 3.1 and 3.2).
  const end = (used + 9 + blockLength - 1) & -blockLength;
  chunk[used] = 0x80;
  chunk.fill(0, used + 1, end);
  words[end / 4 - 2] = (before + total) << 3;
  words[end / 4 - 1] = Math.floor((before + total) / 2 ** 29);
  md5Blocks(state, words, 0, end / 4);
  chunk.fill(0, 0, total < chunkLength ? end : chunk.length);
}

/** MD5 of the concatenation of `parts`. */
export function md5(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  state.set(initial);
  finish(0, parts);
  const hash = new Uint8Array(stateBytes);
  state.fill(0);
  return hash;
}

/** HMAC-MD5 with one key, for any number of messages. */
export class HmacMd5 {
  readonly #inner: Int32Array;
  readonly #outer: Int32Array;
  readonly #hash = new Uint8Array(16);

  /** `key` is not needed any more afterwards. */
  constructor(key: Uint8Array) {
    const short = key.length <= blockLength ? key : md5(key);
    this.#inner = padded(short, 0x36);
    this.#outer = padded(short, 0x5c);
    chunk.fill(0, 0, blockLength);
    state.fill(0);
  }

  /** Writes the MAC of the concatenation of `parts` into `output`, which has 16 bytes, and gives it back. */
  digest(parts: readonly Uint8Array[], output: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    state.set(this.#inner);
    finish(blockLength, parts);
    this.#hash.set(stateBytes);
    state.set(this.#outer);
    finish(blockLength, [this.#hash]);
    output.set(stateBytes);
    state.fill(0);
    return output;
  }

  /** Overwrites the key. */
  wipe(): void {
    this.#inner.fill(0);
    this.#outer.fill(0);
    this.#hash.fill(0);
  }
}

/** The state after the first block of a MAC. */
function padded(key: Uint8Array, pad: number): Int32Array {
  chunk.fill(pad, 0, blockLength);
  for (let i = 0; i < key.length; i++) chunk[i] = key[i]! ^ pad;
  state.set(initial);
  md5Blocks(state, words, 0, blockLength / 4);
  return state.slice();
}
