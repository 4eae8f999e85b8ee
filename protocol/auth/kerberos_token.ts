/** What can be told of Kerberos' tokens from outside. @module */
import { equalBytes } from "../bytes.ts";
import { Oid } from "./spnego_tokens.ts";
import { DerReader, DerTag, readOnly, readTaggedSequence } from "./der.ts";
import { readTime } from "./certificate_parts.ts";
import { ProtocolError } from "../errors.ts";

/** Identifiers of Kerberos 5 in SPNEGO. */
export const kerberosOids: readonly Uint8Array[] = [Oid.kerberos, Oid.kerberosOfWindows];

/**
 * Whether a first token is Kerberos' own, in the frame of RFC 2743 section 3.1. A service looks before it hands a token on:
 * the library would hand it to any mechanism that the frame names.
 */
export function isKerberosToken(token: Uint8Array): boolean {
  // Most that are not are a server's answers, in no such frame; to make an error of each would cost more than to read it.
  if (token[0] !== DerTag.application0) return false;
  try {
    const frame = new DerReader(readOnly(token, DerTag.application0).content);
    return equalBytes(frame.expect(DerTag.objectIdentifier).content, Oid.kerberos);
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}

/** What a service says of why it refuses a logon. Nobody signs it. */
export interface KerberosRefusal {
  /** RFC 4120 section 7.5.9. */
  readonly code: number;
  /** Its clock, milliseconds since 1970. */
  readonly serverTime: number;
}

/** [APPLICATION 30], constructed: KRB-ERROR (RFC 4120 section 5.9.1). */
const krbError = 0x7e;
const integerTag = 0x02;
const timeTag = 0x18;

/** Reads a token that is a KRB-ERROR (RFC 4121 section 4.1: 03 00 behind the frame's OID); `undefined`: it is none that can be read. */
export function readKerberosError(token: Uint8Array): KerberosRefusal | undefined {
  if (!isKerberosToken(token)) return undefined;
  try {
    const { content } = readOnly(token, DerTag.application0);
    const { whole } = new DerReader(content).expect(DerTag.objectIdentifier);
    const rest = content.subarray(whole.length);
    if (rest[0] !== 3 || rest[1] !== 0) return undefined;
    const fields = readTaggedSequence(readOnly(rest.subarray(2), krbError).content);
    const [time, code] = [fields.get(4), fields.get(6)];
    if (time === undefined || code === undefined) return undefined;
    const octets = readOnly(code, integerTag).content;
    if (octets.length === 0 || octets.length > 4) return undefined;
    return {
      code: octets.reduce((sum, octet) => sum * 256 + octet, 0),
      serverTime: readTime(readOnly(time, timeTag)),
    };
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/**
 * Token and ciphertext of a sealed message, without the length of the token that stands before them ([MS-WSMV] 2.2.9.1.1.2.2).
 *
 * @throws ProtocolError `SealMalformed` for a length that cannot be (RFC 4121 section 4.2.6.2: 16 bytes of header at least)
 */
export function kerberosMessage(sealed: Uint8Array): Uint8Array {
  const length = sealed.length < 4 ? 0 : new DataView(sealed.buffer, sealed.byteOffset).getUint32(0, true);
  if (length < 16 || length > sealed.length - 4) {
    throw new ProtocolError("SealMalformed", "unseal message: the length of its token is impossible");
  }
  return sealed.subarray(4);
}
