/**
 * Suite `fleet`: our client against our service, each in a process of its own, over loopback with real commands.
 *
 * `hosts200`: one command on each of 200 hosts, NTLM, messages sealed; `hosts50` the same on 50, beside pywinrm with a thread
 * per host. `stdout1g-…`: one host writes a gigabyte to stdout (`--quick`: 256 MB, see `bytes_mb`); `rss_growth_…` is the
 * growth of the peak memory from the moment at which 100 MB had arrived.
 * @module
 */
import { fileURLToPath } from "node:url";
import { interopEnvironment } from "../tests/interop/environment.ts";
import type { FleetFigures, FleetJob } from "./peers/fleet/client_process.ts";
import { usageOf } from "./peers/fleet/process_usage.ts";

const quick = Deno.args.includes("--quick");
const mega = 1024 * 1024;
const outputBytes = (quick ? 256 : 1024) * mega;
const maxGrowthMb = 64;

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const env = { BENCH_PASSWORD: crypto.randomUUID() };

interface Service extends AsyncDisposable {
  readonly pid: number;
  readonly hosts: readonly string[];
}

async function startServices(count: number): Promise<Service> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", here("peers/fleet/service_process.ts"), `${count}`],
    env,
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  while (!said.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error("start services: the process ended before it listened");
    said += value;
  }
  return {
    pid: child.pid,
    hosts: JSON.parse(said),
    async [Symbol.asyncDispose]() {
      await child.stdin.close();
      await reader.cancel();
      await child.status;
    },
  };
}

async function runClient(job: FleetJob): Promise<FleetFigures> {
  return JSON.parse(
    await output(Deno.execPath(), [
      "run",
      "-A",
      "--no-check",
      here("peers/fleet/client_process.ts"),
      JSON.stringify(job),
    ]),
  );
}

async function output(program: string, args: readonly string[]): Promise<string> {
  const { success, stdout } = await new Deno.Command(program, {
    args: [...args],
    env,
    stdin: "null",
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`${program} failed`);
  return new TextDecoder().decode(stdout);
}

function report(name: string, impl: string, figures: Readonly<Record<string, number | string>>): void {
  const parts = Object.entries(figures).map(([key, value]) =>
    `${key}=${typeof value === "string" ? value : value.toFixed(value < 10 ? 2 : 1)}`
  );
  console.log(`BENCH suite=fleet case=${name} impl=${impl} ${parts.join(" ")}`);
}

/** One short command on each of `count` hosts. */
async function manyHosts(count: number, throttle: number): Promise<number> {
  await using service = await startServices(count);
  const before = usageOf(service.pid);
  const figures = await runClient({
    hosts: service.hosts,
    auth: "negotiate",
    command: "echo hello",
    throttle,
    bytes: count * "hello\n".length,
    markBytes: Infinity,
    servicePid: service.pid,
  });
  const after = usageOf(service.pid);
  report(`hosts${count}`, "drover", {
    seconds: figures.seconds,
    cpu_client_s: figures.client.cpuSeconds,
    rss_client_mb: figures.client.peakMb,
    cpu_service_s: after.cpuSeconds - before.cpuSeconds,
    rss_service_mb: after.peakMb,
  });
  return figures.seconds;
}

async function manyHostsOfPywinrm(python: string, count: number): Promise<number> {
  await using service = await startServices(count);
  const seconds = Number(await output(python, [here("peers/python/pywinrm_fleet.py"), ...service.hosts]));
  report(`hosts${count}`, "pywinrm", { seconds });
  return seconds;
}

/** One host that writes much. */
async function muchOutput(name: string, auth: "negotiate" | "basic"): Promise<void> {
  await using service = await startServices(1);
  const figures = await runClient({
    hosts: service.hosts,
    auth,
    // Zeros: the source costs nearly nothing, and base64, RC4 and MD5 do not care.
    command: `head -c ${outputBytes} /dev/zero`,
    throttle: 1,
    bytes: outputBytes,
    markBytes: 100 * mega,
    servicePid: service.pid,
  });
  report(name, "drover", {
    mbps: outputBytes / 1e6 / figures.seconds,
    bytes_mb: `${outputBytes / mega}`,
    rss_growth_client_mb: figures.client.peakMb - figures.client.markMb,
    rss_growth_service_mb: figures.service.peakMb - figures.service.markMb,
    target_growth_mb: `${maxGrowthMb}`,
    rss_client_mb: figures.client.peakMb,
    rss_service_mb: figures.service.peakMb,
    cpu_client_s: figures.client.cpuSeconds,
    cpu_service_s: usageOf(service.pid).cpuSeconds,
  });
}

async function main(): Promise<void> {
  await manyHosts(200, 64);
  const ours = await manyHosts(50, 50);
  const { python, missing } = await interopEnvironment();
  if (python === undefined) console.log(`absent: ${missing.join("; ")}`);
  else {
    const theirs = await manyHostsOfPywinrm(python, 50);
    report("hosts50", "drover/pywinrm", { ratio: theirs / ours });
  }
  await muchOutput("stdout1g-basic", "basic");
  await muchOutput("stdout1g-ntlm", "negotiate");
}

await main();
