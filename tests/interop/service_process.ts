/**
 * `drover service` as a process of its own, started as a user starts it.
 * @module
 */
import { fileURLToPath } from "node:url";

/** Account of every service here. The password is not ASCII, and no part of it may show up in a log. */
export const user = "demo";
export const password = "Pässw0rd for demo";

const top = fileURLToPath(new URL("../../", import.meta.url));

/** Longest that a service may take to its first line or to its end, in milliseconds. */
const patience = 60_000;

/** A service that runs. */
export class ServiceProcess implements AsyncDisposable {
  /** Its first line. */
  readonly greeting: string;
  /** `http://HOST:PORT` and `https://HOST:PORT`. */
  readonly http: string;
  readonly https: string;
  readonly #child: Deno.ChildProcess;
  readonly #log: Promise<string>;
  readonly #rest: Promise<string>;

  private constructor(
    child: Deno.ChildProcess,
    greeting: string,
    log: Promise<string>,
    rest: Promise<string>,
  ) {
    this.greeting = greeting;
    this.http = /http:\/\/[^/]+/.exec(greeting)![0];
    this.https = /https:\/\/[^/]+/.exec(greeting)![0];
    this.#child = child;
    this.#log = log;
    this.#rest = rest;
  }

  /** Starts a service with an HTTP and an HTTPS listener on free ports, and waits for its first line. */
  static start(...flags: string[]): Promise<ServiceProcess> {
    return ServiceProcess.startFor(["--user", user, "--password-env", "SERVICE_PASSWORD"], ...flags);
  }

  /** The same for other accounts, as `people` says. */
  static async startFor(people: readonly string[], ...flags: string[]): Promise<ServiceProcess> {
    const listen = ["--listen", "http://127.0.0.1:0", "--listen", "https://127.0.0.1:0"];
    const account = ["--auth", "negotiate,basic", ...people];
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "runtime/cli/main.ts", "service", ...listen, ...account, ...flags],
      cwd: top,
      env: { SERVICE_PASSWORD: password },
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
    return new ServiceProcess(child, said.slice(0, said.indexOf("\n")), log, collect(reader));
  }

  /** Ends the service as Ctrl-C or a service manager does, and gives its exit code and everything that it logged. */
  async stop(): Promise<{ readonly code: number; readonly log: string }> {
    this.#signal("SIGTERM");
    const late = setTimeout(() => this.#signal("SIGKILL"), patience);
    const { code } = await this.#child.status;
    clearTimeout(late);
    await this.#rest;
    return { code, log: await this.#log };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #signal(name: Deno.Signal): void {
    try {
      this.#child.kill(name);
    } catch { /* it has ended */ }
  }
}

async function collect(reader: ReadableStreamDefaultReader<string>): Promise<string> {
  let text = "";
  for (let { value } = await reader.read(); value !== undefined; { value } = await reader.read()) {
    text += value;
  }
  return text;
}

/** How often a service's log says that something of a shell happened. */
export function shellsIn(log: string): { readonly opened: number; readonly deleted: number } {
  const count = (pattern: RegExp) => log.match(pattern)?.length ?? 0;
  return {
    opened: count(/^\S+ shell \S+ of .* opened/gm),
    deleted: count(/^\S+ shell \S+ of .* closed: deleted/gm),
  };
}

/** Process ids whose command line holds `text`. */
export function processesWith(text: string): number[] {
  const found: number[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (Deno.readTextFileSync(`/proc/${name}/cmdline`).includes(text)) found.push(Number(name));
    } catch { /* gone */ }
  }
  return found;
}
