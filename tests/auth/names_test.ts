// Accounts named as on Windows, with a real KDC: DOMAIN\name, realms in lower case, user principal names.
import assert from "node:assert/strict";
import { type Kdc, kdcPresent } from "./kdc.ts";
import { exec, password, Service, startKdc, user } from "./world.ts";

const ignore = !kdcPresent;
let kdc: Kdc;
let service: Service;
Deno.test.beforeAll(async () => {
  if (ignore) return;
  kdc = await startKdc();
  service = await Service.start(kdc);
});
Deno.test.afterAll(async () => {
  if (ignore) return;
  await service.stop();
  await kdc[Symbol.asyncDispose]();
});

const named = (name: string, ...more: string[]) => ["--user", name, "--password-env", "PW", ...more];

for (
  const [flags, what] of [
    [named(`DROVER\\${user}`), "the domain's short name"],
    [named(`drover.test\\${user}`), "the domain's DNS name"],
    [named(`${user}@drover.test`), "the realm in lower case"],
    [named(`ELSEWHERE\\${user}`, "--kerberos-realm", "DROVER.TEST"), "any domain, with --kerberos-realm"],
    [named(user, "--kerberos-realm", "DROVER.TEST"), "no domain, with --kerberos-realm"],
  ] as const
) {
  Deno.test(`a user is known to Kerberos by ${what}, under kerberos and negotiate`, { ignore }, async () => {
    for (const kind of ["kerberos", "negotiate"]) {
      const { result } = await exec(kdc, service.http, ["--auth", kind, ...flags], "true");
      assert.deepEqual([result.status, result.logon?.mechanism], ["succeeded", "Kerberos"], kind);
    }
  });
}

Deno.test("a domain that no realm is known for is an account of NTLM; Kerberos alone says what to do", {
  ignore,
}, async () => {
  const flags = named(`WEB01\\${user}`);
  const before = (await kdc.issued("AS")).length;
  // Nobody has a password here, so NTLM is refused; no KDC is asked.
  assert.equal((await exec(kdc, service.http, flags, "true")).result.error?.code, "Unauthorized");
  assert.equal((await kdc.issued("AS")).length, before);
  const run = exec(kdc, service.http, ["--auth", "kerberos", ...flags], "true");
  await assert.rejects(
    run,
    /KerberosUser|realm of WEB01\\alice is not known.*--kerberos-realm.*domain_realm/s,
  );
});

Deno.test("a user principal name goes to the KDC of the default realm as such, which says whose it is", {
  ignore,
}, async () => {
  await kdc.admin(`addprinc -pw "${password}" ${user}\\@mail.example`);
  const flags = ["--auth", "kerberos", ...named(`${user}@mail.example`)];
  const { result } = await exec(kdc, service.http, flags, "true");
  // MIT's KDC knows it as a principal of its own, which is nobody's account at the service; active_directory_test.ts has a domain's.
  assert.equal(result.error?.code, "Unauthorized");
  const issued = await kdc.issued("TGS");
  assert.ok(issued.some((line) => line.includes(`${user}\\@mail.example@DROVER.TEST`)), issued.join("\n"));
  const unknown = ["--auth", "kerberos", ...named("nobody@mail.example")];
  assert.equal(
    (await exec(kdc, service.http, unknown, "true")).result.error?.code,
    "KerberosUnknownPrincipal",
  );
});
