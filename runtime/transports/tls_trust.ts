/** What a server's certificate must be (WinRM's SkipCACheck and SkipCNCheck, pins), and our own certificate for it. @module */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type tls from "node:tls";
import type { ConnectTarget, TlsIdentity } from "../../actors/ports.ts";
import { readCertificate } from "../../protocol/auth/x509.ts";
import { equalBytes } from "../../protocol/bytes.ts";
import { NetworkError, ProtocolError } from "../../protocol/errors.ts";
import type { RevocationLists } from "../security/revocation.ts";
import { revocationLists } from "../security/revocation_file.ts";
import { checkAnchor, checkUses } from "./authorities.ts";
import { checkServerName } from "./server_name.ts";
import { systemRoots } from "./tls_roots.ts";

/** What the engine checks, and what is checked behind it. */
export interface Trust {
  /** Whether the engine checks the chain. */
  readonly chain: boolean;
  readonly ca: string | undefined;
  /** Whether the name is not checked. */
  readonly anyName: boolean;
  /**
   * Throws for a certificate (DER) that is not to be trusted. `others`: what the server has sent along, which is asked for where that
   * matters.
   */
  readonly check: (certificate: Uint8Array, others: () => readonly Uint8Array[]) => void;
}

/** What is to be checked of the server of a target with TLS. */
export function trustOf({ host, tls: options }: ConnectTarget): Trust {
  const { verify, ca, skipCaCheck = false, skipCnCheck = false, fingerprint, crlFile, engine } = options!;
  const chain = verify === "system" && !skipCaCheck && fingerprint === undefined;
  return {
    chain,
    ca: chain ? ca : undefined,
    anyName: skipCnCheck,
    check: (certificate, others) => {
      if (fingerprint !== undefined) return checkFingerprint(certificate, fingerprint);
      if (verify === "ignore") return;
      try {
        // Where only the issuer was not to be checked (SkipCACheck) the engine has looked at nothing: it knows all or nothing.
        if (!chain) checkValidity(certificate);
        else if (engine !== "openssl") {
          // OpenSSL looks at that itself.
          checkUses(certificate, others());
          if (ca !== undefined) checkAnchor(certificate, others(), derOf(ca), rootsOf(), Date.now());
        }
        if (!skipCnCheck) checkServerName(host, certificate, () => [...others(), ...derOf(ca)]);
        if (chain && crlFile !== undefined) checkRevocation(crlFile, certificate, others(), ca);
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        const why = `the server's certificate is not trusted (${error.message})`;
        throw new NetworkError("TlsUntrusted", why, { cause: error });
      }
    },
  };
}

/** Possession of the certificate's key was proven in the handshake, whatever else was not checked. */
function checkFingerprint(certificate: Uint8Array, wanted: string): void {
  const found = createHash(wanted.length === 40 ? "sha1" : "sha256").update(certificate).digest("hex");
  if (found === wanted) return;
  throw new NetworkError(
    "TlsFingerprint",
    `the server's certificate is not the one that is expected: its fingerprint is ${found}, not ${wanted}`,
  );
}

/** What is trusted by itself answers to no list. */
function checkRevocation(
  file: string,
  certificate: Uint8Array,
  others: readonly Uint8Array[],
  ca: string | undefined,
): void {
  const lists = revocationLists(file);
  const trusted = trustedWith(lists, ca);
  if (trusted.some((one) => equalBytes(one, certificate))) return;
  const verdict = lists.check(certificate, others, trusted, Date.now());
  if (verdict.kind === "revoked") {
    throw new NetworkError("CertificateRevoked", `the server's certificate was revoked: ${verdict.reason}`);
  }
  if (verdict.kind === "unknown") {
    throw new NetworkError(
      "RevocationUnknown",
      `whether the server's certificate was revoked is not known: ${verdict.reason}; get a list of its issuer for --crl, ` +
        "or leave the check out with --skip-revocation-check",
    );
  }
}

const trustedByLists = new WeakMap<RevocationLists, Map<string, readonly Uint8Array[]>>();

/** DER of the authorities of `ca`, and of those of the system's roots that have such a list; made once. */
function trustedWith(lists: RevocationLists, ca = ""): readonly Uint8Array[] {
  const known = trustedByLists.get(lists) ?? new Map<string, readonly Uint8Array[]>();
  trustedByLists.set(lists, known);
  let trusted = known.get(ca);
  if (trusted === undefined) {
    known.set(ca, trusted = [...derOf(ca), ...rootsOf().filter((root) => lists.isOf(root))]);
  }
  return trusted;
}

let roots: readonly Uint8Array[] | undefined;

/** DER of the system's roots. */
function rootsOf(): readonly Uint8Array[] {
  return roots ??= systemRoots().flatMap((pem) => readPem(pem));
}

/** Texts of authorities that are kept ready: a fleet has one, or a few. */
const mostTexts = 32;
const texts = new Map<string, readonly Uint8Array[]>();

/** DER of the certificates in a PEM text that comes again with every connection. */
function derOf(pem = ""): readonly Uint8Array[] {
  const read = texts.get(pem) ?? readPem(pem);
  texts.delete(pem);
  texts.set(pem, read);
  if (texts.size > mostTexts) texts.delete(texts.keys().next().value!);
  return read;
}

function readPem(pem: string): readonly Uint8Array[] {
  const blocks = pem.matchAll(/-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/g);
  return Array.from(blocks, ([, text]) => new Uint8Array(Buffer.from(text!, "base64")));
}

function checkValidity(certificate: Uint8Array): void {
  const { notBefore, notAfter } = readCertificate(certificate);
  const now = Date.now();
  if (now >= notBefore && now <= notAfter) return;
  throw Object.assign(new Error("certificate has expired, or is not valid yet"), {
    code: "CERT_HAS_EXPIRED",
  });
}

/** Our certificate as options of `tls.connect`. */
export function identityOf(identity: TlsIdentity | undefined): tls.ConnectionOptions {
  if (identity === undefined) return {};
  return "pfx" in identity
    ? { pfx: Buffer.from(identity.pfx), passphrase: identity.passphrase }
    : { cert: identity.certificate, key: identity.key };
}
