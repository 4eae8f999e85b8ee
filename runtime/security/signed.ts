/** Signatures of certificates and of lists of revoked ones: `X509Certificate.verify` knows neither P-521 nor RSASSA-PSS. @module */
import { constants, type KeyObject, verify, X509Certificate } from "node:crypto";
import { contextTag, DerReader, readOnly } from "../../protocol/auth/der.ts";
import { readOid } from "../../protocol/auth/certificate_parts.ts";
import { rsaPss, signatureHash } from "../../protocol/auth/x509.ts";

const tag = { integer: 0x02, bitString: 0x03, oid: 0x06, sequence: 0x30 } as const;
/** RFC 4055 section 3.1: bytes of salt where nothing is said. */
const defaultSalt = 20;

/** Whether the key of `issuer` has signed `subject` (DER of certificates). */
export function isIssuedBy(subject: Uint8Array, issuer: Uint8Array): boolean {
  try {
    return isSignedWith(subject, new X509Certificate(issuer).publicKey);
  } catch {
    // A key that the platform does not know; what signed it stays unknown then.
    return false;
  }
}

/** Whether `key` has signed a certificate or a list, and not with MD5. Never throws: what cannot be checked is not signed. */
export function isSignedWith(document: Uint8Array, key: KeyObject): boolean {
  try {
    const parts = new DerReader(readOnly(document, tag.sequence).content);
    const signed = parts.expect(tag.sequence).whole;
    const algorithm = new DerReader(parts.expect(tag.sequence).content);
    const signature = parts.expect(tag.bitString).content;
    parts.end();
    const hash = signatureHash(document);
    if (hash === "md5" || signature[0] !== 0) return false;
    const isPss = readOid(algorithm.expect(tag.oid).content) === rsaPss;
    const how = isPss
      ? {
        key,
        padding: constants.RSA_PKCS1_PSS_PADDING,
        saltLength: saltOf(algorithm.expect(tag.sequence).content),
      }
      : key;
    return verify(hash ?? null, signed, how, signature.subarray(1));
  } catch {
    return false;
  }
}

function saltOf(parameters: Uint8Array): number {
  const list = new DerReader(parameters);
  while (!list.atEnd) {
    const { tag: kind, content } = list.next();
    if (kind !== contextTag(2)) continue;
    const { content: bytes } = readOnly(content, tag.integer);
    return bytes.length === 1 ? bytes[0]! : -1;
  }
  return defaultSalt;
}
