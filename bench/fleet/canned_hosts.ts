/** Many hosts that give canned answers: what the client itself costs for each, and whether ten thousand fit. @module */
import { fileDescriptorLimit } from "../../runtime/os/limits.ts";
import type { CannedFigures, CannedJob } from "../peers/fleet/canned_client.ts";
import { type FarEnd, runClient } from "./processes.ts";
import { report } from "./report.ts";

/** Descriptors that a process needs beside its connections. */
const otherDescriptors = 200;
const maxPeakMb = 1024;
/** About so many hosts are run in one measurement; fewer are run several times. */
const hostsPerMeasurement = 2_000;

/** Whether this process may have a connection to each of `count` hosts; says so when not. */
export function allowsConnections(count: number): boolean {
  const hard = fileDescriptorLimit()?.hard ?? Infinity;
  if (hard >= count + otherDescriptors) return true;
  console.log(
    `absent: ${count} hosts need ${count + otherDescriptors} descriptors, the limit is ${hard} (ulimit -Hn)`,
  );
  return false;
}

/** What one host costs when there are `count`, in a process that is warm. Gives back its line's figures. */
export async function costPerHost(
  farEnd: FarEnd,
  count: number,
  throttle: number,
  warmUpRounds: number,
): Promise<CannedFigures> {
  const rounds = Math.max(1, Math.round(hostsPerMeasurement / count));
  const figures = await runCanned(farEnd, count, { throttle, rounds, warmUpRounds });
  report("cost", "drover", {
    hosts: count,
    at_once: throttle,
    cpu_us_per_host: figures.cpuMicrosPerHost,
    live_kb_per_host: figures.liveKbPerHost,
    rss_kb_per_host: figures.rssKbPerHost,
    peak_mb: figures.peakMb,
    hosts_per_s: count / figures.seconds,
  });
  return figures;
}

/** All in one client that has just started, `throttle` at once. */
export async function oneClient(farEnd: FarEnd, count: number, throttle: number): Promise<void> {
  const figures = await runCanned(farEnd, count, { throttle, rounds: 1, warmUpRounds: 0 });
  report(`canned${count}-${throttle === count ? "all" : throttle}`, "drover", {
    succeeded: figures.succeeded,
    seconds: figures.seconds,
    at_once: throttle,
    first_result_ms: figures.firstResultMs,
    cpu_us_per_host: figures.cpuMicrosPerHost,
    rss_client_mb: figures.peakMb,
    target_rss_mb: maxPeakMb,
  });
}

async function runCanned(
  farEnd: FarEnd,
  count: number,
  how: Omit<CannedJob, "hosts">,
): Promise<CannedFigures> {
  const hosts = farEnd.hosts.slice(0, count);
  const figures = await runClient<CannedJob, CannedFigures>("canned_client.ts", { hosts, ...how });
  if (figures.succeeded !== count * how.rounds) {
    throw new Error(`run canned hosts: ${figures.succeeded} of ${count * how.rounds} succeeded`);
  }
  return figures;
}
