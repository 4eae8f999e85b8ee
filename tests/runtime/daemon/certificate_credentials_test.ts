/** Hosts of the API that are logged on to with certificates, which the operator's file names. */
import assert from "node:assert/strict";
import { Secret } from "../../../protocol/secret.ts";
import { readCredentials } from "../../../runtime/daemon/credentials.ts";
import { AskedCredentials } from "../../../runtime/daemon/credentials/asked.ts";
import { CredentialCommand } from "../../../runtime/daemon/credentials/command.ts";
import { HostBook } from "../../../runtime/daemon/host_book.ts";
import { parseInventory } from "../../../runtime/inventory/mod.ts";
import { Accounts } from "../../../runtime/security/accounts.ts";
import { thumbprint } from "../../../runtime/security/certificates.ts";
import { startService } from "../../../runtime/service/service.ts";
import { makeCertificate } from "../../helpers/client_ca.ts";
import { problemCode, world } from "./world.ts";

const root = makeCertificate({ name: "Root", authority: {} });
const alice = makeCertificate({ name: "alice", issuer: root, upn: "alice@corp.example", uses: [2] });
const words = "W0rds-of-a-key";
const variable = "DROVER_TEST_KEY_PASSPHRASE";

const folder = await Deno.makeTempDir({ prefix: "drover-certificates-" });
Deno.test.afterAll(() => Deno.remove(folder, { recursive: true }));
const [clientCert, clientKey, path] = [`${folder}/alice.pem`, `${folder}/alice.key`, `${folder}/credentials`];
await Deno.writeTextFile(clientCert, alice.certificate);
const locked = alice.privateKey.export({
  type: "pkcs8",
  format: "pem",
  cipher: "aes-256-cbc",
  passphrase: words,
});
await Deno.writeTextFile(clientKey, String(locked), { mode: 0o600 });
const certificate = { clientCert, clientKey, clientKeyPassphraseEnv: variable };

function write(...credentials: unknown[]): Promise<void> {
  return Deno.writeTextFile(path, JSON.stringify({ credentials }), { mode: 0o600 });
}

/** Runs with the passphrase in the environment. */
async function withWords(run: () => void | Promise<void>): Promise<void> {
  Deno.env.set(variable, words);
  try {
    await run();
  } finally {
    Deno.env.delete(variable);
  }
}

Deno.test("a host of the API is logged on to with the certificate that the operator's file has for its address and port", async () => {
  const logons: string[] = [];
  const accounts = new Accounts();
  accounts.add("demo", new Secret("Passw0rd!"), undefined);
  await using service = await startService({
    listeners: [{ host: "127.0.0.1", port: 0, tls: "self-signed" }],
    accounts,
    auth: ["certificate"],
    certificates: {
      mappings: [{
        issuer: thumbprint(root.certificate, "sha1"),
        subject: "*@corp.example",
        userName: "demo",
      }],
      authorities: root.certificate,
    },
    onEvent: (event) => {
      if (event.kind === "logon") logons.push(`${event.scheme} ${event.user}`);
    },
  });
  const { port, thumbprint: fingerprint } = service.addresses[0]!;
  // An account for the same address stands before it: it is for hosts that say nothing of a certificate.
  await write(
    { addresses: ["127.0.0.1"], ports: [port], user: "demo", password: "S3cret" },
    { addresses: ["127.0.0.1"], ports: [port], ...certificate },
  );
  await withWords(async () => {
    const credentials = readCredentials(path, { fingerprint: `sha1:${fingerprint}` });
    await using w = await world({ hosts: 1, credentials });
    const put = async (name: string, body: Record<string, unknown>, status = 201) => {
      const answer = await w.ask("PUT", `/v1/hosts/${name}`, { body });
      assert.equal(answer.status, status, await answer.text());
    };
    const there = { address: "127.0.0.1", port, scheme: "https", auth: "certificate" };
    await put("mine", there);
    await put("elsewhere", { ...there, address: "127.0.0.2" });
    await put("behind", { ...there, port: port === 65_535 ? 1 : port + 1 });
    await put("clear", { ...there, scheme: "http" });
    const results = (await w.events(await w.submit({ command: "echo here", hosts: "mine" })))
      .filter(({ type }) => type === "result");
    assert.deepEqual(results.map(({ host, status }) => [host, status]), [["mine", "succeeded"]]);
    assert.ok(logons.length > 0 && logons.every((logon) => logon === "certificate demo"), logons.join());
    const shown = await (await w.ask("GET", "/v1/hosts/mine")).json();
    assert.deepEqual([shown.auth, shown.reachable], ["certificate", true]);
    for (const name of ["elsewhere", "behind"]) {
      assert.equal(
        await problemCode(await w.ask("POST", `/v1/hosts/${name}/ping`), 422),
        "CredentialsMissing",
      );
      const { refusal } = await (await w.ask("GET", `/v1/hosts/${name}`)).json();
      assert.match(refusal.message, /has no certificate for its address and port$/);
    }
    assert.equal(
      await problemCode(await w.ask("POST", "/v1/hosts/clear/ping"), 422),
      "CertificateNeedsTls",
    );
    // A caller names no files.
    for (const more of [{ clientCert, clientKey }, { certificate: clientCert }]) {
      await put("mine", { ...there, ...more }, 422);
    }
    for (const place of ["/v1/hosts", "/v1/hosts/mine", "/v1/audit"]) {
      const text = await (await w.ask("GET", place)).text();
      assert.ok(!text.includes(words) && !text.includes(folder), place);
    }
    assert.ok(w.daemon.parts.book.secrets().includes(words));
  });
});

Deno.test("an entry with a certificate is refused when its files or its words are wrong", async () => {
  const at = { addresses: ["10.0.0.1"] };
  const code = async (entry: unknown) => {
    await write(entry);
    try {
      readCredentials(path, {});
    } catch (error) {
      const { code, message } = error as Error & { code: string };
      assert.ok(!message.includes(words));
      return code;
    }
    return undefined;
  };
  await withWords(async () => {
    assert.equal(await code({ ...at, ...certificate }), undefined);
    for (
      const wrong of [
        { user: "u", ...certificate },
        { user: "u", password: "p", ...certificate },
        { command: ["x"], ...certificate },
        { clientKey },
        { user: "u", password: "p", clientKey },
        { user: "u", password: "p", clientKeyPassphraseEnv: variable },
      ]
    ) {
      assert.equal(await code({ ...at, ...wrong }), "CredentialsMalformed", JSON.stringify(wrong));
    }
    assert.equal(
      await code({ ...at, ...certificate, clientCert: `${folder}/none` }),
      "CertificateUnreadable",
    );
    assert.equal(await code({ ...at, clientCert, clientKey }), "CertificateKey");
    assert.equal(await code({ ...at, ...certificate, clientCert: path }), "CertificateInvalid");
  });
  assert.equal(await code({ ...at, ...certificate }), "PasswordMissing");
});

/** A program that writes this answer, and notes what it was asked. */
async function answering(answer: unknown): Promise<string> {
  const program = `${folder}/get-${crypto.randomUUID()}`;
  await Deno.writeTextFile(`${program}.json`, JSON.stringify(answer));
  await Deno.writeTextFile(program, `#!/bin/sh\ncat >> "$0.asked"; cat "$0.json"\n`, { mode: 0o700 });
  return program;
}

Deno.test("a command answers with a certificate: files or PEM, its key locked or not", async () => {
  const question = { host: "web", address: "10.0.0.1", port: 5986, auth: "certificate" } as const;
  const ask = async (answer: unknown) => await new CredentialCommand([await answering(answer)]).ask(question);
  const files = await ask({ clientCert, clientKey, clientKeyPassphrase: words });
  assert.ok("certificate" in files);
  assert.equal(files.auth, "certificate");
  assert.ok(!Deno.inspect(files).includes(words) && !JSON.stringify(files).includes(words));
  const pem = await ask({ clientCert: alice.certificate, clientKey: alice.key });
  assert.ok("certificate" in pem && "certificate" in pem.certificate);
  assert.equal(pem.certificate.certificate, alice.certificate);
  for (
    const [wrong, message] of [
      [{ clientCert, clientKey, clientKeyPassphrase: "other" }, /its passphrase is wrong/],
      [{ clientCert, clientKey }, /it has a passphrase/],
      [{ clientCert: `${folder}/none`, clientKey }, /cannot be read/],
      [{ clientKey }, /not of the form/],
      [{ clientCert, user: "demo", password: "x" }, /not of the form/],
      [{ clientCert, auth: "negotiate" }, /not of the form/],
    ] as const
  ) {
    await assert.rejects(() => ask(wrong), { code: "CredentialsUnavailable", message });
  }
});

Deno.test("a host that wants a certificate has it from the command of its inventory, or of its address", async () => {
  const program = await answering({ clientCert, clientKey, clientKeyPassphrase: words });
  const { inventory } = parseInventory(
    "web ansible_connection=winrm ansible_port=5986 ansible_winrm_transport=certificate\n",
    "hosts",
    {},
  );
  const book = new HostBook(inventory, {}, new CredentialCommand([program]));
  assert.throws(() => book.target("web"), { code: "CredentialsPending" });
  await book.prepare(["web"]);
  const { authentication, connect } = book.target("web");
  assert.equal(authentication.kind, "certificate");
  assert.ok(connect.tls?.identity !== undefined && "certificate" in connect.tls.identity);
  assert.equal(connect.tls.identity.certificate, alice.certificate);
  assert.ok(book.secrets().includes(words));
  assert.deepEqual(JSON.parse(Deno.readTextFileSync(`${program}.asked`)), {
    host: "web",
    address: "web",
    port: 5986,
    auth: "certificate",
  });

  await write({ addresses: ["10.0.0.*"], ports: [5986], command: [program] });
  const host = { ...inventory.hosts[0]!, address: "10.0.0.7" };
  const account = readCredentials(path, {}).account(host);
  assert.ok(account.command instanceof CredentialCommand);
  assert.equal(readCredentials(path, {}).account({ ...host, address: "10.1.0.7" }).command, undefined);
});

Deno.test("a certificate that is asked for anew is another one only when its files are", async () => {
  const [cert, key] = [`${folder}/renewed.pem`, `${folder}/renewed.key`];
  const write = async ({ certificate, key: text }: { certificate: string; key: string }) => {
    await Deno.writeTextFile(cert, certificate);
    await Deno.writeTextFile(key, text, { mode: 0o600 });
  };
  await write(alice);
  const command = new CredentialCommand([await answering({ clientCert: cert, clientKey: key })]);
  const host = parseInventory("web\n", "hosts", {}).inventory.hosts[0]!;
  let now = 0;
  const asked = new AskedCredentials(() => now);
  const ask = async () => {
    now += 3_600_000;
    await asked.ask(command, host, { host: "web", address: "web", port: 5986 });
    return asked.get(host);
  };
  const first = await ask();
  assert.equal(await ask(), first);
  await write(makeCertificate({ name: "alice", issuer: root, upn: "alice@corp.example", uses: [2] }));
  assert.notEqual(await ask(), first);
});

Deno.test("no command is asked for the account of a host that has a certificate", async () => {
  const key = `${folder}/clear.key`;
  await Deno.writeTextFile(key, alice.key, { mode: 0o600 });
  const { inventory } = parseInventory(
    "web ansible_connection=winrm ansible_port=5986 ansible_winrm_transport=certificate " +
      `ansible_winrm_cert_pem=${clientCert} ansible_winrm_cert_key_pem=${key}\n`,
    "hosts",
    {},
  );
  const book = new HostBook(inventory, {}, new CredentialCommand(["/nonexistent/get"]));
  await book.prepare(["web"]);
  assert.equal(book.target("web").authentication.kind, "certificate");
});
