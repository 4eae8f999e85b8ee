/** GUIDs in the spelling that WS-Management uses on the wire. @module */
import { UsageError } from "./errors.ts";

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
  let hex = "";
  for (let i = 0; i < 16; i++) {
    let byte = random[i]!;
    if (i === 6) byte = (byte & 0x0f) | 0x40;
    if (i === 8) byte = (byte & 0x3f) | 0x80;
    hex += byte.toString(16).padStart(2, "0");
    if (i === 3 || i === 5 || i === 7 || i === 9) hex += "-";
  }
  return hex.toUpperCase();
}

const guidPattern =
  /^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\{[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\})$/i;

/** Whether `text` is a GUID in any case, with or without (a pair of) braces. */
export function isGuid(text: string): boolean {
  return guidPattern.test(text);
}
