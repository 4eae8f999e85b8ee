/** Runs `drover` as users do: as a process of its own. @module */

const main = new URL("../../../runtime/cli/main.ts", import.meta.url).pathname;
export const password = "S3cret-Passw0rd!";
export const user = "demo";

/** What a finished `drover` left behind. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts `drover` with these arguments. */
export function start(
  args: readonly string[],
  options: { readonly env?: Record<string, string>; readonly stdin?: "piped" | "null" } = {},
): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", main, ...args],
    env: { PW: password, ...options.env },
    stdin: options.stdin ?? "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Waits for the end of a process and its output. */
export async function finish(child: Deno.ChildProcess): Promise<Finished> {
  const { code, stdout, stderr } = await child.output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

/** Runs `drover` to its end. */
export function drover(
  args: readonly string[],
  options: { readonly env?: Record<string, string>; readonly stdin?: Uint8Array } = {},
): Promise<Finished> {
  const { stdin, ...rest } = options;
  const child = start(args, { ...rest, stdin: stdin === undefined ? "null" : "piped" });
  const done = finish(child);
  if (stdin !== undefined) {
    const writer = child.stdin.getWriter();
    writer.write(stdin).then(() => writer.close()).catch(() => {});
  }
  return done;
}

/** A `drover service` in a process of its own. */
export interface ServiceProcess extends AsyncDisposable {
  readonly child: Deno.ChildProcess;
  /** Ports in the order of the listeners. */
  readonly ports: readonly number[];
  /** Its first line. */
  readonly firstLine: string;
}

/** Starts a service on free ports of 127.0.0.1; `schemes` default to one `http`. */
export async function startService(
  args: readonly string[] = [],
  schemes: readonly string[] = ["http"],
): Promise<ServiceProcess> {
  const listen = schemes.flatMap((scheme) => ["--listen", `${scheme}://127.0.0.1:0`]);
  const child = start(["service", ...listen, "--user", user, "--password-env", "PW", ...args]);
  child.stderr.pipeTo(new WritableStream()).catch(() => {});
  const [first, rest] = child.stdout.tee();
  rest.pipeTo(new WritableStream()).catch(() => {});
  let text = "";
  for await (const chunk of first.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.includes("\n")) break;
  }
  const firstLine = text.split("\n")[0]!;
  const ports = [...firstLine.matchAll(/:\/\/[^/ ]*:(\d+)\//g)].map((match) => Number(match[1]));
  return {
    child,
    ports,
    firstLine,
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGTERM");
      } catch {
        // It has ended already.
      }
      await child.status;
    },
  };
}

/** Options that lead to the service with the account. */
export function account(...more: string[]): string[] {
  return ["--user", user, "--password-env", "PW", ...more];
}

/** The JSON lines of an output. */
export function jsonLines(text: string): Record<string, unknown>[] {
  return text.trimEnd().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Resolves when `condition` holds; fails after a minute, which only ends what would last for ever. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 60_000;
  while (!await condition()) {
    if (performance.now() > end) throw new Error(`wait until ${condition}: it is still not so`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Seconds for `sleep` that only processes of this run have in their command lines: the fraction ends with our pid. */
export function lasting(seconds: number): string {
  return `${seconds}${Deno.pid}`;
}

/** Resolves when no process has this text in its command line any more: a killed one may take a moment to die. */
export function gone(text: string): Promise<void> {
  return until(async () => !await processWith(text));
}

/** Whether a process has this text in its command line. */
export async function processWith(text: string): Promise<boolean> {
  for await (const entry of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(entry.name)) continue;
    try {
      const line = await Deno.readTextFile(`/proc/${entry.name}/cmdline`);
      if (line.includes(text) && !line.includes("main.ts")) return true;
    } catch {
      // It ended meanwhile.
    }
  }
  return false;
}
