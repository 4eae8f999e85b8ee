/**
 * Memory for calls in place. They come one after the other and call nothing of ours, so one set serves all of them: memory of its
 * own for each would cost a third of a logon. Calls on other threads have a {@link Frame} each.
 * @module
 */
import { addressOf, type Native } from "./memory.ts";

const memory = new ArrayBuffer(256);
const words = new Uint32Array(memory);

/** Minor status. */
export const minor: Native = new Uint8Array(memory, 0, 4);
/** ret_flags. */
export const flags: Native = new Uint8Array(memory, 8, 4);
/** time_rec. */
export const seconds: Native = new Uint8Array(memory, 16, 4);
/** conf_state. */
export const state: Native = new Uint8Array(memory, 24, 4);
/** A gss_buffer_desc that the library fills. */
export const output: Native = new Uint8Array(memory, 32, 16);
/** Two names that the library writes. */
export const names: readonly [Native, Native] = [
  new Uint8Array(memory, 64, 8),
  new Uint8Array(memory, 72, 8),
];
/** gss_iov_buffer_desc[3] { OM_uint32 type; gss_buffer_desc buffer; }. */
export const iov: Native = new Uint8Array(memory, 80, 72);

/** A credential that the library writes. */
export const credential: Native = new Uint8Array(memory, 200, 8);

/** Further results: two numbers, a gss_buffer_desc, and a number. */
export const scratch: readonly [Native, Native, Native, Native] = [
  new Uint8Array(memory, 160, 4),
  new Uint8Array(memory, 168, 4),
  new Uint8Array(memory, 176, 16),
  new Uint8Array(memory, 192, 4),
];

const inputDesc: Native = new Uint8Array(memory, 48, 16);
const inputAt = 48 / 4;
const iovAt = 80 / 4;
const iovWords = 24 / 4;
let inbox: Native = new Uint8Array(0);

/** The number at the beginning of a register of 4 bytes. */
export function numberIn(register: Native): number {
  return words[register.byteOffset / 4]!;
}

/** A gss_buffer_desc of a copy of `bytes`, good for the next call. */
export function input(bytes: Uint8Array): Native {
  if (bytes.length > inbox.length) {
    inbox = new Uint8Array(new ArrayBuffer(Math.max(8_192, 2 * bytes.length)));
    setAddress(inputAt + 2, Number(addressOf(inbox)));
  }
  inbox.set(bytes);
  words[inputAt] = bytes.length;
  return inputDesc;
}

/** Describes one buffer of {@link iov}. */
export function setIov(index: number, type: number, length: number, address: number): void {
  const at = iovAt + index * iovWords;
  words[at] = type;
  words[at + 2] = length;
  words[at + 3] = 0;
  setAddress(at + 4, address);
}

/** Length of one buffer of {@link iov}. */
export function iovLength(index: number): number {
  return numberAt(iovAt + index * iovWords + 2);
}

/** Where one buffer of {@link iov} begins. */
export function iovAddress(index: number): number {
  return numberAt(iovAt + index * iovWords + 4);
}

/** Addresses have at most 52 bits, which a number holds; a BigInt would have to be allocated. */
function setAddress(at: number, address: number): void {
  words[at] = address;
  words[at + 1] = address / 2 ** 32;
}

function numberAt(at: number): number {
  return words[at]! + words[at + 1]! * 2 ** 32;
}
