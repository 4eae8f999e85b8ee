// Tickets of a few seconds, with a real KDC: commands, logons and long-running processes outlive them.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type Kdc, kdcPresent } from "./kdc.ts";
import { exec, password, Service, startKdc, user, withPassword } from "./world.ts";

const ignore = !kdcPresent;
const child = fileURLToPath(new URL("library_child.ts", import.meta.url));

/** Seconds that tickets live. */
const life = 3;

/** A realm in which tickets of `principal` are soon over, and clocks may differ by as little. */
async function shortLived(principal: string): Promise<Kdc> {
  const kdc = await startKdc();
  const file = kdc.environment.KRB5_CONFIG!;
  const profile = await Deno.readTextFile(file);
  await Deno.writeTextFile(file, profile.replace("[libdefaults]", `[libdefaults]\n  clockskew = ${life}`));
  await kdc.admin(`modprinc -maxlife ${life}seconds ${principal}`);
  return kdc;
}

Deno.test("a command lives four times as long as its ticket: it runs once, and nothing of it is lost", {
  ignore,
}, async () => {
  await using kdc = await shortLived("HTTP/localhost");
  await using service = await Service.start(kdc);
  const seconds = 4 * life;
  const command = `for i in $(seq ${seconds}); do echo $i; sleep 1; done; exit 3`;
  await Promise.all(["kerberos", "negotiate"].map(async (kind) => {
    const { stdout, result } = await exec(kdc, service.http, ["--auth", kind, ...withPassword], command);
    const counted = Array.from({ length: seconds }, (_, n) => `${n + 1}\n`).join("");
    assert.deepEqual([stdout, result.exitCode], [counted, 3], kind);
  }));
  const log = await service.stop();
  for (const kind of ["kerberos", "negotiate"]) {
    const logons = log.match(new RegExp(`logon of alice from .* with ${kind}$`, "gm"))?.length ?? 0;
    assert.ok(logons >= 4, log);
  }
  assert.equal(log.match(/opened from/g)?.length, 2, "one shell for each command");
  assert.doesNotMatch(log, /logon failed/);
});

Deno.test(
  "a process that runs on has its tickets got anew from password and keytab, and says which it cannot",
  {
    ignore,
  },
  async () => {
    await using kdc = await shortLived(user);
    const keytab = `${kdc.folder}/user.keytab`;
    await kdc.admin(`ktadd -norandkey -k ${keytab} ${user}`);
    const ccache = `FILE:${kdc.folder}/short`;
    await kdc.kinit(user, password, ccache);
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", child, "shortLives", kdc.keytab, `${life}`, keytab, ccache],
      env: { ...kdc.environment },
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    // kinit's, and one for each life of each source: nobody asks more often than needed.
    const asked = (await kdc.issued("AS")).length;
    assert.ok(asked >= 1 + 2 * 3 && asked <= 1 + 2 * 7, `${asked} tickets`);
  },
);
