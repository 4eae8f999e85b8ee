/**
 * The far end of the steady load: HOSTS listeners of our service, on one port each of its loopback address. Prints the addresses
 * as a JSON array, then every second a {@link ServiceCounts}; ends with its input.
 * @module
 */
import { Secret } from "../../protocol/secret.ts";
import { Accounts } from "../../runtime/security/accounts.ts";
import { startService } from "../../runtime/service/service.ts";
import { createSystem } from "../../runtime/system.ts";
import { freePort, loopbackAddress } from "../peers/fleet/addresses.ts";
import { printLine } from "./lines.ts";

/** What a service has open. */
export interface ServiceCounts {
  readonly service_shells: number;
  readonly service_actors: number;
  readonly service_timers: number;
}

const hosts = Number(Deno.args[0]);
const accounts = new Accounts();
accounts.add("load", new Secret(Deno.env.get("LOAD_PASSWORD")!), undefined);
const addresses = Array.from({ length: hosts }, (_, index) => loopbackAddress(index));
const port = freePort(addresses[0]!);
const system = createSystem({
  onCrash: ({ path, error }) => console.error(`service: ${path} crashed: ${String(error)}`),
});
let shells = 0;
const service = await startService({
  listeners: addresses.map((host) => ({ host, port })),
  auth: ["negotiate", "basic"],
  allowUnencrypted: true,
  accounts,
  system,
  // One service stands for many machines here: their quotas added up.
  settings: { MaxShellsPerUser: 1_000, MaxConnections: 2_000 },
  ...(Deno.uid() === 0 ? { runAs: "root" } : {}),
  onEvent: ({ kind }) => {
    if (kind === "shellOpened") shells++;
    else if (kind === "shellClosed") shells--;
  },
});
printLine(service.addresses.map(({ host, port }) => `${host}:${port}`));
const timer = setInterval(() => {
  const { actors, timers } = system.stats;
  printLine({ service_shells: shells, service_actors: actors, service_timers: timers });
}, 1_000);
for await (const _ of Deno.stdin.readable);
clearInterval(timer);
await service.stop();
await system.shutdown();
