/** Strong random bytes, drawn from the system in blocks. @module */
import type { RandomSource } from "../actors/ports.ts";

const BLOCK = 4096;

/**
 * Bytes of the system's generator. Small requests (nonces, message ids) share one system call per 4 KB; what was handed out is
 * wiped from the block, so that no byte is kept or given twice.
 */
export const systemRandom: RandomSource = makeSystemRandom();

function makeSystemRandom(): RandomSource {
  const block = new Uint8Array(BLOCK);
  let used = BLOCK;
  return {
    bytes: (length) => {
      if (length > BLOCK / 4) return fill(new Uint8Array(length));
      if (used + length > BLOCK) {
        crypto.getRandomValues(block);
        used = 0;
      }
      const bytes = block.slice(used, used + length);
      block.fill(0, used, used + length);
      used += length;
      return bytes;
    },
  };
}

/** `getRandomValues` takes at most 65,536 bytes at a time. */
function fill(bytes: Uint8Array<ArrayBuffer>): Uint8Array {
  for (let at = 0; at < bytes.length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}
