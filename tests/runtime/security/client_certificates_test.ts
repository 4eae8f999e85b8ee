/** Whose a client's certificate is. */
import assert from "node:assert/strict";
import { utf8 } from "../../../protocol/bytes.ts";
import { UsageError } from "../../../protocol/errors.ts";
import { CertificateMap, readMappings } from "../../../runtime/security/client_certificates.ts";
import { thumbprint } from "../../../runtime/security/certificates.ts";
import { RevocationLists } from "../../../runtime/security/revocation.ts";
import {
  type CertificateOptions,
  type MadeCertificate,
  makeCertificate,
  makeRevocationList,
} from "../../helpers/client_ca.ts";

const root = makeCertificate({ name: "Root", authority: {} });
const issuing = makeCertificate({ name: "Issuing", issuer: root, authority: { pathLength: 0 } });
const now = Date.now();

function sha1(certificate: MadeCertificate): string {
  return thumbprint(certificate.certificate, "sha1");
}

function client(options: Partial<CertificateOptions> = {}): MadeCertificate {
  return makeCertificate({
    name: "client",
    issuer: issuing,
    upn: "alice@corp.example",
    uses: [2],
    ...options,
  });
}

function map(
  rows: readonly (readonly [issuer: MadeCertificate | string, subject: string, userName: string])[],
  authorities: readonly MadeCertificate[] = [root],
): CertificateMap {
  const mappings = rows.map(([issuer, subject, userName]) => ({
    issuer: typeof issuer === "string" ? issuer : sha1(issuer),
    subject,
    userName,
  }));
  return new CertificateMap(mappings, authorities.map(({ certificate }) => certificate).join(""));
}

const anyone = map([[issuing, "*", "demo"]]);

/** The account, or why there is none. */
function identify(over: CertificateMap, ...chain: readonly MadeCertificate[]): string {
  const found = over.identify(chain.map(({ der }) => der), now);
  return found.kind === "mapped" ? found.userName : found.reason;
}

Deno.test("a certificate is mapped by its issuer and a name, over the chain that the client sends", () => {
  assert.equal(identify(anyone, client(), issuing), "demo");
  assert.equal(identify(anyone, client(), issuing, root), "demo");
  assert.equal(identify(anyone, client({ dns: "pc.corp.example" }), issuing), "demo");
  const known = map([[issuing, "*", "demo"]], [root, issuing]);
  assert.equal(identify(known, client()), "demo", "the issuer need not be sent where it is known");
  const sha256 = map([[thumbprint(issuing.certificate, "sha256"), "*", "demo"]]);
  assert.equal(identify(sha256, client(), issuing), "demo");
});

Deno.test("the longest Subject that fits is taken, and two of the same length are one too many", () => {
  const some = map([
    [issuing, "*", "anyone"],
    [issuing, "*@corp.example", "staff"],
    [issuing, "alice@corp.EXAMPLE", "alice"],
    [issuing, "bob@*", "bob"],
    [issuing, "*.pc.example", "machine"],
    [issuing, "twin@corp.example", "one"],
    [issuing, "TWIN@corp.example", "two"],
  ]);
  const named = (upn: string) => identify(some, client({ upn }), issuing);
  assert.equal(named("Alice@corp.example"), "alice");
  assert.equal(named("carol@corp.example"), "staff");
  assert.equal(named("bob@elsewhere"), "bob");
  assert.equal(named("carol@elsewhere"), "anyone");
  assert.match(named("twin@corp.example"), /several mappings fit it: one, two/);
  const machine = makeCertificate({ name: "m", issuer: issuing, dns: "a.pc.example", uses: [2] });
  assert.equal(identify(some, machine, issuing), "machine");
  assert.match(
    identify(map([[issuing, "*@corp.example", "staff"]]), client({ upn: "a@evil.example" }), issuing),
    /no mapping has its names \(a@evil\.example\)/,
  );
});

Deno.test("a name with a character that only becomes a letter in lower case is not the name with the letter", () => {
  const kate = map([[issuing, "kate@corp.example", "kate"]]);
  assert.equal(identify(kate, client({ upn: "KATE@corp.example" }), issuing), "kate");
  assert.match(
    identify(kate, client({ upn: "\u212aate@corp.example" }), issuing),
    /no mapping has its names/,
  );
});

Deno.test("the common name maps nobody: anybody may have any", () => {
  const named = makeCertificate({ name: "alice@corp.example", issuer: issuing, uses: [2] });
  assert.match(
    identify(map([[issuing, "*alice@corp.example", "alice"]]), named, issuing),
    /no mapping has its names/,
  );
});

Deno.test("another issuer, one that only has the name, and one that nobody trusts map nobody", () => {
  // A mapping names the certificate that signs, not one above it.
  assert.match(identify(map([[root, "*", "demo"]]), client(), issuing), /no mapping names its issuer/);
  const impostor = makeCertificate({ name: "Issuing", authority: {} });
  assert.match(identify(anyone, client({ issuer: impostor }), impostor), /no mapping names its issuer/);
  assert.match(identify(anyone, client({ issuer: impostor }), issuing), /leads to no trusted authority/);
  const elsewhere = makeCertificate({ name: "Root", authority: {} });
  assert.match(
    identify(map([[issuing, "*", "demo"]], [elsewhere]), client(), issuing),
    /no trusted authority/,
  );
  assert.match(identify(anyone, client()), /no mapping names its issuer/, "the issuer was not sent");
});

for (
  const [what, options, reason] of [
    ["expired", { notAfter: now - 1_000 }, /has expired/],
    ["not valid yet", { notBefore: now + 60_000 }, /not valid yet/],
    ["for servers", { uses: [1] }, /not for client authentication/],
    ["for no use that is named", { uses: undefined }, /not for client authentication/],
    ["for keys only", { keyUsage: 0x20 }, /not for signatures/],
    ["with what nobody knows", { unknownCritical: true }, /critical extension .*1\.2\.3\.4/],
    ["signed with SHA-1", { hash: "sha1" }, /SHA-1/],
  ] as const
) {
  Deno.test(`a certificate ${what} is refused`, () => {
    const { uses, ...others } = { uses: [2], ...options } as { uses?: readonly number[] };
    const wrong = makeCertificate({
      name: "client",
      issuer: issuing,
      upn: "alice@corp.example",
      ...others,
      ...(uses === undefined ? {} : { uses }),
    });
    assert.match(identify(anyone, wrong, issuing), reason);
  });
}

for (
  const [what, options] of [
    ["is no authority", { authority: undefined }],
    ["may not sign certificates", { keyUsage: 0x80 }],
    ["is for servers only", { uses: [1] }],
    ["has expired", { notAfter: now - 1_000 }],
    ["is signed with SHA-1", { hash: "sha1" }],
    ["has a critical extension that nobody knows", { unknownCritical: true }],
  ] as const
) {
  Deno.test(`a chain over a certificate that ${what} leads nowhere`, () => {
    const { authority, ...others } = { authority: {}, ...options } as Partial<CertificateOptions>;
    const middle = makeCertificate({
      name: "Middle",
      issuer: root,
      ...others,
      ...(authority === undefined ? {} : { authority }),
    });
    const over = map([[middle, "*", "demo"]]);
    // Node itself takes it for no issuer at all where keyUsage says so.
    assert.match(identify(over, client({ issuer: middle }), middle), /no trusted authority|names its issuer/);
  });
}

Deno.test("a path length is kept to", () => {
  const below = makeCertificate({ name: "Below", issuer: issuing, authority: {} });
  const over = map([[below, "*", "demo"]]);
  assert.match(identify(over, client({ issuer: below }), below, issuing), /no trusted authority/);
  const free = makeCertificate({ name: "Free", issuer: root, authority: { pathLength: 1 } });
  const under = makeCertificate({ name: "Under", issuer: free, authority: {} });
  assert.equal(identify(map([[under, "*", "demo"]]), client({ issuer: under }), under, free), "demo");
});

Deno.test("a certificate that is trusted itself needs no authority, another with its name does", () => {
  const pinned = makeCertificate({ name: "client", upn: "alice@corp.example", uses: [2] });
  const over = map([[pinned, "alice@corp.example", "demo"]], [pinned]);
  assert.equal(identify(over, pinned), "demo");
  const twin = makeCertificate({ name: "client", upn: "alice@corp.example", uses: [2] });
  assert.match(identify(over, twin), /no mapping names its issuer|no trusted authority/);
  // It is no authority: what its key signs is nobody's.
  const child = makeCertificate({ name: "child", issuer: pinned, upn: "alice@corp.example", uses: [2] });
  assert.match(identify(over, child, pinned), /no trusted authority/);
});

Deno.test("a certificate that is changed in any byte, the client's or one above it, is refused and breaks nothing", () => {
  const own = client();
  const chain = [own.der, issuing.der, root.der];
  for (const [place, der] of [[0, own.der], [1, issuing.der]] as const) {
    for (let at = 0; at < der.length; at++) {
      const found = anyone.identify(chain.with(place, der.with(at, der[at]! ^ 4)), now);
      assert.equal(found.kind, "refused", `certificate ${place}, byte ${at}`);
      // Beside the one that is needed it does no harm, unless it cannot be read.
      anyone.identify([...chain, der.with(at, der[at]! ^ 4)], now);
    }
  }
});

Deno.test("certificates that sign each other in a ring end", () => {
  const one = makeCertificate({ name: "One", authority: {} });
  const two = makeCertificate({ name: "Two", authority: {} });
  const oneByTwo = makeCertificate({ name: "One", issuer: two, sameKeyAs: one, authority: {} });
  const twoByOne = makeCertificate({ name: "Two", issuer: one, sameKeyAs: two, authority: {} });
  const ring = Array.from({ length: 8 }, (_, n) => n % 2 === 0 ? oneByTwo : twoByOne);
  const over = map([[oneByTwo, "*", "demo"]]);
  assert.match(identify(over, client({ issuer: one }), ...ring), /no trusted authority/);
});

Deno.test("no certificate, and one that is none, are told apart", () => {
  assert.match(identify(anyone), /sent no certificate/);
  assert.match(anyone.identify([Uint8Array.of(1, 2)], now).kind, /refused/);
});

Deno.test("mappings are read by WinRM's names, and wrong ones are named", () => {
  const issuer = "AB:".repeat(19) + "AB";
  assert.deepEqual(readMappings([`Issuer=${issuer};Subject=*@x;UserName=demo;URI=*;Enabled=true`]), [
    { issuer: "ab".repeat(20), subject: "*@x", userName: "demo" },
  ]);
  assert.deepEqual(readMappings([`issuer=${issuer};subject=*@x;username=demo;enabled=false`]), []);
  for (
    const [line, reason] of [
      ["Issuer=12;Subject=*;UserName=a", /no SHA-1/],
      [`Issuer=${issuer};Subject=a*b;UserName=a`, /\* elsewhere/],
      [`Issuer=${issuer};Subject=*a*;UserName=a`, /\* elsewhere/],
      [`Issuer=${issuer};Subject=;UserName=a`, /is empty/],
      [`Issuer=${issuer};Subject=*`, /are needed/],
      [`Issuer=${issuer};Subject=*;UserName=a;URI=http://x/*`, /URI can only be \*/],
      [`Issuer=${issuer};Subject=*;Subject=*;UserName=a`, /comes twice/],
      ["nonsense", /not of the form/],
    ] as const
  ) {
    assert.throws(
      () => readMappings([line]),
      (error) => error instanceof UsageError && reason.test(error.message),
      line,
    );
  }
});

Deno.test("a UPN is no DNS name, nor a DNS name a UPN: an authority may let clients choose one of them", () => {
  const alice = map([[issuing, "alice@corp.example", "alice"], [issuing, "*.corp.example", "machine"]]);
  assert.match(
    identify(alice, client({ upn: "eve", dns: "alice@corp.example" }), issuing),
    /no mapping has its names/,
  );
  assert.match(identify(alice, client({ upn: "pc.corp.example" }), issuing), /no mapping has its names/);
});

Deno.test("a certificate that was revoked, or has no list, maps to nobody; nor does one of an authority that was revoked", () => {
  const revoking = (...lists: readonly Parameters<typeof makeRevocationList>[0][]) => {
    const file = utf8(lists.map((options) => makeRevocationList(options).pem).join(""));
    const { certificate } = root;
    const mapping = { issuer: sha1(issuing), subject: "*", userName: "demo" };
    return new CertificateMap([mapping], certificate, () => new RevocationLists(file));
  };
  const gone = client();
  const some = revoking({ issuer: issuing, revoked: [gone] }, { issuer: root });
  assert.match(identify(some, gone, issuing), /was revoked/);
  assert.equal(identify(some, client(), issuing), "demo");
  assert.match(identify(revoking({ issuer: root }), client(), issuing), /there is no list of its issuer/);
  const authority = revoking({ issuer: issuing }, { issuer: root, revoked: [issuing] });
  assert.match(identify(authority, client(), issuing), /was revoked/);
});
