/** Drover's own client as a peer of the `exec` suite: the same actors as `drover exec`, Basic over plain HTTP. @module */
import { fleet, type HostTarget, job, type RunEvent, type RunSink } from "../../actors/host/mod.ts";
import { scheduler } from "../../actors/scheduler/mod.ts";
import { basicAuthorization } from "../../protocol/auth/mod.ts";
import { Secret } from "../../protocol/secret.ts";
import { Fleet } from "../../runtime/client/fleet.ts";
import { createSystem } from "../../runtime/system.ts";
import { createConnector } from "../../runtime/transports/mod.ts";

/** What to run. */
export interface DroverExecOptions {
  /** `http://host:port/wsman` of the canned server. */
  readonly endpoint: string;
  /** Number of commands. */
  readonly commands: number;
  /** Commands at once. */
  readonly concurrency: number;
  /** One shell per worker for all its commands, instead of one per command. */
  readonly reuse: boolean;
}

/** Runs them and says how many were done in a second. */
export function runDroverExec(options: DroverExecOptions): Promise<number> {
  return options.reuse ? runReusing(options) : runJob(options);
}

/** One job; each "host" is one of `concurrency` sessions with the server, as if there were so many machines. */
async function runJob({ endpoint, commands, concurrency }: DroverExecOptions): Promise<number> {
  const url = new URL(endpoint);
  const password = new Secret("secret");
  const targets = Array.from({ length: concurrency }, (_, index): HostTarget => ({
    name: `host${index}`,
    quotaKey: `host${index}`,
    connect: { host: url.hostname, port: Number(url.port), timeoutMs: 10_000 },
    hostHeader: url.host,
    path: url.pathname,
    url: endpoint,
    authentication: { kind: "basic", authorization: () => basicAuthorization("bench", password) },
    operationTimeoutMs: 20_000,
    networkDelayMs: 5_000,
    maxEnvelopeSize: 153_600,
    locale: "en-US",
  }));
  const system = createSystem();
  const schedulerRef = system.spawn(scheduler());
  const fleetRef = system.spawn(fleet(createConnector(), schedulerRef));
  const sink = new CountingSink();
  const started = performance.now();
  system.spawn(job(
    {
      id: "bench",
      hosts: Array.from({ length: commands }, (_, index) => ({
        target: targets[index % concurrency]!,
        command: { command: "echo hello" },
      })),
      shell: {},
      throttle: concurrency,
      timeoutMs: undefined,
      cleanupTimeoutMs: 10_000,
    },
    fleetRef,
    sink,
  ));
  await sink.done;
  const seconds = (performance.now() - started) / 1000;
  await system.shutdown();
  if (sink.succeeded !== commands) throw new Error(`bench: ${sink.succeeded} of ${commands} commands succeeded`);
  return commands / seconds;
}

async function runReusing({ endpoint, commands, concurrency }: DroverExecOptions): Promise<number> {
  await using client = new Fleet({ hosts: [endpoint], user: "bench", password: "secret", auth: "basic" });
  const host = client.host(endpoint);
  let left = commands;
  let started = 0;
  await Promise.all(Array.from({ length: concurrency }, async () => {
    await using shell = await host.openShell();
    started ||= performance.now();
    while (left-- > 0) await shell.run("echo hello");
  }));
  return commands / ((performance.now() - started) / 1000);
}

class CountingSink implements RunSink {
  readonly #done = Promise.withResolvers<void>();
  succeeded = 0;

  get done(): Promise<void> {
    return this.#done.promise;
  }

  deliver(events: readonly RunEvent[], taken: () => void): void {
    for (const event of events) if (event.type === "result" && event.status === "succeeded") this.succeeded++;
    taken();
  }

  finished(): void {
    this.#done.resolve();
  }
}
