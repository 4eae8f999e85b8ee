import assert from "node:assert/strict";
import { contextTag, der } from "../../../protocol/auth/der.ts";
import { CertificateOid, KeyUsage, readCertificate, signatureHash } from "../../../protocol/auth/x509.ts";
import { concat, utf8 } from "../../../protocol/bytes.ts";
import { ProtocolError } from "../../../protocol/errors.ts";
import {
  authorityCertificate,
  clientCertificate,
  ed25519Certificate,
  pssCertificate,
} from "../../helpers/certificates.ts";

const oid = (hex: string) => der(0x06, Uint8Array.fromHex(hex));
const sanOid = oid("551d11");
const upnOid = oid("2b060104018237140203");

/** A version 3 certificate with these extensions; nothing else of it is looked at. */
function certificate(extensions: readonly Uint8Array[], algorithm = der(0x30, oid("2b6570"))): Uint8Array {
  const empty = der(0x30);
  const time = (text: string) => der(0x17, utf8(text));
  const tbs = der(
    0x30,
    der(contextTag(0), der(0x02, Uint8Array.of(2))),
    der(0x02, Uint8Array.of(1)),
    empty,
    empty,
    der(0x30, time("250101000000Z"), time("491231235959Z")),
    empty,
    empty,
    der(contextTag(3), der(0x30, ...extensions)),
  );
  return der(0x30, tbs, algorithm, der(0x03, Uint8Array.of(0)));
}

const extension = (id: Uint8Array, value: Uint8Array) => der(0x30, id, der(0x04, value));
const upn = (text: Uint8Array) => der(contextTag(0), upnOid, der(contextTag(0), der(0x0c, text)));
const names = (...list: readonly Uint8Array[]) => certificate([extension(sanOid, der(0x30, ...list))]);

Deno.test("fields of a client's certificate are read", () => {
  const fields = readCertificate(clientCertificate);
  assert.deepEqual(fields.userPrincipalNames, ["alice@corp.example"]);
  assert.deepEqual(fields.dnsNames, ["pc7.corp.example"]);
  assert.deepEqual(fields.extendedKeyUsages, [CertificateOid.clientAuth, "1.3.6.1.4.1.311.20.2.2"]);
  assert.equal(fields.authority, false);
  assert.equal(fields.keyUsage, KeyUsage.digitalSignature);
  assert.deepEqual(fields.unknownCritical, ["1.2.3.4"]);
  assert.equal(new Date(fields.notBefore).getUTCFullYear(), 2026);
  assert.equal(new Date(fields.notAfter).getUTCFullYear(), 2125);
});

Deno.test("fields of an authority's certificate are read", () => {
  const fields = readCertificate(authorityCertificate);
  assert.deepEqual([fields.authority, fields.pathLength], [true, 0]);
  assert.equal(fields.keyUsage! & KeyUsage.keyCertSign, KeyUsage.keyCertSign);
  assert.equal(fields.extendedKeyUsages, undefined);
  assert.deepEqual(fields.userPrincipalNames, []);
});

Deno.test("the hash of a signature is that of its algorithm", () => {
  assert.equal(signatureHash(clientCertificate), "sha256");
  assert.equal(signatureHash(pssCertificate), "sha384");
  assert.equal(signatureHash(ed25519Certificate), undefined);
  for (
    const [algorithm, expected] of [
      ["06092a864886f70d010104", "md5"],
      ["06092a864886f70d010105", "sha1"],
      ["06092a864886f70d01010d", "sha512"],
      ["06082a8648ce3d040303", "sha384"],
      ["06092a864886f70d01010a" + "3000", "sha1"], // RSASSA-PSS by default
      ["06092a864886f70d01010a" + "3005" + "a203020120", "sha1"], // only a length of salt
      ["06092a864886f70d01010a" + "300f" + "a00d300b0609608648016503040203", "sha512"],
    ] as const
  ) {
    const built = certificate([], der(0x30, Uint8Array.fromHex(algorithm)));
    assert.equal(signatureHash(built), expected, algorithm);
  }
  // Another algorithm's identifier anywhere else in the certificate changes nothing.
  const inside = certificate(
    [extension(oid("2a03"), oid("2a864886f70d01010d"))],
    der(0x30, oid("2a864886f70d01010b")),
  );
  assert.equal(signatureHash(inside), "sha256");
});

Deno.test("a name that says something else to a program than to a reader makes the certificate unreadable", () => {
  assert.deepEqual(readCertificate(names(upn(utf8("bob@x")))).userPrincipalNames, ["bob@x"]);
  for (
    const name of [
      upn(utf8("alice@x\0.evil")),
      upn(utf8("")),
      upn(utf8("alice @x")),
      upn(utf8("\u202ealice@x")),
      upn(Uint8Array.of(0x61, 0xff)),
      der(0x82, utf8("a.x\0.evil")),
      // Not UTF8String, and not alone in its frame.
      der(contextTag(0), upnOid, der(contextTag(0), der(0x16, utf8("alice@x")))),
      der(
        contextTag(0),
        upnOid,
        der(contextTag(0), concat([der(0x0c, utf8("a@x")), der(0x0c, utf8("b@x"))])),
      ),
    ]
  ) {
    assert.throws(() => readCertificate(names(name)), ProtocolError);
  }
});

Deno.test("what is no DER, twice there or out of order is refused", () => {
  const san = extension(sanOid, der(0x30, upn(utf8("a@x"))));
  assert.throws(() => readCertificate(certificate([san, san])), /comes twice/);
  assert.throws(() => readCertificate(concat([names(), Uint8Array.of(0)])), ProtocolError);
  for (let length = 0; length < clientCertificate.length; length++) {
    assert.throws(() => readCertificate(clientCertificate.subarray(0, length)), ProtocolError);
  }
});
