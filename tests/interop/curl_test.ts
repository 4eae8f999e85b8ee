/**
 * curl against `drover service`: its HTTP, its Basic, and with Debian's package gss-ntlmssp its Negotiate, which is a
 * SPNEGO (MIT Kerberos) and an NTLM that are not ours.
 */
import assert from "node:assert/strict";
import { password, ServiceProcess, user } from "./service_process.ts";

const version = await curlVersion();
const ignore = version === undefined;
const ignoreNegotiate = ignore || !/\bSPNEGO\b/.test(version) || !await gssNtlmInstalled();

let service: ServiceProcess;
Deno.test.beforeAll(async () => {
  service = await ServiceProcess.start();
});
Deno.test.afterAll(async () => {
  const { code, log } = await service.stop();
  assert.equal(code, 0);
  assert.doesNotMatch(log, /crash/);
  assert.ok(!log.includes("ssw0rd"), "the log has the password");
});

const soap = "application/soap+xml;charset=UTF-8";
const general = ["-sSk", "-K", "-", "--noproxy", "*", "--max-time", "60", "-w", "\n%{num_connects}"];
const anonymously = ["-H", "WSMANIDENTIFY: unauthenticated"];
const account = `${user}:${password}`;

const identify = `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" ` +
  `xmlns:i="http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"><s:Header/>` +
  `<s:Body><i:Identify/></s:Body></s:Envelope>`;

const addressing = "http://schemas.xmlsoap.org/ws/2004/08/addressing";
const enumeration = "http://schemas.xmlsoap.org/ws/2004/09/enumeration";
const listShells = `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="${addressing}" ` +
  `xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"><s:Header><a:Action>${enumeration}/Enumerate</a:Action>` +
  `<a:To>http://host/wsman</a:To><a:MessageID>uuid:01234567-89AB-4CDE-8F01-23456789ABCD</a:MessageID>` +
  `<a:ReplyTo><a:Address>${addressing}/role/anonymous</a:Address></a:ReplyTo>` +
  `<w:ResourceURI>http://schemas.microsoft.com/wbem/wsman/1/windows/shell</w:ResourceURI></s:Header>` +
  `<s:Body><n:Enumerate xmlns:n="${enumeration}"/></s:Body></s:Envelope>`;

async function curlVersion(): Promise<string | undefined> {
  try {
    return new TextDecoder().decode(
      (await new Deno.Command("curl", { args: ["--version"] }).output()).stdout,
    );
  } catch {
    return undefined;
  }
}

/** Whether GSSAPI finds NTLM here: the package puts a file into the folder of mechanisms. */
async function gssNtlmInstalled(): Promise<boolean> {
  try {
    for await (const { name } of Deno.readDir("/etc/gss/mech.d")) if (name.includes("ntlmssp")) return true;
  } catch { /* no such folder */ }
  return false;
}

interface Answers {
  /** Statuses of all answers, in their order. */
  readonly statuses: readonly number[];
  /** All header lines. */
  readonly headers: string;
  /** What came in bodies. */
  readonly body: string;
  /** TCP connections that were opened for the last URL. */
  readonly connections: number;
}

interface Request {
  readonly url: string;
  readonly body?: string;
  readonly type?: string;
  readonly args?: readonly string[];
  /** `NAME:PASSWORD`; it goes by standard input, never by the arguments. */
  readonly credentials?: string;
  readonly env?: Record<string, string>;
}

async function curl(
  { url, body = identify, type = soap, args = [], credentials, env = {} }: Request,
): Promise<Answers> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/request`, body);
    const files = ["-D", `${folder}/headers`, "--data-binary", `@${folder}/request`];
    const child = new Deno.Command("curl", {
      args: [...general, ...files, "-H", `Content-Type: ${type}`, ...args, url],
      env,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(
      new TextEncoder().encode(credentials === undefined ? "" : `user = "${credentials}"\n`),
    );
    await writer.close();
    const { code, stdout, stderr } = await child.output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    const said = new TextDecoder().decode(stdout);
    const headers = await Deno.readTextFile(`${folder}/headers`);
    return {
      statuses: [...headers.matchAll(/^HTTP\/1\.[01] (\d{3})/gm)].map(([, status]) => Number(status)),
      headers,
      body: said.slice(0, said.lastIndexOf("\n")),
      connections: Number(said.slice(said.lastIndexOf("\n") + 1)),
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const at = (base: string, path = "/wsman") => base + path;

Deno.test("curl, Basic over HTTPS: asks who answers, and is told the system", { ignore }, async () => {
  const answer = await curl({ url: at(service.https), args: ["--basic"], credentials: account });
  assert.deepEqual(answer.statuses, [200]);
  assert.match(answer.body, /<wsmid:ProductVendor>Drover</);
  assert.match(answer.body, new RegExp(`<wsmid:ProductVersion>OS: ${Deno.build.os} `));
});

Deno.test("curl, without credentials: learns who answers but not which system", { ignore }, async () => {
  for (const base of [service.http, service.https]) {
    const answer = await curl({ url: at(base), args: anonymously });
    assert.deepEqual(answer.statuses, [200]);
    assert.match(answer.body, /<wsmid:ProductVersion>OS: 0\.0\.0 SP: 0\.0 Stack: 3\.0</);
  }
});

Deno.test("curl, without credentials: may ask nothing else", { ignore }, async () => {
  const answer = await curl({ url: at(service.https), body: listShells, args: anonymously });
  assert.deepEqual(answer.statuses, [401]);
  assert.equal(answer.body, "");
});

Deno.test("curl, wrong password: is told what it may try", { ignore }, async () => {
  const answer = await curl({ url: at(service.https), args: ["--basic"], credentials: `${user}:wrong` });
  assert.deepEqual(answer.statuses, [401]);
  assert.match(answer.headers, /^WWW-Authenticate: Negotiate\r$/m);
  assert.match(answer.headers, /^WWW-Authenticate: Basic realm="WSMAN"\r$/m);
});

Deno.test("curl, Basic over HTTP: is neither offered nor taken", { ignore }, async () => {
  const answer = await curl({ url: at(service.http), args: ["--basic"], credentials: account });
  assert.deepEqual(answer.statuses, [401]);
  assert.doesNotMatch(answer.headers, /Basic/);
});

Deno.test("curl, scheme NTLM: is not offered, as on Windows", { ignore }, async () => {
  const answer = await curl({ url: at(service.https), args: ["--ntlm"], credentials: account });
  assert.ok(answer.statuses.every((status) => status === 401));
});

Deno.test("curl, Basic over HTTPS: one connection serves several requests", { ignore }, async () => {
  const url = at(service.https);
  const answer = await curl({ url, args: ["--basic", url], body: listShells, credentials: account });
  assert.deepEqual(answer.statuses, [200, 200]);
  assert.equal(answer.connections, 0);
});

for (
  const [name, ...args] of [
    ["chunked", "-H", "Transfer-Encoding: chunked"],
    ["after 100 Continue", "-H", "Expect: 100-continue"],
    ["HTTP/1.0", "--http1.0"],
  ] as const
) {
  Deno.test(`curl, Basic over HTTPS, ${name}: is answered`, { ignore }, async () => {
    const body = listShells + " ".repeat(300_000);
    const answer = await curl({
      url: at(service.https),
      body,
      args: ["--basic", ...args],
      credentials: account,
    });
    assert.deepEqual(answer.statuses, name === "after 100 Continue" ? [100, 200] : [200]);
    assert.match(answer.body, /EnumerateResponse/);
  });
}

Deno.test("curl, what is not for the service: is refused by HTTP", { ignore }, async () => {
  const status = async (path: string, args: string[] = [], type = soap) =>
    (await curl({ url: at(service.https, path), type, args: ["--basic", ...args], credentials: account }))
      .statuses.at(-1);
  assert.equal(await status("/elsewhere"), 404);
  assert.equal(await status("/wsman", ["-X", "GET"]), 405);
  assert.equal(await status("/wsman", [], "text/plain"), 415);
  const large = [1, 2, 3].flatMap((n) => ["-H", `X-Large-${n}: ${"x".repeat(100_000)}`]);
  assert.equal(await status("/wsman", large), 431);
  assert.equal(await status("/wsman"), 200);
});

Deno.test("curl, Negotiate: logs on over HTTPS", { ignore: ignoreNegotiate }, async () => {
  await withNtlmUser(password, async (env) => {
    const answer = await curl({
      url: at(service.https),
      args: ["--negotiate", "-u", ":"],
      body: listShells,
      env,
    });
    assert.deepEqual(answer.statuses, [401, 200]);
    assert.match(answer.body, /EnumerateResponse/);
    assert.equal(answer.connections, 1);
  });
});

Deno.test(
  "curl, Negotiate: clear text over HTTP is refused after the logon",
  { ignore: ignoreNegotiate },
  async () => {
    await withNtlmUser(password, async (env) => {
      const answer = await curl({
        url: at(service.http),
        args: ["--negotiate", "-u", ":"],
        body: listShells,
        env,
      });
      assert.deepEqual(answer.statuses, [401, 403]);
      assert.equal(answer.body, "");
    });
  },
);

Deno.test("curl, Negotiate with a wrong password: is denied", { ignore: ignoreNegotiate }, async () => {
  await withNtlmUser("wrong", async (env) => {
    const answer = await curl({
      url: at(service.https),
      args: ["--negotiate", "-u", ":"],
      body: listShells,
      env,
    });
    assert.deepEqual(answer.statuses, [401, 401]);
  });
});

/** gss-ntlmssp takes names and passwords from a file. */
async function withNtlmUser(
  word: string,
  test: (env: Record<string, string>) => Promise<void>,
): Promise<void> {
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, `DOMAIN:${user}:${word}\n`);
    await test({ NTLM_USER_FILE: file });
  } finally {
    await Deno.remove(file);
  }
}
