/** Pauses that many who were refused together do not all end together. @module */
import type { RandomSource } from "../ports.ts";

/** Between half of `ms` and all of it. */
export function jittered(ms: number, random: RandomSource): number {
  const [high = 0, low = 0] = random.bytes(2);
  return ms / 2 * (1 + (high * 256 + low) / 65_536);
}
