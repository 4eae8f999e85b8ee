// Kerberos through MIT's library, both sides in one process, with a real KDC: see library_child.ts for what each scenario does.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Kdc, kdcPresent } from "./kdc.ts";
import { drover, password, python, startKdc, user, withPassword } from "./world.ts";

const child = fileURLToPath(new URL("library_child.ts", import.meta.url));
const ignore = !kdcPresent;

let kdc: Kdc;
Deno.test.beforeAll(async () => {
  if (!ignore) kdc = await startKdc();
});
Deno.test.afterAll(async () => {
  if (!ignore) await kdc[Symbol.asyncDispose]();
});

/** Runs a scenario in a process of the realm; what it said. */
async function run(realm: Kdc, scenario: string): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", child, scenario, realm.keytab],
    env: { ...realm.environment },
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}

Deno.test("messages are sealed as Windows does it, and opened rotated or not", { ignore }, async () => {
  await run(kdc, "sealing");
});

Deno.test(
  "a message that is changed, cut, repeated, out of its turn, reflected or of another logon is not opened",
  {
    ignore,
  },
  async () => {
    await run(kdc, "broken");
  },
);

Deno.test("pyspnego opens our seal and we its; a message that it has only signed is not opened", {
  ignore: ignore || python === undefined,
}, async () => {
  await run(kdc, "signedOnly");
});

Deno.test("a binding to another connection is refused, a missing one is seen", { ignore }, async () => {
  await run(kdc, "bindings");
});

Deno.test(
  "tokens out of their turn, changed or used twice are refused, each by its name",
  { ignore },
  async () => {
    await run(kdc, "order");
  },
);

Deno.test("what was disposed of stays so, during a step too", { ignore }, async () => {
  await run(kdc, "disposal");
});

Deno.test(
  "160 logons to 40 services cost one ticket of the principal and one of each service",
  { ignore },
  async () => {
    await using realm = await Kdc.start({
      users: { [user]: password },
      services: ["HTTP/localhost", ...Array.from({ length: 39 }, (_, i) => `HTTP/web${i + 1}`)],
    });
    await run(realm, "tickets");
    assert.equal((await realm.issued("AS")).length, 1);
    assert.equal((await realm.issued("TGS")).length, 40);
  },
);

Deno.test("a ticket is got anew before its end, once", { ignore }, async () => {
  await using realm = await startKdc();
  await run(realm, "renewal");
  assert.equal((await realm.issued("AS")).length, 2);
});

Deno.test("a wrong password is tried once, however many hosts there are: it could lock the account", {
  ignore,
}, async () => {
  await using realm = await startKdc();
  await run(realm, "lockout");
  const log = await Deno.readTextFile(`${realm.folder}/kdc.log`);
  assert.equal(log.match(/PREAUTH_FAILED/g)?.length, 1);
});

Deno.test(
  "accounts that are locked, expired or have an old password are told apart",
  { ignore },
  async () => {
    await using realm = await startKdc();
    for (
      const [command, code] of [
        ["-pwexpire yesterday", "KerberosPasswordExpired"],
        ['-pwexpire never -expire "2020-01-01 00:00:00"', "KerberosAccountExpired"],
        ["-expire never -allow_tix", "KerberosAccountLocked"],
      ] as const
    ) {
      await realm.admin(`modprinc ${command} ${user}`);
      assert.equal(await run(realm, "refusal"), code);
    }
  },
);

Deno.test(
  "accounts of services that are expired or locked are told from those of users",
  { ignore },
  async () => {
    await using realm = await startKdc();
    await realm.admin('modprinc -expire "2020-01-01 00:00:00" HTTP/localhost');
    assert.equal(await run(realm, "refusal"), "KerberosServiceRevoked");
  },
);

Deno.test("an account that guesses have locked is told from a wrong password", { ignore }, async () => {
  await using realm = await startKdc();
  await realm.admin("addpol -maxfailure 1 guesses");
  await realm.admin(`modprinc -policy guesses ${user}`);
  await run(realm, "lockout");
  assert.equal(await run(realm, "refusal"), "KerberosAccountLocked");
});

Deno.test("a token that is older than clocks may differ is named as such", { ignore }, async () => {
  await using realm = await startKdc();
  const file = realm.environment.KRB5_CONFIG!;
  const profile = await Deno.readTextFile(file);
  await Deno.writeTextFile(file, profile.replace("[libdefaults]", "[libdefaults]\n  clockskew = 1"));
  assert.equal(await run(realm, "late"), "KerberosClockSkew");
});

Deno.test("a KDC that never answers holds nothing up, and is named", { ignore }, async () => {
  await using realm = await startKdc();
  realm.silence(true);
  await run(realm, "silent");
  // Where a host has less time than a KDC is given, the reason is the same.
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const target = `localhost:${listener.addr.port}`;
  for (const kind of ["kerberos", "negotiate"]) {
    const { stderr } = await drover(realm, [
      "ping",
      target,
      "--timeout",
      "2",
      "--auth",
      kind,
      ...withPassword,
    ]);
    assert.match(stderr, /KdcTimeout: .*HTTP\/localhost.*no KDC answered in time/);
  }
});

Deno.test("a KDC that falls silent keeps nobody up whose ticket is there", { ignore }, async () => {
  await using realm = await startKdc();
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", child, "partlySilent", realm.keytab],
    env: { ...realm.environment },
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = process.stdout.getReader();
  await reader.read();
  realm.silence(true);
  const writer = process.stdin.getWriter();
  await writer.write(new Uint8Array(1));
  assert.equal((await process.status).code, 0);
  reader.releaseLock();
  writer.releaseLock();
  await Promise.all([process.stdout.cancel(), process.stdin.close().catch(() => {})]);
});

Deno.test("a KDC that is gone is named", { ignore }, async () => {
  const realm = await startKdc();
  const { environment, keytab } = realm;
  const folder = await Deno.makeTempDir();
  await Deno.copyFile(environment.KRB5_CONFIG!, `${folder}/krb5.conf`);
  await realm[Symbol.asyncDispose]();
  const gone = {
    environment: { ...environment, KRB5_CONFIG: `${folder}/krb5.conf` },
    keytab,
  } as unknown as Kdc;
  assert.equal(await run(gone, "refusal"), "KdcUnreachable");
  await Deno.remove(folder, { recursive: true });
});

for (const enctype of ["aes128-cts-hmac-sha256-128", "aes256-cts-hmac-sha384-192", "camellia256-cts-cmac"]) {
  Deno.test(`messages are sealed with ${enctype}`, { ignore }, async () => {
    await using realm = await Kdc.start({
      users: { [user]: password },
      services: ["HTTP/localhost"],
      enctype,
    });
    await run(realm, "sealing");
  });
}

Deno.test("a service whose keys are older than AES is refused", { ignore }, async () => {
  await using realm = await Kdc.start({
    users: { [user]: password },
    services: ["HTTP/localhost"],
    enctype: "arcfour-hmac",
  });
  // Else the KDC takes AES to be known to everybody.
  for (const name of ["krbtgt/DROVER.TEST", "HTTP/localhost"]) {
    await realm.admin(`setstr ${name} session_enctypes arcfour-hmac`);
  }
  const old = `${realm.folder}/old.conf`;
  const profile = await Deno.readTextFile(realm.environment.KRB5_CONFIG!);
  const rc4 = "[libdefaults]\n  permitted_enctypes = arcfour-hmac";
  await Deno.writeTextFile(old, profile.replace("[libdefaults]", rc4));
  const environment = { ...realm.environment, KRB5_CONFIG: old };
  assert.equal(await run({ environment, keytab: realm.keytab } as unknown as Kdc, "weak"), "KerberosWeak");
});
