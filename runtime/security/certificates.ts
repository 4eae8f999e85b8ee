/** Certificates of listeners: loading, and making self-signed ones. @module */
import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { UsageError } from "../../protocol/errors.ts";
import { hiding } from "../../protocol/secret.ts";

/** A certificate chain with its key, both PEM, and the fingerprints of its first certificate. */
export interface ServerCertificate {
  /** PEM, the server's own certificate first. */
  readonly certificate: string;
  /** PEM (PKCS#8 where we made it). Secret: never log it. */
  readonly key: string;
  /** SHA-1 of the DER, upper-case hex: the thumbprint that Windows shows. */
  readonly thumbprintSha1: string;
  /** SHA-256 of the DER, upper-case hex. */
  readonly thumbprintSha256: string;
}

const dayMs = 86_400_000;
/** How long a self-signed certificate is valid; some clients refuse more than two years. */
const validDays = 365;
/**
 * Makes a self-signed certificate for `names` (DNS names and IP literals, the first one is the subject), valid from
 * a day before `now` (milliseconds since 1970) for a year. RSA 2048 with SHA-256: every known WinRM client takes it.
 * Throws {@link UsageError} `CertificateNames` when `names` is empty.
 */
export async function createSelfSigned(names: readonly string[], now: number): Promise<ServerCertificate> {
  const first = names[0];
  if (first === undefined) {
    throw new UsageError("CertificateNames", "create a certificate: no name was given");
  }
  // Only here, since the library behind it is large and most runs never need it.
  const { generate } = await import("selfsigned");
  const made = await generate([{ name: "commonName", value: first }], {
    keyType: "rsa",
    keySize: 2048,
    algorithm: "sha256",
    notBeforeDate: new Date(now - dayMs),
    notAfterDate: new Date(now + validDays * dayMs),
    extensions: [
      { name: "basicConstraints", cA: false, critical: true },
      { name: "keyUsage", digitalSignature: true, keyEncipherment: true, critical: true },
      { name: "extKeyUsage", serverAuth: true },
      {
        name: "subjectAltName",
        altNames: names.map((name) => isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name }),
      },
    ],
  });
  return withThumbprints(made.cert, made.private);
}

/**
 * Reads a certificate chain and its key from PEM files. Throws {@link UsageError}: `CertificateUnreadable` when a file
 * cannot be read, `CertificateInvalid` when it holds no certificate or no key.
 */
export async function loadCertificate(certPath: string, keyPath: string): Promise<ServerCertificate> {
  const certificate = await readPem(certPath, "CERTIFICATE");
  const key = await readPem(keyPath, "PRIVATE KEY");
  return withThumbprints(certificate, key);
}

/** Certificates of authorities, PEM. Throws `UsageError` when they cannot be read. */
export async function readAuthorities(path: string): Promise<string> {
  const pem = await readPem(path, "CERTIFICATE");
  thumbprint(pem, "sha256");
  return pem;
}

/** Fingerprint of the first certificate in `pem`: upper-case hex. Throws `UsageError` `CertificateInvalid`. */
export function thumbprint(pem: string, hash: "sha1" | "sha256"): string {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch (cause) {
    throw new UsageError(
      "CertificateInvalid",
      "read the certificate: it is not an X.509 certificate in PEM",
      {
        cause,
      },
    );
  }
  const withColons = hash === "sha1" ? certificate.fingerprint : certificate.fingerprint256;
  return withColons.replaceAll(":", "");
}

function withThumbprints(certificate: string, key: string): ServerCertificate {
  return hiding({
    certificate,
    thumbprintSha1: thumbprint(certificate, "sha1"),
    thumbprintSha256: thumbprint(certificate, "sha256"),
  }, { key });
}

async function readPem(path: string, label: string): Promise<string> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError("CertificateUnreadable", `read ${path}: ${reason}`, { cause });
  }
  if (!new RegExp(`-----BEGIN [A-Z ]*${label}-----`).test(text)) {
    throw new UsageError("CertificateInvalid", `read ${path}: it holds no PEM block ${label}`);
  }
  return text;
}
