/** AV_PAIR lists: the target information of NTLM ([MS-NLMP] 2.2.2.1). @module */
import { concat } from "../bytes.ts";
import { ProtocolError } from "../errors.ts";

/** AvId by name. */
export const AvId = {
  endOfList: 0,
  nbComputerName: 1,
  nbDomainName: 2,
  dnsComputerName: 3,
  dnsDomainName: 4,
  dnsTreeName: 5,
  flags: 6,
  timestamp: 7,
  singleHost: 8,
  targetName: 9,
  channelBindings: 10,
} as const;

/** MsvAvFlags: the AUTHENTICATE_MESSAGE carries a MIC. */
export const avFlagMic = 0x2;

/** Pairs by AvId, in the order of the message, without the end of the list. */
export type AvPairs = ReadonlyMap<number, Uint8Array>;

const maxPairs = 64;
const fixedLengths: ReadonlyMap<number, number> = new Map([
  [AvId.flags, 4],
  [AvId.timestamp, 8],
  [AvId.channelBindings, 16],
]);

/**
 * Reads a list up to its end mark. Throws `ProtocolError` (`NtlmMalformed`) for a truncated or unterminated list, an
 * AvId that occurs twice, a wrong length of a fixed-length value, and for more than 64 pairs.
 */
export function parseAvPairs(bytes: Uint8Array): AvPairs {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const pairs = new Map<number, Uint8Array>();
  for (let at = 0; at + 4 <= bytes.length;) {
    const id = view.getUint16(at, true);
    const length = view.getUint16(at + 2, true);
    at += 4;
    if (id === AvId.endOfList) {
      if (length !== 0) throw malformed("the end mark has a value");
      return pairs;
    }
    if (at + length > bytes.length) throw malformed(`pair ${id} goes beyond the end`);
    if (pairs.has(id)) throw malformed(`pair ${id} occurs twice`);
    if (pairs.size === maxPairs) throw malformed(`there are more than ${maxPairs} pairs`);
    if ((fixedLengths.get(id) ?? length) !== length) throw malformed(`pair ${id} has ${length} bytes`);
    pairs.set(id, bytes.slice(at, at + length));
    at += length;
  }
  throw malformed("the end mark is missing");
}

/** The bytes of a list, end mark included. */
export function encodeAvPairs(pairs: AvPairs): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [id, value] of pairs) {
    const head = new Uint8Array(4);
    const view = new DataView(head.buffer);
    view.setUint16(0, id, true);
    view.setUint16(2, value.length, true);
    parts.push(head, value);
  }
  parts.push(new Uint8Array(4));
  return concat(parts);
}

function malformed(why: string): ProtocolError {
  return new ProtocolError("NtlmMalformed", `read target information: ${why}`);
}
