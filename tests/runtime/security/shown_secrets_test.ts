/** What is printed of objects that hold secrets, by whoever debugs a script or logs one: none of them. */
import assert from "node:assert/strict";
import { inspect } from "node:util";
import type { HostTarget } from "../../../actors/host/mod.ts";
import { createNegotiateInitiator, ntHash } from "../../../protocol/auth/mod.ts";
import { hiding, Secret } from "../../../protocol/secret.ts";
import { Fleet } from "../../../mod.ts";
import { targetOf } from "../../../runtime/client/targets.ts";
import { HostBook } from "../../../runtime/daemon/host_book.ts";
import { parseInventory } from "../../../runtime/inventory/mod.ts";
import { Accounts } from "../../../runtime/security/accounts.ts";
import { createSelfSigned } from "../../../runtime/security/certificates.ts";
import { identityOf, readClientCertificate } from "../../../runtime/security/client_identity.ts";
import { FileAccounts } from "../../../runtime/security/file_accounts.ts";
import { makeCertificate } from "../../helpers/client_ca.ts";

const password = "S3cret-of-alice";
const hash = ntHash(new Secret(password));

/** Everything that somebody might print. */
function shown(value: unknown): string {
  const all = { depth: Infinity, strAbbreviateSize: Infinity, iterableLimit: Infinity } as const;
  return [
    Deno.inspect(value, all),
    inspect(value, { depth: Infinity, maxArrayLength: Infinity, maxStringLength: Infinity }),
    JSON.stringify(value, (_, each) => typeof each === "bigint" ? String(each) : each),
    String(value),
  ].join("\n");
}

/** How bytes look in these. */
const spellings = (bytes: Uint8Array) => [
  [...bytes].join(", "),
  [...bytes].slice(0, 6).join(", "),
  [...bytes].slice(0, 6).map((byte, at) => `"${at}":${byte}`).join(","),
  bytes.toHex(),
  bytes.toBase64(),
  [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" "),
];

function assertHidden(value: unknown, ...secrets: readonly (string | Uint8Array)[]): void {
  const text = shown(value);
  for (const secret of secrets.flatMap((each) => typeof each === "string" ? [each] : spellings(each))) {
    assert.ok(!text.includes(secret), `${secret} stands in ${text}`);
  }
}

Deno.test("accounts of a service show neither hashes nor passwords", async () => {
  const accounts = new Accounts();
  accounts.add("alice", new Secret(password), undefined);
  const found = accounts.find("alice")!;
  assert.deepEqual(found.ntHash, hash);
  assertHidden(found, hash, password);
  assertHidden(accounts, hash, password);
  const folder = await Deno.makeTempDir({ prefix: "drover-secrets-" });
  const record = { name: "alice", ntHash: hash.toHex() };
  await Deno.writeTextFile(
    `${folder}/accounts`,
    JSON.stringify({ version: 1, accounts: [record] }),
    { mode: 0o600 },
  );
  using file = await FileAccounts.open(`${folder}/accounts`);
  assert.deepEqual(file.find("alice")!.ntHash, hash);
  assertHidden(file.find("alice"), hash, password);
  assertHidden(file, hash);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("certificates that were read, of clients and of services, show no keys", async () => {
  const root = makeCertificate({ name: "Root", authority: {} });
  const alice = makeCertificate({ name: "alice", issuer: root, uses: [2] });
  const line = alice.key.split("\n")[2]!;
  const client = readClientCertificate(alice.certificate, alice.key, new Secret(password));
  assertHidden(client, line, password);
  assertHidden(identityOf(client), line);
  const served = await createSelfSigned(["localhost"], Date.now());
  assert.match(served.key, /PRIVATE KEY/);
  assertHidden(served, served.key.split("\n")[2]!);
});

Deno.test("inventories, options, fleets and targets of every kind of logon show no passwords", () => {
  const root = makeCertificate({ name: "Root", authority: {} });
  const alice = makeCertificate({ name: "alice", issuer: root, uses: [2] });
  const line = alice.key.split("\n")[2]!;
  const words =
    `ansible_host=localhost ansible_connection=psrp ansible_user=alice ansible_password=${password}`;
  const { inventory } = parseInventory(`web ${words}\n`, "hosts", {});
  const certificate = readClientCertificate(alice.certificate, alice.key, undefined);
  const proxy = { host: "proxy", port: 3128, credential: { user: "p", password: new Secret(password) } };
  const kinds = ["negotiate", "ntlm", "credssp", "digest", "basic", "certificate"] as const;
  const targets = kinds.map((auth): HostTarget =>
    targetOf(inventory.hosts[0]!, { auth, ssl: true, certificate, proxy }, () => "")
  );
  assert.ok(targets.every(({ connect }) => connect.tls?.identity !== undefined));
  assertHidden(targets, password, line, btoa(`alice:${password}`), hash);
  assertHidden(inventory, password);
  assertHidden(new HostBook(inventory, { certificate, password: new Secret(password) }), password, line);
  assertHidden(new Fleet({ inventory, password, certificate, proxy }), password, line);
  assertHidden(Fleet.connect({ url: "http://127.0.0.1:1", token: `drv_${password}` }), password);
});

Deno.test("dialogues show neither what they prove themselves with nor the keys of their messages", async () => {
  const context = createNegotiateInitiator({
    credential: { username: "alice", domain: "", password: new Secret(password) },
    random: (length) => new Uint8Array(length).fill(7),
    now: () => 0,
  });
  await new Promise((resolve) => context.step(undefined, resolve));
  assertHidden(context, password, hash);
});

Deno.test("what is hidden in a record is there for those who ask for it, in copies too", () => {
  const record = hiding({ name: "alice" }, { key: "k", none: undefined });
  assert.deepEqual([record.name, record.key, "key" in record], ["alice", "k", true]);
  assertHidden({ deep: [record] }, '"k"', "'k'");
  assert.equal(JSON.stringify(record), '{"name":"alice","key":"[redacted]"}');
  assert.match(Deno.inspect(record), /name: "alice", key: "\[redacted\]", none: undefined/);
  assert.deepEqual({ ...record, more: 1 }, { name: "alice", key: "k", none: undefined, more: 1 });
});
