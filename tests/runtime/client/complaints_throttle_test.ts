/** Users' complaint: a throttle above 32 is not honoured. A real `drover exec`, counted by the service and by its commands. */
import assert from "node:assert/strict";
import { Secret } from "../../../protocol/secret.ts";
import { Accounts } from "../../../runtime/security/accounts.ts";
import { type RunningService, startService } from "../../../runtime/service/service.ts";
import { account, drover, jsonLines, password, user } from "../cli/drover.ts";

/** Shells that the service has now. */
function shellsOf(service: RunningService): number {
  const lines = service.inspect()?.actors ?? [];
  return Number(lines.map(({ doing }) => /^(\d+) shells,/.exec(doing ?? "")?.[1]).find(Boolean));
}

Deno.test("users' complaint: throttle not honoured above 32. Of 60 hosts with --throttle 50, 50 have shells at once, never more", async () => {
  const accounts = new Accounts();
  accounts.add(user, new Secret(password), undefined);
  const folder = await Deno.makeTempDir();
  const service = await startService({
    listeners: Array.from({ length: 60 }, () => ({ host: "127.0.0.1", port: 0 })),
    auth: ["negotiate"],
    settings: { MaxShellsPerUser: 1000, MaxConcurrentOperationsPerUser: 4000 },
    accounts,
  });
  const seen: number[] = [];
  const look = setInterval(() => seen.push(shellsOf(service)), 2);
  try {
    // Each command tells how many there are with it, and waits until the throttle is full, or no more will come.
    const command =
      `count() { c=$(ls | grep -cv full); [ $c -gt $most ] && most=$c; }; cd ${folder} && touch $$; ` +
      "n=0; most=0; while [ ! -e full ] && [ $n -lt 120 ]; do " +
      "count; [ $most -ge 50 ] && touch full; n=$((n+1)); sleep 0.5; done; count; echo $most; sleep 0.3; rm $$";
    const hosts = service.addresses.map(({ port }) => `127.0.0.1:${port}`).join(",");
    const { code, stdout, stderr } = await drover([
      "exec",
      "--hosts",
      hosts,
      ...account(),
      "--throttle",
      "50",
      "--json",
      "--",
      command,
    ]);
    assert.equal(code, 0, stderr);
    const lines = jsonLines(stdout);
    assert.equal(lines.filter(({ type, status }) => type === "result" && status === "succeeded").length, 60);
    const counts = lines.flatMap(({ type, data }) => type === "output" ? [Number(data)] : []);
    assert.equal(counts.length, 60);
    assert.equal(Math.max(...counts), 50, "commands at once, told by themselves");
    assert.equal(Math.max(...seen), 50, "shells at once, told by the service");
  } finally {
    clearInterval(look);
    await service.stop();
    await Deno.remove(folder, { recursive: true });
  }
});
