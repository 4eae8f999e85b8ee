/** What a fleet asks a real service beside commands: its limits where work is kept back, its boot time. */
import assert from "node:assert/strict";
import { Fleet } from "../../../mod.ts";
import { Secret } from "../../../protocol/secret.ts";
import { Accounts } from "../../../runtime/security/accounts.ts";
import { startService } from "../../../runtime/service/service.ts";
import { password, until } from "../cli/drover.ts";

interface World extends AsyncDisposable {
  readonly fleet: Fleet;
  readonly name: string;
  /** Shells that are open now. */
  readonly open: Set<string>;
}

async function world(settings: Readonly<Record<string, number>> = {}): Promise<World> {
  const accounts = new Accounts();
  accounts.add("demo", new Secret(password), undefined);
  const open = new Set<string>();
  const service = await startService({
    listeners: [{ host: "127.0.0.1", port: 0 }],
    accounts,
    auth: ["basic"],
    allowUnencrypted: true,
    settings,
    onEvent: (event) => {
      if (event.kind === "shellOpened") open.add(event.shellId);
      if (event.kind === "shellClosed") open.delete(event.shellId);
    },
  });
  const name = `127.0.0.1:${service.addresses[0]!.port}`;
  const fleet = new Fleet({ hosts: [name], user: "demo", password, auth: "basic" });
  return {
    fleet,
    name,
    open,
    async [Symbol.asyncDispose]() {
      await fleet.close();
      await service.stop();
    },
  };
}

Deno.test("more work at one host than any version of Windows would allow goes on at once where winrm/config allows it", async () => {
  await using here = await world({ MaxShellsPerUser: 12 });
  const shells = Array.from({ length: 12 }, () => here.fleet.host(here.name).openShell());
  await until(() => here.open.size === 12);
  await Promise.all(shells);
});

function bootTimeOfThisMachine(): number {
  return Number(/^btime (\d+)$/m.exec(Deno.readTextFileSync("/proc/stat"))![1]) * 1_000;
}

Deno.test("the boot time of our own service's machine is that of /proc/stat, and no shell is left", async () => {
  await using here = await world();
  const bootTime = await here.fleet.host(here.name).bootTime();
  assert.ok(Math.abs(bootTime.getTime() - bootTimeOfThisMachine()) <= 1_000, bootTime.toISOString());
  assert.equal(here.open.size, 0);
});

Deno.test("waiting for a reboot ends with another boot time, at its time, or when it is stopped", async () => {
  await using here = await world();
  const host = here.fleet.host(here.name);
  const now = await host.bootTime();
  const rebooted = await host.waitForReboot({ after: new Date(now.getTime() - 60_000) });
  assert.ok(Math.abs(rebooted.getTime() - now.getTime()) <= 1_000);
  await assert.rejects(host.waitForReboot({ after: now, timeout: 300 }), { code: "RebootTimeout" });
  const controller = new AbortController();
  const stopped = host.waitForReboot({ after: now, signal: controller.signal });
  controller.abort();
  await assert.rejects(stopped, { name: "AbortError" });
  await assert.rejects(host.waitForReboot({ after: new Date(NaN) }), { code: "BadBootTime" });
  await using wrong = new Fleet({ hosts: [here.name], user: "demo", password: "no", auth: "basic" });
  await assert.rejects(wrong.host(here.name).waitForReboot({ after: now }), { name: "DeniedError" });
  await assert.rejects(wrong.host(here.name).bootTime(), { name: "DeniedError" });
});

Deno.test("a fleet without a state folder cannot sweep", async () => {
  await using here = await world();
  await assert.rejects(here.fleet.sweep(), { code: "StateDirMissing" });
});
