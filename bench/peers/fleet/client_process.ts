/**
 * Our client as a process of its own: takes one {@link FleetJob} as JSON in its argument, prints one {@link FleetFigures}.
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
  /** Process of the service. */
  readonly servicePid: number;
}

/** What was measured. */
export interface FleetFigures {
  /** From the first request to the last result. */
  readonly seconds: number;
  /** Peak memory of client and service at the mark and at the end, in MB. */
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
  let mark: { clientMb: number; serviceMb: number } | undefined;
  const started = performance.now();
  for await (const event of fleet.run(job.command)) {
    if (event.type === "output") {
      bytes += event.data.length;
      if (mark === undefined && bytes >= job.markBytes) {
        mark = { clientMb: usageOf(Deno.pid).peakMb, serviceMb: usageOf(job.servicePid).peakMb };
      }
    } else if (event.type === "result") {
      if (event.status === "succeeded") succeeded++;
      else console.error(`${event.host}: ${event.status} ${event.error?.message ?? ""}`);
    }
  }
  const seconds = (performance.now() - started) / 1000;
  if (succeeded !== job.hosts.length || bytes !== job.bytes) {
    throw new Error(`${succeeded} of ${job.hosts.length} hosts succeeded with ${bytes} of ${job.bytes} bytes`);
  }
  const { peakMb, cpuSeconds } = usageOf(Deno.pid);
  return {
    seconds,
    client: { markMb: mark?.clientMb ?? peakMb, peakMb, cpuSeconds },
    service: { markMb: mark?.serviceMb ?? 0, peakMb: usageOf(job.servicePid).peakMb },
  };
}

console.log(JSON.stringify(await measure(JSON.parse(Deno.args[0]!))));
