/**
 * CbtHardeningLevel: logons over TLS with the right channel binding, with none, and with that of another connection (somebody between
 * who ends TLS with a certificate of his own and passes the rest on), by our client and by pypsrp.
 */
import assert from "node:assert/strict";
import tls from "node:tls";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { Fleet } from "../../mod.ts";
import { Secret } from "../../protocol/secret.ts";
import { inventoryFromHosts } from "../../runtime/inventory/mod.ts";
import { createSelfSigned } from "../../runtime/security/certificates.ts";
import { password, ServiceProcess, user } from "../interop/service_process.ts";
import { Kdc, kdcPresent } from "./kdc.ts";
import { exec, principal, python, Service, startKdc, withPassword } from "./world.ts";

const script = fileURLToPath(new URL("../interop/peers/pypsrp_run.py", import.meta.url));

/** Ends TLS with its own certificate, and speaks TLS to `port` for whoever comes. */
async function between(port: number): Promise<AsyncDisposable & { readonly port: number }> {
  const { certificate, key } = await createSelfSigned(["localhost"], Date.now());
  const open = new Set<tls.TLSSocket>();
  const server = tls.createServer({ cert: certificate, key }, (client) => {
    const onward = tls.connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
    for (const socket of [client, onward]) {
      open.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => open.delete(socket));
    }
    client.pipe(onward).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Whether our client gets in. */
async function ours(port: number): Promise<boolean> {
  await using over = new Fleet({
    inventory: inventoryFromHosts([`localhost:${port}`]),
    user,
    password: new Secret(password),
    auth: "ntlm",
    ssl: true,
    certValidation: "ignore",
    connectRetries: 0,
  });
  for await (const event of over.run("true")) {
    if (event.type !== "result") continue;
    if (event.status === "succeeded") return true;
    assert.equal(event.error?.code, "Unauthorized");
  }
  return false;
}

/** Whether pypsrp gets in. */
async function theirs(port: number, sendCbt: boolean): Promise<boolean> {
  const call = {
    endpoint: `https://localhost:${port}`,
    user,
    transport: "ntlm",
    encryption: "never",
    command: "true",
    options: { negotiate_send_cbt: sendCbt },
  };
  const { stdout, stderr } = await new Deno.Command(python!, {
    args: [script, JSON.stringify(call)],
    env: { DROVER_PASSWORD: password, PYTHONWARNINGS: "ignore" },
  }).output();
  const { error } = JSON.parse(new TextDecoder().decode(stdout) || "{}") as { error?: string | null };
  if (error === null) return true;
  assert.match(error ?? "", /Authentication|Failed to authenticate/, new TextDecoder().decode(stderr));
  return false;
}

function portOf(url: string): number {
  return Number(url.slice(url.lastIndexOf(":") + 1));
}

for (
  const [level, right, none, wrong] of [
    ["None", true, true, true],
    ["Relaxed", true, true, false],
    ["Strict", true, false, false],
  ] as const
) {
  Deno.test(`CbtHardeningLevel ${level}, NTLM: right ${right}, none ${none}, wrong ${wrong}`, async () => {
    await using service = await ServiceProcess.start("--set", `CbtHardeningLevel=${level}`);
    const port = portOf(service.https);
    await using relay = await between(port);
    assert.equal(await ours(port), right);
    assert.equal(await ours(relay.port), wrong);
    if (python !== undefined) {
      assert.equal(await theirs(port, true), right);
      assert.equal(await theirs(port, false), none);
      assert.equal(await theirs(relay.port, true), wrong);
      assert.equal(await theirs(relay.port, false), none);
    }
    const { log } = await service.stop();
    assert.equal(/not bound to this connection \(CbtHardeningLevel/.test(log), !wrong, log);
  });
}

Deno.test("CbtHardeningLevel Strict and Relaxed, Kerberos: a ticket for another connection is refused", {
  ignore: !kdcPresent,
}, async () => {
  await using kdc: Kdc = await startKdc();
  const flags = ["--auth", "kerberos", "--ssl", "--cert-validation", "ignore", ...withPassword];
  const codeOf = async (port: number) => (await exec(kdc, port, flags, "true")).result.error?.code;
  for (
    const [level, refused] of [["None", undefined], ["Relaxed", "Unauthorized"], [
      "Strict",
      "Unauthorized",
    ]] as const
  ) {
    await using service = await Service.start(kdc, "--set", `CbtHardeningLevel=${level}`);
    await using relay = await between(service.https);
    assert.equal(await codeOf(service.https), undefined, level);
    assert.equal(await codeOf(relay.port), refused, level);
    if (python === undefined) continue;
    const call = {
      endpoint: `https://localhost:${service.https}`,
      user: principal,
      transport: "kerberos",
      encryption: "never",
      command: "true",
      options: { negotiate_send_cbt: false },
    };
    const { stdout } = await new Deno.Command(python, {
      args: [script, JSON.stringify(call)],
      env: { ...kdc.environment, DROVER_PASSWORD: "Pässw0rd of alice", PYTHONWARNINGS: "ignore" },
    }).output();
    const { error } = JSON.parse(new TextDecoder().decode(stdout)) as { error: string | null };
    assert.equal(error === null, level !== "Strict", `${level}: ${error}`);
  }
});

for (
  const [name, how] of [
    ["RSASSA-PSS with SHA-384", ["rsa:2048", "-sha384", "-sigopt", "rsa_padding_mode:pss"]],
    ["ECDSA with SHA-512", ["ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-sha512"]],
    ["RSA with SHA-1", ["rsa:2048", "-sha1"]],
  ] as const
) {
  Deno.test(`a service with a certificate signed by ${name} is bound to alike by everybody`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "drover-binding-" });
    const [cert, key] = [`${folder}/cert.pem`, `${folder}/key.pem`];
    const [kind, ...rest] = how;
    const { success, stderr } = await new Deno.Command("openssl", {
      args: [
        ...["req", "-x509", "-nodes", "-newkey", kind, ...rest, "-subj", "/CN=localhost", "-days", "2"],
        ...["-keyout", key, "-out", cert],
      ],
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    await using service = await ServiceProcess.start(
      ...["--cert", cert, "--key", key, "--set", "CbtHardeningLevel=Strict"],
    );
    await Deno.remove(folder, { recursive: true });
    assert.ok(await ours(portOf(service.https)));
    if (python !== undefined) assert.ok(await theirs(portOf(service.https), true));
  });
}
