/** Long base64 inside of text, without a string of it. @module */
import { utf8 } from "./bytes.ts";

/** Bytes that are encoded before they are copied to their place: whole groups of three. */
const stageInput = 24 * 1024;

const alphabet = utf8("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");

/** Two characters, in the order of memory, for each twelve bits. */
const pairs = new Uint16Array(
  Uint8Array.from({ length: 2 * 4096 }, (_, i) => alphabet[i % 2 === 0 ? i >> 7 : (i >> 1) & 63]!).buffer,
);

const stagedPairs = new Uint16Array(stageInput / 3 * 2);
const staged = new Uint8Array(stagedPairs.buffer);

/** One array with all `parts` in order: texts as UTF-8, bytes as base64. */
export function textWithBase64(parts: readonly (string | Uint8Array)[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  const texts = parts.map((part) => {
    const text = typeof part === "string" ? utf8(part) : undefined;
    length += text?.length ?? Math.ceil(part.length / 3) * 4;
    return text;
  });
  const whole = new Uint8Array(length);
  let at = 0;
  parts.forEach((part, i) => {
    const text = texts[i];
    if (text === undefined) at = encode(part as Uint8Array, whole, at);
    else {
      whole.set(text, at);
      at += text.length;
    }
  });
  return whole;
}

/**
 * Base64 (RFC 4648 section 4) of `bytes` at `at`; the end of it. `toBase64` is three times as fast, but a gigabyte of
 * strings makes V8 enlarge its young generation by tens of megabytes for good.
 */
function encode(bytes: Uint8Array, target: Uint8Array, at: number): number {
  const whole = bytes.length - bytes.length % 3;
  for (let from = 0; from < whole; from += stageInput) {
    const end = Math.min(from + stageInput, whole);
    let pair = 0;
    for (let i = from; i < end; i += 3) {
      const group = bytes[i]! << 16 | bytes[i + 1]! << 8 | bytes[i + 2]!;
      stagedPairs[pair++] = pairs[group >> 12]!;
      stagedPairs[pair++] = pairs[group & 4095]!;
    }
    target.set(staged.subarray(0, 2 * pair), at);
    at += 2 * pair;
  }
  if (whole === bytes.length) return at;
  const last = utf8(bytes.subarray(whole).toBase64());
  target.set(last, at);
  return at + last.length;
}
