/** Certificates of listeners. */
import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { createSelfSigned, loadCertificate, thumbprint } from "../../../runtime/security/certificates.ts";

const now = Date.UTC(2026, 5, 1);

Deno.test("a self-signed certificate names every name, serves servers only, and is valid for a year", async () => {
  const made = await createSelfSigned(["web01", "web01.example", "192.0.2.1", "::1"], now);
  const parsed = new X509Certificate(made.certificate);
  assert.equal(parsed.checkHost("web01.example"), "web01.example");
  assert.equal(parsed.checkIP("192.0.2.1"), "192.0.2.1");
  assert.match(parsed.subjectAltName ?? "", /IP Address:(::1|0:0:0:0:0:0:0:1)/);
  assert.equal(parsed.ca, false);
  // The purpose id-kp-serverAuth, 1.3.6.1.5.5.7.3.1 (RFC 5280 section 4.2.1.12), alone.
  assert.match(new Uint8Array(parsed.raw).toHex(), /0603551d25040c300a06082b06010505070301/);
  assert.ok(parsed.validFromDate.getTime() < now && now < parsed.validToDate.getTime());
  assert.equal(made.thumbprintSha1, createHash("sha1").update(parsed.raw).digest("hex").toUpperCase());
  assert.equal(made.thumbprintSha256, createHash("sha256").update(parsed.raw).digest("hex").toUpperCase());
  const again = await createSelfSigned(["web01"], now);
  assert.notEqual(again.thumbprintSha256, made.thumbprintSha256);
  await assert.rejects(createSelfSigned([], now), { code: "CertificateNames" });
});

Deno.test("a certificate is loaded from files; what is wrong with them is said", async () => {
  const folder = await Deno.makeTempDir();
  const path = (name: string) => `${folder}/${name}`;
  const made = await createSelfSigned(["web01"], now);
  await Deno.writeTextFile(path("cert.pem"), `a comment\n${made.certificate}`);
  await Deno.writeTextFile(path("key.pem"), made.key);
  const loaded = await loadCertificate(path("cert.pem"), path("key.pem"));
  assert.equal(loaded.thumbprintSha1, made.thumbprintSha1);
  assert.equal(thumbprint(loaded.certificate, "sha256"), made.thumbprintSha256);
  await assert.rejects(loadCertificate(path("none.pem"), path("key.pem")), { code: "CertificateUnreadable" });
  await assert.rejects(loadCertificate(path("key.pem"), path("key.pem")), { code: "CertificateInvalid" });
  await assert.rejects(loadCertificate(path("cert.pem"), path("cert.pem")), { code: "CertificateInvalid" });
  await Deno.remove(folder, { recursive: true });
});
