/** Many services in one process, for tests that kill it: prints the ports as JSON, then runs until its end. @module */
import { startService } from "../../../runtime/service/service.ts";
import { Accounts } from "../../../runtime/security/accounts.ts";
import { Secret } from "../../../protocol/secret.ts";

const accounts = new Accounts();
accounts.add("demo", new Secret(Deno.env.get("PW") ?? ""), undefined);
const count = Number(Deno.args[0]);
const service = await startService({
  listeners: Array.from({ length: count }, () => ({ host: "127.0.0.1", port: 0 })),
  auth: ["negotiate", "basic"],
  allowUnencrypted: true,
  settings: { MaxShellsPerUser: 1000, MaxConcurrentOperationsPerUser: 4000 },
  accounts,
});
console.log(JSON.stringify(service.addresses.map((address) => address.port)));
