/**
 * What of an X.509 certificate (RFC 5280) logons are decided by, read from its DER. Whoever reads here trusts nothing yet: signatures,
 * times and chains are checked elsewhere.
 * @module
 */
import {
  certificateParts,
  expectTag,
  malformed,
  readOid,
  readTime,
  signedParts,
} from "./certificate_parts.ts";
import { contextTag, type DerElement, DerReader, readOnly } from "./der.ts";

const tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  sequence: 0x30,
  /** `[1]` and `[2]`, primitive: issuerUniqueID and subjectUniqueID; of a GeneralName `[2]` is a dNSName. */
  primitive1: 0x81,
  primitive2: 0x82,
} as const;

/** Object identifiers of extensions and their values. */
export const CertificateOid = {
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  extendedKeyUsage: "2.5.29.37",
  anyExtendedKeyUsage: "2.5.29.37.0",
  clientAuth: "1.3.6.1.5.5.7.3.2",
  /** otherName of a subject: the user principal name, `name@realm`. */
  userPrincipalName: "1.3.6.1.4.1.311.20.2.3",
} as const;

/** Fields of a certificate. */
export interface CertificateFields {
  /** First and last moment of its validity, in milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** UPNs of the subject. */
  readonly userPrincipalNames: readonly string[];
  /** DNS names of the subject. */
  readonly dnsNames: readonly string[];
  /** What its key may be used for; `undefined`: anything. */
  readonly extendedKeyUsages: readonly string[] | undefined;
  /** Whether it is an authority's (basicConstraints). */
  readonly authority: boolean;
  /** Authorities that may stand between it and the last certificate; `undefined`: any number. */
  readonly pathLength: number | undefined;
  /** Bits of keyUsage, the first one as 0x80 of the first byte; `undefined`: all. */
  readonly keyUsage: number | undefined;
  /** Critical extensions that are none of those above: whoever does not know them must refuse the certificate. */
  readonly unknownCritical: readonly string[];
}

/** Bits of {@link CertificateFields.keyUsage}. */
export const KeyUsage = { digitalSignature: 0x80, keyCertSign: 0x04 } as const;

/**
 * Reads a certificate.
 *
 * @throws ProtocolError `DerMalformed`, `CertificateMalformed`
 */
export function readCertificate(certificate: Uint8Array): CertificateFields {
  const { version, validity, rest } = certificateParts(certificate);
  if (version !== undefined) {
    const { content } = readOnly(version.content, tag.integer);
    if (content.length !== 1 || content[0]! > 2) throw malformed("the version is unknown");
  }
  const times = new DerReader(validity.content);
  const notBefore = readTime(times.next());
  const notAfter = readTime(times.next());
  times.end();
  let extensions: DerElement | undefined;
  for (let last: number = tag.bitString; !rest.atEnd;) {
    const element = rest.next();
    const known = element.tag === tag.primitive1 || element.tag === tag.primitive2 ||
      element.tag === contextTag(3);
    if (!known || element.tag <= last) throw malformed("its fields are out of order");
    last = element.tag;
    if (element.tag === contextTag(3)) extensions = element;
  }
  return { notBefore, notAfter, ...readExtensions(extensions) };
}

/**
 * The SubjectPublicKeyInfo of a certificate as it stands there, whatever kind of key it is.
 *
 * @throws ProtocolError `DerMalformed`, `CertificateMalformed`
 */
export function publicKeyInfoOf(certificate: Uint8Array): Uint8Array {
  return certificateParts(certificate).subjectPublicKeyInfo.whole.slice();
}

type Extensions = Omit<CertificateFields, "notBefore" | "notAfter">;

function readExtensions(element: DerElement | undefined): Extensions {
  const userPrincipalNames: string[] = [];
  const dnsNames: string[] = [];
  const unknownCritical: string[] = [];
  let extendedKeyUsages: string[] | undefined;
  let basic: Pick<CertificateFields, "authority" | "pathLength"> = {
    authority: false,
    pathLength: undefined,
  };
  let keyUsage: number | undefined;
  const seen = new Set<string>();
  const list = new DerReader(
    element === undefined ? new Uint8Array(0) : readOnly(element.content, tag.sequence).content,
  );
  while (!list.atEnd) {
    const extension = new DerReader(list.expect(tag.sequence).content);
    const oid = readOid(extension.expect(tag.oid).content);
    if (seen.has(oid)) throw malformed(`extension ${oid} comes twice`);
    seen.add(oid);
    let value = extension.next();
    let critical = false;
    if (value.tag === tag.boolean) {
      critical = readBoolean(value);
      value = extension.next();
    }
    expectTag(value, tag.octetString);
    extension.end();
    switch (oid) {
      case CertificateOid.subjectAltName:
        readNames(value.content, userPrincipalNames, dnsNames);
        break;
      case CertificateOid.extendedKeyUsage:
        extendedKeyUsages = readOids(value.content);
        break;
      case CertificateOid.basicConstraints:
        basic = readBasicConstraints(value.content);
        break;
      case CertificateOid.keyUsage:
        keyUsage = readKeyUsage(value.content);
        break;
      default:
        if (critical) unknownCritical.push(oid);
    }
  }
  return { userPrincipalNames, dnsNames, extendedKeyUsages, ...basic, keyUsage, unknownCritical };
}

/** GeneralNames (RFC 5280 section 4.2.1.6): UPNs and DNS names of them. */
function readNames(bytes: Uint8Array, upns: string[], dnsNames: string[]): void {
  const names = new DerReader(readOnly(bytes, tag.sequence).content);
  while (!names.atEnd) {
    const name = names.next();
    if (name.tag === tag.primitive2) dnsNames.push(readText(name.content, /^[\x21-\x7e]+$/));
    if (name.tag !== contextTag(0)) continue;
    const other = new DerReader(name.content);
    const oid = readOid(other.expect(tag.oid).content);
    const value = other.expect(contextTag(0));
    other.end();
    if (oid !== CertificateOid.userPrincipalName) continue;
    upns.push(readText(readOnly(value.content, tag.utf8String).content, /^[^\p{C}\p{Z}]+$/u));
  }
}

/** Text that says to a program what it says to a reader: a name with a NUL or an invisible character is none. */
function readText(bytes: Uint8Array, allowed: RegExp): string {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw malformed("a name is no UTF-8");
  }
  if (!allowed.test(text)) throw malformed("a name is empty or has characters that names have not");
  return text;
}

function readOids(bytes: Uint8Array): string[] {
  const list = new DerReader(readOnly(bytes, tag.sequence).content);
  const oids: string[] = [];
  while (!list.atEnd) oids.push(readOid(list.expect(tag.oid).content));
  return oids;
}

function readBasicConstraints(bytes: Uint8Array): Pick<CertificateFields, "authority" | "pathLength"> {
  const fields = new DerReader(readOnly(bytes, tag.sequence).content);
  let authority = false;
  let pathLength: number | undefined;
  if (!fields.atEnd) {
    let field = fields.next();
    if (field.tag === tag.boolean) {
      authority = readBoolean(field);
      if (fields.atEnd) return { authority, pathLength };
      field = fields.next();
    }
    expectTag(field, tag.integer);
    // One byte says more than any chain is long.
    if (field.content.length !== 1 || field.content[0]! > 0x7f) throw malformed("a path length is too large");
    pathLength = field.content[0]!;
  }
  fields.end();
  return { authority, pathLength };
}

function readKeyUsage(bytes: Uint8Array): number {
  const { content } = readOnly(bytes, tag.bitString);
  if (content.length < 2 || content.length > 3 || content[0]! > 7) {
    throw malformed("keyUsage is no bit string");
  }
  return content[1]!;
}

function readBoolean({ content }: DerElement): boolean {
  if (content.length !== 1 || (content[0] !== 0xff && content[0] !== 0)) {
    throw malformed("a truth value is not DER's");
  }
  return content[0] === 0xff;
}

/** Names of hashes as `node:crypto` has them. */
export type SignatureHash = "md5" | "sha1" | "sha224" | "sha256" | "sha384" | "sha512";

const signatureHashes: Readonly<Record<string, SignatureHash>> = {
  // RSASSA-PKCS1-v1_5 (RFC 8017 appendix A.2.4)
  "1.2.840.113549.1.1.4": "md5",
  "1.2.840.113549.1.1.5": "sha1",
  "1.2.840.113549.1.1.14": "sha224",
  "1.2.840.113549.1.1.11": "sha256",
  "1.2.840.113549.1.1.12": "sha384",
  "1.2.840.113549.1.1.13": "sha512",
  // ECDSA (RFC 5758)
  "1.2.840.10045.4.1": "sha1",
  "1.2.840.10045.4.3.1": "sha224",
  "1.2.840.10045.4.3.2": "sha256",
  "1.2.840.10045.4.3.3": "sha384",
  "1.2.840.10045.4.3.4": "sha512",
  // DSA (RFC 3279, RFC 5758)
  "1.2.840.10040.4.3": "sha1",
  "2.16.840.1.101.3.4.3.1": "sha224",
  "2.16.840.1.101.3.4.3.2": "sha256",
};

/** RSASSA-PSS, as the algorithm of a signature. */
export const rsaPss = "1.2.840.113549.1.1.10";

/** Hashes by themselves, as the parameters of RSASSA-PSS name them. */
const hashes: Readonly<Record<string, SignatureHash>> = {
  "1.3.14.3.2.26": "sha1",
  "2.16.840.1.101.3.4.2.4": "sha224",
  "2.16.840.1.101.3.4.2.1": "sha256",
  "2.16.840.1.101.3.4.2.2": "sha384",
  "2.16.840.1.101.3.4.2.3": "sha512",
};

/**
 * The one hash that a certificate's signature is made with; `undefined` where the algorithm is unknown, or has none of its own
 * (Ed25519).
 *
 * @throws ProtocolError `DerMalformed`, `CertificateMalformed`
 */
export function signatureHash(certificate: Uint8Array): SignatureHash | undefined {
  const algorithm = new DerReader(signedParts(certificate).algorithm.content);
  const oid = readOid(algorithm.expect(tag.oid).content);
  if (oid !== rsaPss) return signatureHashes[oid];
  // RFC 4055 section 3.1: SHA-1 where nothing is said.
  const parameters = new DerReader(algorithm.expect(tag.sequence).content);
  const first = parameters.atEnd ? undefined : parameters.next();
  if (first === undefined || first.tag !== contextTag(0)) return "sha1";
  const hash = new DerReader(readOnly(first.content, tag.sequence).content);
  return hashes[readOid(hash.expect(tag.oid).content)];
}
