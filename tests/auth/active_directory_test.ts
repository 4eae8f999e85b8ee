// A real domain controller (Samba's): users, groups and refusals as Active Directory has them, without a line of ours in the tickets.
import assert from "node:assert/strict";
import { DomainController, domainControllerPresent } from "./active_directory.ts";
import { drover, exec, type HostResult, password, Service, user } from "./world.ts";

const ignore = !domainControllerPresent;
let domain: DomainController;
let service: Service;

Deno.test.beforeAll(async () => {
  if (ignore) return;
  domain = await DomainController.start({
    users: {
      [user]: { password, upn: `${user}.smith@mail.example` },
      bob: { password },
      carol: { password, state: "disabled" },
      dave: { password, state: "expired" },
      erin: { password, state: "mustChange" },
      frank: { password },
    },
    groups: {
      operators: { kind: "global", members: [user] },
      // Around another one, and known to this domain only: its SID comes with the ticket of the service.
      runners: { kind: "domainLocal", members: ["operators"] },
      barred: { kind: "global", members: ["bob"] },
    },
    services: ["HTTP/localhost", "host/localhost"],
  });
  const accounts = `${domain.folder}/accounts.json`;
  for (const name of [user, "bob"]) {
    const flags = ["--file", accounts, "--no-password", "--groups", "none"];
    const added = await drover(domain, ["account", "add", name, ...flags]);
    assert.equal(added.code, 0, added.stderr);
  }
  const allowed = domain.sids["runners"];
  service = await Service.start(
    domain,
    ...["--accounts", accounts, "--set", `RootSDDL=O:BAG:BAD:P(A;;GA;;;${allowed})`],
  );
});
Deno.test.afterAll(async () => {
  if (ignore) return;
  const log = await service.stop();
  await domain[Symbol.asyncDispose]();
  assert.doesNotMatch(log, /crash/);
});

async function outcome(name: string, ...flags: string[]): Promise<HostResult> {
  const named = ["--user", name, "--password-env", "PW", ...flags];
  return (await exec(domain, service.http, named, "true")).result;
}

for (
  const [name, flags] of [
    [`${user}@AD.EXAMPLE`, []],
    [`${user}@ad.example`, ["--auth", "kerberos"]],
    // The domain itself says whose name this is.
    [`${user}.smith@mail.example`, []],
    [`ADEX\\${user}`, ["--kerberos-realm", "AD.EXAMPLE"]],
  ] as const
) {
  Deno.test(`${name} is in a group of a group that is allowed, and may`, { ignore }, async () => {
    const { status, logon, error } = await outcome(name, ...flags);
    assert.deepEqual([status, logon?.mechanism], ["succeeded", "Kerberos"], error?.message ?? "");
  });
}

Deno.test("somebody of the domain without the group may not", { ignore }, async () => {
  const { status, error } = await outcome("bob@AD.EXAMPLE");
  assert.equal(status, "denied");
  assert.match(`${error?.code}`, /ACCESS_DENIED/);
});

for (
  const [name, code, said] of [
    ["carol", "KerberosAccountLocked", /disabled|locked|revoked/],
    ["dave", "KerberosAccountLocked", /expired|revoked/],
    ["erin", "KerberosPasswordExpired", /expired|change/],
    ["nobody", "KerberosUnknownPrincipal", /nobody/],
  ] as const
) {
  Deno.test(`what the domain says against ${name} is told: ${code}`, { ignore }, async () => {
    const { error } = await outcome(`${name}@AD.EXAMPLE`, "--auth", "kerberos");
    assert.equal(error?.code, code);
    assert.match(error?.message ?? "", said);
  });
}

Deno.test("wrong passwords lock an account of the domain, and then the right one is told to be locked out", {
  ignore,
}, async () => {
  const wrong = ["--user", "frank@AD.EXAMPLE", "--password-env", "BAD", "--auth", "kerberos"];
  for (let tries = 0; tries < 3; tries++) {
    const { result } = await exec(domain, service.http, wrong, "true");
    assert.equal(result.error?.code, "KerberosWrongPassword");
  }
  const { error } = await outcome("frank@AD.EXAMPLE", "--auth", "kerberos");
  assert.equal(error?.code, "KerberosAccountLocked");
});
