// What RootSDDL lets accounts do by the groups of their PAC. The tickets are impacket's, the clients ours, curl and pypsrp.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type Kdc, kdcPresent } from "./kdc.ts";
import { domain, membership, type PacContent, ticketWith, withChangedPac } from "./tickets.ts";
import { drover, exec, type HostResult, principal, python, Service, startKdc, user } from "./world.ts";

const peers = fileURLToPath(new URL("../interop/peers/", import.meta.url));
const ignore = !kdcPresent || python === undefined;

const allowed = 1200;
const other = 1300;
const barred = 1400;
const foreign = "S-1-5-21-4-5-6-1500";
/** Of the machine itself: no domain can put anybody into it. */
const administrators = "S-1-5-32-544";

const rootSddl =
  `O:BAG:BAD:P(D;;GA;;;${domain}-${barred})(A;;GA;;;${domain}-${allowed})(A;;GA;;;${foreign})(A;;GA;;;BA)`;

let kdc: Kdc;
let service: Service;
let audit: string;
Deno.test.beforeAll(async () => {
  if (ignore) return;
  kdc = await startKdc();
  const accounts = `${kdc.folder}/accounts.json`;
  audit = `${kdc.folder}/audit`;
  const file = ["--file", accounts];
  const added = await drover(kdc, ["account", "add", user, ...file, "--no-password", "--groups", "none"]);
  assert.equal(added.code, 0, added.stderr);
  service = await Service.start(
    kdc,
    ...["--accounts", accounts, "--audit", audit, "--set", `RootSDDL=${rootSddl}`],
  );
});
Deno.test.afterAll(async () => {
  if (ignore) return;
  const log = await service.stop();
  await kdc[Symbol.asyncDispose]();
  assert.doesNotMatch(log, /crash/);
});

async function outcome(ccache: string, flags: readonly string[] = []): Promise<HostResult> {
  const { result } = await exec(
    kdc,
    service.http,
    ["--ccache", ccache, "--user", principal, ...flags],
    "true",
  );
  return result;
}

async function refusals(): Promise<number> {
  const lines = (await Deno.readTextFile(audit)).split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line)).filter(({ event, outcome, who, reason }) =>
    event === "access" && outcome === "refused" && who === user && /^RootSDDL does not give/.test(reason)
  ).length;
}

for (
  const [name, pac, admitted] of [
    ["a group that is allowed", { groups: [513, allowed] }, true],
    ["a group of another domain that is allowed", { groups: [513], extraSids: [foreign] }, true],
    ["no group that is allowed", { groups: [513, other] }, false],
    ["a group that is allowed and one that is barred", { groups: [allowed, barred] }, false],
    ["a group of the machine's own, which is not the domain's to give", {
      groups: [513],
      extraSids: [administrators],
    }, false],
  ] as const satisfies readonly (readonly [string, PacContent, boolean])[]
) {
  Deno.test(`${name}: ${admitted ? "may" : "may not"}`, { ignore }, async () => {
    const ccache = await ticketWith(kdc, pac);
    const before = await refusals();
    for (const flags of [["--auth", "kerberos"], []]) {
      const { status, error } = await outcome(ccache, flags);
      assert.equal(status, admitted ? "succeeded" : "denied");
      if (!admitted) assert.match(`${error?.code}`, /ACCESS_DENIED/);
    }
    assert.equal(await refusals() - before, admitted ? 0 : 2);
  });
}

Deno.test("a PAC that was changed under its signature gives no groups", { ignore }, async () => {
  const honest = await ticketWith(kdc, { groups: [513, other] });
  const change = { from: membership(other), to: membership(allowed) };
  // Whoever has the key could sign, too: the same change counts when the signature is right.
  const signed = await withChangedPac(kdc, honest, { ...change, sign: true });
  assert.equal((await outcome(signed)).status, "succeeded");
  const { status, error } = await outcome(await withChangedPac(kdc, honest, { ...change, sign: false }));
  assert.equal(status, "denied");
  // The ticket is a good one: the logon succeeds, and has no rights.
  assert.match(`${error?.code}`, /ACCESS_DENIED/);
});

Deno.test("a PAC that is signed and cannot be read lets nobody in", { ignore }, async () => {
  const honest = await ticketWith(kdc, { groups: [513, allowed] });
  // The list of groups begins with their count.
  const [from, to] = ["02", "03"].map((count) => `${count}000000${membership(513)}`) as [string, string];
  const ccache = await withChangedPac(kdc, honest, { from, to, sign: true });
  const { status, error } = await outcome(ccache, ["--auth", "kerberos"]);
  assert.deepEqual([status, error?.code], ["denied", "Unauthorized"]);
  const lines = (await Deno.readTextFile(audit)).split("\n").filter((line) => line.includes("PacMalformed"));
  assert.equal(lines.length, 1);
});

Deno.test("a ticket without groups has those of the account, and no more", { ignore }, async () => {
  const ccache = `FILE:${kdc.folder}/plain`;
  await kdc.kinit(user, "Pässw0rd of alice", ccache);
  assert.match(`${(await outcome(ccache)).error?.code}`, /ACCESS_DENIED/);
});

Deno.test("curl --negotiate gets an answer, or the fault of Windows", { ignore }, async () => {
  const body = `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" ` +
    `xmlns:i="http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"><s:Header/><s:Body><i:Identify/></s:Body></s:Envelope>`;
  const curl = async (pac: PacContent) => {
    const { stdout } = await new Deno.Command("curl", {
      args: [
        ...["-sSk", "--noproxy", "*", "--max-time", "20", "--negotiate", "-u", ":", "-w", "\n%{http_code}"],
        ...["-H", "Content-Type: application/soap+xml;charset=UTF-8", "--data-binary", body],
        `https://localhost:${service.https}/wsman`,
      ],
      env: { ...kdc.environment, KRB5CCNAME: await ticketWith(kdc, pac) },
    }).output();
    return new TextDecoder().decode(stdout);
  };
  assert.match(await curl({ groups: [allowed] }), /ProductVendor.*OS: linux.*\n200$/s);
  assert.match(await curl({ groups: [other] }), /s:Sender.*w:AccessDenied.*Code="5".*\n500$/s);
});

Deno.test("pypsrp runs a command, or is told that access is denied", { ignore }, async () => {
  const pypsrp = async (pac: PacContent) => {
    const { stdout, stderr } = await new Deno.Command(python!, {
      args: [
        `${peers}pypsrp_run.py`,
        JSON.stringify({
          user: principal,
          command: "echo peer",
          transport: "kerberos",
          endpoint: `http://localhost:${service.http}`,
          encryption: "always",
          options: { negotiate_service: "HTTP" },
        }),
      ],
      env: { ...kdc.environment, DROVER_PASSWORD: "", KRB5CCNAME: await ticketWith(kdc, pac) },
    }).output();
    const text = new TextDecoder().decode(stdout);
    assert.notEqual(text, "", new TextDecoder().decode(stderr));
    return JSON.parse(text) as { readonly stdout_b64: string; readonly error: string | null };
  };
  const served = await pypsrp({ groups: [allowed] });
  assert.equal(served.error, null);
  assert.equal(atob(served.stdout_b64).trim(), "peer");
  assert.match((await pypsrp({ groups: [other] })).error ?? "", /denied/i);
});
