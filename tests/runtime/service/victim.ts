/** A service in a process of its own, for hostile_test.ts: says where it listens; on each line of input, how it fares. */
import { Secret } from "../../../protocol/secret.ts";
import { createProcessHost } from "../../../runtime/os/process_host.ts";
import { Accounts } from "../../../runtime/security/accounts.ts";
import { startService } from "../../../runtime/service/service.ts";
import { createSystem } from "../../../runtime/system.ts";

const accounts = new Accounts();
accounts.add("alice", new Secret("s3cret pw"), undefined);
const crashes: string[] = [];
const system = createSystem({ onCrash: ({ path, error }) => crashes.push(`${path}: ${error}`) });
const processHost = createProcessHost();
const service = await startService({
  listeners: [{ host: "127.0.0.1", port: 0 }, { host: "127.0.0.1", port: 0, tls: "self-signed" }],
  auth: ["basic", "negotiate"],
  allowUnencrypted: true,
  accounts,
  system,
  processHost,
  settings: { MaxConnections: 100, MaxShellsPerUser: 200, IdleTimeout: 60_000 },
  ...(Deno.uid() === 0 ? { runAs: "root" } : {}),
});
const [plain, secure] = service.addresses;
console.log(JSON.stringify({ plain: plain!.port, secure: secure!.port }));

/** What nobody holds any more goes: the engine's own function is there by `--expose-gc`. */
async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    (globalThis as unknown as { gc(): void }).gc();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

for await (const _ of Deno.stdin.readable) {
  await settle();
  const { actors, timers } = system.stats;
  const descriptors = [...Deno.readDirSync("/proc/self/fd")].length;
  const { rss, heapUsed, external } = Deno.memoryUsage();
  console.log(JSON.stringify({ actors, timers, descriptors, rss, held: heapUsed + external, crashes }));
}
await service.stop();
await system.shutdown();
await processHost.close();
