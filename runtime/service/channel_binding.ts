/** The channel binding `tls-server-end-point` of a certificate (RFC 5929 section 4), as Kerberos and NTLM carry it. @module */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";

/** DER of the signature algorithms whose hash is used as it is; for MD5, SHA-1 and SHA-256 it is SHA-256. */
const longerHashes: readonly (readonly [string, string])[] = [
  // sha384WithRSAEncryption, sha512WithRSAEncryption, ecdsa-with-SHA384, ecdsa-with-SHA512
  ["06092a864886f70d01010c", "sha384"],
  ["06092a864886f70d01010d", "sha512"],
  ["06082a8648ce3d040303", "sha384"],
  ["06082a8648ce3d040304", "sha512"],
];

/** `tls-server-end-point:` and the hash of this certificate, given as DER: the application data of gss_channel_bindings. */
export function serverEndPointData(certificate: Uint8Array): Uint8Array {
  const hex = Buffer.from(certificate).toString("hex");
  const hash = longerHashes.find(([oid]) => hex.includes(oid))?.[1] ?? "sha256";
  return Buffer.concat([
    Buffer.from("tls-server-end-point:", "latin1"),
    createHash(hash).update(certificate).digest(),
  ]);
}

/** The MD5 of the gss_channel_bindings structure (RFC 2744 section 3.11) for this certificate, given as DER. */
export function serverEndPointBinding(certificate: Uint8Array): Uint8Array {
  const data = serverEndPointData(certificate);
  // No addresses: four empty fields, then the length of the data, little-endian.
  const bindings = Buffer.alloc(20 + data.length);
  bindings.writeUInt32LE(data.length, 16);
  bindings.set(data, 20);
  return createHash("md5").update(bindings).digest();
}
