/** What can be told of Kerberos' tokens from outside. @module */
import { equalBytes } from "../bytes.ts";
import { Oid } from "./spnego_tokens.ts";
import { DerReader, DerTag, readOnly } from "./der.ts";
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
