/**
 * The far end of the demo: many WinRM services in one process, each on an address of its own. Started by `demo.ts`, which
 * gives the password in the environment, reads the addresses from the first line, and ends it by closing its input.
 * @module
 */
import { NetworkError } from "../../protocol/errors.ts";
import { Secret } from "../../protocol/secret.ts";
import { openInspection } from "../inspection/endpoint.ts";
import { createProcessHost } from "../os/process_host.ts";
import { closeToOthers, takeFromEnvironment } from "../os/own_secrets.ts";
import { Accounts } from "../security/accounts.ts";
import { type RunningService, startService } from "../service/service.ts";
import { createSystem } from "../system.ts";

/** First line of output: where the services listen, or why they cannot. */
export type DemoGreeting =
  | {
    readonly kind: "listening";
    readonly addresses: readonly { readonly host: string; readonly port: number }[];
  }
  | { readonly kind: "failed"; readonly message: string };

/** Environment variable with the password of the account. */
export const demoPasswordVariable = "DROVER_DEMO_PASSWORD";

/** Name of the account. */
export const demoUser = "demo";

const firstPort = 15_985;
/** Another demo may hold the first ports: this many further ranges are tried. */
const portRanges = 5;

async function serve(hosts: number): Promise<void> {
  const password = takeFromEnvironment(demoPasswordVariable) ?? "";
  closeToOthers();
  const accounts = new Accounts();
  accounts.add(demoUser, new Secret(password), undefined);
  const system = createSystem();
  const processHost = createProcessHost();
  // Shells of the demo run as whoever started it: every listener is on loopback, behind a random password.
  const runAs = Deno.uid() === 0 ? { runAs: "root" } : {};
  const start = (host: string, port: number) =>
    startService({
      listeners: [{ host, port }],
      accounts,
      system,
      processHost,
      machineName: Deno.hostname(),
      settings: { MaxShellsPerUser: 100 },
      ...runAs,
    });
  let greeting: DemoGreeting;
  try {
    const services = await bindAll(hosts, start);
    greeting = { kind: "listening", addresses: services.map((service) => service.addresses[0]!) };
  } catch (error) {
    greeting = { kind: "failed", message: error instanceof Error ? error.message : String(error) };
  }
  console.log(JSON.stringify(greeting));
  using _inspection = openInspection({
    program: "demo",
    about: `${hosts} services`,
    snapshot: (options) => system.snapshot(options),
  });
  // The parent holds our input open for as long as the services are wanted.
  for await (const _ of Deno.stdin.readable);
  await system.shutdown();
  await processHost.close();
}

type Start = (host: string, port: number) => Promise<RunningService>;

/** Addresses 127.0.0.2, .3, … on one port; where the system has only 127.0.0.1 (macOS), ports of that. */
async function bindAll(hosts: number, start: Start): Promise<readonly RunningService[]> {
  for (let range = 0; range < portRanges; range++) {
    const port = firstPort + range * 1_000;
    const own = await bindRange(hosts, (index) => start(loopbackAddress(index), port));
    if (own.kind === "bound") return own.services;
    if (own.code === "AddressNotAvailable") {
      const shared = await bindRange(hosts, (index) => start("127.0.0.1", port + index));
      if (shared.kind === "bound") return shared.services;
      if (shared.code !== "AddressInUse") throw shared.error;
    } else if (own.code !== "AddressInUse") throw own.error;
  }
  throw new NetworkError(
    "AddressInUse",
    "start services: all port ranges are in use; stop other demos first",
  );
}

type Bound =
  | { readonly kind: "bound"; readonly services: readonly RunningService[] }
  | { readonly kind: "failed"; readonly code: string; readonly error: unknown };

async function bindRange(hosts: number, start: (index: number) => Promise<RunningService>): Promise<Bound> {
  const outcomes = await Promise.allSettled(Array.from({ length: hosts }, (_, index) => start(index)));
  const services = outcomes.flatMap((outcome) => outcome.status === "fulfilled" ? [outcome.value] : []);
  const failed = outcomes.find((outcome) => outcome.status === "rejected");
  if (failed === undefined) return { kind: "bound", services };
  await Promise.all(services.map((service) => service.stop()));
  const error: unknown = failed.reason;
  return { kind: "failed", code: error instanceof NetworkError ? error.code : "", error };
}

/** The address of a demo host: 127.0.0.2 for the first. */
function loopbackAddress(index: number): string {
  const number = index + 2;
  return `127.0.${number >> 8}.${number & 255}`;
}

if (import.meta.main) await serve(Number(Deno.args[0]));
