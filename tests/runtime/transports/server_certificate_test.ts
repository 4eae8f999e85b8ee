/** Which certificates of servers are good enough for which names: hostile ones, too, and the same verdict of both TLS engines. */
import assert from "node:assert/strict";
import type { TlsClientOptions, TlsEngineName } from "../../../actors/ports.ts";
import { type CertificateOptions, makeCertificate } from "../../helpers/client_ca.ts";
import { type Identity, NamedServer } from "./named_server.ts";

const ca = makeCertificate({ name: "CA", authority: {} });
const made = (options: Partial<CertificateOptions>) =>
  makeCertificate({ name: "x", issuer: ca, uses: [1], ...options });
/** The first with the others behind it. */
const chain = (...[leaf, ...others]: readonly ReturnType<typeof made>[]): Identity => ({
  certificate: [leaf!, ...others].map(({ certificate }) => certificate).join(""),
  key: leaf!.key,
});
/** Signed by itself, as servers do, and no authority. */
const alone = makeCertificate({ name: "alone", dns: "host.example", keyUsage: 0xa0 });
const day = 86_400_000;
const middle = (options: Partial<CertificateOptions>) =>
  makeCertificate({ name: "middle", issuer: ca, authority: {}, ...options });
const below = (authority: ReturnType<typeof made>, options: Partial<CertificateOptions> = {}) =>
  chain(made({ dns: "host.example", issuer: authority, ...options }), authority);

/** A leaf below so many authorities. */
function deep(count: number): Identity {
  const authorities = [ca];
  for (let index = 0; index < count; index++) {
    authorities.unshift(makeCertificate({ name: `level ${index}`, issuer: authorities[0]!, authority: {} }));
  }
  return chain(made({ dns: "host.example", issuer: authorities[0]! }), ...authorities.slice(0, -1));
}

/** Authorities that have signed each other's certificates in a ring. */
function ring(): Identity {
  const keys = Array.from({ length: 20 }, () => makeCertificate({ name: "ring", authority: {} }));
  const others = keys.map((key, index) =>
    makeCertificate({ name: "ring", issuer: keys[(index + 1) % 20]!, sameKeyAs: key, authority: {} })
  );
  return chain(made({ dns: "host.example", issuer: keys[0]! }), ...others);
}

const ipv6 = [0xfd, ...Array<number>(14).fill(0), 1];
const mapped = [...Array<number>(10).fill(0), 255, 255, 10, 0, 0, 1];
const listed = Array.from({ length: 1_000 }, (_, index) => `host${index}.example`);
const bounded = { permitted: "good.example" };

const cases: readonly (readonly [what: string, host: string, identity: Identity, verdict: "good" | "bad"])[] =
  [
    ["its name", "host.example", made({ dns: "host.example" }), "good"],
    ["its name in other letters", "HOST.example", made({ dns: "Host.Example" }), "good"],
    ["its name with the root's dot", "host.example.", made({ dns: "host.example" }), "good"],
    ["its name among many", "host.example", made({ dns: [...listed, "host.example"] }), "good"],
    ["its name as A-label", "xn--bcher-kva.example", made({ dns: "xn--bcher-kva.example" }), "good"],
    ["no name but the common one", "host.example", made({ name: "host.example" }), "good"],
    [
      "another name beside the common one",
      "host.example",
      made({ name: "host.example", dns: "o.example" }),
      "bad",
    ],
    [
      "an address beside the common name",
      "host.example",
      made({ name: "host.example", addresses: [[10, 0, 0, 1]] }),
      "bad",
    ],
    ["another name", "host.example", made({ dns: "other.example" }), "bad"],
    ["a name that begins like it", "host.example", made({ dns: "host.example.evil.example" }), "bad"],
    ["a name with NUL behind it", "host.example", made({ dns: "host.example\0.evil.example" }), "bad"],
    [
      "a common name with NUL behind it",
      "host.example",
      made({ name: "host.example\0.evil.example" }),
      "bad",
    ],
    [
      "a name that reads like two in a list",
      "host.example",
      made({ dns: "evil.example, DNS:host.example" }),
      "bad",
    ],
    [
      "a name that reads like an address in a list",
      "10.0.0.1",
      made({ dns: "evil.example, IP Address:10.0.0.1" }),
      "bad",
    ],
    ["a name with a space", "host.example", made({ dns: "host.example " }), "bad"],
    ["an empty name", "host.example", made({ dns: "" }), "bad"],
    ["a star for its first label", "host.example.com", made({ dns: "*.example.com" }), "good"],
    ["a star for two labels", "a.host.example.com", made({ dns: "*.example.com" }), "bad"],
    ["a star for no label", "example.com", made({ dns: "*.example.com" }), "bad"],
    ["a star for a part of a label", "host.example.com", made({ dns: "h*.example.com" }), "bad"],
    ["a star in the middle", "host.a.example.com", made({ dns: "host.*.example.com" }), "bad"],
    ["two stars", "a.b.example.com", made({ dns: "*.*.example.com" }), "bad"],
    ["a star for a whole top-level domain", "example.com", made({ dns: "*.com" }), "bad"],
    ["a star alone", "localhost", made({ dns: "*" }), "bad"],
    ["a star for an address", "10.0.0.1", made({ dns: "*.0.0.1" }), "bad"],
    ["its address", "10.0.0.1", made({ addresses: [[10, 0, 0, 1]] }), "good"],
    ["its address of 16 bytes", "fd00::1", made({ addresses: [ipv6] }), "good"],
    ["its address in another spelling", "FD00:0:0::0:1", made({ addresses: [ipv6] }), "good"],
    ["another address", "10.0.0.1", made({ addresses: [[10, 0, 0, 2]] }), "bad"],
    ["its address in 16 bytes", "10.0.0.1", made({ addresses: [mapped] }), "bad"],
    ["an address of five bytes", "10.0.0.1", made({ addresses: [[10, 0, 0, 1, 0]] }), "bad"],
    ["its address as a name", "10.0.0.1", made({ dns: "10.0.0.1" }), "bad"],
    ["its address as common name", "10.0.0.1", made({ name: "10.0.0.1" }), "bad"],
    ["a use as a client", "host.example", made({ dns: "host.example", uses: [2] }), "bad"],
    [
      "a critical extension that is unknown",
      "host.example",
      made({ dns: "host.example", unknownCritical: true }),
      "bad",
    ],
    ["60 KB", "host.example", made({ dns: "host.example", padding: 60_000 }), "good"],
    [
      "an issuer of the right name with another key",
      "host.example",
      made({ dns: "host.example", issuer: makeCertificate({ name: "CA", authority: {} }) }),
      "bad",
    ],
    [
      "itself as its issuer",
      "host.example",
      makeCertificate({ name: "CA", dns: "host.example", authority: {} }),
      "bad",
    ],
    ["six authorities above it", "host.example", deep(6), "good"],
    ["seven authorities above it", "host.example", deep(7), "bad"],
    ["ninety authorities above it", "host.example", deep(90), "bad"],
    ["a ring of authorities above it", "host.example", ring(), "bad"],
    [
      "an authority that has expired",
      "host.example",
      below(middle({ notBefore: Date.now() - 9 * day, notAfter: Date.now() - day })),
      "bad",
    ],
    ["itself sent twice, and trusted", "host.example", chain(alone, alone), "good"],
    ["an authority that may sign no certificates", "host.example", below(middle({ keyUsage: 0x82 })), "bad"],
    ["an authority that may sign certificates", "host.example", below(middle({ keyUsage: 0x06 })), "good"],
    ["an authority for clients", "host.example", below(middle({ uses: [2] })), "bad"],
    [
      "more authorities than one above allows",
      "host.example",
      (() => {
        const first = middle({ authority: { pathLength: 0 } });
        const second = makeCertificate({ name: "second", issuer: first, authority: {} });
        return chain(made({ dns: "host.example", issuer: second }), second, first);
      })(),
      "bad",
    ],
    [
      "a name where its authority may vouch",
      "a.good.example",
      below(middle(bounded), { dns: "a.good.example" }),
      "good",
    ],
    ["a name where its authority may not vouch", "host.example", below(middle(bounded)), "bad"],
    [
      "a name that its authority must not vouch for",
      "host.example",
      below(middle({ excluded: "example" })),
      "bad",
    ],
    [
      "a common name alone, where its authority may not vouch",
      "host.example",
      below(middle(bounded), { name: "host.example", dns: [] }),
      "bad",
    ],
    [
      "a list in a name, where its authority may not vouch",
      "host.example",
      below(middle(bounded), { dns: "host.example, DNS:a.good.example" }),
      "bad",
    ],
  ];

for (const engine of ["platform", "openssl"] as const satisfies readonly TlsEngineName[]) {
  for (const [what, host, identity, verdict] of cases) {
    Deno.test(`${engine}: a server's certificate with ${what} is ${verdict} for ${host}`, async () => {
      await using server = await NamedServer.with(identity);
      const { code } = await server.outcome(host, {
        verify: "system",
        ca: ca.certificate + alone.certificate,
        engine,
      });
      assert.equal(code, verdict === "good" ? "open" : "TlsUntrusted");
    });
  }

  for (
    const [what, options, verdict] of [
      ["an authority's", { authority: {} }, "open"],
      ["an authority's that says so with keyUsage alone", { keyUsage: 0x86 }, "open"],
      ["a server's own", {}, "TlsUntrusted"],
      ["a server's own, for servers", { uses: [1], keyUsage: 0xa0 }, "TlsUntrusted"],
      ["an authority's for clients", { authority: {}, uses: [2] }, "TlsUntrusted"],
      [
        "an authority's that has expired",
        { authority: {}, notBefore: Date.now() - 9 * day, notAfter: Date.now() - day },
        "TlsUntrusted",
      ],
    ] as const
  ) {
    Deno.test(`${engine}: the key of a trusted certificate that is ${what} vouches for others: ${verdict}`, async () => {
      const trusted = makeCertificate({ name: "trusted", dns: "trusted.example", ...options });
      const direct = made({ dns: "host.example", issuer: trusted });
      const between = makeCertificate({ name: "between", issuer: trusted, authority: {} });
      const over = chain(made({ dns: "host.example", issuer: between }), between);
      for (const identity of [direct, chain(direct, trusted), over]) {
        await using server = await NamedServer.with(identity);
        // Beside an authority that has nothing to do with it.
        const pem = trusted.certificate + ca.certificate;
        const { code, message } = await server.outcome("host.example", { verify: "system", ca: pem, engine });
        assert.equal(code, verdict, message);
      }
      await using itself = await NamedServer.with(trusted);
      const { code } = await itself.outcome("trusted.example", {
        verify: "system",
        ca: trusted.certificate,
        engine,
      });
      const fit = what !== "an authority's for clients" && what !== "an authority's that has expired";
      assert.equal(code, fit ? "open" : "TlsUntrusted", "for itself");
    });
  }

  Deno.test(`${engine}: a trusted authority vouches for no more others below it than it may`, async () => {
    const trusted = makeCertificate({ name: "trusted", authority: { pathLength: 0 } });
    const direct = made({ dns: "host.example", issuer: trusted });
    const between = makeCertificate({ name: "between", issuer: trusted, authority: {} });
    const over = chain(made({ dns: "host.example", issuer: between }), between);
    for (const [identity, verdict] of [[direct, "open"], [over, "TlsUntrusted"]] as const) {
      await using server = await NamedServer.with(identity);
      const { code } = await server.outcome("host.example", {
        verify: "system",
        ca: trusted.certificate,
        engine,
      });
      assert.equal(code, verdict);
    }
  });

  Deno.test(`${engine}: names are looked at where the issuer is not, and the error says whose they are`, async () => {
    for (
      const [dns, told] of [
        ["other.example", /not for host\.example, but for other\.example; .*--skip-cn-check/],
        ["evil.example, DNS:host.example", /is not trusted/],
        ["host.example\0.evil.example", /is not trusted/],
      ] as const
    ) {
      await using server = await NamedServer.with(made({ dns }));
      const { code, message } = await server.outcome("host.example", {
        verify: "system",
        skipCaCheck: true,
        engine,
      });
      assert.equal(code, "TlsUntrusted");
      assert.match(message, told);
    }
  });
}

Deno.test("what is wrong with a chain is told as far as the engine knows it", async () => {
  await using server = await NamedServer.with(
    made({ dns: "host.example", notBefore: Date.now() - 9 * day, notAfter: Date.now() - day }),
  );
  for (
    const [engine, told] of [
      ["openssl", /\(certificate has expired\)/],
      ["platform", /has expired.*--tls-engine openssl says which/],
    ] as const
  ) {
    const { code, message } = await server.outcome("host.example", {
      verify: "system",
      ca: ca.certificate,
      engine,
    });
    assert.equal(code, "TlsUntrusted");
    assert.match(message, told);
  }
});

Deno.test("what was taken without a look once is looked at the next time: nothing is resumed", async () => {
  await using server = await NamedServer.with(made({ dns: "other.example" }));
  for (const engine of ["platform", "openssl"] as const) {
    const code = async (tls: TlsClientOptions) =>
      (await server.outcome("host.example", { ...tls, engine })).code;
    assert.equal(await code({ verify: "ignore" }), "open");
    assert.equal(await code({ verify: "system", ca: ca.certificate }), "TlsUntrusted");
    assert.equal(await code({ verify: "system", ca: ca.certificate, skipCnCheck: true }), "open");
    assert.equal(await code({ verify: "system", skipCnCheck: true }), "TlsUntrusted");
    assert.equal(await code({ verify: "ignore", fingerprint: "0".repeat(64) }), "TlsFingerprint");
  }
});
