/**
 * Lists of revoked certificates (RFC 5280 section 5), and what of a certificate they go by, read from their DER. Whoever reads here
 * trusts nothing yet: signatures and times are checked elsewhere.
 * @module
 */
import { ProtocolError } from "../errors.ts";
import { certificateParts, readOid, readTime } from "./certificate_parts.ts";
import { contextTag, type DerElement, DerReader, readOnly } from "./der.ts";

const tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
} as const;

/** Certificates on one list; there are lists of that size. */
const mostEntries = 2_000_000;

/** Fields of a list. */
export interface RevocationList {
  /** The issuer's name, its DER in hex: it is compared byte for byte. */
  readonly issuer: string;
  /** From when, and until when, it says how things stand, in milliseconds since 1970. */
  readonly thisUpdate: number;
  readonly nextUpdate: number | undefined;
  /** Serial numbers, as {@link CertificateIssue.serial}. */
  readonly revoked: ReadonlySet<string>;
}

/** What a certificate is known by to its issuer. */
export interface CertificateIssue {
  /** Names, their DER in hex. */
  readonly issuer: string;
  readonly subject: string;
  /** Hex without leading zeros. */
  readonly serial: string;
}

/**
 * Reads a list. Such as tell no more than a part, or of other issuers' certificates, are not read: taken for whole ones they would say
 * of the rest that it is good.
 *
 * @throws ProtocolError `DerMalformed`, `CertificateMalformed`, `RevocationListPartial`
 */
export function readRevocationList(list: Uint8Array): RevocationList {
  const parts = new DerReader(readOnly(list, tag.sequence).content);
  const signed = parts.expect(tag.sequence);
  const algorithm = parts.expect(tag.sequence);
  parts.expect(tag.bitString);
  parts.end();
  const fields = new DerReader(signed.content);
  let next = fields.next();
  if (next.tag === tag.integer) next = fields.next(); // version
  if (next.whole.toHex() !== algorithm.whole.toHex()) throw malformed("its two algorithms are not the same");
  const issuer = fields.expect(tag.sequence).whole.toHex();
  const thisUpdate = readTime(fields.next());
  let nextUpdate: number | undefined;
  let revoked: ReadonlySet<string> = new Set();
  for (let step = 0; !fields.atEnd;) {
    const element = fields.next();
    const place = element.tag === tag.utcTime || element.tag === tag.generalizedTime
      ? 1
      : element.tag === tag.sequence
      ? 2
      : element.tag === contextTag(0)
      ? 3
      : 0;
    if (place <= step) throw malformed("its fields are out of order");
    step = place;
    if (place === 1) nextUpdate = readTime(element);
    else if (place === 2) revoked = readEntries(element.content);
    else refuseCritical(readOnly(element.content, tag.sequence).content);
  }
  return { issuer, thisUpdate, nextUpdate, revoked };
}

/**
 * Reads whose certificate it is, and of whom.
 *
 * @throws ProtocolError `DerMalformed`, `CertificateMalformed`
 */
export function readIssue(certificate: Uint8Array): CertificateIssue {
  const { issuer, subject, serialNumber } = certificateParts(certificate);
  return {
    issuer: issuer.whole.toHex(),
    subject: subject.whole.toHex(),
    serial: serialOf(serialNumber),
  };
}

function readEntries(bytes: Uint8Array): ReadonlySet<string> {
  const revoked = new Set<string>();
  const entries = new DerReader(bytes, mostEntries);
  while (!entries.atEnd) {
    const entry = new DerReader(entries.expect(tag.sequence).content);
    revoked.add(serialOf(entry.expect(tag.integer)));
    entry.next(); // revocationDate
    if (!entry.atEnd) refuseCritical(entry.expect(tag.sequence).content);
    entry.end();
  }
  return revoked;
}

function serialOf({ content }: DerElement): string {
  return content.toHex().replace(/^(00)+/, "");
}

/** Whatever changes what the list says is critical: deltas, parts (issuingDistributionPoint), entries of other issuers. */
function refuseCritical(bytes: Uint8Array): void {
  const extensions = new DerReader(bytes);
  while (!extensions.atEnd) {
    const extension = new DerReader(extensions.expect(tag.sequence).content);
    const oid = readOid(extension.expect(tag.oid).content);
    const flag = extension.next();
    if (flag.tag === tag.boolean && flag.content[0] !== 0) {
      throw new ProtocolError(
        "RevocationListPartial",
        `read revocation list: it has a critical extension (${oid}), so it may be a part of one only`,
      );
    }
  }
}

function malformed(why: string): ProtocolError {
  return new ProtocolError("CertificateMalformed", `read revocation list: ${why}`);
}
