/**
 * Our client as a process of its own: takes the path of a {@link FleetJob} (JSON), prints one {@link FleetFigures}.
 * @module
 */
import { Fleet } from "../../../mod.ts";
import { usageOf } from "./process_usage.ts";

/** What to run. */
export interface FleetJob {
  /** `address:port` of each host. */
  readonly hosts: readonly string[];
  readonly auth: "negotiate" | "basic";
  readonly command: string;
  /** Hosts at once. */
  readonly throttle: number;
  /** Bytes of output that are expected of all hosts together. */
  readonly bytes: number;
  /** Memory of both processes is noted when so many bytes have arrived. */
  readonly markBytes: number;
  /** Processes of the services. */
  readonly servicePids: readonly number[];
}

/** What was measured. */
export interface FleetFigures {
  /** Hosts whose result was `succeeded`: all of them, or there are no figures. */
  readonly succeeded: number;
  /** From the first request to the last result. */
  readonly seconds: number;
  /** Peak memory of client and services (together) at the mark and at the end, in MB. */
  readonly client: { readonly markMb: number; readonly peakMb: number; readonly cpuSeconds: number };
  readonly service: { readonly markMb: number; readonly peakMb: number };
}

async function measure(job: FleetJob): Promise<FleetFigures> {
  await using fleet = new Fleet({
    hosts: job.hosts,
    user: "bench",
    password: Deno.env.get("BENCH_PASSWORD")!,
    auth: job.auth,
    throttle: job.throttle,
  });
  let bytes = 0;
  let succeeded = 0;
  let failed = 0;
  let mark: { clientMb: number; serviceMb: number } | undefined;
  const started = performance.now();
  for await (const event of fleet.run(job.command)) {
    if (event.type === "output") {
      bytes += event.data.length;
      if (mark === undefined && bytes >= job.markBytes) {
        mark = { clientMb: usageOf(Deno.pid).peakMb, serviceMb: peakOf(job.servicePids) };
      }
    } else if (event.type === "result") {
      if (event.status === "succeeded") succeeded++;
      else if (failed++ < 3) console.error(`${event.host}: ${event.status} ${event.error?.message ?? ""}`);
    }
  }
  const seconds = (performance.now() - started) / 1000;
  if (succeeded !== job.hosts.length || bytes !== job.bytes) {
    throw new Error(`${succeeded} of ${job.hosts.length} hosts succeeded with ${bytes} of ${job.bytes} bytes`);
  }
  const { peakMb, cpuSeconds } = usageOf(Deno.pid);
  return {
    succeeded,
    seconds,
    client: { markMb: mark?.clientMb ?? peakMb, peakMb, cpuSeconds },
    service: { markMb: mark?.serviceMb ?? 0, peakMb: peakOf(job.servicePids) },
  };
}

function peakOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + usageOf(pid).peakMb, 0);
}

console.log(JSON.stringify(await measure(JSON.parse(Deno.readTextFileSync(Deno.args[0]!)))));
