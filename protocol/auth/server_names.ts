/**
 * For which hosts a server's certificate is (RFC 9525), and what else of it the platform does not look at: read from its DER, as a text
 * that lists names can be made to say others than there are. Whoever reads here trusts nothing yet.
 * @module
 */
import { ProtocolError } from "../errors.ts";
import { certificateParts, readOid } from "./certificate_parts.ts";
import { contextTag, type DerElement, DerReader, readOnly } from "./der.ts";
import { KeyUsage } from "./x509.ts";

const tag = {
  boolean: 0x01,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  sequence: 0x30,
  set: 0x31,
  /** Of a GeneralName: dNSName and iPAddress. */
  dnsName: 0x82,
  address: 0x87,
} as const;

const oids = {
  commonName: "2.5.4.3",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  nameConstraints: "2.5.29.30",
} as const;

/** Names that one certificate may have. */
const mostNames = 10_000;

/** Whom a certificate names. */
export interface ServerNames {
  /** As they stand there. One with a character that names have not is left out: nobody is called so. */
  readonly dns: readonly string[];
  /** IP addresses, 4 or 16 bytes. */
  readonly addresses: readonly Uint8Array[];
  /** Common names of the subject: they count where the certificate has no other names. */
  readonly common: readonly string[];
  /** Whether it has names beside its subject, such as cannot be read, too. */
  readonly alternative: boolean;
}

/**
 * Reads the names.
 *
 * @throws ProtocolError `DerMalformed`, `CertificateMalformed`
 */
export function readServerNames(certificate: Uint8Array): ServerNames {
  const { subject, extensions } = partsOf(certificate);
  const dns: string[] = [];
  const addresses: Uint8Array[] = [];
  let alternative = false;
  const value = extensions.get(oids.subjectAltName);
  const names = new DerReader(
    value === undefined ? nothing : readOnly(value, tag.sequence).content,
    mostNames,
  );
  while (!names.atEnd) {
    const { tag: kind, content } = names.next();
    if (kind !== tag.dnsName && kind !== tag.address) continue;
    alternative = true;
    if (kind === tag.address) addresses.push(content.slice());
    else if (isName(content)) dns.push(String.fromCharCode(...content));
  }
  return { dns, addresses, common: commonNames(subject), alternative };
}

/**
 * Whether an authority may vouch for some names only (nameConstraints).
 *
 * @throws ProtocolError `DerMalformed`, `CertificateMalformed`
 */
export function boundsNames(certificate: Uint8Array): boolean {
  return partsOf(certificate).extensions.has(oids.nameConstraints);
}

/**
 * Object identifiers of the extensions.
 *
 * @throws ProtocolError `DerMalformed`, `CertificateMalformed`
 */
export function extensionsOf(certificate: Uint8Array): ReadonlySet<string> {
  return new Set(partsOf(certificate).extensions.keys());
}

/**
 * Whether the key of a certificate may sign others (keyUsage, where it is said).
 *
 * @throws ProtocolError `DerMalformed`, `CertificateMalformed`
 */
export function signsCertificates(certificate: Uint8Array): boolean {
  const value = partsOf(certificate).extensions.get(oids.keyUsage);
  if (value === undefined) return true;
  // The first byte counts the bits of the last one that mean nothing.
  return ((readOnly(value, tag.bitString).content[1] ?? 0) & KeyUsage.keyCertSign) !== 0;
}

/**
 * Whether a name of a certificate stands for `host`: letter for letter but for case, or with `*` for the whole first label, before two
 * others at least (RFC 9525 section 6.3).
 */
export function namesHost(name: string, host: string): boolean {
  const wanted = host.toLowerCase();
  const found = name.toLowerCase();
  if (!found.startsWith("*.")) return found === wanted;
  const rest = found.slice(1);
  return rest.indexOf(".", 1) > 0 && wanted.indexOf(".") > 0 && wanted.slice(wanted.indexOf(".")) === rest;
}

const nothing = new Uint8Array(0);

function partsOf(certificate: Uint8Array): {
  readonly subject: Uint8Array;
  readonly extensions: ReadonlyMap<string, Uint8Array>;
} {
  const { subject, rest } = certificateParts(certificate);
  let list: DerElement | undefined;
  while (!rest.atEnd) {
    const element = rest.next();
    if (element.tag === contextTag(3)) list = element;
  }
  return { subject: subject.content, extensions: readExtensions(list) };
}

function readExtensions(element: DerElement | undefined): ReadonlyMap<string, Uint8Array> {
  const extensions = new Map<string, Uint8Array>();
  const list = new DerReader(
    element === undefined ? nothing : readOnly(element.content, tag.sequence).content,
  );
  while (!list.atEnd) {
    const extension = new DerReader(list.expect(tag.sequence).content);
    const oid = readOid(extension.expect(tag.oid).content);
    let value = extension.next();
    if (value.tag === tag.boolean) value = extension.next();
    if (value.tag !== tag.octetString || extensions.has(oid)) {
      throw new ProtocolError(
        "CertificateMalformed",
        `read certificate: extension ${oid} is none, or comes twice`,
      );
    }
    extensions.set(oid, value.content);
  }
  return extensions;
}

function commonNames(subject: Uint8Array): readonly string[] {
  const names: string[] = [];
  const sets = new DerReader(subject);
  while (!sets.atEnd) {
    const set = new DerReader(sets.expect(tag.set).content);
    while (!set.atEnd) {
      const attribute = new DerReader(set.expect(tag.sequence).content);
      const oid = readOid(attribute.expect(tag.oid).content);
      const { tag: kind, content } = attribute.next();
      if (oid !== oids.commonName || (kind !== tag.utf8String && kind !== tag.printableString)) continue;
      if (isName(content)) names.push(String.fromCharCode(...content));
    }
  }
  return names;
}

/** Letters, digits and what else stands in names of hosts; a name that is longer than 255 bytes is nobody's (RFC 1035). */
function isName(bytes: Uint8Array): boolean {
  return bytes.length > 0 && bytes.length <= 255 && bytes.every((byte) => isNameByte(byte));
}

function isNameByte(byte: number): boolean {
  return byte >= 0x61 && byte <= 0x7a || byte >= 0x41 && byte <= 0x5a || byte >= 0x30 && byte <= 0x39 ||
    byte === 0x2d || byte === 0x2e || byte === 0x5f || byte === 0x2a;
}
