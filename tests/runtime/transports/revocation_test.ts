/** Certificates of servers that were revoked, by lists that are good or bad themselves: the same verdict of both TLS engines. */
import assert from "node:assert/strict";
import { concat, utf8 } from "../../../protocol/bytes.ts";
import { UsageError } from "../../../protocol/errors.ts";
import { RevocationLists } from "../../../runtime/security/revocation.ts";
import { makeCertificate, makeRevocationList } from "../../helpers/client_ca.ts";
import { type Identity, NamedServer } from "./named_server.ts";

const day = 86_400_000;
const ca = makeCertificate({ name: "CA", authority: {} });
const other = makeCertificate({ name: "CA", authority: {} });
const middle = makeCertificate({ name: "middle", issuer: ca, authority: {} });
const leaf = makeCertificate({ name: "leaf", dns: "host.example", issuer: ca });
const below = makeCertificate({ name: "below", dns: "host.example", issuer: middle });
const alone = makeCertificate({ name: "alone", dns: "host.example" });
/** Middle's name and key, in a certificate that leads nowhere. */
const decoy = makeCertificate({ name: "middle", sameKeyAs: middle, authority: {} });
const decoys = Array.from({ length: 20 }, (_, index) => makeCertificate({ name: `decoy ${index}` }));
const chain = (...all: readonly (typeof leaf)[]): Identity => ({
  certificate: all.map(({ certificate }) => certificate).join(""),
  key: all[0]!.key,
});
const list = (...options: Parameters<typeof makeRevocationList>) => makeRevocationList(...options).pem;
const clean = list({ issuer: ca });
const cleanMiddle = list({ issuer: middle });
const expired = { thisUpdate: Date.now() - 9 * day, nextUpdate: Date.now() - day };

const cases: readonly (readonly [what: string, identity: Identity, lists: string, expected: string])[] = [
  ["a list that has others", leaf, list({ issuer: ca, revoked: [below, middle] }), "open"],
  ["a list that has nobody", leaf, clean, "open"],
  ["a list that has it", leaf, list({ issuer: ca, revoked: [middle, leaf] }), "CertificateRevoked"],
  [
    "lists of which the second has it",
    leaf,
    clean + list({ issuer: ca, revoked: [leaf] }),
    "CertificateRevoked",
  ],
  [
    "a list that has it and has expired",
    leaf,
    list({ issuer: ca, revoked: [leaf], ...expired }),
    "CertificateRevoked",
  ],
  ["a list that has expired", leaf, list({ issuer: ca, ...expired }), "RevocationUnknown"],
  ["a list that has expired, and the next one", leaf, list({ issuer: ca, ...expired }) + clean, "open"],
  [
    "a list that is not valid yet",
    leaf,
    list({ issuer: ca, thisUpdate: Date.now() + day }),
    "RevocationUnknown",
  ],
  ["no list of its issuer", leaf, cleanMiddle, "RevocationUnknown"],
  ["a list in its issuer's name with another key", leaf, list({ issuer: other }), "RevocationUnknown"],
  ["such a list that has it", leaf, list({ issuer: other, revoked: [leaf] }), "RevocationUnknown"],
  ["its issuer's list in another name", leaf, list({ issuer: ca, issuerName: "CB" }), "RevocationUnknown"],
  [
    "a list of its issuer, which was revoked",
    chain(below, middle),
    cleanMiddle + list({ issuer: ca, revoked: [middle] }),
    "CertificateRevoked",
  ],
  ["no list of the one above its issuer", chain(below, middle), cleanMiddle, "open"],
  [
    "an old list of the one above its issuer",
    chain(below, middle),
    cleanMiddle + list({ issuer: ca, ...expired }),
    "RevocationUnknown",
  ],
  [
    "an issuer that was revoked before a decoy",
    chain(below, middle, decoy),
    cleanMiddle + list({ issuer: ca, revoked: [middle] }),
    "CertificateRevoked",
  ],
  [
    "an issuer that was revoked behind a decoy",
    chain(below, decoy, middle),
    cleanMiddle + list({ issuer: ca, revoked: [middle] }),
    // OpenSSL finds no way past it.
    "CertificateRevoked|TlsUntrusted",
  ],
  [
    "an issuer that was revoked behind many",
    chain(below, ...decoys, middle),
    cleanMiddle + list({ issuer: ca, revoked: [middle] }),
    // The platform shows no more than some.
    "TlsUntrusted|CertificateRevoked",
  ],
  ["no list, trusted by itself", alone, clean, "open"],
];

for (const engine of ["platform", "openssl"] as const) {
  for (const [index, [what, identity, lists, expected]] of cases.entries()) {
    Deno.test(`${engine}: a server's certificate with ${what}: ${expected}`, async () => {
      const crlFile = await Deno.makeTempFile({ prefix: `drover-crl-${index}-` });
      await Deno.writeTextFile(crlFile, lists);
      await using server = await NamedServer.with(identity);
      const trusted = { verify: "system", ca: ca.certificate + alone.certificate, engine } as const;
      const { code, message } = await server.outcome("host.example", { ...trusted, crlFile });
      assert.match(code, new RegExp(`^(${expected})$`), message);
      await Deno.remove(crlFile);
    });
  }

  Deno.test(`${engine}: a list that has changed is read again; one that cannot be read changes nothing`, async () => {
    const crlFile = await Deno.makeTempFile({ prefix: "drover-crl-" });
    await using server = await NamedServer.with(leaf);
    const options = { verify: "system", ca: ca.certificate, engine, crlFile } as const;
    const becomes = async (expected: string) => {
      let code = "";
      for (const until = Date.now() + 30_000; Date.now() < until && code !== expected;) {
        ({ code } = await server.outcome("host.example", options));
        if (code !== expected) await new Promise((resolve) => setTimeout(resolve, 50));
      }
      assert.equal(code, expected);
    };
    await Deno.writeTextFile(crlFile, "rubbish");
    await becomes("RevocationListInvalid");
    await Deno.writeTextFile(crlFile, clean);
    await becomes("open");
    await Deno.writeTextFile(crlFile, list({ issuer: ca, revoked: [leaf] }));
    await becomes("CertificateRevoked");
    await Deno.remove(crlFile);
    await becomes("CertificateRevoked");
  });
}

Deno.test("lists are read from PEM and DER; what is none, or only a part, is refused", () => {
  const whole = makeRevocationList({ issuer: ca, revoked: [leaf] });
  for (const file of [whole.der, utf8(whole.pem), utf8(`text before it\n${whole.pem}${clean}`)]) {
    assert.equal(new RevocationLists(file).check(leaf.der, [], [ca.der], Date.now()).kind, "revoked");
  }
  for (
    const file of [
      new Uint8Array(0),
      utf8("rubbish"),
      utf8(ca.certificate),
      whole.der.subarray(0, -1),
      concat([whole.der, whole.der]),
      makeRevocationList({ issuer: ca, partial: true }).der,
    ]
  ) {
    assert.throws(
      () => new RevocationLists(file),
      (error) => error instanceof UsageError && error.code === "RevocationListInvalid",
    );
  }
});

Deno.test("where a list of an authority above cannot be checked, nothing is good; what is trusted itself need not be", () => {
  const lists = new RevocationLists(utf8(cleanMiddle + list({ issuer: ca })));
  const verdict = (others: readonly (typeof leaf)[], trusted: readonly (typeof leaf)[]) =>
    lists.check(below.der, others.map(({ der }) => der), trusted.map(({ der }) => der), Date.now()).kind;
  assert.equal(verdict([middle], [ca]), "good");
  assert.equal(verdict([middle], []), "unknown", "the issuer of middle is not known");
  assert.equal(verdict([middle], [other]), "unknown", "another one has its name");
  assert.equal(verdict([], [middle]), "good");
});
