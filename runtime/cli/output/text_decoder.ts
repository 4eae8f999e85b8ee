/** UTF-8 across chunks without losing a byte: text where it is valid, base64 where it is not. @module */

import { Buffer } from "node:buffer";

/** A piece of output: valid text, or bytes that are none. */
export type OutputPart = { readonly data: string } | { readonly bytes: Uint8Array };

/** The bytes of a part as base64. */
export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Decodes one stream. A character that a chunk's end cuts waits for the next chunk; {@link OutputDecoder.flush} gives it up. */
export class OutputDecoder {
  #carry: Uint8Array = new Uint8Array(0);

  /** The parts of the next chunk, in order. */
  push(chunk: Uint8Array): OutputPart[] {
    const bytes = this.#carry.length === 0 ? chunk : concat(this.#carry, chunk);
    const end = completeLength(bytes);
    this.#carry = bytes.slice(end);
    return split(bytes.subarray(0, end));
  }

  /** What still waits for its end, as bytes; the decoder is then as new. */
  flush(): OutputPart[] {
    const bytes = this.#carry;
    this.#carry = new Uint8Array(0);
    return bytes.length === 0 ? [] : [{ bytes }];
  }
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}

/** Length without a last character that further bytes could complete. */
export function completeLength(bytes: Uint8Array): number {
  for (let at = bytes.length - 1; at >= 0 && at >= bytes.length - 3; at--) {
    const byte = bytes[at] ?? 0;
    if (byte < 0x80) return bytes.length;
    if (byte < 0xc0) continue;
    return at + sequenceLength(bytes, at) > bytes.length && isPrefix(bytes, at) ? at : bytes.length;
  }
  return bytes.length;
}

/** Bytes of the character that the lead byte at `at` announces; 0 when no character begins so. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0;
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if (lead >= 0xe0 && lead <= 0xef) return 3;
  return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

/** Whether the bytes from `at` are the beginning of a character (RFC 3629, table 3-7 of Unicode). */
function isPrefix(bytes: Uint8Array, at: number): boolean {
  const length = sequenceLength(bytes, at);
  if (length === 0) return false;
  const lead = bytes[at] ?? 0;
  for (let offset = 1; offset < length && at + offset < bytes.length; offset++) {
    const byte = bytes[at + offset] ?? 0;
    let low = 0x80;
    let high = 0xbf;
    if (offset === 1) {
      // No overlong forms, no surrogates, nothing beyond U+10FFFF.
      if (lead === 0xe0) low = 0xa0;
      else if (lead === 0xed) high = 0x9f;
      else if (lead === 0xf0) low = 0x90;
      else if (lead === 0xf4) high = 0x8f;
    }
    if (byte < low || byte > high) return false;
  }
  return true;
}

/** A chunk that changes more often between text and rubbish is binary: its rest goes as bytes, in one part. */
const maxParts = 16;

function split(bytes: Uint8Array): OutputPart[] {
  if (bytes.length === 0) return [];
  try {
    return [{ data: strict.decode(bytes) }];
  } catch {
    // Some of it is not UTF-8: look character by character.
  }
  const parts: OutputPart[] = [];
  let from = 0;
  let valid = true;
  const close = (end: number) => {
    if (end > from) {
      parts.push(
        valid ? { data: strict.decode(bytes.subarray(from, end)) } : { bytes: bytes.slice(from, end) },
      );
    }
    from = end;
  };
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes, at);
    const good = length > 0 && at + length <= bytes.length && isPrefix(bytes, at);
    if (good !== valid) {
      close(at);
      valid = good;
      if (parts.length >= maxParts) {
        valid = false;
        break;
      }
    }
    at += good ? length : 1;
  }
  close(bytes.length);
  return parts;
}
