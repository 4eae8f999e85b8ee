// Clocks that go wrong, each process with its own (libfaketime): the service's, and the client's.
import assert from "node:assert/strict";
import { fakeClock, fakeClockLibrary } from "./fake_clock.ts";
import { type Kdc, kdcPresent } from "./kdc.ts";
import { exec, password, principal, Service, startKdc, user, withPassword } from "./world.ts";

const ignore = !kdcPresent || fakeClockLibrary === undefined;

/** The realm for processes whose clocks are `apart` from ours, e.g. `+1h`. */
function realmAt(kdc: Kdc, apart: string, env: Record<string, string> = {}): Kdc {
  const environment = { ...kdc.environment, ...fakeClock(apart), ...env };
  return Object.create(kdc, { environment: { value: environment } });
}

let kdc: Kdc;
Deno.test.beforeAll(async () => {
  if (!ignore) kdc = await startKdc();
});
Deno.test.afterAll(async () => {
  if (!ignore) await kdc[Symbol.asyncDispose]();
});

for (const [apart, how] of [["+1h", "ahead of"], ["-1h", "behind"]] as const) {
  Deno.test(
    `a service whose clock is ${how} others' says so, to its operator and to clients`,
    { ignore },
    async () => {
      await using service = await Service.start(realmAt(kdc, apart));
      for (const kind of ["kerberos", "negotiate"]) {
        const { result } = await exec(kdc, service.http, ["--auth", kind, ...withPassword], "true");
        assert.deepEqual([result.status, result.error?.code], ["denied", "KerberosClockSkew"], kind);
        const said = new RegExp(
          `HTTP/localhost .*the service's clock is (59|60|61) min ${how} this machine's.*set the one`,
        );
        assert.match(result.error!.message, said);
      }
      const log = await service.stop();
      assert.equal(log.match(/logon failed for .*KerberosClockSkew: .*set them/g)?.length, 2, log);
    },
  );
}

Deno.test(
  "a client whose clock is wrong goes by the KDC's where krb5.conf lets it: with a password, keys, and tickets of kinit",
  {
    ignore,
  },
  async () => {
    await using service = await Service.start(kdc);
    const late = realmAt(kdc, "+1h");
    const cache = `FILE:${kdc.folder}/late`;
    await late.kinit(user, password, cache);
    const keytab = `${kdc.folder}/late.keytab`;
    await kdc.admin(`ktadd -norandkey -k ${keytab} ${user}`);
    for (const flags of [withPassword, ["--ccache", cache], ["--keytab", keytab, "--user", principal]]) {
      const { result } = await exec(late, service.http, ["--auth", "kerberos", ...flags], "true");
      assert.equal(result.status, "succeeded", JSON.stringify(result.error));
    }
  },
);

Deno.test(
  "a client whose clock is wrong, and which does not go by the KDC's, is told to set it, and takes nothing less",
  {
    ignore,
  },
  async () => {
    await using service = await Service.start(kdc);
    const file = `${kdc.folder}/nosync.conf`;
    const profile = await Deno.readTextFile(kdc.environment.KRB5_CONFIG!);
    await Deno.writeTextFile(file, profile.replace("[libdefaults]", "[libdefaults]\n  kdc_timesync = 0"));
    const late = realmAt(kdc, "+1h", { KRB5_CONFIG: file });
    for (const kind of ["kerberos", "negotiate"]) {
      const { result } = await exec(late, service.http, ["--auth", kind, ...withPassword], "true");
      assert.deepEqual([result.status, result.error?.code], ["denied", "KerberosClockSkew"], kind);
      assert.match(result.error!.message, /clocks of this machine, the KDC .*clockskew.*set them/);
    }
    assert.doesNotMatch(await service.stop(), /logon/, "nobody came to the service, with NTLM neither");
  },
);
