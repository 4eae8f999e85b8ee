/**
 * The far end of the `fleet` suite: HOSTS listeners of our service in one process, each on a port of 127.0.0.1. Prints them
 * as a JSON array of `address:port`, and ends with its input. The password of the user `bench` is in BENCH_PASSWORD.
 * @module
 */
import { Secret } from "../../../protocol/secret.ts";
import { Accounts } from "../../../runtime/security/accounts.ts";
import { startService } from "../../../runtime/service/service.ts";

const hosts = Number(Deno.args[0]);
const accounts = new Accounts();
accounts.add("bench", new Secret(Deno.env.get("BENCH_PASSWORD")!), undefined);
const service = await startService({
  listeners: Array.from({ length: hosts }, () => ({ host: "127.0.0.1", port: 0 })),
  auth: ["negotiate", "basic"],
  allowUnencrypted: true,
  accounts,
  // One service stands for many machines here: their quotas added up.
  settings: { MaxShellsPerUser: 1_000, MaxConnections: 2_000 },
  ...(Deno.uid() === 0 ? { runAs: "root" } : {}),
});
console.log(JSON.stringify(service.addresses.map(({ host, port }) => `${host}:${port}`)));
for await (const _ of Deno.stdin.readable);
await service.stop();
