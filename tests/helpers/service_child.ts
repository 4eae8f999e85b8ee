/** `drover service` as a process of its own, started as a user starts it. @module */
import { fileURLToPath } from "node:url";

const top = fileURLToPath(new URL("../../", import.meta.url));

/** Longest that a service may take to its first line or to its end, in milliseconds. */
const patience = 60_000;

/** A service that runs. */
export class ServiceChild {
  /** Its first line. */
  readonly greeting: string;
  readonly #child: Deno.ChildProcess;
  readonly #log: Promise<string>;
  readonly #rest: Promise<void>;

  private constructor(greeting: string, child: Deno.ChildProcess, log: Promise<string>, rest: Promise<void>) {
    this.greeting = greeting;
    this.#child = child;
    this.#log = log;
    this.#rest = rest;
  }

  /** Starts one with an HTTP and an HTTPS listener on free ports, and waits for its first line. */
  static async start(
    flags: readonly string[],
    environment: Readonly<Record<string, string>>,
  ): Promise<ServiceChild> {
    const listen = ["--listen", "http://127.0.0.1:0", "--listen", "https://127.0.0.1:0"];
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "runtime/cli/main.ts", "service", ...listen, ...flags],
      cwd: top,
      env: { ...environment },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const late = setTimeout(() => child.kill("SIGKILL"), patience);
    const log = new Response(child.stderr).text();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let said = "";
    while (!said.includes("\n")) {
      const { value } = await reader.read();
      if (value === undefined) {
        clearTimeout(late);
        throw new Error(`start drover service: it ended: ${await log}`);
      }
      said += value;
    }
    clearTimeout(late);
    return new ServiceChild(said.slice(0, said.indexOf("\n")), child, log, drain(reader));
  }

  /** Sends a signal, where it has not ended. */
  signal(name: Deno.Signal): void {
    try {
      this.#child.kill(name);
    } catch { /* it has ended */ }
  }

  /** Ends the service as Ctrl-C or a service manager does, and gives its exit code and everything that it logged. */
  async stop(): Promise<{ readonly code: number; readonly log: string }> {
    this.signal("SIGTERM");
    const late = setTimeout(() => this.signal("SIGKILL"), patience);
    const { code } = await this.#child.status;
    clearTimeout(late);
    await this.#rest;
    return { code, log: await this.#log };
  }
}

async function drain(reader: ReadableStreamDefaultReader<string>): Promise<void> {
  while (!(await reader.read()).done);
}
