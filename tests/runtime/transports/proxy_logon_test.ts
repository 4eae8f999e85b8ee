/**
 * Logons to a proxy. The proxy is a stand-in (tests/helpers/connect_proxy.ts) and its NTLM our own acceptor; that a foreign one agrees
 * is in tests/interop/proxy_ntlm_test.ts, Basic with Apache in tests/auth/certificate_test.ts.
 */
import assert from "node:assert/strict";
import { createNegotiateAcceptor, ntHash, type ReflectionGuard } from "../../../protocol/auth/mod.ts";
import type { SecurityStep } from "../../../protocol/ports.ts";
import { Secret } from "../../../protocol/secret.ts";
import { reflectionGuard } from "../../../runtime/security/reflection_guard.ts";
import { ConnectProxy, type ConnectProxyOptions, type ProxyLogon } from "../../helpers/connect_proxy.ts";
import { helloThrough } from "../../helpers/proxy_outcome.ts";

const password = "hunter2";
const basic = 'Basic realm="proxy"';

/** Lets in `CORP\clerk`. */
function ntlm(guard?: ReflectionGuard): ProxyLogon {
  const context = createNegotiateAcceptor({
    ntHash: (name, domain) =>
      name === "clerk" && domain === "CORP" ? ntHash(new Secret(password)) : undefined,
    computerName: "PROXY",
    domainName: "CORP",
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    now: () => Date.now(),
    ...(guard === undefined ? {} : { guard }),
  });
  return {
    async step(token) {
      const ours = await new Promise<SecurityStep>((resolve) => context.step(token, resolve));
      if (ours.kind === "failed") throw ours.error;
      return { token: ours.token, complete: ours.kind === "done" };
    },
    [Symbol.asyncDispose]() {
      context.dispose();
      return Promise.resolve();
    },
  };
}

interface Given {
  readonly user?: string;
  readonly password?: string;
  readonly allowBasic?: boolean;
}

/** What comes of a connection, in one line; and which schemes the proxy saw on how many connections. */
async function attempt(options: ConnectProxyOptions, given: Given | undefined) {
  await using server = new ConnectProxy(options);
  const credential = given && {
    user: given.user ?? "CORP\\clerk",
    password: new Secret(given.password ?? password),
    ...(given.allowBasic === undefined ? {} : { allowBasic: given.allowBasic }),
  };
  const proxy = { host: "127.0.0.1", port: server.port, ...(credential === undefined ? {} : { credential }) };
  const { text, error } = await helloThrough(proxy);
  const message = error?.message ?? "";
  assert.ok(!message.includes(password), message);
  return { came: error?.code ?? text, message, schemes: server.schemes, connections: server.connections };
}

for (const scheme of ["NTLM", "Negotiate"]) {
  Deno.test(`a proxy that wants ${scheme} opens the tunnel on the connection of the dialogue`, async () => {
    const { came, schemes, connections } = await attempt({ offers: [scheme], logon: ntlm }, {});
    assert.deepEqual([came, schemes, connections], ["hello", ["none", scheme, scheme], 1]);
  });

  Deno.test(`a proxy that closes after its first 407 gets ${scheme} on a new connection`, async () => {
    const { came, schemes, connections } = await attempt(
      { offers: [scheme], logon: ntlm, closes: "first" },
      {},
    );
    assert.deepEqual([came, schemes, connections], ["hello", ["none", scheme, scheme], 2]);
  });

  Deno.test(`a wrong password for ${scheme} is a refusal, and Basic is not tried after it`, async () => {
    for (const given of [{ password: "wrong" }, { user: "clerk" }]) {
      const { came, message, schemes } = await attempt(
        { offers: [basic, scheme], logon: ntlm, basic: `CORP\\clerk:${password}` },
        { ...given, allowBasic: true },
      );
      assert.equal(came, "ProxyAuthenticationRequired");
      assert.match(message, /refused the credentials of/);
      assert.deepEqual(schemes, ["none", scheme, scheme]);
    }
  });
}

Deno.test("NTLM comes before Negotiate, which may be Kerberos alone", async () => {
  const { came, schemes } = await attempt({ offers: ["Negotiate", "NTLM"], logon: ntlm }, {});
  assert.deepEqual([came, schemes], ["hello", ["none", "NTLM", "NTLM"]]);
});

Deno.test("Basic is for a proxy that offers nothing better, and for who allows it", async () => {
  const options = { offers: [basic], basic: `clerk:${password}` };
  const allowed = await attempt(options, { user: "clerk", allowBasic: true });
  assert.deepEqual([allowed.came, allowed.schemes], ["hello", ["none", "Basic"]]);
  const closing = await attempt({ ...options, closes: "first" }, { user: "clerk", allowBasic: true });
  assert.deepEqual([closing.came, closing.connections], ["hello", 2]);
  const wrong = await attempt(options, { user: "clerk", password: "wrong", allowBasic: true });
  assert.equal(wrong.came, "ProxyAuthenticationRequired");
  const forbidden = await attempt(options, { user: "clerk" });
  assert.deepEqual([forbidden.came, forbidden.schemes], ["ProxyAuthenticationRequired", ["none"]]);
  assert.match(forbidden.message, /offers Basic; .*--proxy-basic/);
});

Deno.test("who has no account, or none for what the proxy offers, is told what it offers", async () => {
  const without = await attempt({ offers: ["NTLM", basic], logon: ntlm }, undefined);
  assert.equal(without.came, "ProxyAuthenticationRequired");
  assert.match(without.message, /offers NTLM, Basic\); use --proxy-user/);
  const digest = await attempt({ offers: ['Digest realm="proxy", nonce="n"'] }, { allowBasic: true });
  assert.deepEqual([digest.came, digest.schemes], ["ProxyAuthenticationRequired", ["none"]]);
  assert.match(digest.message, /offers Digest/);
});

for (
  const [what, options, reason] of [
    [
      "closes within the dialogue",
      { logon: ntlm, closes: "all" },
      /closes the connection within the dialogue/,
    ],
    [
      "answers with our own challenge",
      { logon: () => ntlm(reflectionGuard) },
      /challenge of this very process/,
    ],
    [
      "answers with no challenge of NTLM",
      { logon: () => saying([7, 7, 7]) },
      /log on to proxy .* with NTLM: /,
    ],
  ] as const
) {
  Deno.test(`a proxy that ${what} is no proxy to log on to`, async () => {
    const { came, message, schemes } = await attempt({ offers: ["NTLM", basic], ...options }, {
      allowBasic: true,
    });
    assert.equal(came, "ProxyFailed");
    assert.match(message, reason);
    assert.deepEqual(schemes, ["none", "NTLM"]);
  });
}

Deno.test("a proxy that rejects in SPNEGO's own words refuses the credentials", async () => {
  // NegTokenResp with negState reject (RFC 4178 section 4.2.2).
  const reject = [0xa1, 0x07, 0x30, 0x05, 0xa0, 0x03, 0x0a, 0x01, 0x02];
  const { came, message } = await attempt({ offers: ["Negotiate"], logon: () => saying(reject) }, {});
  assert.equal(came, "ProxyAuthenticationRequired");
  assert.match(message, /refused the credentials of/);
});

function saying(bytes: number[]): ProxyLogon {
  return {
    step: () => Promise.resolve({ token: new Uint8Array(bytes), complete: false }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
