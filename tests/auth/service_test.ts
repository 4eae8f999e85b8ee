// Our service's Kerberos: our own client, and clients that are not ours: pypsrp with pyspnego, pywinrm with pykerberos, curl.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Kdc, kdcPresent } from "./kdc.ts";
import { drover, exec, password, principal, python, Service, startKdc, user, withPassword } from "./world.ts";

const peers = fileURLToPath(new URL("../interop/peers/", import.meta.url));

let kdc: Kdc;
let service: Service;
Deno.test.beforeAll(async () => {
  if (!kdcPresent) return;
  kdc = await startKdc();
  service = await Service.start(kdc);
});
Deno.test.afterAll(async () => {
  if (!kdcPresent) return;
  const log = await service.stop();
  await kdc[Symbol.asyncDispose]();
  assert.doesNotMatch(log, /crash/);
  assert.ok(!log.includes("ssw0rd"), "the log has the password");
});

const ignore = !kdcPresent;
const kerberos = ["--auth", "kerberos"];
const https = ["--ssl", "--cert-validation", "ignore"];

for (
  const [name, port, flags] of [
    ["raw over HTTP, sealed", () => service.http, [...kerberos, ...withPassword]],
    ["inside SPNEGO over HTTP, sealed", () => service.http, withPassword],
    ["raw over HTTPS, bound to the connection", () => service.https, [
      ...kerberos,
      ...https,
      ...withPassword,
    ]],
    ["inside SPNEGO over HTTPS, bound to the connection", () => service.https, [...https, ...withPassword]],
    ["for HOST/localhost", () => service.http, [...kerberos, ...withPassword, "--kerberos-service", "HOST"]],
  ] as const
) {
  Deno.test(`drover exec logs on to drover service with Kerberos ${name}`, { ignore }, async () => {
    const { stdout, result } = await exec(kdc, port(), flags, "echo Grüße; head -c 300000 /dev/zero; exit 3");
    assert.equal(stdout.slice(0, 6), "Grüße\n");
    assert.equal(stdout.length, 300_006);
    assert.equal(result.exitCode, 3);
  });
}

Deno.test(
  "tickets of kinit and keys of a keytab do without a password, and without a name",
  { ignore },
  async () => {
    const folder = await Deno.makeTempDir();
    const cache = `FILE:${folder}/cache`;
    await kdc.kinit(user, password, cache);
    const keytab = `${folder}/user.keytab`;
    await kdc.admin(`ktadd -norandkey -k ${keytab} ${user}`);
    for (
      const [flags, env] of [
        [[...kerberos, "--ccache", cache], {}],
        [kerberos, { KRB5CCNAME: cache }],
        [[], { KRB5CCNAME: cache }],
        [[...kerberos, "--keytab", keytab, "--user", principal], {}],
      ] as const
    ) {
      const run = await drover(
        kdc,
        ["ping", `localhost:${service.http}`, ...flags, "--user", principal],
        env,
      );
      assert.equal(run.code, 0, run.stderr);
      assert.match(run.stdout, /OS: linux/, "the version is told to those only who have logged on");
    }
    const anonymous = await drover(kdc, [
      "ping",
      `localhost:${service.http}`,
      ...kerberos,
      "--ccache",
      cache,
    ]);
    assert.match(anonymous.stdout, /OS: linux/, anonymous.stderr);
    await Deno.remove(folder, { recursive: true });
  },
);

Deno.test("what is wrong is said: password, user, service, realm, tickets, account", { ignore }, async () => {
  const named = (name: string) => ["--user", name, "--password-env", "PW"];
  for (
    const [flags, status, code] of [
      [["--user", principal, "--password-env", "BAD"], "denied", "KerberosWrongPassword"],
      [named("nobody@DROVER.TEST"), "denied", "KerberosUnknownPrincipal"],
      [[...withPassword, "--kerberos-hostname", "elsewhere"], "denied", "KerberosUnknownService"],
      [named("alice@OTHER.TEST"), "unreachable", "KdcNotFound"],
      [["--ccache", "FILE:/nonexistent/cache"], "unreachable", "KerberosNoTickets"],
      // She has a ticket, but no account here.
      [named("mallory@DROVER.TEST"), "denied", "Unauthorized"],
    ] as const
  ) {
    const { result } = await exec(kdc, service.http, [...kerberos, ...flags], "true");
    assert.equal(result.error?.code, code);
    assert.equal(result.status, status);
  }
  // The library speaks of tickets that are not there.
  const keyless = await exec(kdc, service.http, [...kerberos, "--keytab", "/nonexistent/keytab"], "true");
  assert.match(
    keyless.result.error?.message ?? "",
    /keytab \/nonexistent\/keytab: it cannot be read, or has no key/,
  );
});

Deno.test(
  "the client says what it has logged on with, and why it takes less than Kerberos: once for a host",
  {
    ignore,
  },
  async () => {
    const target = `localhost:${service.http}`;
    for (const kind of ["kerberos", "negotiate"]) {
      const { stdout, stderr } = await drover(kdc, ["ping", target, "--auth", kind, ...withPassword]);
      assert.match(stdout, / ms, Kerberos\)$/m);
      assert.equal(stderr, "");
    }
    // Nobody has a password here: NTLM is refused, each time that it is tried.
    const { stderr, code } = await drover(kdc, [
      ...["exec", "--hosts", target, "--connect-retries", "0"],
      ...[...withPassword, "--kerberos-hostname", "elsewhere", "--", "true"],
    ]);
    assert.notEqual(code, 0);
    const said = stderr.match(/^warning: .*$/gm);
    assert.equal(said?.length, 1, stderr);
    assert.match(
      said![0]!,
      /localhost.*: NTLM is used in place of Kerberos: .*the KDC does not know the service/,
    );
    const shown = await drover(kdc, ["exec", "--verbose", "--hosts", target, ...withPassword, "--", "true"]);
    assert.match(shown.stdout, /^HOST +STATUS +EXIT +TIME +LOGON\n.* succeeded .* Kerberos$/m);
  },
);

Deno.test("tickets are handed on to the service on request, or it is said that there are none to hand on", {
  ignore,
}, async () => {
  const delegate = [...kerberos, "--kerberos-delegate"];
  const cache = `FILE:${kdc.folder}/forwardable`;
  await kdc.kinit(user, password, cache, "-f");
  assert.equal(
    (await exec(kdc, service.http, [...delegate, "--ccache", cache], "true")).result.status,
    "succeeded",
  );
  const { result } = await exec(kdc, service.http, [...delegate, ...withPassword], "true");
  assert.equal(result.error?.code, "KerberosNotDelegated");
});

Deno.test("a user of another realm gets a ticket over the trust between them, and is nobody's account here", {
  ignore,
}, async () => {
  const realm = "OTHER.TEST";
  await using other = await Kdc.start({ users: { [user]: password }, services: [], realm });
  await kdc.trust(other);
  await using own = await Service.start(kdc);
  const flags = [...kerberos, "--user", `${user}@${realm}`, "--password-env", "PW"];
  const { result } = await exec(other, own.http, flags, "true");
  assert.equal(result.error?.code, "Unauthorized");
  assert.match(await own.stop(), /logon failed for alice@OTHER\.TEST .*no account here/);
});

Deno.test("a service without the key, and a keytab that is none, are told apart", { ignore }, async () => {
  const other = `${kdc.folder}/other.keytab`;
  await kdc.admin(`ktadd -k ${other} HOST/localhost`);
  await using stranger = await Service.start({ ...kdc, keytab: other, environment: kdc.environment } as Kdc);
  const { result } = await exec(kdc, stranger.http, [...kerberos, ...withPassword], "true");
  assert.equal(result.error?.code, "Unauthorized");
  assert.match(await stranger.stop(), /KerberosTicketRefused|KerberosKeytab/);
  const none = { ...kdc, keytab: `${kdc.folder}/nothing`, environment: kdc.environment } as Kdc;
  await assert.rejects(() => Service.start(none), /KerberosKeytab|keytab/);
});

Deno.test(
  "without MIT's library Kerberos says what to install, and everything else works",
  { ignore },
  async () => {
    const without = { DROVER_GSSAPI_LIBRARY: "libnothing.so.2" };
    const refused = await drover(
      kdc,
      ["ping", `localhost:${service.http}`, ...kerberos, ...withPassword],
      without,
    );
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /cannot be loaded; install it .*libgssapi-krb5-2/);
    const anonymous = await drover(kdc, ["ping", `localhost:${service.http}`], without);
    assert.equal(anonymous.code, 0, anonymous.stderr);
  },
);

interface PeerOutcome {
  readonly stdout_b64: string;
  readonly exit_code: number | null;
  readonly error: string | null;
}

async function peer(
  script: string,
  call: Record<string, unknown>,
  env: Record<string, string> = {},
): Promise<PeerOutcome> {
  const { stdout, stderr } = await new Deno.Command(python!, {
    args: [`${peers}${script}`, JSON.stringify({ user: principal, command: "echo peer; exit 4", ...call })],
    env: { ...kdc.environment, DROVER_PASSWORD: password, ...env },
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert.notEqual(text, "", new TextDecoder().decode(stderr));
  return JSON.parse(text);
}

for (
  const [name, script, transport, endpoint, encryption] of [
    [
      "pypsrp, raw over HTTP",
      "pypsrp_run.py",
      "kerberos",
      () => `http://localhost:${service.http}`,
      "always",
    ],
    [
      "pypsrp, SPNEGO over HTTP",
      "pypsrp_run.py",
      "negotiate",
      () => `http://localhost:${service.http}`,
      "always",
    ],
    [
      "pypsrp, raw over HTTPS with a channel binding",
      "pypsrp_run.py",
      "kerberos",
      () => `https://localhost:${service.https}`,
      "never",
    ],
    [
      "pypsrp, SPNEGO over HTTPS, sealed all the same",
      "pypsrp_run.py",
      "negotiate",
      () => `https://localhost:${service.https}`,
      "always",
    ],
    ["pywinrm, over HTTP", "pywinrm_run.py", "kerberos", () => `http://localhost:${service.http}`, "always"],
    [
      "pywinrm, over HTTPS",
      "pywinrm_run.py",
      "kerberos",
      () => `https://localhost:${service.https}`,
      "never",
    ],
  ] as const
) {
  Deno.test(`${name}: runs a command`, { ignore: ignore || python === undefined }, async () => {
    // pywinrm takes its tickets from kinit alone.
    const cache = `FILE:${kdc.folder}/peer`;
    await kdc.kinit(user, password, cache);
    const outcome = await peer(script, { transport, endpoint: endpoint(), encryption }, {
      KRB5CCNAME: cache,
    });
    assert.equal(outcome.error, null);
    assert.equal(atob(outcome.stdout_b64).trim(), "peer");
    assert.equal(outcome.exit_code, 4);
  });
}

Deno.test(
  "curl --negotiate logs on with tickets, and its clear text is refused over HTTP",
  { ignore },
  async () => {
    const cache = `FILE:${kdc.folder}/curl`;
    await kdc.kinit(user, password, cache);
    const body = `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" ` +
      `xmlns:i="http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"><s:Header/><s:Body><i:Identify/></s:Body></s:Envelope>`;
    const curl = async (url: string) => {
      const { stdout } = await new Deno.Command("curl", {
        args: [
          ...["-sSk", "--noproxy", "*", "--max-time", "60", "--negotiate", "-u", ":", "-w", "\n%{http_code}"],
          ...["-H", "Content-Type: application/soap+xml;charset=UTF-8", "--data-binary", body, url],
        ],
        env: { ...kdc.environment, KRB5CCNAME: cache },
      }).output();
      return new TextDecoder().decode(stdout);
    };
    const secure = await curl(`https://localhost:${service.https}/wsman`);
    assert.match(secure, /ProductVendor.*Drover.*OS: linux.*\n200$/s);
    assert.match(await curl(`http://localhost:${service.http}/wsman`), /^\n403$/);
  },
);
