/**
 * Memory of idle host actors, in a process of its own (`--v8-flags=--expose-gc`): argument is the number of hosts. Each
 * runs one command over a connection in memory and then is idle with its session and its open connection; 11 seconds
 * later, in virtual time, it has been retired. Prints bytes per host as JSON.
 * @module
 */
import { fleet, type HostTarget, job, type RunEvent, type RunSink } from "../../../actors/host/mod.ts";
import { scheduler } from "../../../actors/scheduler/mod.ts";
import { basicAuthorization } from "../../../protocol/auth/mod.ts";
import { Secret } from "../../../protocol/secret.ts";
import { createTestSystem } from "../../../tests/helpers/virtual_clock.ts";
import { cannedConnector } from "./canned_connector.ts";
import { settledMemory } from "./memory.ts";

class Counter implements RunSink {
  succeeded = 0;
  ended = false;

  deliver(events: readonly RunEvent[], taken: () => void): void {
    for (const event of events) if (event.type === "result" && event.status === "succeeded") this.succeeded++;
    taken();
  }

  finished(): void {
    this.ended = true;
  }
}

const password = new Secret("secret");
const authentication = { kind: "basic" as const, authorization: () => basicAuthorization("bench", password) };

function targets(count: number, prefix: string): HostTarget[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `${prefix}${index}`,
    quotaKey: `${prefix}${index}`,
    connect: { host: "127.0.0.1", port: 5985, timeoutMs: 10_000 },
    hostHeader: "127.0.0.1",
    path: "/wsman",
    url: "http://127.0.0.1:5985/wsman",
    authentication,
    operationTimeoutMs: 20_000,
    networkDelayMs: 5_000,
    maxEnvelopeSize: 153_600,
    locale: "en-US",
  }));
}

const count = Number(Deno.args[0]);
const test = createTestSystem();
const schedulerRef = test.system.spawn(scheduler());
const fleetRef = test.system.spawn(fleet(cannedConnector(test.later), schedulerRef));

/** Hosts at work at the same time: what is at work at once shall not shape the heap. */
const wave = 250;

/** Runs one command on each; a millisecond passes between the waves, so that not all become idle in the same one. */
function runOn(hosts: readonly HostTarget[]): void {
  for (let at = 0; at < hosts.length; at += wave) {
    runWave(hosts.slice(at, at + wave));
    test.advance(1);
  }
}

function runWave(hosts: readonly HostTarget[]): void {
  const sink = new Counter();
  test.system.spawn(job(
    {
      id: "bench",
      hosts: hosts.map((target) => ({ target, command: { command: "echo hello" } })),
      shell: {},
      throttle: 500,
      timeoutMs: undefined,
      cleanupTimeoutMs: 10_000,
    },
    fleetRef,
    sink,
  ));
  test.advance(0);
  if (!sink.ended || sink.succeeded !== hosts.length) {
    throw new Error(`memory: ${sink.succeeded} of ${hosts.length} commands succeeded`);
  }
}

// Code is compiled, and the heap has its shape, before anything is measured.
runOn(targets(2_000, "warm"));
test.advance(11_000);

const hosts = targets(count, "host");
const before = await settledMemory();
const started = performance.now();
runOn(hosts);
const seconds = (performance.now() - started) / 1000;
const actors = test.system.stats.actors;
const active = await settledMemory();
test.advance(11_000);
const left = test.system.stats.actors;
if (left !== 2 || test.crashes.length > 0) throw new Error(`memory: ${left} actors, ${test.crashes.length} crashes`);
const passivated = await settledMemory();
console.log(JSON.stringify({
  actorsPerHost: (actors - 2) / count,
  actorsLeft: left,
  commandsPerSecond: count / seconds,
  activeRss: (active.rss - before.rss) / count,
  activeUntrimmed: (active.untrimmed - before.untrimmed) / count,
  activeHeap: (active.heap - before.heap) / count,
  passivatedRss: (passivated.rss - before.rss) / count,
  passivatedUntrimmed: (passivated.untrimmed - before.untrimmed) / count,
  passivatedHeap: (passivated.heap - before.heap) / count,
  hosts: hosts.length,
}));
