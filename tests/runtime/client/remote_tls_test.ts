/** A daemon that lets in only clients with a certificate, and what Drover itself sends there. */
import assert from "node:assert/strict";
import { Fleet } from "../../../mod.ts";
import { createSelfSigned } from "../../../runtime/security/certificates.ts";
import { drover } from "../cli/drover.ts";
import { world } from "../daemon/world.ts";

Deno.test("Fleet.connect and the command line bring the certificate that --client-ca asks for", async () => {
  const server = await createSelfSigned(["127.0.0.1", "localhost"], Date.now());
  const client = await createSelfSigned(["client"], Date.now());
  const tls = { cert: server.certificate, key: server.key, clientCa: client.certificate };
  await using w = await world({ hosts: 1, tls });
  const known = { url: w.url, token: w.token, ca: server.certificate };
  const identity = { clientCert: client.certificate, clientKey: client.key };

  await using fleet = Fleet.connect({ ...known, ...identity });
  const results = await fleet.run("echo x").results();
  assert.deepEqual(results.map(({ status }) => status), ["succeeded"]);

  await using stranger = Fleet.connect(known);
  await assert.rejects(stranger.job(crypto.randomUUID()), { code: "CertificateRefused" });
  const { clientCert, clientKey } = identity;
  const broken = clientKey.replaceAll(/[A-Za-z0-9+/=]{10,}/g, "AAAA");
  for (const half of [{ clientCert }, { clientKey }, { clientCert, clientKey: broken }]) {
    assert.throws(() => Fleet.connect({ ...known, ...half }), { code: "BadOption" });
  }

  const folder = await Deno.makeTempDir({ prefix: "drover-identity-" });
  const files = { token: w.token, ca: server.certificate, cert: clientCert, key: clientKey };
  for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(`${folder}/${name}`, text);
  await Deno.chmod(`${folder}/token`, 0o600);
  const list = ["job", "list", "--api", w.url, "--token-file", `${folder}/token`, "--ca", `${folder}/ca`];
  const both = ["--client-cert", `${folder}/cert`, "--client-key", `${folder}/key`];
  const [listed, refused, half] = await Promise.all([
    drover([...list, ...both]),
    drover(list),
    drover([...list, ...both.slice(0, 2)]),
  ]);
  assert.deepEqual([listed.code, /echo x/.test(listed.stdout)], [0, true], listed.stderr);
  assert.deepEqual([refused.code, /wants a certificate/.test(refused.stderr)], [1, true], refused.stderr);
  assert.deepEqual([half.code, /go together/.test(half.stderr)], [2, true], half.stderr);
  await Deno.remove(folder, { recursive: true });
  assert.deepEqual(w.errors, []);
});
