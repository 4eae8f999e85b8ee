/**
 * Certificates of clients and whose accounts they are ([MS-WSMV] 2.2.4.3 and 3.1.4.1.35). TLS has proven that a client has the key of
 * its certificate; everything else about it is decided here.
 * @module
 */
import { X509Certificate } from "node:crypto";
import {
  type CertificateFields,
  CertificateOid,
  KeyUsage,
  readCertificate,
  signatureHash,
} from "../../protocol/auth/x509.ts";
import { ProtocolError, UsageError } from "../../protocol/errors.ts";
import { caseless } from "./passwords.ts";
import type { RevocationLists } from "./revocation.ts";
import { isSignedWith } from "./signed.ts";

/** A row of `winrm/config/service/certmapping`. */
export interface CertificateMapping {
  /** SHA-1 or SHA-256 of the certificate that signs the clients' certificates, lower-case hex. */
  readonly issuer: string;
  /** UPN or DNS name, without case; one `*` as the first or the last character stands for anything. */
  readonly subject: string;
  /** Account of the service. */
  readonly userName: string;
}

/** Whose a certificate is. */
export type CertificateIdentity =
  | { readonly kind: "mapped"; readonly userName: string; readonly user: string }
  | { readonly kind: "refused"; readonly user: string | undefined; readonly reason: string };

/** Certificates that a client may send, and authorities between one and its anchor. */
const longestChain = 10;
/** Signatures that are checked for one client: chains can be made to branch. */
const mostSignatures = 40;

interface Certificate {
  readonly x509: X509Certificate;
  readonly fields: CertificateFields;
}

/** Mappings with the authorities that are trusted for them. */
export class CertificateMap {
  readonly #mappings: readonly CertificateMapping[];
  readonly #anchors: readonly Certificate[];
  readonly #revoked: (() => RevocationLists) | undefined;
  /** DER of the anchors. */
  readonly #trusted: readonly Uint8Array[];

  /**
   * `authorities`: PEM of certificates that are trusted, without looking further up from them. `revoked`: lists of what was revoked,
   * asked for with each certificate; default: nobody asks for revocation.
   *
   * @throws UsageError `CertificateInvalid`, `CertificateMapping`
   */
  constructor(mappings: readonly CertificateMapping[], authorities: string, revoked?: () => RevocationLists) {
    this.#revoked = revoked;
    if (mappings.length === 0) {
      throw new UsageError("CertificateMapping", "map certificates: no mapping is given");
    }
    this.#mappings = mappings.map(checked);
    const blocks = authorities.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
    if (blocks.length === 0) {
      throw new UsageError(
        "CertificateInvalid",
        "read authorities of clients: there is no certificate in PEM",
      );
    }
    this.#anchors = blocks.map((pem) => {
      try {
        return parse(pem);
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new UsageError("CertificateInvalid", `read authorities of clients: ${reason}`, { cause });
      }
    });
    this.#trusted = rawOf(this.#anchors);
  }

  /** Whose `chain` is, the client's own certificate first, at `now` (milliseconds since 1970). */
  identify(chain: readonly Uint8Array[], now: number): CertificateIdentity {
    try {
      return this.#identify(chain, now);
    } catch (error) {
      // The platform reads a certificate bit by bit, when it is asked: what is wrong may show anywhere.
      const why = error instanceof Error ? error.message : "unknown";
      return refused(`its certificate, or one above it, cannot be read (${why})`);
    }
  }

  #identify([own, ...others]: readonly Uint8Array[], now: number): CertificateIdentity {
    if (own === undefined) return refused("the client sent no certificate");
    const leaf = parse(own);
    const presented = others.slice(0, longestChain).map(parse);
    // An authority that lets its clients choose names of one kind must not let them be somebody of the other.
    const names = [
      ...leaf.fields.userPrincipalNames.filter((name) => name.includes("@")),
      ...leaf.fields.dnsNames.filter((name) => !name.includes("@")),
    ];
    const user = names[0] ?? leaf.x509.subject;
    const unfit = whyUnfit(leaf, now);
    if (unfit !== undefined) return refused(unfit, user);
    const path = new PathFinder(this.#anchors, presented, now);
    // Signatures last: only for issuers that a mapping names.
    const fitting = this.#mappings.filter((mapping) => names.some((name) => matches(name, mapping.subject)));
    const candidates = path.issuersOf(leaf).filter(({ x509 }) =>
      fitting.some(({ issuer }) => hasThumbprint(x509, issuer))
    );
    const issuers = candidates.filter((issuer) => path.leadsToAnchor(leaf, issuer));
    const found = fitting.filter(({ issuer }) => issuers.some(({ x509 }) => hasThumbprint(x509, issuer)));
    if (found.length === 0) {
      const { issuer, subject } = leaf.x509;
      const why = fitting.length === 0
        ? `no mapping has its names (${names.join(", ") || "none"})`
        : candidates.length === 0
        ? `no mapping names its issuer (${inLine(issuer)})`
        : "it leads to no trusted authority";
      return refused(`its certificate is not accepted (${inLine(subject)}): ${why}`, user);
    }
    const longest = Math.max(...found.map(({ subject }) => subject.length));
    const accounts = new Set(
      found.filter(({ subject }) => subject.length === longest).map((m) => m.userName),
    );
    const [userName] = accounts;
    if (accounts.size > 1) return refused(`several mappings fit it: ${[...accounts].join(", ")}`, user);
    const revoked = this.#whyRevoked(leaf, presented, now);
    return revoked === undefined ? { kind: "mapped", userName: userName!, user } : refused(revoked, user);
  }

  /** What is trusted by itself answers to no list. */
  #whyRevoked(leaf: Certificate, presented: readonly Certificate[], now: number): string | undefined {
    if (this.#revoked === undefined || this.#anchors.some((anchor) => same(anchor, leaf))) return undefined;
    const verdict = this.#revoked().check(
      new Uint8Array(leaf.x509.raw),
      rawOf(presented),
      this.#trusted,
      now,
    );
    if (verdict.kind === "good") return undefined;
    return verdict.kind === "revoked"
      ? `its certificate was revoked: ${verdict.reason}`
      : `whether its certificate was revoked is not known: ${verdict.reason}`;
  }
}

function refused(reason: string, user?: string): CertificateIdentity {
  return { kind: "refused", user, reason };
}

/** Searches ways from a certificate to an anchor, within a budget of signatures. */
class PathFinder {
  readonly #anchors: readonly Certificate[];
  readonly #presented: readonly Certificate[];
  readonly #now: number;
  #signatures = mostSignatures;

  constructor(anchors: readonly Certificate[], presented: readonly Certificate[], now: number) {
    this.#anchors = anchors;
    this.#presented = presented;
    this.#now = now;
  }

  /** Certificates that by their names may have signed `subject`; it may be trusted as its own issuer. */
  issuersOf(subject: Certificate): readonly Certificate[] {
    return [...this.#anchors, ...this.#presented].filter((issuer) =>
      this.#isAnchor(subject) && same(issuer, subject) || mayIssue(issuer, subject)
    );
  }

  /** Whether `issuer` has signed `subject`, below `depth` other authorities, and is trusted or leads to one that is. */
  leadsToAnchor(subject: Certificate, issuer: Certificate, depth = 0): boolean {
    // Pinned as it is: nobody has to vouch for it.
    if (depth === 0 && same(subject, issuer)) return this.#isAnchor(subject);
    if (isWeak(subject)) return false;
    if (depth >= longestChain || !this.#mayAuthorize(issuer, depth) || this.#signatures-- <= 0) return false;
    if (!isSignedWith(new Uint8Array(subject.x509.raw), issuer.x509.publicKey)) return false;
    if (this.#isAnchor(issuer)) return true;
    return this.issuersOf(issuer).some((next) =>
      !same(next, issuer) && this.leadsToAnchor(issuer, next, depth + 1)
    );
  }

  #mayAuthorize({ fields }: Certificate, below: number): boolean {
    return fields.authority && (fields.pathLength === undefined || fields.pathLength >= below) &&
      (fields.keyUsage === undefined || (fields.keyUsage & KeyUsage.keyCertSign) !== 0) &&
      fields.unknownCritical.length === 0 && mayBeClient(fields) && isValid(fields, this.#now);
  }

  #isAnchor(certificate: Certificate): boolean {
    return this.#anchors.some((anchor) => same(anchor, certificate));
  }
}

/** What is wrong with a client's own certificate, before anybody is asked who signed it. */
function whyUnfit(leaf: Certificate, now: number): string | undefined {
  const { fields } = leaf;
  if (now < fields.notBefore) return "its certificate is not valid yet";
  if (now > fields.notAfter) return "its certificate has expired";
  if (isWeak(leaf)) return "its certificate is signed with MD5 or SHA-1, which can be forged";
  if (fields.unknownCritical.length > 0) {
    return `its certificate has a critical extension that is not known here (${
      fields.unknownCritical.join(", ")
    })`;
  }
  // Windows wants it said: a server's certificate is not to log on with.
  if (fields.extendedKeyUsages === undefined || !mayBeClient(fields)) {
    return "its certificate is not for client authentication (extKeyUsage)";
  }
  if (fields.keyUsage !== undefined && (fields.keyUsage & KeyUsage.digitalSignature) === 0) {
    return "its certificate is not for signatures (keyUsage)";
  }
  return undefined;
}

/** Whether extKeyUsage, where it is said, allows client authentication; an authority's bounds those below it, as on Windows. */
function mayBeClient({ extendedKeyUsages: uses }: CertificateFields): boolean {
  return uses === undefined || uses.includes(CertificateOid.clientAuth) ||
    uses.includes(CertificateOid.anyExtendedKeyUsage);
}

/** Whether others can be given the same signature: collisions of these hashes can be made. */
function isWeak({ x509 }: Certificate): boolean {
  const hash = signatureHash(new Uint8Array(x509.raw));
  return hash === "md5" || hash === "sha1";
}

function isValid({ notBefore, notAfter }: CertificateFields, now: number): boolean {
  return notBefore <= now && now <= notAfter;
}

function same(one: Certificate, other: Certificate): boolean {
  return one.x509.raw.equals(other.x509.raw);
}

function mayIssue(issuer: Certificate, subject: Certificate): boolean {
  return subject.x509.checkIssued(issuer.x509);
}

function hasThumbprint({ fingerprint, fingerprint256 }: X509Certificate, wanted: string): boolean {
  const found = wanted.length === 40 ? fingerprint : fingerprint256;
  return found.replaceAll(":", "").toLowerCase() === wanted;
}

/** Without case; `*` only at one end, as the schema has it. */
function matches(name: string, pattern: string): boolean {
  const text = caseless(name);
  const wanted = caseless(pattern);
  if (wanted.startsWith("*")) return text.endsWith(wanted.slice(1));
  return wanted.endsWith("*") ? text.startsWith(wanted.slice(0, -1)) : text === wanted;
}

function parse(certificate: string | Uint8Array): Certificate {
  let x509: X509Certificate;
  try {
    x509 = new X509Certificate(certificate);
  } catch (cause) {
    throw new ProtocolError("CertificateMalformed", "read certificate: it is none", { cause });
  }
  return { x509, fields: readCertificate(new Uint8Array(x509.raw)) };
}

function rawOf(certificates: readonly Certificate[]): readonly Uint8Array[] {
  return certificates.map(({ x509 }) => new Uint8Array(x509.raw));
}

function inLine(name: string): string {
  return name.replaceAll("\n", ", ");
}

function checked(mapping: CertificateMapping): CertificateMapping {
  const issuer = mapping.issuer.replace(/[:\s]/g, "").toLowerCase();
  if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(issuer)) {
    throw new UsageError(
      "CertificateMapping",
      `map certificates: Issuer ${mapping.issuer} is no SHA-1 or SHA-256 of a certificate in hex`,
    );
  }
  if (!/^(\*[^*]*|[^*]+\*?)$/.test(mapping.subject)) {
    throw new UsageError(
      "CertificateMapping",
      `map certificates: Subject ${mapping.subject} has a * elsewhere than as its first or last character, or is empty`,
    );
  }
  if (mapping.userName === "") {
    throw new UsageError("CertificateMapping", "map certificates: UserName is empty");
  }
  return { ...mapping, issuer };
}

/**
 * Reads mappings as they are given on a command line: `Issuer=THUMBPRINT;Subject=*@corp.example;UserName=deploy`, by the names of
 * `winrm/config/service/certmapping`; `URI=*` and `Enabled` may stand there, too.
 *
 * @throws UsageError `CertificateMapping`
 */
export function readMappings(lines: readonly string[]): readonly CertificateMapping[] {
  return lines.map(readMapping).filter((mapping) => mapping !== undefined);
}

function readMapping(line: string): CertificateMapping | undefined {
  const wrong = (why: string) =>
    new UsageError("CertificateMapping", `read certificate mapping ${line}: ${why}`);
  const fields = new Map<string, string>();
  for (const part of line.split(";")) {
    const equals = part.indexOf("=");
    const name = part.slice(0, Math.max(0, equals)).trim().toLowerCase();
    if (!["issuer", "subject", "uri", "username", "enabled"].includes(name)) {
      throw wrong("it is not of the form Issuer=THUMBPRINT;Subject=PATTERN;UserName=ACCOUNT");
    }
    if (fields.has(name)) throw wrong(`${name} comes twice`);
    fields.set(name, part.slice(equals + 1).trim());
  }
  // Who somebody is does not depend on what is asked for here.
  if ((fields.get("uri") ?? "*") !== "*") throw wrong("URI can only be *");
  const enabled = (fields.get("enabled") ?? "true").toLowerCase();
  if (enabled !== "true" && enabled !== "false") throw wrong("Enabled is neither true nor false");
  const [issuer, subject, userName] = ["issuer", "subject", "username"].map((name) => fields.get(name));
  if (issuer === undefined || subject === undefined || userName === undefined) {
    throw wrong("Issuer, Subject and UserName are needed");
  }
  return enabled === "true" ? checked({ issuer, subject, userName }) : undefined;
}
