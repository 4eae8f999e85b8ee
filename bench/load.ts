/**
 * `deno task load [--minutes 30] [--hosts 50] [--workers 12] [--pause 100]`: steady mixed work of one client process at one
 * service process, and whether memory, descriptors, processes, shells, actors, timers and permits stay as they are.
 *
 * Exit code 0: every result was the expected one, every figure is flat, and nothing is left at the end. Samples go to
 * `build/load/samples.csv`. Needs Linux.
 * @module
 */
import { taskArguments, taskNumber } from "../tests/helpers/task_arguments.ts";
import type { ClientCounts, LoadJob } from "./load/client_process.ts";
import { type Dropper, startDropper } from "./load/dropper.ts";
import { startTalking, type TalkingProcess } from "./load/lines.ts";
import { descendantsOf, descriptorsOf } from "./load/processes.ts";
import { judge, type Sample, type Verdict } from "./load/samples.ts";
import type { ServiceCounts } from "./load/service_process.ts";
import { usageOf } from "./peers/fleet/process_usage.ts";

const folder = new URL("../build/load/", import.meta.url);
const module = (path: string) => new URL(`load/${path}`, import.meta.url);
const shellNs = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell";

interface Options {
  readonly minutes: number;
  readonly hosts: number;
  readonly workers: number;
  readonly pauseMs: number;
}

function options(): Options {
  const usage = "deno task load [--minutes 30] [--hosts 50] [--workers 12] [--pause 100]";
  const { values } = taskArguments(usage, {
    args: Deno.args,
    options: {
      minutes: { type: "string", default: "30" },
      hosts: { type: "string", default: "50" },
      workers: { type: "string", default: "12" },
      pause: { type: "string", default: "100" },
    },
  });
  const number = (name: keyof typeof values, least: number) => taskNumber(usage, name, values[name], least);
  return {
    minutes: number("minutes", 0.5),
    hosts: number("hosts", 1),
    workers: number("workers", 1),
    pauseMs: number("pause", 0),
  };
}

/** Both processes, and what they last said. */
class Scene {
  client: TalkingProcess | undefined;
  service: TalkingProcess;
  clientCounts: ClientCounts | undefined;
  serviceCounts: ServiceCounts | undefined;
  readonly addresses: Promise<readonly string[]>;

  constructor(hosts: number, readonly env: Readonly<Record<string, string>>) {
    const said = Promise.withResolvers<readonly string[]>();
    this.addresses = said.promise;
    this.service = startTalking(module("service_process.ts"), [`${hosts}`], env, (value) => {
      if (Array.isArray(value)) said.resolve(value);
      else this.serviceCounts = value as ServiceCounts;
    });
    this.service.ended.then(() => said.reject(new Error("start the service: it ended before it listened")));
  }

  startClient(jobFile: string): void {
    this.client = startTalking(module("client_process.ts"), [jobFile], this.env, (value) => {
      this.clientCounts = value as ClientCounts;
    });
  }

  /** Everything that is looked at, now. */
  sample(seconds: number): Sample {
    const { client, service, clientCounts, serviceCounts } = this;
    const done = Object.values(clientCounts?.done ?? {}).reduce((sum, count) => sum + count, 0);
    return {
      s: Math.round(seconds),
      done,
      errors: clientCounts?.errors ?? 0,
      client_rss_mb: usageOf(client!.pid).rssMb,
      client_heap_mb: clientCounts?.client_heap_mb ?? 0,
      client_descriptors: descriptorsOf(client!.pid),
      client_actors: clientCounts?.client_actors ?? 0,
      client_timers: clientCounts?.client_timers ?? 0,
      client_permits: clientCounts?.client_permits ?? 0,
      client_cpu_s: usageOf(client!.pid).cpuSeconds,
      service_rss_mb: usageOf(service.pid).rssMb,
      service_descriptors: descriptorsOf(service.pid),
      service_processes: descendantsOf(service.pid),
      service_shells: serviceCounts?.service_shells ?? 0,
      service_actors: serviceCounts?.service_actors ?? 0,
      service_timers: serviceCounts?.service_timers ?? 0,
      service_cpu_s: usageOf(service.pid).cpuSeconds,
    };
  }

  kill(): void {
    this.client?.kill();
    this.service.kill();
  }
}

/** The inventory: hosts that work, two whose connections are cut, one where nobody listens. */
function writeJob(addresses: readonly string[], droppers: readonly Dropper[], o: Options): string {
  const names = addresses.map((_, index) => `host${index + 1}`);
  const [command, receive] = droppers as [Dropper, Dropper];
  const entries: [string, string][] = [
    ...names.map((name, index): [string, string] => [name, addresses[index]!]),
    ["cut-command", `127.0.0.1:${command.port}`],
    ["cut-receive", `127.0.0.1:${receive.port}`],
    // No port that a connection could be given as its own: it could then reach itself.
    ["gone", "127.1.250.250:1"],
  ];
  const lines = entries.map(([name, address]) => {
    const at = address.lastIndexOf(":");
    return `${name} ansible_host=${address.slice(0, at)} ansible_port=${address.slice(at + 1)}\n`;
  });
  const inventory = new URL("hosts.ini", folder).pathname;
  Deno.writeTextFileSync(inventory, lines.join(""));
  const job: LoadJob = {
    inventory,
    hosts: names,
    dropped: { command: "cut-command", receive: "cut-receive" },
    gone: "gone",
    workers: o.workers,
    pauseMs: o.pauseMs,
  };
  const file = new URL("job.json", folder).pathname;
  Deno.writeTextFileSync(file, JSON.stringify(job));
  return file;
}

async function measure(scene: Scene, o: Options): Promise<Sample[]> {
  const totalMs = o.minutes * 60_000;
  const everyMs = Math.min(5_000, Math.max(1_000, totalMs / 120));
  const samples: Sample[] = [];
  const csv = await Deno.open(new URL("samples.csv", folder), { create: true, truncate: true, write: true });
  const started = performance.now();
  const line = (text: string) => csv.writeSync(new TextEncoder().encode(`${text}\n`));
  let told = 0;
  for (let next = everyMs; next <= totalMs; next += everyMs) {
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, started + next - performance.now())));
    const sample = scene.sample((performance.now() - started) / 1000);
    if (samples.length === 0) line(Object.keys(sample).join(","));
    samples.push(sample);
    line(Object.values(sample).map((value) => Math.round(value * 100) / 100).join(","));
    if (next - told < totalMs / 15) continue;
    told = next;
    console.log(Object.entries(sample).map(([name, value]) => `${name}=${Math.round(value)}`).join(" "));
  }
  csv.close();
  return samples;
}

/** What is still open when the client's work has ended and its idle hosts are gone. */
async function leftovers(scene: Scene, guardians: number): Promise<string[]> {
  await scene.client!.closeInput();
  const { code } = await scene.client!.ended;
  // What the service says of itself comes once a second.
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  const { actors_above_start, client_permits, working } = scene.clientCounts!;
  const left: [string, number][] = [
    ["code of the client", code],
    ["work that did not end", working ? 1 : 0],
    ["actors of the client", actors_above_start],
    ["permits", client_permits],
    ["shells at the service", scene.serviceCounts!.service_shells],
    ["processes of the service", descendantsOf(scene.service.pid) - guardians],
  ];
  await scene.service.closeInput();
  left.push(["code of the service", (await scene.service.ended).code]);
  return left.filter(([, count]) => count !== 0).map(([name, count]) => `${name}: ${count}`);
}

function show(
  verdicts: readonly Verdict[],
  left: readonly string[],
  last: Sample,
  counts: ClientCounts,
): void {
  const number = (value: number) => value.toFixed(1).padStart(10);
  console.log(`\n${"".padEnd(22)}second qu.  last qu.   highest  per hour`);
  for (const { name, second, last, highest, perHour, flat } of verdicts) {
    console.log(
      `${name.padEnd(22)}${[second, last, highest, perHour].map(number).join("")}  ${
        flat ? "flat" : "GROWS"
      }`,
    );
    console.log(
      `BENCH suite=load case=${name} impl=drover second=${second.toFixed(1)} last=${last.toFixed(1)} ` +
        `highest=${highest.toFixed(1)} per_hour=${perHour.toFixed(1)} flat=${flat}`,
    );
  }
  const done = Object.entries(counts.done).map(([name, count]) => `${name}=${count}`).join(" ");
  console.log(`BENCH suite=load case=done impl=drover ${done}`);
  console.log(
    `BENCH suite=load case=total impl=drover seconds=${last["s"]} activities=${
      last["done"]
    } errors=${counts.errors} ` +
      `left=${left.length} client_cpu_s=${last["client_cpu_s"]} service_cpu_s=${last["service_cpu_s"]}`,
  );
  for (const text of left) console.log(`left at the end: ${text}`);
}

async function main(): Promise<number> {
  const o = options();
  if (Deno.build.os !== "linux") {
    console.error("run the load: it reads Linux' /proc");
    return 2;
  }
  await Deno.mkdir(folder, { recursive: true });
  const scene = new Scene(o.hosts, { LOAD_PASSWORD: crypto.randomUUID() });
  const stop = () => {
    scene.kill();
    Deno.exit(130);
  };
  Deno.addSignalListener("SIGINT", stop);
  try {
    const addresses = await scene.addresses;
    const guardians = descendantsOf(scene.service.pid);
    using command = startDropper(addresses[0]!, `${shellNs}/Command<`);
    using receive = startDropper(addresses[0]!, `${shellNs}/Receive<`);
    scene.startClient(writeJob(addresses, [command, receive], o));
    const samples = await measure(scene, o);
    const left = await leftovers(scene, guardians);
    const verdicts = judge(samples);
    const counts = scene.clientCounts!;
    show(verdicts, left, samples.at(-1)!, counts);
    return counts.errors === 0 && left.length === 0 && verdicts.every(({ flat }) => flat) ? 0 : 1;
  } finally {
    scene.kill();
    Deno.removeSignalListener("SIGINT", stop);
  }
}

Deno.exit(await main());
