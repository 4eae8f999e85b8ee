/** What scripts can do with many hosts, whoever does the work: this process or a daemon. @module */
import type { LogonUsed, ProgressEvent, ResultEvent } from "../../actors/host/mod.ts";
import type { Priority } from "../../actors/scheduler/mod.ts";
import type { ShellOptions } from "./fleet_host.ts";
import type { OutputBytes } from "./output_bytes.ts";

/**
 * Many hosts as one thing: `Fleet` runs commands from this process, `RemoteFleet` has a daemon run them. What is written for this
 * interface works with both.
 *
 * @example
 * ```ts
 * import { type AnyFleet, Fleet } from "../../mod.ts";
 *
 * async function kernels(fleet: AnyFleet): Promise<void> {
 *   for await (const event of fleet.run("uname -r", { hosts: "web*" })) {
 *     if (event.type === "output") console.log(event.host, event.data.text());
 *   }
 * }
 * await using fleet = Fleet.connect({ url: "http://127.0.0.1:7520", token: "drv_…" });
 * await kernels(fleet);
 * ```
 */
export interface AnyFleet extends AsyncDisposable {
  /**
   * Runs a command on many hosts. One text goes to the remote shell as it is; several words are quoted so that the program gets
   * exactly these arguments.
   */
  run(command: string | readonly string[], options?: CommonRunOptions): AnyRun;
  /** Hosts that match `pattern`; default all. */
  hosts(pattern?: string): Promise<readonly HostSummary[]>;
  /** Asks a host, by its name, which service answers. */
  ping(host: string): Promise<PingAnswer>;
  /** Cancels what {@link AnyFleet.run} began and waits for its end. Idempotent. */
  close(): Promise<void>;
}

/** A run that has begun: iterate over its events, once. Leaving the loop early cancels it and waits for the clean-up. */
export interface AnyRun extends AsyncIterable<FleetEvent | GapEvent> {
  /** Stops what runs; every host still gets its result. */
  cancel(): void;
  /** Takes all events and gives back the results, in the order in which hosts ended. */
  results(): Promise<ResultEvent[]>;
}

/** Options of {@link AnyFleet.run}. */
export interface CommonRunOptions {
  /** Pattern of hosts, e.g. `web*:!web07:&prod`; default all. */
  readonly hosts?: string;
  /** Milliseconds for each host from its permit to its result; default none. */
  readonly timeout?: number;
  /** Hosts that may be active at once; default the fleet's, a daemon's is 32. */
  readonly throttle?: number;
  /** How urgent this run is beside others of the fleet; default `normal`. Of every 21 turns high has 16, normal 4, low 1. */
  readonly priority?: Priority;
  /**
   * Milliseconds that a host may wait for its turn (throttle and quotas). Then it ends as `unreachable`, `NotStarted`: nothing was sent.
   * Default: as long as it takes.
   */
  readonly waitTimeout?: number;
  /** Cancels the run. */
  readonly signal?: AbortSignal;
  /** Bytes (or text, as UTF-8) for the standard input of every command. */
  readonly stdin?: Uint8Array | string;
  /** The shells to make. */
  readonly shell?: ShellOptions;
}

/** Event of a run, with output as bytes that can be read as text. */
export type FleetEvent = ProgressEvent | FleetOutput | ResultEvent;

/** Output of one host as it arrived. */
export interface FleetOutput {
  /** Tells it from other events. */
  readonly type: "output";
  /** The inventory's name. */
  readonly host: string;
  /** Which stream. */
  readonly stream: "stdout" | "stderr";
  /** The bytes; a chunk may end inside a character. */
  readonly data: OutputBytes;
}

/** Output of a host may be missing here: only of a daemon, when it was restarted in the middle of a job. */
export interface GapEvent {
  /** Tells it from other events. */
  readonly type: "gap";
  /** The inventory's name. */
  readonly host: string;
  /** Which stream; `undefined`: perhaps both. */
  readonly stream: "stdout" | "stderr" | undefined;
  /** Why. */
  readonly reason: string;
}

/** One host as its fleet knows it; `undefined` = the inventory does not say. */
export interface HostSummary {
  /** The inventory's name. */
  readonly name: string;
  /** Host name or IP address to connect to. */
  readonly address: string;
  /** TCP port. */
  readonly port: number | undefined;
  /** How it is connected to. */
  readonly scheme: "http" | "https" | undefined;
  /** How to log on to it, in Ansible's words. */
  readonly auth: string | undefined;
  /** Every group that it is in, `all` left out. */
  readonly groups: readonly string[];
}

/** What a ping found. */
export type PingAnswer =
  | {
    readonly kind: "answered";
    /** ProductVendor of the service. */
    readonly vendor: string;
    /** ProductVersion of the service. */
    readonly version: string;
    /** Milliseconds, with connecting and logging on. */
    readonly durationMs: number;
    /** What the logon was with. */
    readonly logon?: LogonUsed;
  }
  | {
    readonly kind: "failed";
    /** Stable code, e.g. `ConnectRefused`. */
    readonly code: string;
    /** What happened and what to do. */
    readonly message: string;
  };

/** What {@link AnyRun.results} does. */
export async function resultsOf(run: AsyncIterable<FleetEvent | GapEvent>): Promise<ResultEvent[]> {
  const results: ResultEvent[] = [];
  for await (const event of run) if (event.type === "result") results.push(event);
  return results;
}
