/** What the client refuses by itself: kinds that are not allowed, hosts that are not trusted, certificates and proxies that cannot be. */
import assert from "node:assert/strict";
import { UsageError } from "../../../protocol/errors.ts";
import { Secret } from "../../../protocol/secret.ts";
import { connectionOptions } from "../../../runtime/cli/options.ts";
import type { AuthKind } from "../../../runtime/client/authentication.ts";
import { environmentProxy, readProxy } from "../../../runtime/client/proxies.ts";
import { type ConnectionOptions, targetOf } from "../../../runtime/client/targets.ts";
import { isTrusted } from "../../../runtime/client/trust.ts";
import { readUpload } from "../../../runtime/daemon/additions.ts";
import { parseInventory } from "../../../runtime/inventory/mod.ts";
import { identityOf } from "../../../runtime/security/client_identity.ts";
import { makeCertificate } from "../../helpers/client_ca.ts";

const certificate = makeCertificate({ name: "client", uses: [2] });
const account = { user: "demo", password: new Secret("pw"), certificate };

function target(line: string, options: ConnectionOptions, files: Readonly<Record<string, string>> = {}) {
  const { inventory } = parseInventory(`${line}\n`, "hosts", {});
  return targetOf(inventory.hosts[0]!, options, (path) => files[path]!);
}

/** `ok`, or the code of the error. */
function outcome(line: string, options: ConnectionOptions): string {
  try {
    target(line, options);
    return "ok";
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return error.code;
  }
}

Deno.test("over plain HTTP each kind goes only where it cannot be betrayed", () => {
  for (
    const [auth, strange, trusted, loopback] of [
      ["ntlm", "NotTrusted", "ok", "ok"],
      ["negotiate", "NotTrusted", "ok", "ok"],
      ["credssp", "NotTrusted", "ok", "ok"],
      ["digest", "ClearTextRefused", "ClearTextRefused", "ok"],
      ["basic", "ClearTextRefused", "ClearTextRefused", "ok"],
      ["certificate", "CertificateNeedsTls", "CertificateNeedsTls", "CertificateNeedsTls"],
    ] as const satisfies readonly (readonly [AuthKind, string, string, string])[]
  ) {
    const options = { ...account, auth };
    assert.equal(outcome("web01", options), strange, auth);
    assert.equal(outcome("web01", { ...options, trust: ["web*"] }), trusted, auth);
    assert.equal(outcome("127.0.0.1", options), loopback, auth);
    // The loopback of a proxy is not ours.
    assert.equal(outcome("127.0.0.1", { ...options, proxy: { host: "p", port: 80 } }), strange, auth);
    assert.equal(outcome("web01", { ...options, ssl: true }), "ok", auth);
  }
});

Deno.test("TrustedHosts: wildcards, <local>, and IPv6 in brackets", () => {
  for (
    const [pattern, host, expected] of [
      ["*", "anything.example", true],
      ["*.corp.example", "a.corp.example", true],
      ["*.corp.example", "corp.example", false],
      ["*.corp.example", "a.corp.example.evil", false],
      ["<local>", "web01", true],
      ["<local>", "web01.corp", false],
      ["<local>", "fe80::1", false],
      ["[fe80::1]", "fe80::1", true],
      ["[fe80::*]", "fe80::1", true],
      ["10.0.0.*", "10.0.0.5", true],
      ["WEB01", "web01", true],
      ["", "", true],
      ["", "web01", false],
    ] as const
  ) {
    assert.equal(isTrusted(host, [pattern]), expected, `${pattern} ${host}`);
  }
});

Deno.test("a kind that is not allowed is refused, whoever asks for it", () => {
  const allowAuth = ["kerberos", "negotiate"] as const;
  assert.equal(
    outcome("web01 ansible_winrm_transport=basic", { ...account, ssl: true, allowAuth }),
    "AuthNotAllowed",
  );
  assert.equal(outcome("web01", { ...account, ssl: true, auth: "ntlm", allowAuth }), "AuthNotAllowed");
  assert.equal(outcome("web01", { ...account, ssl: true, allowAuth }), "ok");
  assert.equal(outcome("web01", { ...account, ssl: true, allowAuth: ["kerberos"] }), "AuthNotAllowed");
});

Deno.test("a host's own certificate, pin and proxy come from its inventory, and an option goes before them", () => {
  const line =
    "web01 ansible_connection=winrm ansible_winrm_transport=certificate ansible_winrm_cert_pem=c.pem " +
    "ansible_winrm_cert_key_pem=k.pem ansible_winrm_proxy=http://proxy:3128 drover_fingerprint=SHA256:" +
    "AB:".repeat(31) + "AB";
  const files = { "c.pem": certificate.certificate, "k.pem": certificate.key };
  const { connect, authentication } = target(line, {}, files);
  assert.equal(authentication.kind, "certificate");
  assert.deepEqual(connect.proxy, { host: "proxy", port: 3128 });
  assert.equal(connect.tls?.fingerprint, "ab".repeat(32));
  const { identity } = connect.tls!;
  assert.ok(identity !== undefined && "key" in identity);
  assert.deepEqual([identity.certificate, identity.key], [certificate.certificate, certificate.key]);
  const other =
    target(line, { proxy: { host: "other", port: 1 }, fingerprint: "cd".repeat(20) }, files).connect;
  assert.deepEqual([other.proxy?.host, other.tls?.fingerprint], ["other", "cd".repeat(20)]);
  const psrp =
    "web01 ansible_connection=psrp ansible_psrp_auth=certificate ansible_psrp_certificate_pem=c.pem " +
    "ansible_psrp_certificate_key_pem=k.pem";
  assert.equal(target(psrp, {}, files).authentication.kind, "certificate");
  assert.equal(outcome("web01", { ssl: true, auth: "certificate" }), "CredentialsMissing");
  for (const wrong of ["sha1:" + "ab".repeat(32), "sha256:zz", "ab", "sha256:" + "ab".repeat(20)]) {
    assert.equal(
      outcome("web01", { ...account, ssl: true, fingerprint: wrong }),
      "FingerprintMalformed",
      wrong,
    );
  }
});

Deno.test("lists of revoked certificates are looked at where they can be, and where that is not left out", () => {
  const options = { ...account, ssl: true, crlFile: "crl.pem" };
  assert.equal(target("web01", options).connect.tls?.crlFile, "crl.pem");
  assert.equal(target("web01", { ...options, skipRevocationCheck: true }).connect.tls?.crlFile, undefined);
  assert.equal(outcome("web01", { ...options, skipCaCheck: true }), "RevocationUnchecked");
  assert.equal(outcome("web01", { ...options, skipCaCheck: true, skipRevocationCheck: true }), "ok");
});

Deno.test("who speaks TLS comes from the inventory; an option goes before all of it, and old versions need OpenSSL", () => {
  const engine = (line: string, options: Parameters<typeof target>[1] = {}) => {
    const { tls } = target(line, { ...account, ssl: true, ...options }).connect;
    return [tls?.engine, tls?.legacy];
  };
  assert.deepEqual(engine("web01"), [undefined, undefined]);
  assert.deepEqual(engine("web01 drover_tls_engine=openssl"), ["openssl", undefined]);
  assert.deepEqual(engine("web01 drover_tls_legacy=true"), ["openssl", true]);
  assert.deepEqual(engine("web01 drover_tls_legacy=true", { tlsEngine: "platform" }), [
    "platform",
    undefined,
  ]);
  assert.deepEqual(engine("web01 drover_tls_engine=platform", { tlsLegacy: true }), ["openssl", true]);
  const both = { ...account, ssl: true, tlsLegacy: true, tlsEngine: "platform" as const };
  assert.equal(outcome("web01", both), "TlsLegacy");
  assert.throws(() => target("web01 drover_tls_engine=gnutls", account), /drover_tls_engine/);
});

Deno.test("an inventory that came in through the API names no files of ours, no proxy, and pins nothing", () => {
  for (
    const [variable, reason] of [
      ["ansible_winrm_cert_pem=/etc/daemon.pem", /file of a client certificate/],
      ["ansible_winrm_proxy=http://evil:1", /names a proxy/],
      ["drover_fingerprint=" + "ab".repeat(32), /pins a certificate/],
      ["drover_tls_legacy=true", /chooses how TLS is spoken/],
    ] as const
  ) {
    assert.throws(() => readUpload(`web01 ansible_connection=winrm ${variable}\n`), (error) => {
      return error instanceof Error && reason.test(`${error.message} ${JSON.stringify(error)}`);
    });
  }
});

Deno.test("a password of a proxy stands in no inventory and in no error", () => {
  const line = "web01 ansible_connection=winrm ansible_winrm_proxy=http://clerk:hunter2@proxy:3128";
  assert.throws(() => parseInventory(`${line}\n`, "hosts", {}), (error) => {
    return error instanceof UsageError && !error.message.includes("hunter2");
  });
  assert.throws(() => readProxy("http://clerk:100%hunter2@proxy"), {
    code: "ProxyUnusable",
    message: /as %25$/,
  });
  assert.throws(() => readProxy("http://clerk:hunter2@"), (error) => !String(error).includes("hunter2"));
});

Deno.test("proxies are read, and those of the environment are exceptions' business", () => {
  assert.deepEqual(readProxy("http://proxy:3128/"), { host: "proxy", port: 3128 });
  assert.deepEqual(readProxy("[::1]:3128"), { host: "::1", port: 3128 });
  assert.deepEqual(readProxy("proxy"), { host: "proxy", port: 80 });
  for (const wrong of ["https://proxy:1", "socks5://proxy:1", "http://proxy:1/path", "http://"]) {
    assert.throws(() => readProxy(wrong), { code: "ProxyUnusable" }, wrong);
  }
  const env = new Map(Object.entries({
    https_proxy: "http://u%40x:p@secure:1",
    HTTP_PROXY: "http://plain:2",
    NO_PROXY: "localhost,.corp.example, 10.0.0.1",
  }));
  const proxyOf = (host: string, secure: boolean) => environmentProxy(host, secure, (name) => env.get(name));
  assert.equal(proxyOf("web01", false)?.host, "plain");
  assert.equal(proxyOf("web01", true)?.credential?.user, "u@x");
  assert.equal(proxyOf("web01", true)?.credential?.allowBasic, true);
  for (const host of ["localhost", "a.corp.example", "corp.example", "10.0.0.1"]) {
    assert.equal(proxyOf(host, true), undefined, host);
  }
  assert.equal(proxyOf("evilcorp.example", true)?.host, "secure");
  env.set("NO_PROXY", "*");
  assert.equal(proxyOf("web01", true), undefined);
});

Deno.test("the command line allows Basic to a proxy only where it is asked to", () => {
  const variable = "DROVER_TEST_PROXY_PASSWORD";
  Deno.env.set(variable, "hunter2");
  try {
    const flags = { proxy: "http://proxy:3128", proxyUser: "CORP\\clerk", proxyPasswordEnv: variable };
    for (const [more, allowBasic] of [[{}, false], [{ proxyBasic: true }, true]] as const) {
      const { proxy } = connectionOptions({ ...flags, ...more });
      assert.ok(typeof proxy === "object");
      assert.equal(proxy.credential?.user, "CORP\\clerk");
      assert.equal(proxy.credential?.allowBasic, allowBasic);
    }
    for (const proxy of [{ proxy: "http://proxy:3128" }, { proxyEnv: true }]) {
      assert.throws(() => connectionOptions({ ...proxy, proxyBasic: true }), { code: "ProxyUnusable" });
    }
  } finally {
    Deno.env.delete(variable);
  }
});

Deno.test("a client certificate that cannot be used says why", () => {
  const other = makeCertificate({ name: "other" });
  const pem = certificate.certificate;
  assert.throws(() => identityOf({ certificate: "no", key: "no" }), { code: "CertificateInvalid" });
  assert.throws(() => identityOf({ certificate: pem, key: "no" }), /no key in PEM/);
  assert.throws(() => identityOf({ certificate: pem, key: other.key }), /another certificate's/);
  const locked = certificate.privateKey.export({
    type: "pkcs8",
    format: "pem",
    cipher: "aes-256-cbc",
    passphrase: "words",
  }).toString();
  assert.throws(() => identityOf({ certificate: pem, key: locked }), /has a passphrase/);
  assert.throws(
    () => identityOf({ certificate: pem, key: locked, passphrase: new Secret("no") }),
    /is wrong/,
  );
  const opened = identityOf({ certificate: pem, key: locked, passphrase: new Secret("words") });
  assert.ok("key" in opened && opened.key.includes("BEGIN PRIVATE KEY"));
  assert.throws(() => identityOf({ pfx: Uint8Array.of(1, 2, 3) }), { code: "CertificateInvalid" });
});
