/**
 * Security identifiers ([MS-DTYP] 2.4.2). Everywhere in this project a SID is its text in the one canonical spelling, so that two SIDs
 * are the same when their texts are.
 * @module
 */
import { ProtocolError } from "../errors.ts";

/** A SID as canonical text, e.g. `S-1-5-32-544`. */
export type Sid = string;

/** Most sub-authorities of a SID. */
export const maxSubAuthorities = 15;

const form = /^S-1-(\d{1,10}|0x[0-9A-F]{12})((?:-\d{1,10}){1,15})$/i;
const largest = 0xffff_ffff;

/** The SID of a text in canonical spelling (decimal without leading zeros); `undefined`: it is none. */
export function parseSid(text: string): Sid | undefined {
  const match = form.exec(text);
  if (match === null) return undefined;
  const authority = Number(match[1]);
  const parts = match[2]!.slice(1).split("-").map(Number);
  // An authority above 32 bits is written in hexadecimal, and no other.
  if (match[1]!.length <= 10 && authority > largest || parts.some((part) => part > largest)) return undefined;
  return textOf(authority, parts);
}

/**
 * Reads a SID from its bytes ([MS-DTYP] 2.4.2.2), which `bytes` holds exactly.
 *
 * @throws ProtocolError `SidMalformed`
 */
export function decodeSid(bytes: Uint8Array): Sid {
  const count = bytes[1] ?? 0;
  if (bytes[0] !== 1 || count < 1 || count > maxSubAuthorities || bytes.length !== 8 + 4 * count) {
    throw new ProtocolError("SidMalformed", "read SID: its revision, count or length is wrong");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const authority = view.getUint16(2) * 2 ** 32 + view.getUint32(4);
  return textOf(authority, Array.from({ length: count }, (_, i) => view.getUint32(8 + 4 * i, true)));
}

/** The SID of an account or group of a domain; `undefined`: the domain's has no room for one more part. */
export function withRid(domain: Sid, rid: number): Sid | undefined {
  return parseSid(`${domain}-${rid}`);
}

function textOf(authority: number, parts: readonly number[]): Sid {
  const shown = authority <= largest
    ? String(authority)
    : `0x${authority.toString(16).toUpperCase().padStart(12, "0")}`;
  return `S-1-${shown}-${parts.join("-")}`;
}
