/** What every certificate (RFC 5280 section 4.1) is made of, taken apart, and the values in it. @module */
import { ProtocolError } from "../errors.ts";
import { contextTag, type DerElement, DerReader, readOnly } from "./der.ts";

const tag = {
  integer: 0x02,
  bitString: 0x03,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
} as const;

/** What stands in every certificate, as it stands there. */
export interface CertificateParts {
  /** Absent: 1. */
  readonly version: DerElement | undefined;
  readonly serialNumber: DerElement;
  readonly issuer: DerElement;
  readonly validity: DerElement;
  readonly subject: DerElement;
  readonly subjectPublicKeyInfo: DerElement;
  /** Over what may follow: unique identifiers and extensions. */
  readonly rest: DerReader;
}

/**
 * Takes a certificate apart (RFC 5280 section 4.1), and looks at nothing in its parts.
 *
 * @throws ProtocolError `DerMalformed`, `CertificateMalformed`
 */
export function certificateParts(certificate: Uint8Array): CertificateParts {
  const rest = new DerReader(signedParts(certificate).tbs.content);
  const first = rest.next();
  const version = first.tag === contextTag(0) ? first : undefined;
  const serialNumber = version === undefined ? first : rest.next();
  expectTag(serialNumber, tag.integer);
  rest.expect(tag.sequence); // signature
  const issuer = rest.expect(tag.sequence);
  const validity = rest.expect(tag.sequence);
  const subject = rest.expect(tag.sequence);
  return {
    version,
    serialNumber,
    issuer,
    validity,
    subject,
    subjectPublicKeyInfo: rest.expect(tag.sequence),
    rest,
  };
}

/** What is signed, and with what. Whether it is, others check. */
export function signedParts(
  certificate: Uint8Array,
): { readonly tbs: DerElement; readonly algorithm: DerElement } {
  const parts = new DerReader(readOnly(certificate, tag.sequence).content);
  const tbs = parts.expect(tag.sequence);
  const algorithm = parts.expect(tag.sequence);
  parts.expect(tag.bitString);
  parts.end();
  return { tbs, algorithm };
}

/**
 * UTCTime and GeneralizedTime as RFC 5280 section 4.1.2.5 has them: whole seconds, Z; in milliseconds since 1970.
 *
 * @throws ProtocolError `CertificateMalformed`
 */
export function readTime({ tag: kind, content }: DerElement): number {
  const text = String.fromCharCode(...content.subarray(0, 16));
  const pattern = kind === tag.utcTime
    ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/
    : kind === tag.generalizedTime
    ? /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/
    : undefined;
  const match = pattern?.exec(text);
  if (match === null || match === undefined || content.length !== text.length) {
    throw malformed("a time is none");
  }
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const fullYear = kind === tag.generalizedTime ? year : year < 50 ? 2000 + year : 1900 + year;
  const time = new Date(0);
  time.setUTCFullYear(fullYear, month - 1, day);
  time.setUTCHours(hour, minute, second);
  // The 31st of February would have become another day.
  if (
    time.getUTCMonth() !== month - 1 || time.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59
  ) {
    throw malformed("a time is none");
  }
  return time.getTime();
}

/** Dotted form of an object identifier. Arcs beyond 2^53 are none that anybody has. */
export function readOid(bytes: Uint8Array): string {
  const arcs: number[] = [];
  let arc = 0;
  let begun = false;
  for (const byte of bytes) {
    if (!begun && byte === 0x80) throw malformed("an object identifier is not in its shortest form");
    arc = arc * 128 + (byte & 0x7f);
    if (!Number.isSafeInteger(arc)) throw malformed("an object identifier is too large");
    begun = byte >= 0x80;
    if (begun) continue;
    if (arcs.length === 0) {
      const first = Math.min(2, Math.floor(arc / 40));
      arcs.push(first, arc - first * 40);
    } else arcs.push(arc);
    arc = 0;
  }
  if (begun || arcs.length === 0) throw malformed("an object identifier ends too early");
  return arcs.join(".");
}

/** Throws unless an element has this tag. */
export function expectTag(element: DerElement, expected: number): void {
  if (element.tag !== expected) throw malformed("its fields are out of order");
}

/** The error of what is no certificate. */
export function malformed(why: string): ProtocolError {
  return new ProtocolError("CertificateMalformed", `read certificate: ${why}`);
}
