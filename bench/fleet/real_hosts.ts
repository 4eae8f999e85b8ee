/** Many hosts that are listeners of our own service and run real processes: NTLM, messages sealed. @module */
import { interopEnvironment } from "../../tests/interop/environment.ts";
import type { FleetFigures, FleetJob } from "../peers/fleet/client_process.ts";
import { usageOf } from "../peers/fleet/process_usage.ts";
import { type FarEnd, outputOf, peer, runClient, startFarEnd } from "./processes.ts";
import { report } from "./report.ts";

/** One short command on each of `count` hosts. */
export async function manyHosts(count: number, throttle: number): Promise<void> {
  await using services = await startFarEnd("service_process.ts", count);
  await runOurs(`hosts${count}`, services, throttle);
}

/** The same hosts for pywinrm in threads and for us, in turns; each time with the same number at once. */
export async function besidePywinrm(count: number, atOnce: number, rounds: number): Promise<void> {
  const name = `hosts${count}`;
  await using services = await startFarEnd("service_process.ts", count);
  const { python, missing } = await interopEnvironment();
  // Whoever came first would meet a service that V8 has not compiled yet.
  await runOurs(`${name}-cold`, services, atOnce);
  const ratios: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const ours = await runOurs(name, services, atOnce);
    if (python === undefined) continue;
    const printed = await outputOf(python, [peer("python/pywinrm_fleet.py"), `${atOnce}`, ...services.hosts]);
    report(name, "pywinrm", { seconds: Number(printed), at_once: atOnce });
    ratios.push(Number(printed) / ours);
  }
  if (python === undefined) console.log(`absent: ${missing.join("; ")}`);
  else report(name, "drover/pywinrm", { ratio: ratios.sort((a, b) => a - b)[Math.floor(rounds / 2)]! });
}

async function runOurs(name: string, services: FarEnd, throttle: number): Promise<number> {
  const before = usageOfAll(services.pids);
  const figures = await runClient<FleetJob, FleetFigures>("client_process.ts", {
    hosts: services.hosts,
    auth: "negotiate",
    command: "echo hello",
    throttle,
    bytes: services.hosts.length * "hello\n".length,
    markBytes: Infinity,
    servicePids: services.pids,
  });
  const after = usageOfAll(services.pids);
  report(name, "drover", {
    succeeded: figures.succeeded,
    seconds: figures.seconds,
    at_once: throttle,
    cpu_client_s: figures.client.cpuSeconds,
    rss_client_mb: figures.client.peakMb,
    cpu_service_s: after.cpuSeconds - before.cpuSeconds,
    cpu_commands_s: after.cpuChildrenSeconds - before.cpuChildrenSeconds,
    rss_service_mb: after.peakMb,
    services: services.pids.length,
  });
  return figures.seconds;
}

function usageOfAll(pids: readonly number[]) {
  const sum = { cpuSeconds: 0, cpuChildrenSeconds: 0, peakMb: 0 };
  for (const usage of pids.map(usageOf)) {
    sum.cpuSeconds += usage.cpuSeconds;
    sum.cpuChildrenSeconds += usage.cpuChildrenSeconds;
    sum.peakMb += usage.peakMb;
  }
  return sum;
}
