/** Digest against Apache's mod_auth_digest, behind which lies a service of ours that is told who it was by Basic. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Fleet } from "../../mod.ts";
import { Secret } from "../../protocol/secret.ts";
import { inventoryFromHosts } from "../../runtime/inventory/mod.ts";
import { Accounts } from "../../runtime/security/accounts.ts";
import { startService } from "../../runtime/service/service.ts";
import { Apache } from "./apache.ts";

const password = new Secret("Passw0rd!");

/** Apache with the user `demo`, whose nonces are good for two seconds, and who proxies to a service. */
async function proxied(): Promise<AsyncDisposable & { readonly apache: Apache }> {
  const accounts = new Accounts();
  accounts.add("demo", password, undefined);
  const service = await startService({
    listeners: [{ host: "127.0.0.1", port: 0 }],
    accounts,
    auth: ["basic"],
    allowUnencrypted: true,
  });
  const hash = createHash("md5").update(`demo:wsman:${password.reveal()}`).digest("hex");
  const apache = await Apache.with({
    modules: ["authz_user", "authn_file", "auth_digest", "proxy", "proxy_http", "headers"],
    files: { users: new TextEncoder().encode(`demo:wsman:${hash}\n`) },
    location: (folder) => `
  AuthType Digest
  AuthName wsman
  AuthDigestProvider file
  AuthUserFile ${folder}/users
  AuthDigestNonceLifetime 2
  Require valid-user
  RequestHeader set Authorization "Basic ${btoa(`demo:${password.reveal()}`)}"
  ProxyPass http://127.0.0.1:${service.addresses[0]!.port}/wsman`,
  });
  return {
    apache,
    async [Symbol.asyncDispose]() {
      await apache[Symbol.asyncDispose]();
      await service.stop();
    },
  };
}

function fleet(apache: Apache, secret = password): Fleet {
  return new Fleet({
    inventory: inventoryFromHosts([`localhost:${apache.port}`]),
    user: "demo",
    password: secret,
    auth: "digest",
    ssl: true,
    certValidation: "ignore",
  });
}

async function run(over: Fleet, command: string) {
  let output = "";
  for await (const event of over.run(command)) {
    if (event.type === "output") output += event.data.text();
    if (event.type === "result") return { output, status: event.status, code: event.error?.code };
  }
  throw new Error("there was no result");
}

Deno.test("a command runs behind Apache's Digest, also for longer than its nonces are good", async () => {
  await using world = await proxied();
  await using over = fleet(world.apache);
  // Each Receive of these seconds comes with the nonce that the connection had before.
  const { output, status } = await run(over, "for i in 1 2; do echo $i; sleep 2.2; done");
  assert.deepEqual([status, output.replaceAll("\r", "")], ["succeeded", "1\n2\n"]);
  const users = await world.apache.users(5);
  assert.ok(users.length >= 5 && users.every((user) => user === "demo"));
});

Deno.test("a wrong password is refused by Apache, and a server without Digest is named", async () => {
  await using world = await proxied();
  await using wrong = fleet(world.apache, new Secret("wrong"));
  assert.deepEqual(await run(wrong, "hostname"), { output: "", status: "denied", code: "Unauthorized" });
  const accounts = new Accounts();
  accounts.add("demo", password, undefined);
  await using service = await startService({
    listeners: [{ host: "127.0.0.1", port: 0, tls: "self-signed" }],
    accounts,
    auth: ["negotiate"],
  });
  await using other = new Fleet({
    inventory: inventoryFromHosts([`127.0.0.1:${service.addresses[0]!.port}`]),
    user: "demo",
    password,
    auth: "digest",
    ssl: true,
    certValidation: "ignore",
  });
  assert.equal((await run(other, "hostname")).code, "DigestNotOffered");
});
