/**
 * The far end of the `fleet` suite: COUNT listeners of our service in one process, from address number FIRST on, one port for
 * all. Prints them as a JSON array of `address:port`, and ends with its input. The password of the user `bench` is in
 * BENCH_PASSWORD.
 * @module
 */
import { Secret } from "../../../protocol/secret.ts";
import { Accounts } from "../../../runtime/security/accounts.ts";
import { startService } from "../../../runtime/service/service.ts";
import { freePort, loopbackAddress } from "./addresses.ts";

const [first, count] = Deno.args.map(Number) as [number, number];
const accounts = new Accounts();
accounts.add("bench", new Secret(Deno.env.get("BENCH_PASSWORD")!), undefined);
const addresses = Array.from({ length: count }, (_, index) => loopbackAddress(first + index));
const port = freePort(addresses[0]!);
const service = await startService({
  listeners: addresses.map((host) => ({ host, port })),
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
