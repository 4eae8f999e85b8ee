/**
 * Logons with certificates: our client and clients that are not ours (curl, pywinrm, pypsrp) at our service, our client at Apache;
 * and our client through Apache as a proxy.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { type ConnectionOptions, Fleet } from "../../mod.ts";
import { certificateAuthorization } from "../../protocol/auth/mod.ts";
import { Secret } from "../../protocol/secret.ts";
import { inventoryFromHosts, parseInventory } from "../../runtime/inventory/mod.ts";
import { Accounts } from "../../runtime/security/accounts.ts";
import { thumbprint } from "../../runtime/security/certificates.ts";
import { readClientCertificate } from "../../runtime/security/client_identity.ts";
import { type RunningService, startService } from "../../runtime/service/service.ts";
import { makeCertificate, makeRevocationList } from "../helpers/client_ca.ts";
import { password as theirs, ServiceProcess, user } from "../interop/service_process.ts";
import { Apache } from "./apache.ts";
import { python } from "./world.ts";

const peers = fileURLToPath(new URL("../interop/peers/", import.meta.url));
const password = new Secret("Passw0rd!");

const root = makeCertificate({ name: "Root", authority: {} });
const issuing = makeCertificate({ name: "Issuing", issuer: root, authority: { pathLength: 0 } });
const alice = makeCertificate({ name: "alice", issuer: issuing, upn: "alice@corp.example", uses: [2] });
const bob = makeCertificate({ name: "bob", issuer: issuing, upn: "bob@elsewhere.example", uses: [2] });
const expired = makeCertificate({
  name: "alice",
  issuer: issuing,
  upn: "alice@corp.example",
  uses: [2],
  notAfter: Date.now() - 60_000,
});

const folder = await Deno.makeTempDir({ prefix: "drover-certificate-" });
const file = (name: string) => `${folder}/${name}`;
for (const [name, { certificate, key }] of Object.entries({ alice, bob, expired })) {
  // The issuer is not among the service's own: the client brings it.
  await Deno.writeTextFile(file(`${name}.pem`), certificate + issuing.certificate);
  await Deno.writeTextFile(file(`${name}.key`), key);
}
await openssl(
  "pkey",
  "-in",
  file("alice.key"),
  "-aes256",
  "-passout",
  "pass:words",
  "-out",
  file("locked.key"),
);
for (const [name, ...how] of [["new.p12"], ["old.p12", "-legacy"]] as const) {
  const ends = [
    "-in",
    file("alice.pem"),
    "-inkey",
    file("alice.key"),
    "-out",
    file(name),
    "-passout",
    "pass:words",
  ];
  await openssl("pkcs12", "-export", ...how, ...ends);
}
Deno.test.afterAll(() => Deno.remove(folder, { recursive: true }));

async function openssl(...args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", { args: [...args] }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

async function service(events: string[] = [], crlFile?: string): Promise<RunningService> {
  const accounts = new Accounts();
  accounts.add("demo", password, undefined);
  return await startService({
    listeners: [{ host: "127.0.0.1", port: 0, tls: "self-signed" }, { host: "127.0.0.1", port: 0 }],
    accounts,
    auth: ["negotiate", "certificate"],
    certificates: {
      mappings: [{
        issuer: thumbprint(issuing.certificate, "sha1"),
        subject: "*@corp.example",
        userName: "demo",
      }],
      authorities: root.certificate,
      ...(crlFile === undefined ? {} : { crlFile }),
    },
    onEvent: (event) => {
      if (event.kind === "logon") events.push(`${event.scheme} ${event.user}`);
      if (event.kind === "logonFailed") events.push(`${event.scheme} ${event.user} failed: ${event.reason}`);
    },
  });
}

interface Outcome {
  readonly output: string;
  readonly status: string;
  readonly code: string | undefined;
}

async function run(options: ConnectionOptions, port: number, command = "echo here"): Promise<Outcome> {
  await using over = new Fleet({
    inventory: inventoryFromHosts([`localhost:${port}`]),
    ssl: true,
    connectRetries: 0,
    certValidation: "ignore",
    ...options,
  });
  return await outcomeOf(over, command);
}

async function outcomeOf(over: Fleet, command: string): Promise<Outcome> {
  let output = "";
  for await (const event of over.run(command)) {
    if (event.type === "output") output += event.data.text();
    if (event.type === "result") {
      return { output: output.trim(), status: event.status, code: event.error?.code };
    }
  }
  throw new Error("there was no result");
}

const here = { output: "here", status: "succeeded", code: undefined };
const refused = { output: "", status: "denied", code: "Unauthorized" };
const words = new Secret("words");

for (
  const [what, certificate] of [
    ["PEM", () => readClientCertificate(file("alice.pem"), file("alice.key"), undefined)],
    ["PEM with a passphrase", () => readClientCertificate(file("alice.pem"), file("locked.key"), words)],
    ["PKCS#12", () => readClientCertificate(file("new.p12"), undefined, words)],
    ["PKCS#12 with ciphers of old", () => readClientCertificate(file("old.p12"), undefined, words)],
  ] as const
) {
  Deno.test(`our client logs on to our service with a certificate: ${what}`, async () => {
    const events: string[] = [];
    await using own = await service(events);
    assert.deepEqual(
      await run({ auth: "certificate", certificate: certificate() }, own.addresses[0]!.port),
      here,
    );
    assert.ok(events.length > 0 && events.every((event) => event === "certificate demo"), events.join());
  });
}

Deno.test("an inventory in Ansible's words brings the certificate of a host", async () => {
  await using own = await service();
  const { inventory } = parseInventory(
    `localhost ansible_connection=winrm ansible_port=${
      own.addresses[0]!.port
    } ansible_winrm_transport=certificate ` +
      `ansible_winrm_cert_pem=${file("alice.pem")} ansible_winrm_cert_key_pem=${file("locked.key")} ` +
      `ansible_winrm_cert_key_password=words drover_fingerprint=sha1:${own.addresses[0]!.thumbprint}\n`,
    "hosts",
    {},
  );
  await using over = new Fleet({ inventory });
  assert.deepEqual(await outcomeOf(over, "echo here"), here);
});

Deno.test("who has a certificate on the list of revoked ones is refused, and a list that is none is said at once", async () => {
  const events: string[] = [];
  const crlFile = file("revoked.crl");
  await Deno.writeFile(crlFile, makeRevocationList({ issuer: issuing, revoked: [alice] }).der);
  {
    await using own = await service(events, crlFile);
    const certificate = readClientCertificate(file("alice.pem"), file("alice.key"), undefined);
    assert.deepEqual(await run({ auth: "certificate", certificate }, own.addresses[0]!.port), refused);
    assert.match(events.join(), /alice@corp\.example failed: its certificate was revoked/);
  }
  await Deno.writeTextFile(file("none.crl"), "rubbish");
  await assert.rejects(service([], file("none.crl")), { code: "RevocationListInvalid" });
});

Deno.test("who has another certificate, or none, is refused, and the operator is told why", async () => {
  const events: string[] = [];
  await using own = await service(events);
  const { port } = own.addresses[0]!;
  const log = () => events.splice(0).join("\n");
  for (
    const [name, reason] of [
      ["bob", /certificate bob@elsewhere\.example failed: .*no mapping has its names/],
      ["expired", /certificate alice@corp\.example failed: its certificate has expired/],
    ] as const
  ) {
    const certificate = readClientCertificate(file(`${name}.pem`), file(`${name}.key`), undefined);
    assert.deepEqual(await run({ auth: "certificate", certificate }, port), refused);
    assert.match(log(), reason);
  }
  // Its key is the client's, but nobody has signed for it.
  const alone = makeCertificate({ name: "alice", upn: "alice@corp.example", uses: [2] });
  assert.deepEqual(await run({ auth: "certificate", certificate: alone }, port), refused);
  assert.match(log(), /no mapping names its issuer/);
  // A certificate alone, without the header, is no logon.
  const bare = await curl(port, ["--cert", file("alice.pem"), "--key", file("alice.key")], []);
  assert.match(bare, /^HTTP\/1\.1 401 /);
  assert.match(bare, /WWW-Authenticate: Negotiate/);
  assert.match(await curl(port, [], [certificateAuthorization]), /^HTTP\/1\.1 401 /);
  assert.match(log(), /sent no certificate/);
  const clear = await curl(own.addresses[1]!.port, [], [certificateAuthorization], "http");
  assert.match(clear, /^HTTP\/1\.1 401 /);
  assert.match(log(), /not accepted on this listener/);
});

Deno.test("a key that is not the certificate's ends the handshake", async () => {
  await using own = await service();
  await Deno.writeTextFile(file("wrong.key"), keyWithPublicKeyOf(alice.privateKey.export({ format: "jwk" })));
  const flags = ["--cert", file("alice.pem"), "--key", file("wrong.key")];
  assert.equal(await curl(own.addresses[0]!.port, flags, [certificateAuthorization]), "");
});

/** A key of which OpenSSL believes that it is the certificate's: its public half is, its private half is another. */
function keyWithPublicKeyOf({ x, y }: { x?: string | undefined; y?: string | undefined }): string {
  const hex = (text: string) => Uint8Array.fromBase64(text, { alphabet: "base64url" }).toHex();
  const secret = createHash("sha256").update("another").digest("hex");
  const sec1 = `30770201010420${secret}a00a06082a8648ce3d030107a14403420004${hex(x!)}${hex(y!)}`;
  const lines = Uint8Array.fromHex(sec1).toBase64().replace(/.{64}/g, "$&\n");
  return `-----BEGIN EC PRIVATE KEY-----\n${lines}\n-----END EC PRIVATE KEY-----\n`;
}

async function curl(
  port: number,
  flags: readonly string[],
  authorization: readonly string[],
  scheme = "https",
): Promise<string> {
  const headers = ["Content-Type: application/soap+xml;charset=UTF-8"];
  headers.push(...authorization.map((value) => `Authorization: ${value}`));
  const { stdout } = await new Deno.Command("curl", {
    args: [
      ...["-sk", "-i", "--noproxy", "*", "-X", "POST", "-d", "", ...flags],
      ...headers.flatMap((header) => ["-H", header]),
      `${scheme}://localhost:${port}/wsman`,
    ],
  }).output();
  return new TextDecoder().decode(stdout);
}

Deno.test("drover ping logs on with a certificate, without a name of a user", async () => {
  await using own = await service();
  const target = `https://localhost:${own.addresses[0]!.port}`;
  const identity = ["--client-cert", file("alice.pem"), "--client-key", file("alice.key")];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--no-check", "runtime/cli/main.ts", "ping", target, "--cert-validation", "ignore"],
      ...["--auth", "certificate", ...identity],
    ],
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  assert.match(new TextDecoder().decode(stdout), / ms, Certificate\)$/m);
});

Deno.test("curl logs on with a certificate, with every request anew", async () => {
  await using own = await service();
  const flags = ["--cert", file("alice.pem"), "--key", file("alice.key")];
  assert.match(await curl(own.addresses[0]!.port, flags, [certificateAuthorization]), /^HTTP\/1\.1 200 /);
});

for (
  const [script, options] of [
    ["pypsrp_run.py", { certificate_pem: file("alice.pem"), certificate_key_pem: file("alice.key") }],
    ["pywinrm_run.py", { cert_pem: file("alice.pem"), cert_key_pem: file("alice.key") }],
  ] as const
) {
  Deno.test(`${script}: logs on with a certificate`, { ignore: python === undefined }, async () => {
    await using own = await service();
    const call = {
      endpoint: `https://localhost:${own.addresses[0]!.port}`,
      user: "",
      transport: "certificate",
      encryption: "never",
      command: "echo peer; exit 4",
      options,
    };
    const { stdout, stderr } = await new Deno.Command(python!, {
      args: [`${peers}${script}`, JSON.stringify(call)],
      env: { DROVER_PASSWORD: "", PYTHONWARNINGS: "ignore" },
    }).output();
    const answer = JSON.parse(new TextDecoder().decode(stdout) || "{}");
    assert.equal(answer.error, null, new TextDecoder().decode(stderr));
    assert.equal(answer.exit_code, 4);
    assert.equal(atob(answer.stdout_b64), "peer\n");
  });
}

Deno.test("our client shows its certificate to Apache, which wants one at the handshake", async () => {
  const accounts = new Accounts();
  accounts.add("demo", password, undefined);
  await using own = await startService({
    listeners: [{ host: "127.0.0.1", port: 0 }],
    accounts,
    auth: ["basic"],
    allowUnencrypted: true,
  });
  await using apache = await Apache.with({
    modules: ["proxy", "proxy_http", "headers"],
    files: { "clients.pem": new TextEncoder().encode(root.certificate) },
    location: () => `
  RequestHeader set Authorization "Basic ${btoa(`demo:${password.reveal()}`)}"
  ProxyPass http://127.0.0.1:${own.addresses[0]!.port}/wsman`,
    more: (at) => `
SSLVerifyClient require
SSLVerifyDepth 3
SSLCACertificateFile ${at}/clients.pem`,
  });
  const certificate = readClientCertificate(file("alice.pem"), file("alice.key"), undefined);
  assert.deepEqual(await run({ auth: "certificate", certificate }, apache.port), here);
  const late = readClientCertificate(file("expired.pem"), file("expired.key"), undefined);
  const { status, code } = await run({ auth: "certificate", certificate: late }, apache.port);
  assert.deepEqual([status, code], ["denied", "TlsClientCertificate"]);
  const without = await run({ auth: "basic", user: "demo", password }, apache.port);
  assert.deepEqual([without.status, without.code], ["denied", "TlsClientCertificate"]);
});

Deno.test("Apache's proxy opens connections to both kinds of listeners, for those who know its password", async () => {
  // A process of its own: NTLM refuses to be spoken by one process to itself.
  await using own = await ServiceProcess.start();
  const hash = createHash("sha1").update("through").digest("base64");
  const ports = [own.https, own.http].map((url) => Number(url.slice(url.lastIndexOf(":") + 1)));
  await using apache = await Apache.with({
    modules: ["authz_user", "authn_file", "auth_basic", "proxy", "proxy_connect"],
    files: { users: new TextEncoder().encode(`clerk:{SHA}${hash}\n`) },
    location: () => "",
    more: (at) => `
ProxyRequests On
AllowCONNECT ${ports.join(" ")}
<Proxy *>
  AuthType Basic
  AuthName proxy
  AuthBasicProvider file
  AuthUserFile ${at}/users
  Require valid-user
</Proxy>`,
  });
  const proxy = { host: "localhost", port: apache.plainPort };
  const clerk = { user: "clerk", password: new Secret("through"), allowBasic: true };
  const logon = { user, password: new Secret(theirs), trust: ["localhost"] };
  for (const [n, ssl] of [[0, true], [1, false]] as const) {
    const through = { ...logon, ssl, proxy: { ...proxy, credential: clerk } };
    assert.deepEqual(await run(through, ports[n]!), here);
  }
  // It notes a tunnel at its end.
  const log = await apache.users(1);
  assert.ok(log.length >= 1 && log.every((user) => user === "clerk"), log.join());
  // Behind a proxy localhost is the proxy's machine, and none that is trusted by itself.
  const strange = { ...logon, trust: [], ssl: false, proxy };
  await assert.rejects(() => run(strange, ports[1]!), { code: "NotTrusted" });
  for (
    const [credential, port, code] of [
      [undefined, ports[0]!, "ProxyAuthenticationRequired"],
      [{ ...clerk, allowBasic: false }, ports[0]!, "ProxyAuthenticationRequired"],
      [{ ...clerk, password: new Secret("wrong") }, ports[0]!, "ProxyAuthenticationRequired"],
      // Not one of those that it may connect to.
      [clerk, 1, "ProxyDenied"],
    ] as const
  ) {
    const through = { ...logon, proxy: { ...proxy, ...(credential === undefined ? {} : { credential }) } };
    const { status, code: found } = await run(through, port);
    assert.deepEqual([status, found], ["unreachable", code]);
  }
});
