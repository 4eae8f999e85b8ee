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
  try {
    const frame = new DerReader(readOnly(token, DerTag.application0).content);
    return equalBytes(frame.expect(DerTag.objectIdentifier).content, Oid.kerberos);
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}
