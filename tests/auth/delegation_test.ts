// Credentials that clients hand over, used by their commands for a second service as the user, and gone with the shell.
import assert from "node:assert/strict";
import { Apache, apachePresent } from "./apache.ts";
import { type Kdc, kdcPresent } from "./kdc.ts";
import { exec, password, principal, Service, startKdc, user, withPassword } from "./world.ts";

const ignore = !kdcPresent || !apachePresent;
let kdc: Kdc;
let second: Apache;
/** krb5.conf for whoever commands run as. */
let folder: string;
Deno.test.beforeAll(async () => {
  if (ignore) return;
  kdc = await startKdc();
  second = await Apache.start(kdc);
  folder = await Deno.makeTempDir({ prefix: "drover-delegation-" });
  await Deno.chmod(folder, 0o755);
  await Deno.copyFile(kdc.environment.KRB5_CONFIG!, `${folder}/krb5.conf`);
});
Deno.test.afterAll(async () => {
  if (ignore) return;
  await second[Symbol.asyncDispose]();
  await kdc[Symbol.asyncDispose]();
  await Deno.remove(folder, { recursive: true });
});

/** Logs on to the second service, and says with which tickets, of whom, and where they lie. */
const elsewhere = () =>
  `export KRB5_CONFIG=${folder}/krb5.conf; id -un; echo $KRB5CCNAME; stat -c '%a %U' "\${KRB5CCNAME#FILE:}" ` +
  `"$(dirname "\${KRB5CCNAME#FILE:}")"; klist; kvno -q HTTP/localhost && curl -sSk --noproxy '*' --max-time 20 ` +
  `--negotiate -u : -o /dev/null -w '%{http_code}\\n' https://localhost:${second.port}/wsman`;

/** What a command says of the tickets that it has. */
function assertTickets(output: string, systemUser: string): string {
  const [name, cache, ...rest] = output.split("\n");
  assert.equal(name, systemUser, output);
  const path = /^FILE:(\/.*\/krb5cc)$/.exec(cache!)?.[1];
  assert.ok(path !== undefined, output);
  assert.deepEqual(rest.slice(0, 2), [`600 ${systemUser}`, `700 ${systemUser}`], output);
  assert.match(output, new RegExp(`^Default principal: ${principal}$`, "m"));
  assert.match(output, /^200$/m);
  return path;
}

/** Waits until a file is no more. */
async function gone(path: string): Promise<void> {
  const until = Date.now() + 30_000;
  for (;;) {
    const there = await Deno.lstat(path).catch(() => undefined);
    if (there === undefined) return;
    assert.ok(Date.now() < until, `${path} is still there`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const me = new TextDecoder().decode(new Deno.Command("id", { args: ["-un"] }).outputSync().stdout).trim();

Deno.test(
  "delegated tickets are the shell's own, log on to a second service as the user, and are gone with it",
  {
    ignore,
  },
  async () => {
    await using service = await Service.start(kdc);
    const cache = `FILE:${kdc.folder}/forwardable`;
    await kdc.kinit(user, password, cache, "-f");
    for (const kind of ["kerberos", "negotiate"]) {
      const flags = ["--auth", kind, "--kerberos-delegate", "--ccache", cache];
      const { stdout, result } = await exec(kdc, service.http, flags, elsewhere());
      assert.equal(result.status, "succeeded", stdout);
      await gone(assertTickets(stdout, me));
    }
    assert.deepEqual(await second.users(2), [principal, principal]);
    // Whoever does not ask for it hands nothing over, though the tickets are good for it.
    const plain = await exec(
      kdc,
      service.http,
      ["--auth", "kerberos", "--ccache", cache],
      "echo [$KRB5CCNAME]",
    );
    assert.equal(plain.stdout, "[]\n");
  },
);

Deno.test("delegated tickets belong to the system user that commands run as", {
  ignore: ignore || Deno.uid() !== 0,
}, async () => {
  await using service = await Service.start(kdc, "--run-as", "nobody");
  const cache = `FILE:${kdc.folder}/forwardable`;
  await kdc.kinit(user, password, cache, "-f");
  const flags = ["--auth", "kerberos", "--kerberos-delegate", "--ccache", cache];
  const { stdout, result } = await exec(kdc, service.http, flags, elsewhere());
  assert.equal(result.status, "succeeded", stdout);
  await gone(assertTickets(stdout, "nobody"));
});

Deno.test("the password that CredSSP hands over is good for tickets, too", { ignore }, async () => {
  await using service = await Service.start(kdc, "--auth", "negotiate,credssp");
  const flags = ["--auth", "credssp", ...withPassword];
  const { stdout, result } = await exec(kdc, service.http, flags, elsewhere());
  assert.equal(result.status, "succeeded", stdout);
  await gone(assertTickets(stdout, me));
});

Deno.test("a service that is killed leaves no tickets behind", { ignore }, async () => {
  await using service = await Service.start(kdc);
  const cache = `FILE:${kdc.folder}/forwardable`;
  await kdc.kinit(user, password, cache, "-f");
  const told = `${folder}/told`;
  const flags = ["--auth", "kerberos", "--kerberos-delegate", "--ccache", cache];
  const command = `echo "\${KRB5CCNAME#FILE:}" > ${told}.part; mv ${told}.part ${told}; exec sleep 600`;
  const run = exec(kdc, service.http, flags, command);
  let path: string | undefined;
  for (const until = Date.now() + 30_000; path === undefined;) {
    path = (await Deno.readTextFile(told).catch(() => undefined))?.trim();
    assert.ok(Date.now() < until, "the command has not begun");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.ok((await Deno.lstat(path)).isFile);
  service.kill();
  await gone(path);
  assert.notEqual((await run).result.status, "succeeded");
});
