/** `drover service` for clients that are not ours. @module */
import { ServiceChild } from "../helpers/service_child.ts";

/** Account of every service here. The password is not ASCII, and no part of it may show up in a log. */
export const user = "demo";
export const password = "Pässw0rd for demo";

/** A service that runs. */
export class ServiceProcess implements AsyncDisposable {
  /** Its first line. */
  readonly greeting: string;
  /** `http://HOST:PORT` and `https://HOST:PORT`. */
  readonly http: string;
  readonly https: string;
  readonly #service: ServiceChild;

  private constructor(service: ServiceChild) {
    this.#service = service;
    this.greeting = service.greeting;
    this.http = /http:\/\/[^/]+/.exec(this.greeting)![0];
    this.https = /https:\/\/[^/]+/.exec(this.greeting)![0];
  }

  /** Starts a service with an HTTP and an HTTPS listener on free ports, and waits for its first line. */
  static start(...flags: string[]): Promise<ServiceProcess> {
    return ServiceProcess.startFor(["--user", user, "--password-env", "SERVICE_PASSWORD"], ...flags);
  }

  /** The same for other accounts, as `people` says. */
  static async startFor(people: readonly string[], ...flags: string[]): Promise<ServiceProcess> {
    const account = ["--auth", "negotiate,basic", ...people];
    return new ServiceProcess(
      await ServiceChild.start([...account, ...flags], { SERVICE_PASSWORD: password }),
    );
  }

  /** Ends the service as Ctrl-C or a service manager does, and gives its exit code and everything that it logged. */
  stop(): Promise<{ readonly code: number; readonly log: string }> {
    return this.#service.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
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
