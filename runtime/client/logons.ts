/** What hosts were last logged on to with. @module */
import { describeLogon, type LogonUsed } from "../../actors/host/mod.ts";
import type { ConnectionOptions } from "./targets.ts";

export { describeLogon, type LogonUsed };

/** A logon as the daemon's API tells it. */
export interface LogonDocument {
  readonly mechanism: LogonUsed["mechanism"];
  readonly fallback: string | null;
}

/** What the API tells; a daemon of an earlier version says nothing of it. */
export function logonOf(document: LogonDocument | null | undefined): LogonUsed | undefined {
  if (document === null || document === undefined) return undefined;
  const { mechanism, fallback } = document;
  return fallback === null ? { mechanism } : { mechanism, fallback };
}

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
