/** Signatures of certificates, in every way that authorities make them. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { isIssuedBy, isSignedWith } from "../../../runtime/security/signed.ts";
import { makeCertificate, makeRevocationList } from "../../helpers/client_ca.ts";

async function openssl(folder: string, ...args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", { args: [...args], cwd: folder }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

for (
  const [what, key, ...how] of [
    ["RSA", "rsa:2048"],
    [
      "RSASSA-PSS with a salt as long as the hash",
      "rsa:2048",
      "-sigopt",
      "rsa_padding_mode:pss",
      "-sigopt",
      "rsa_pss_saltlen:-1",
    ],
    [
      "RSASSA-PSS with the salt of old",
      "rsa:2048",
      "-sha384",
      "-sigopt",
      "rsa_padding_mode:pss",
      "-sigopt",
      "rsa_pss_saltlen:20",
    ],
    ["ECDSA on P-384", "ec:P-384", "-sha384"],
    ["ECDSA on P-521", "ec:P-521", "-sha512"],
    ["Ed25519", "ed25519"],
  ] as const
) {
  Deno.test(`a certificate that was signed with ${what} is its issuer's, and nobody else's when it was changed`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "drover-signed-" });
    const [kind, curve] = key.startsWith("ec:") ? ["ec", key.slice(3)] : [key, undefined];
    const made = [
      "-newkey",
      kind!,
      ...(curve === undefined ? [] : ["-pkeyopt", `ec_paramgen_curve:${curve}`]),
    ];
    await openssl(
      folder,
      "req",
      "-x509",
      ...made,
      "-nodes",
      "-keyout",
      "key",
      "-out",
      "ca",
      "-subj",
      "/CN=CA",
      ...how,
    );
    await openssl(
      folder,
      "req",
      "-newkey",
      "ed25519",
      "-nodes",
      "-keyout",
      "own",
      "-out",
      "request",
      "-subj",
      "/CN=x",
    );
    await openssl(
      folder,
      "x509",
      "-req",
      "-in",
      "request",
      "-CA",
      "ca",
      "-CAkey",
      "key",
      "-CAcreateserial",
      "-out",
      "leaf",
      ...how,
    );
    const read = async (name: string) =>
      new Uint8Array(new X509Certificate(await Deno.readTextFile(`${folder}/${name}`)).raw);
    const [ca, leaf] = [await read("ca"), await read("leaf")];
    assert.equal(isIssuedBy(leaf, ca), true);
    assert.equal(isIssuedBy(ca, ca), true);
    assert.equal(isIssuedBy(ca, leaf), false);
    // In the serial number, and in the signature.
    for (const place of [20, leaf.length - 1]) {
      assert.equal(isIssuedBy(leaf.with(place, leaf[place]! ^ 1), ca), false);
    }
    await Deno.remove(folder, { recursive: true });
  });
}

Deno.test("lists are signed like certificates, and rubbish is signed by nobody", () => {
  const [ca, other] = [
    makeCertificate({ name: "CA", authority: {} }),
    makeCertificate({ name: "CA", authority: {} }),
  ];
  const list = makeRevocationList({ issuer: ca }).der;
  const keyOf = ({ der }: typeof ca) => new X509Certificate(der).publicKey;
  assert.equal(isSignedWith(list, keyOf(ca)), true);
  assert.equal(isSignedWith(list, keyOf(other)), false);
  assert.equal(isSignedWith(list.subarray(1), keyOf(ca)), false);
  assert.equal(isSignedWith(new Uint8Array(0), keyOf(ca)), false);
});
