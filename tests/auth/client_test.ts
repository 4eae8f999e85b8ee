// Our client's Kerberos against acceptors that are not ours: Apache's mod_auth_gssapi (MIT's SPNEGO), and pyspnego's own SPNEGO
// and sealing in the service of tests/interop/peers/winrm_server.py.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { createSelfSigned } from "../../runtime/security/certificates.ts";
import { Apache, apachePresent } from "./apache.ts";
import { type Kdc, kdcPresent } from "./kdc.ts";
import { drover, exec, password, principal, python, startKdc, withPassword } from "./world.ts";

const script = fileURLToPath(new URL("../interop/peers/winrm_server.py", import.meta.url));

let kdc: Kdc;
Deno.test.beforeAll(async () => {
  if (kdcPresent) kdc = await startKdc();
});
Deno.test.afterAll(async () => {
  if (kdcPresent) await kdc[Symbol.asyncDispose]();
});

Deno.test("Apache's mod_auth_gssapi lets us in with Kerberos inside SPNEGO, and we believe its answer", {
  ignore: !kdcPresent || !apachePresent,
}, async () => {
  await using apache = await Apache.start(kdc);
  const url = `https://localhost:${apache.port}/wsman`;
  const { code, stdout, stderr } = await drover(kdc, [
    "ping",
    url,
    "--cert-validation",
    "ignore",
    ...withPassword,
  ]);
  assert.equal(code, 0, stderr + await apache.log());
  assert.match(stdout, /mod_auth_gssapi/);
  // The second request goes without a token: the logon belongs to the connection.
  assert.deepEqual(await apache.users(2), [principal, principal]);
});

/** What the foreign service says at its end. */
interface Seen {
  readonly sealed: number;
  readonly shells_open: number;
  readonly mechanisms: readonly string[];
}

async function line(reader: ReadableStreamDefaultReader<string>): Promise<string> {
  let text = "";
  while (!text.includes("\n")) text += (await reader.read()).value ?? "\n";
  return text.trim();
}

/** The foreign service, until `use` has returned. */
async function withServer(use: (ports: { http: number; https: number }) => Promise<void>): Promise<Seen> {
  const folder = await Deno.makeTempDir();
  const { certificate, key } = await createSelfSigned(["localhost"], Date.now());
  await Deno.writeTextFile(`${folder}/cert.pem`, certificate);
  await Deno.writeTextFile(`${folder}/key.pem`, key);
  await Deno.writeTextFile(`${folder}/users`, `:demo:${password}\n`);
  const child = new Deno.Command(python!, {
    args: [script, `${folder}/cert.pem`, `${folder}/key.pem`, "demo"],
    env: {
      ...kdc.environment,
      KRB5_KTNAME: kdc.keytab,
      DROVER_PASSWORD: password,
      NTLM_USER_FILE: `${folder}/users`,
    },
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  try {
    const [http, https] = (await line(reader)).split(" ").map(Number);
    await use({ http: http!, https: https! });
  } finally {
    await child.stdin.close();
  }
  const seen = JSON.parse(await line(reader));
  await reader.read();
  await child.status;
  await Deno.remove(folder, { recursive: true });
  return seen;
}

Deno.test(
  "drover exec seals for a foreign service, with Kerberos raw and inside SPNEGO, and without a seal over TLS",
  {
    ignore: !kdcPresent || python === undefined,
  },
  async () => {
    const seen = await withServer(async ({ http, https }) => {
      for (
        const [port, flags] of [
          [http, ["--auth", "kerberos"]],
          [http, ["--auth", "negotiate"]],
          [https, ["--auth", "kerberos", "--ssl", "--cert-validation", "ignore"]],
        ] as const
      ) {
        const { stdout, result } = await exec(kdc, port, [...flags, ...withPassword], "echo Grüße; exit 3");
        assert.equal(stdout, "Grüße\n");
        assert.equal(result.exitCode, 3);
      }
      // The KDC does not know the name: negotiation goes on to NTLM, as the host is trusted (it is this machine).
      const demo = ["--auth", "negotiate", "--user", "demo@DROVER.TEST", "--password-env", "PW"];
      assert.equal((await exec(kdc, http, demo, "true")).result.status, "denied");
      const local = ["--auth", "negotiate", "--user", "demo", "--password-env", "PW"];
      assert.equal((await exec(kdc, http, local, "true")).result.status, "succeeded");
    });
    assert.equal(seen.shells_open, 0);
    assert.ok(seen.sealed > 10);
    assert.deepEqual([...new Set(seen.mechanisms)], [
      "Kerberos: kerberos",
      "Negotiate: kerberos",
      "Negotiate: ntlm",
    ]);
  },
);

Deno.test("SPNEGO falls back to NTLM only where Kerberos is not to be had, and never after a refusal", {
  ignore: !kdcPresent || python === undefined,
}, async () => {
  const seen = await withServer(async ({ http }) => {
    // Only NTLM knows the host by this name.
    const unknown = [...withPassword, "--kerberos-hostname", "elsewhere"];
    const { result } = await exec(kdc, http, unknown, "true");
    assert.equal(result.status, "denied");
    assert.doesNotMatch(result.error!.code, /^Kerberos/);
    const wrong = ["--user", principal, "--password-env", "BAD"];
    const refused = await exec(kdc, http, wrong, "true");
    assert.equal(refused.result.error!.code, "KerberosWrongPassword");
  });
  assert.deepEqual(seen.mechanisms, []);
});
