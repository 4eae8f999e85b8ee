/** Which mechanisms a logon offers, and what is refused before anything is sent. */
import assert from "node:assert/strict";
import type { ConnectionFacts } from "../../../actors/ports.ts";
import { kerberosOids } from "../../../protocol/auth/mod.ts";
import { Oid, parseSpnego } from "../../../protocol/auth/spnego_tokens.ts";
import { Secret } from "../../../protocol/secret.ts";
import { type ConnectionOptions, targetOf } from "../../../runtime/client/targets.ts";
import { inventoryFromHosts } from "../../../runtime/inventory/mod.ts";
import { kerberosMissing } from "../../../runtime/security/kerberos/mod.ts";

const ignore = kerberosMissing() !== undefined;
const password = new Secret("x");

function target(host: string, options: ConnectionOptions) {
  return targetOf(inventoryFromHosts([host]).hosts[0]!, options, () => "");
}

function refusal(host: string, options: ConnectionOptions): string {
  try {
    target(host, options);
  } catch (error) {
    return (error as { code: string }).code;
  }
  return "nothing";
}

const facts: ConnectionFacts = {
  localAddress: "127.0.0.1",
  localPort: 1,
  remoteAddress: "127.0.0.1",
  remotePort: 2,
  tls: undefined,
};

/** Mechanisms of the first token, or the code of the error when there is none. No KDC of these realms exists. */
async function offered(host: string, options: ConnectionOptions): Promise<string> {
  const { authentication } = target(host, options);
  assert.ok(authentication.kind === "negotiate");
  const random = { bytes: (length: number) => new Uint8Array(length) };
  const context = authentication.initiator(facts, random, () => 0);
  const outcome = await new Promise<Parameters<Parameters<typeof context.step>[1]>[0]>((resolve) =>
    context.step(undefined, resolve)
  );
  context.dispose();
  if (outcome.kind === "failed") return outcome.error.code;
  const token = parseSpnego(outcome.token!);
  assert.ok(token.kind === "init");
  return token.mechanisms.map((oid) =>
    oid.toHex() === Oid.ntlm.toHex()
      ? "NTLM"
      : kerberosOids.some((known) => known.toHex() === oid.toHex())
      ? "Kerberos"
      : "?"
  ).join();
}

Deno.test(
  "negotiate falls back to NTLM where the host is trusted, and nowhere else",
  { ignore },
  async () => {
    const user = "alice@NOWHERE.INVALID";
    assert.equal(await offered("localhost", { user, password }), "NTLM");
    assert.equal(await offered("web01", { user, password, trust: ["web01"] }), "NTLM");
    assert.equal(await offered("web01", { user, password, ssl: true }), "NTLM");
    // Kerberos would have proven who the host is: without it nothing is offered.
    assert.match(await offered("web01", { user, password }), /^K/);
  },
);

Deno.test("names without a realm, and hosts that are addresses, are matters of NTLM", async () => {
  for (const user of ["alice", "CORP\\alice"]) {
    assert.equal(await offered("localhost", { user, password }), "NTLM");
    assert.equal(refusal("web01", { user, password }), "NotTrusted");
  }
  assert.equal(await offered("127.0.0.1", { user: "alice@CORP", password }), "NTLM");
  assert.equal(refusal("10.0.0.1", { user: "alice@CORP", password }), "NotTrusted");
});

Deno.test("what Kerberos cannot work with is refused at once", { ignore }, () => {
  const auth = "kerberos";
  assert.equal(refusal("web01", { auth, user: "CORP\\alice", password }), "KerberosUser");
  assert.equal(refusal("web01", { auth, password }), "CredentialsMissing");
  assert.equal(
    refusal("web01", { auth, user: "alice@CORP", password, kerberos: { hostname: "a@B" } }),
    "KerberosService",
  );
  assert.equal(
    refusal("web01", { auth, user: "alice@CORP", password, kerberos: { service: "HTTP/x" } }),
    "KerberosService",
  );
  // It proves who the host is and seals what is sent: plain HTTP to a host that nobody trusts is fine.
  assert.equal(refusal("web01", { auth, user: "alice@CORP", password }), "nothing");
  assert.equal(refusal("web01", { auth, kerberos: { ccache: "FILE:/tmp/x" } }), "nothing");
  assert.equal(refusal("web01", { auth, user: "alice@CORP", kerberos: { keytab: "/tmp/x" } }), "nothing");
});

Deno.test(
  "a seal follows the scheme: Kerberos under its own name, SPNEGO under Negotiate",
  { ignore },
  () => {
    const raw = target("web01", { auth: "kerberos", user: "alice@CORP", password }).authentication;
    const wrapped = target("web01", { auth: "negotiate", user: "alice@CORP", password }).authentication;
    assert.ok(raw.kind === "negotiate" && raw.scheme === "Kerberos" && raw.seal);
    assert.ok(wrapped.kind === "negotiate" && wrapped.scheme === "Negotiate" && wrapped.seal);
  },
);
