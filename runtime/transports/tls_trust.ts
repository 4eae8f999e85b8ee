/** What a server's certificate must be (WinRM's SkipCACheck and SkipCNCheck, pins), and our own certificate for it. @module */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import tls from "node:tls";
import type { ConnectTarget, TlsIdentity } from "../../actors/ports.ts";
import { readCertificate } from "../../protocol/auth/x509.ts";
import { NetworkError } from "../../protocol/errors.ts";

/** What the engine checks, and what is checked behind it. */
export interface Trust {
  /** Whether the engine checks the chain (with it, the name). */
  readonly chain: boolean;
  readonly ca: string | undefined;
  /** Whether the engine's check of the name is switched off. */
  readonly anyName: boolean;
  /** Throws for a certificate that is not to be trusted. */
  readonly check: (certificate: tls.PeerCertificate) => void;
}

/** What is to be checked of the server of a target with TLS. */
export function trustOf({ host, tls: options }: ConnectTarget): Trust {
  const { verify, ca, skipCaCheck = false, skipCnCheck = false, fingerprint } = options!;
  const chain = verify === "system" && !skipCaCheck && fingerprint === undefined;
  return {
    chain,
    ca: chain ? ca : undefined,
    anyName: skipCnCheck,
    check: (certificate) => {
      if (fingerprint !== undefined) return checkFingerprint(certificate, fingerprint);
      if (chain || verify === "ignore") return;
      // Only the issuer was not to be checked (SkipCACheck); the engine looks at all or nothing.
      checkValidity(certificate);
      if (skipCnCheck) return;
      const wrong = tls.checkServerIdentity(host, certificate);
      if (wrong !== undefined) throw wrong;
    },
  };
}

/** Possession of the certificate's key was proven in the handshake, whatever else was not checked. */
function checkFingerprint({ raw }: tls.PeerCertificate, wanted: string): void {
  const found = createHash(wanted.length === 40 ? "sha1" : "sha256").update(raw).digest("hex");
  if (found === wanted) return;
  throw new NetworkError(
    "TlsFingerprint",
    `the server's certificate is not the one that is expected: its fingerprint is ${found}, not ${wanted}`,
  );
}

function checkValidity({ raw }: tls.PeerCertificate): void {
  const { notBefore, notAfter } = readCertificate(new Uint8Array(raw));
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
