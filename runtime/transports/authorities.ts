/**
 * Whether those who are trusted, and those who stand above a server's certificate, are authorities. The platform takes the key of every
 * certificate that is trusted for an authority's: a server's own, which a list of trusted ones may have too, could vouch for all others.
 * @module
 */
import { readIssue } from "../../protocol/auth/crl.ts";
import { extensionsOf, signsCertificates } from "../../protocol/auth/server_names.ts";
import { type CertificateFields, CertificateOid, readCertificate } from "../../protocol/auth/x509.ts";
import { equalBytes } from "../../protocol/bytes.ts";
import { NetworkError, ProtocolError } from "../../protocol/errors.ts";
import { isIssuedBy } from "../security/signed.ts";

/** Certificates that servers send: with more, one could stand where nobody looks. */
const mostSent = 16;
/** Milliseconds for which it is kept who is an authority: certificates expire. */
const keptMs = 60_000;
/** Signatures that are checked for one server. */
const mostSignatures = 20;

const serverAuth = "1.3.6.1.5.5.7.3.1";

interface Issued {
  readonly der: Uint8Array;
  readonly issuer: string;
  readonly subject: string;
}

interface Authority extends Issued {
  /** Others that may stand below it; `undefined`: any number. */
  readonly pathLength: number | undefined;
}

/**
 * Throws NetworkError `TlsUntrusted` where `own` is not for servers (extKeyUsage), or one of `sent` has signed another and may not
 * (keyUsage).
 *
 * @throws ProtocolError
 */
export function checkUses(own: Uint8Array, sent: readonly Uint8Array[]): void {
  if (!ask(own, true, ({ extendedKeyUsages }) => isForServers(extendedKeyUsages))) {
    throw untrusted("it is not for servers (extKeyUsage)");
  }
  if (sent.length >= mostSent) throw untrusted("it sends too many others along");
  const all = sent.map(issued);
  for (const { der, subject } of all) {
    const signs = all.some((other) => other.issuer === subject && !equalBytes(other.der, der));
    if (signs && !signsCertificates(der)) {
      throw untrusted("one above it may not sign certificates (keyUsage)");
    }
  }
}

/**
 * Throws NetworkError `TlsUntrusted` unless `own` leads over `sent` to an authority among `trusted` or `roots`, or is one of `trusted`
 * itself. What the engine has checked of the way is not checked again. `now`: milliseconds since 1970. What is made of `trusted` and
 * `roots` is kept: they must not change.
 *
 * @throws ProtocolError
 */
export function checkAnchor(
  own: Uint8Array,
  sent: readonly Uint8Array[],
  trusted: readonly Uint8Array[],
  roots: readonly Uint8Array[],
  now: number,
): void {
  const authorities = authoritiesAmong(trusted, now);
  const unbounded = authorities.length === trusted.length &&
    authorities.every(({ pathLength }) => pathLength === undefined);
  if (unbounded || trusted.some((one) => equalBytes(one, own))) return;
  const anchors = [...authorities, ...authoritiesAmong(roots, now)];
  const between = sent.filter((one) => isAuthority(one, now)).map(issued);
  const seen = new Set<Issued>();
  // With the number of authorities below each; the shortest ways come first.
  const work: { readonly subject: Issued; readonly below: number }[] = [{ subject: issued(own), below: 0 }];
  let signatures = mostSignatures;
  const signed = (subject: Issued, issuer: Issued) => {
    if (issuer.subject !== subject.issuer) return false;
    if (signatures-- <= 0) throw untrusted("too many certificates claim to be above it");
    return isIssuedBy(subject.der, issuer.der);
  };
  for (let next = work.shift(); next !== undefined; next = work.shift()) {
    const { subject, below } = next;
    if (anchors.some((anchor) => below <= (anchor.pathLength ?? below) && signed(subject, anchor))) return;
    for (const issuer of between) {
      if (seen.has(issuer) || !signed(subject, issuer)) continue;
      seen.add(issuer);
      work.push({ subject: issuer, below: below + 1 });
    }
  }
  throw untrusted(
    "it leads to one of --ca that is no authority's (any more): that stands for the server whose it is, and for no other",
  );
}

const kept = new WeakMap<
  readonly Uint8Array[],
  { readonly authorities: readonly Authority[]; readonly until: number }
>();

function authoritiesAmong(trusted: readonly Uint8Array[], now: number): readonly Authority[] {
  const known = kept.get(trusted);
  if (known !== undefined && now < known.until && now >= known.until - keptMs) return known.authorities;
  const authorities = trusted.filter((one) => isAuthority(one, now)).map((one) => ({
    ...issued(one),
    pathLength: pathLengthOf(one),
  }));
  kept.set(trusted, { authorities, until: now + keptMs });
  return authorities;
}

/** Whether it may sign certificates of servers. */
function isAuthority(certificate: Uint8Array, now: number): boolean {
  return ask(certificate, true, ({ authority, keyUsage, extendedKeyUsages, notBefore, notAfter }) => {
    const extensions = extensionsOf(certificate);
    // Authorities of old have no extensions, or say it with keyUsage alone.
    const isOne = authority || extensions.size === 0 ||
      (keyUsage !== undefined && !extensions.has(CertificateOid.basicConstraints));
    return isOne && signsCertificates(certificate) && notBefore <= now && now <= notAfter &&
      isForServers(extendedKeyUsages);
  });
}

function isForServers(uses: readonly string[] | undefined): boolean {
  return uses === undefined || uses.includes(serverAuth) || uses.includes(CertificateOid.anyExtendedKeyUsage);
}

function pathLengthOf(certificate: Uint8Array): number | undefined {
  return ask<number | undefined>(certificate, undefined, ({ pathLength }) => pathLength);
}

/** One that cannot be read here is left to the engine: `otherwise`. */
function ask<T>(certificate: Uint8Array, otherwise: T, question: (fields: CertificateFields) => T): T {
  try {
    return question(readCertificate(certificate));
  } catch (error) {
    if (error instanceof ProtocolError) return otherwise;
    throw error;
  }
}

function issued(der: Uint8Array): Issued {
  return { der, ...readIssue(der) };
}

function untrusted(why: string): NetworkError {
  return new NetworkError("TlsUntrusted", `the server's certificate is not trusted: ${why}`);
}
