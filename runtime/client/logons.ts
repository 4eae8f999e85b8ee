/** What hosts were last logged on to with. @module */
import { describeLogon, type LogonUsed } from "../../actors/host/mod.ts";
import type { ConnectionOptions } from "./targets.ts";

export { describeLogon, type LogonUsed };

/** By the names of hosts. */
export class Logons {
  readonly #last = new Map<string, LogonUsed>();

  /** `options`, with which connections are noted here as well. */
  noting(options: ConnectionOptions): ConnectionOptions {
    return {
      ...options,
      onLogon: (host, logon) => {
        this.#last.set(host, logon);
        options.onLogon?.(host, logon);
      },
    };
  }

  /** `undefined`: the service of this host has taken no logon yet. */
  of(host: string): LogonUsed | undefined {
    return this.#last.get(host);
  }

  /** Forgets all hosts but these. */
  keep(hosts: ReadonlyMap<string, unknown>): void {
    for (const host of this.#last.keys()) if (!hosts.has(host)) this.#last.delete(host);
  }
}
