/** Starts what the `fleet` suite measures: far ends that stay, and clients that print their figures and end. @module */
import { fileURLToPath } from "node:url";

const peers = new URL("../peers/", import.meta.url);

/** The password of `bench` at the services of this run. */
export const environment = { BENCH_PASSWORD: crypto.randomUUID() };

/** Pretended machines: processes that listen for many. Disposing of them ends them. */
export interface FarEnd extends AsyncDisposable {
  readonly pids: readonly number[];
  /** `address:port` of each host. */
  readonly hosts: readonly string[];
}

/** Listeners in one process at most: with a connection each, a common limit of 20,000 descriptors holds. */
const mostPerProcess = { "canned_process.ts": 5_000, "service_process.ts": 500 };

/** Starts `count` hosts, in as many processes as they need. */
export async function startFarEnd(script: keyof typeof mostPerProcess, count: number): Promise<FarEnd> {
  const most = mostPerProcess[script];
  const starting: Promise<StartedProcess>[] = [];
  for (let first = 0; first < count; first += most) {
    starting.push(startProcess(script, [`${first}`, `${Math.min(most, count - first)}`]));
  }
  const processes = await Promise.all(starting);
  return {
    pids: processes.map(({ pid }) => pid),
    hosts: processes.flatMap(({ said }) => JSON.parse(said) as string[]),
    async [Symbol.asyncDispose]() {
      await Promise.all(processes.map((process) => process.end()));
    },
  };
}

interface StartedProcess {
  readonly pid: number;
  /** Its first line. */
  readonly said: string;
  /** Closes its input, at which it ends. */
  end(): Promise<void>;
}

async function startProcess(script: string, args: readonly string[]): Promise<StartedProcess> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", peer(`fleet/${script}`), ...args],
    env: environment,
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  while (!said.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`start ${script}: the process ended before it listened`);
    said += value;
  }
  return {
    pid: child.pid,
    said,
    async end() {
      await child.stdin.close();
      await reader.cancel();
      await child.status;
    },
  };
}

/** Runs one of `bench/peers/fleet` with `job` as its argument, and gives back what it prints. */
export async function runClient<Job, Figures>(script: string, job: Job): Promise<Figures> {
  // Ten thousand hosts are too much for an argument: the job goes through a file.
  const file = await Deno.makeTempFile({ prefix: "drover-bench-" });
  try {
    await Deno.writeTextFile(file, JSON.stringify(job));
    const args = ["run", "-A", "--no-check", "--v8-flags=--expose-gc", peer(`fleet/${script}`), file];
    return JSON.parse(await outputOf(Deno.execPath(), args));
  } finally {
    await Deno.remove(file);
  }
}

/** What a program prints. */
export async function outputOf(program: string, args: readonly string[]): Promise<string> {
  const { success, stdout } = await new Deno.Command(program, {
    args: [...args],
    env: environment,
    stdin: "null",
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`${program} ${args[0] ?? ""}: it failed`);
  return new TextDecoder().decode(stdout);
}

/** Path of a file below `bench/peers`. */
export function peer(path: string): string {
  return fileURLToPath(new URL(path, peers));
}
