/** GUIDs in the spelling that WS-Management uses on the wire. @module */
import { UsageError } from "./errors.ts";

/** The codes of the two digits of every byte: each message has an id, and one string is made of all its codes at once. */
const digits = new TextEncoder().encode(
  Array.from({ length: 256 }, (_, byte) => byte.toString(16).toUpperCase().padStart(2, "0")).join(""),
);
const DASH = 0x2d;

/**
 * Sixteen random bytes as a version 4 GUID in upper case, as Windows writes them (RFC 9562 section 5.4).
 *
 * @throws UsageError `TooFewRandomBytes`
 */
export function guidFromRandom(random: Uint8Array): string {
  if (random.length < 16) {
    throw new UsageError(
      "TooFewRandomBytes",
      `make a GUID: 16 random bytes are needed, ${random.length} were given`,
    );
  }
  const high = (index: number) => digits[random[index]! * 2]!;
  const low = (index: number) => digits[random[index]! * 2 + 1]!;
  const version = ((random[6]! & 0x0f) | 0x40) * 2;
  const variant = ((random[8]! & 0x3f) | 0x80) * 2;
  // deno-fmt-ignore
  return String.fromCharCode(
    high(0), low(0), high(1), low(1), high(2), low(2), high(3), low(3), DASH,
    high(4), low(4), high(5), low(5), DASH,
    digits[version]!, digits[version + 1]!, high(7), low(7), DASH,
    digits[variant]!, digits[variant + 1]!, high(9), low(9), DASH,
    high(10), low(10), high(11), low(11), high(12), low(12),
    high(13), low(13), high(14), low(14), high(15), low(15),
  );
}

const guidPattern =
  /^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\{[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\})$/i;

/** Whether `text` is a GUID in any case, with or without (a pair of) braces. */
export function isGuid(text: string): boolean {
  return guidPattern.test(text);
}
