/**
 * Many services in one process, for tests that kill their client: prints the ports as JSON, then the number of open shells whenever
 * something is written to it. Each is a host of its own to its commands, which find its number in the variable HOST_NUMBER.
 * @module
 */
import { Secret } from "../../../protocol/secret.ts";
import { createProcessHost } from "../../../runtime/os/process_host.ts";
import { Accounts } from "../../../runtime/security/accounts.ts";
import { startService } from "../../../runtime/service/service.ts";
import { createSystem } from "../../../runtime/system.ts";

const accounts = new Accounts();
accounts.add("demo", new Secret(Deno.env.get("PW") ?? ""), undefined);
const system = createSystem();
const processes = createProcessHost();
const ports: number[] = [];
let shells = 0;
for (let number = 0; number < Number(Deno.args[0]); number++) {
  const service = await startService({
    listeners: [{ host: "127.0.0.1", port: 0 }],
    accounts,
    system,
    onEvent: ({ kind }) => {
      if (kind === "shellOpened") shells++;
      if (kind === "shellClosed") shells--;
    },
    processHost: {
      platform: "posix",
      spawn: (spec, events) =>
        processes.spawn({ ...spec, env: { ...spec.env, HOST_NUMBER: String(number) } }, events),
    },
  });
  ports.push(service.addresses[0]!.port);
}
console.log(JSON.stringify(ports));
for await (const _ of Deno.stdin.readable) console.log(shells);
