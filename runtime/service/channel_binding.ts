/** The channel binding `tls-server-end-point` of a certificate (RFC 5929 section 4), as Kerberos and NTLM carry it. @module */
import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import { signatureHash } from "../../protocol/auth/x509.ts";
import { ProtocolError } from "../../protocol/errors.ts";
import type { CbtHardeningLevel } from "../../protocol/wsman/config_model.ts";

/**
 * `tls-server-end-point:` and the hash of this certificate, given as DER: the application data of gss_channel_bindings. The hash is
 * that of the certificate's signature, or SHA-256 in place of MD5 and SHA-1. `undefined` where the signature has no hash of its own
 * (Ed25519), for which no binding is defined.
 */
export function serverEndPointData(certificate: Uint8Array): Uint8Array | undefined {
  const hash = bindingHash(certificate);
  if (hash === undefined) return undefined;
  return Buffer.concat([
    Buffer.from("tls-server-end-point:", "latin1"),
    createHash(hash).update(certificate).digest(),
  ]);
}

/** The MD5 of the gss_channel_bindings structure (RFC 2744 section 3.11) for this certificate, given as DER. */
export function serverEndPointBinding(certificate: Uint8Array): Uint8Array | undefined {
  const data = serverEndPointData(certificate);
  if (data === undefined) return undefined;
  // No addresses: four empty fields, then the length of the data, little-endian.
  const bindings = Buffer.alloc(20 + data.length);
  bindings.writeUInt32LE(data.length, 16);
  bindings.set(data, 20);
  return createHash("md5").update(bindings).digest();
}

/**
 * Whether a service with this `level` takes an NTLM logon that is bound to `sent` (`undefined`: to nothing) on a TLS connection with
 * `certificate` as its own: `None` looks at nothing, `Relaxed` lets nobody in with a wrong binding, `Strict` nobody without the right one.
 */
export function acceptsBinding(
  level: CbtHardeningLevel,
  certificate: Uint8Array,
  sent: Uint8Array | undefined,
): boolean {
  if (level === "None") return true;
  const expected = serverEndPointBinding(certificate);
  if (expected === undefined || sent === undefined) return level === "Relaxed";
  return sent.length === expected.length && timingSafeEqual(sent, expected);
}

function bindingHash(certificate: Uint8Array): string | undefined {
  try {
    const hash = signatureHash(certificate);
    return hash === "md5" || hash === "sha1" ? "sha256" : hash;
  } catch (error) {
    // TLS takes what is not quite DER, too; nobody else could compute a binding of it either.
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
