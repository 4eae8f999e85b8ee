/** One host that writes much: how fast it arrives, and what the memory of both ends does. @module */
import type { FleetFigures, FleetJob } from "../peers/fleet/client_process.ts";
import { usageOf } from "../peers/fleet/process_usage.ts";
import { runClient, startFarEnd } from "./processes.ts";
import { report } from "./report.ts";

const mega = 1024 * 1024;
const maxGrowthMb = 64;

/** `bytes` of stdout from one host. */
export async function muchOutput(name: string, auth: "negotiate" | "basic", bytes: number): Promise<void> {
  await using service = await startFarEnd("service_process.ts", 1);
  const figures = await runClient<FleetJob, FleetFigures>("client_process.ts", {
    hosts: service.hosts,
    auth,
    // Zeros: the source costs nearly nothing, and base64, RC4 and MD5 do not care.
    command: `head -c ${bytes} /dev/zero`,
    throttle: 1,
    bytes,
    markBytes: 100 * mega,
    servicePids: service.pids,
  });
  report(name, "drover", {
    mbps: bytes / 1e6 / figures.seconds,
    bytes_mb: bytes / mega,
    rss_growth_client_mb: figures.client.peakMb - figures.client.markMb,
    rss_growth_service_mb: figures.service.peakMb - figures.service.markMb,
    target_growth_mb: maxGrowthMb,
    rss_client_mb: figures.client.peakMb,
    rss_service_mb: figures.service.peakMb,
    cpu_client_s: figures.client.cpuSeconds,
    cpu_service_s: usageOf(service.pids[0]!).cpuSeconds,
  });
}
