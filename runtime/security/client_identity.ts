/** Our own certificate, with which we log on: PEM or PKCS#12, its key protected or not. @module */
import { Buffer } from "node:buffer";
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import tls from "node:tls";
import type { TlsIdentity } from "../../actors/ports.ts";
import { utf8 } from "../../protocol/bytes.ts";
import { UsageError } from "../../protocol/errors.ts";
import { hiding, type Secret } from "../../protocol/secret.ts";

/** A certificate to log on with. */
export type ClientCertificate =
  /** PEM of the certificate (its issuers may follow it) and of its key. */
  | { readonly certificate: string; readonly key: string; readonly passphrase?: Secret }
  /** PKCS#12. */
  | { readonly pfx: Uint8Array; readonly passphrase?: Secret };

/** What was checked already: many hosts share one. */
const checked = new WeakMap<ClientCertificate, TlsIdentity>();

/**
 * The certificate as TLS takes it, with its key in clear.
 *
 * @throws UsageError `CertificateInvalid`, `CertificateKey` (the key cannot be read, its passphrase is wrong or missing, or it is
 *   another certificate's)
 */
export function identityOf(client: ClientCertificate): TlsIdentity {
  let identity = checked.get(client);
  if (identity === undefined) {
    identity = "pfx" in client ? fromPfx(client.pfx, client.passphrase) : fromPem(client);
    checked.set(client, identity);
  }
  return identity;
}

function fromPem(
  { certificate, key, passphrase }: Extract<ClientCertificate, { certificate: string }>,
): TlsIdentity {
  let parsed: X509Certificate;
  try {
    parsed = new X509Certificate(certificate);
  } catch (cause) {
    throw new UsageError(
      "CertificateInvalid",
      "read client certificate: it is not an X.509 certificate in PEM",
      {
        cause,
      },
    );
  }
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey({
      key,
      ...(passphrase === undefined ? {} : { passphrase: passphrase.reveal() }),
    });
  } catch (cause) {
    const locked = /-----BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED/.test(key);
    const why = !locked
      ? "it is no key in PEM"
      : passphrase === undefined
      ? "it has a passphrase (--client-key-passphrase-env)"
      : "its passphrase is wrong";
    throw new UsageError("CertificateKey", `read key of the client certificate: ${why}`, { cause });
  }
  if (!parsed.checkPrivateKey(privateKey)) {
    throw new UsageError("CertificateKey", "read key of the client certificate: it is another certificate's");
  }
  return hiding({ certificate }, { key: privateKey.export({ type: "pkcs8", format: "pem" }).toString() });
}

function fromPfx(pfx: Uint8Array, secret: Secret | undefined): TlsIdentity {
  const passphrase = secret?.reveal() ?? "";
  let context: PlatformContext;
  try {
    ({ context } = tls.createSecureContext({ pfx: Buffer.from(pfx), passphrase }));
  } catch (cause) {
    const mac = cause instanceof Error && /mac verify/i.test(cause.message);
    throw new UsageError(
      mac ? "CertificateKey" : "CertificateInvalid",
      mac
        ? "read client certificate: its passphrase is wrong or missing (--client-key-passphrase-env)"
        : "read client certificate: it is neither PEM nor PKCS#12",
      { cause },
    );
  }
  // The platform takes it apart, but sends no issuers of it (Deno 2.9.6): so they are handed over in PEM.
  const { cert, key, ca = [] } = context;
  if (typeof cert !== "string" || typeof key !== "string") return hiding({}, { pfx, passphrase });
  return hiding({ certificate: [cert, ...ca].join("\n") }, { key });
}

/** What the platform makes of PKCS#12, where it lets it be seen. */
interface PlatformContext {
  readonly cert?: unknown;
  readonly key?: unknown;
  readonly ca?: readonly string[];
}

/**
 * Reads a certificate from files: PEM with its key in the same or another file, or PKCS#12. What is PEM itself is taken as it is.
 *
 * @throws UsageError `CertificateUnreadable`, and what {@link identityOf} throws
 */
export function readClientCertificate(
  certFile: string,
  keyFile: string | undefined,
  passphrase: Secret | undefined,
): ClientCertificate {
  const bytes = readFile(certFile);
  const locked = passphrase === undefined ? {} : { passphrase };
  const text = new TextDecoder().decode(bytes);
  const client = text.includes("-----BEGIN ")
    ? hiding({ ...locked }, {
      certificate: text,
      key: keyFile === undefined ? text : new TextDecoder().decode(readFile(keyFile)),
    })
    : hiding({ ...locked }, { pfx: bytes });
  identityOf(client);
  return client;
}

function readFile(path: string): Uint8Array {
  if (path.includes("-----BEGIN ")) return utf8(path);
  try {
    return Deno.readFileSync(path);
  } catch (cause) {
    throw new UsageError("CertificateUnreadable", `read client certificate: ${path} cannot be read`, {
      cause,
    });
  }
}
