/** GUIDs in the spelling that WS-Management uses on the wire. @module */
import { UsageError } from "./errors.ts";

/** The two digits of every byte: a look-up is several times faster than formatting, and each message has an id. */
const digits: readonly string[] = Array.from(
  { length: 256 },
  (_, byte) => byte.toString(16).toUpperCase().padStart(2, "0"),
);

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
  const two = (index: number) => digits[random[index]!]!;
  const version = digits[(random[6]! & 0x0f) | 0x40]!;
  const variant = digits[(random[8]! & 0x3f) | 0x80]!;
  return `${two(0)}${two(1)}${two(2)}${two(3)}-${two(4)}${two(5)}-${version}${two(7)}-${variant}${two(9)}-` +
    `${two(10)}${two(11)}${two(12)}${two(13)}${two(14)}${two(15)}`;
}

const guidPattern =
  /^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\{[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\})$/i;

/** Whether `text` is a GUID in any case, with or without (a pair of) braces. */
export function isGuid(text: string): boolean {
  return guidPattern.test(text);
}
