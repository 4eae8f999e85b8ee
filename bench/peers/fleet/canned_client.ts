/**
 * Our client against canned answers, as a process of its own: takes the path of a {@link CannedJob} (JSON), prints one
 * {@link CannedFigures}. Needs `--v8-flags=--expose-gc`.
 * @module
 */
import process from "node:process";
import { Fleet } from "../../../mod.ts";
import { usageOf } from "./process_usage.ts";

/** What to run. */
export interface CannedJob {
  /** `address:port` of each host. */
  readonly hosts: readonly string[];
  /** Hosts at once. */
  readonly throttle: number;
  /** How often all hosts are run, each time with a fleet of its own: the figures of a few hosts need some repetition. */
  readonly rounds: number;
  /** How often 100 of them are run before: V8 then has compiled the hot code and enlarged its young generation. */
  readonly warmUpRounds: number;
}

/** What was measured, all after a warm-up but the last. */
export interface CannedFigures {
  /** Results `succeeded`, of all rounds. */
  readonly succeeded: number;
  /** From the first request to the last result, mean of the rounds. */
  readonly seconds: number;
  /** From the first request to the first result, mean of the rounds. */
  readonly firstResultMs: number;
  /** Processor time for one host, from the fleet's making to its end. */
  readonly cpuMicrosPerHost: number;
  /** Live heap and buffers of one idle host with its connection, after a collection. */
  readonly liveKbPerHost: number;
  /** Peak resident memory beyond the resident memory at the end of the warm-up, for one host. */
  readonly rssKbPerHost: number;
  /** Peak resident memory of the process. */
  readonly peakMb: number;
}

const warmUpHosts = 100;

async function measure({ hosts, throttle, rounds, warmUpRounds }: CannedJob): Promise<CannedFigures> {
  for (let round = 0; round < warmUpRounds; round++) await runOnce(hosts.slice(0, warmUpHosts), 50);
  await liveBytes();
  const { rssMb } = usageOf(Deno.pid);
  const sum = { succeeded: 0, ms: 0, firstResultMs: 0, cpuMicros: 0 };
  let live = 0;
  let connected = 0;
  let peakMb = 0;
  for (let round = 0; round < rounds; round++) {
    const last = round === rounds - 1;
    const run = await runOnce(hosts, throttle, async () => {
      if (!last) return;
      ({ peakMb } = usageOf(Deno.pid));
      // Where the machine is slow, the first hosts have been idle for so long that they are gone.
      connected = descriptors();
      live = await liveBytes();
    });
    if (last) {
      live -= await liveBytes();
      connected -= descriptors();
    }
    for (const name of ["succeeded", "ms", "firstResultMs", "cpuMicros"] as const) sum[name] += run[name];
  }
  return {
    succeeded: sum.succeeded,
    seconds: sum.ms / 1000 / rounds,
    firstResultMs: sum.firstResultMs / rounds,
    cpuMicrosPerHost: sum.cpuMicros / rounds / hosts.length,
    liveKbPerHost: live / 1024 / connected,
    rssKbPerHost: (peakMb - rssMb) * 1024 / hosts.length,
    peakMb,
  };
}

/** `whileIdle` runs when all results are there, before the connections are closed; its time does not count. */
async function runOnce(hosts: readonly string[], throttle: number, whileIdle: () => Promise<void> = async () => {}) {
  const cpu = process.cpuUsage();
  const fleet = new Fleet({ hosts, user: "bench", password: "bench", auth: "basic", throttle });
  const started = performance.now();
  let firstResultMs = 0;
  let succeeded = 0;
  let failed = 0;
  for await (const event of fleet.run("hostname")) {
    if (event.type !== "result") continue;
    firstResultMs ||= performance.now() - started;
    if (event.status === "succeeded") succeeded++;
    else if (failed++ < 3) console.error(`${event.host}: ${event.status} ${event.error?.code ?? ""} ${event.error?.message ?? ""}`);
  }
  const ms = performance.now() - started;
  const used = process.cpuUsage(cpu);
  await whileIdle();
  const closing = process.cpuUsage();
  await fleet.close();
  const closed = process.cpuUsage(closing);
  const cpuMicros = used.user + used.system + closed.user + closed.system;
  return { succeeded, ms, firstResultMs, cpuMicros };
}

function descriptors(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
}

/** After everything that is garbage is gone; buffers go one collection later than what held them. */
async function liveBytes(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    (globalThis as { gc?: () => void }).gc!();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

console.log(JSON.stringify(await measure(JSON.parse(Deno.readTextFileSync(Deno.args[0]!)))));
