/** The fleet for scripts: hosts of an inventory, commands on many of them, shells on one of them. @module */
import {
  fleet,
  type FleetMessage,
  job,
  limitsWatcher,
  type ResultEvent,
  sweepQuestion,
} from "../../actors/host/mod.ts";
import type { HostTarget } from "../../actors/host/mod.ts";
import type { ActorRef, ReplyTo } from "../../actors/kernel/actor.ts";
import type { CrashReport } from "../../actors/kernel/crash_report.ts";
import { type Redact, redactorOf } from "../../actors/kernel/redaction.ts";
import type { SnapshotOptions, SystemSnapshot } from "../../actors/kernel/snapshot.ts";
import type { ActorSystem } from "../../actors/kernel/system.ts";
import type { Connector } from "../../actors/ports.ts";
import { scheduler, type SchedulerMessage } from "../../actors/scheduler/mod.ts";
import { utf8 } from "../../protocol/bytes.ts";
import { UsageError } from "../../protocol/errors.ts";
import { Secret } from "../../protocol/secret.ts";
import { escapeText } from "../../protocol/xml/mod.ts";
import {
  type Inventory,
  inventoryFromHosts,
  type InventoryHost,
  loadInventory,
  selectHosts,
} from "../inventory/mod.ts";
import { connectionLimit } from "../os/limits.ts";
import { createSystem } from "../system.ts";
import { createConnector } from "../transports/mod.ts";
import {
  type AnyFleet,
  type AnyRun,
  type CommonRunOptions,
  type FleetEvent,
  type HostSummary,
  type PingAnswer,
  resultsOf,
} from "./any_fleet.ts";
import { cleanupTimeoutMs, FleetHost, inquire, permitTerms, shellOptions } from "./fleet_host.ts";
import type { LeaseBridge } from "./lease_bridge.ts";
import { Logons } from "./logons.ts";
import { OutputBytes } from "./output_bytes.ts";
import { pingHost } from "./ping.ts";
import { RemoteFleet } from "./remote/remote_fleet.ts";
import type { RemoteFleetOptions } from "./remote/connection.ts";
import { Run } from "./run.ts";
import { checkRun } from "./run_checks.ts";
import { slotsOf } from "./slots.ts";
import { Sweeper, type SweepReport } from "./sweeper.ts";
import { type ConnectionOptions, readPem, targetOf } from "./targets.ts";

/** Options of {@link Fleet}. */
export interface FleetOptions extends Omit<ConnectionOptions, "password"> {
  /** Path of an inventory, or one that was loaded. */
  readonly inventory?: string | Inventory;
  /** Hosts without an inventory: names, addresses, `host:port` or URLs. */
  readonly hosts?: readonly string[];
  /** Password of `user`; text is wrapped in a {@link Secret} at once. */
  readonly password?: Secret | string;
  /** Hosts that may be active at once in one run; default 32. */
  readonly throttle?: number;
  /**
   * Connections that may be open at once, at least 3; more hosts than half of it are never active at the same time, whatever the
   * throttle says. Default: what the limit of open files (`ulimit -n`) leaves room for, at least 8.
   * Each fleet counts for itself: where several of one process are open at once, give each its share.
   */
  readonly maxConnections?: number;
  /**
   * Folder in which to note where shells are made, so that a later fleet can delete those that this process leaves behind when it
   * dies: the first use of a host deletes what dead ones have left there, in the background. Default `false`: no file is written
   * (the command line uses `$XDG_STATE_HOME/drover` or `~/.local/state/drover`). A folder that cannot be used is none.
   */
  readonly stateDir?: string | false;
  /** Told about shells of dead processes that were deleted in the background. */
  readonly onSwept?: (report: SweepReport) => void;
  /** For tests and simulations: how connections are opened. */
  readonly connector?: Connector;
  /** Told about defects of Drover itself: an actor crashed. What it was doing ends as `unknown`. */
  readonly onCrash?: (report: CrashReport) => void;
}

/** Options of {@link Fleet.run}. */
export interface RunOptions extends CommonRunOptions {
  /** Further tries when a host cannot be connected to, within 10 seconds; default the fleet's. */
  readonly connectRetries?: number;
}

/** Many hosts as one thing. `await using` closes everything that it opened. */
export class Fleet implements AnyFleet {
  /** The hosts it knows. */
  readonly inventory: Inventory;
  readonly #options: FleetOptions;
  readonly #connection: ConnectionOptions;
  readonly #logons = new Logons();
  readonly #system: ActorSystem;
  readonly #scheduler: ActorRef<SchedulerMessage>;
  readonly #fleet: ActorRef<FleetMessage>;
  readonly #targets = new Map<string, HostTarget>();
  readonly #pem = new Map<string, string>();
  readonly #runs = new Set<Run>();
  readonly #shells = new Set<LeaseBridge>();
  readonly #sweeper: Sweeper;
  readonly #connector: Connector;
  readonly #closing = new AbortController();
  #redactor: Redact | undefined;
  #closed: Promise<void> | undefined;
  /** Nobody knows what a crashed actor has left. */
  #crashed = false;

  /**
   * Reads the inventory; connects to nothing yet.
   *
   * @throws UsageError when neither hosts nor a readable inventory are given, or a number makes no sense
   */
  constructor(options: FleetOptions) {
    checkRun("open fleet", { throttle: options.throttle, connectRetries: options.connectRetries });
    const { password, connector, ...rest } = options;
    this.#options = options;
    this.#connection = this.#logons.noting({
      ...rest,
      ...(password === undefined
        ? {}
        : { password: typeof password === "string" ? new Secret(password) : password }),
    });
    this.inventory = inventoryOf(options);
    this.#system = createSystem({
      onCrash: (report) => {
        this.#crashed = true;
        options.onCrash?.(report);
      },
      redact: (text) => this.#redact(text),
    });
    // Connections of a connector that was given are no files of ours.
    const maxConnections = options.maxConnections ??
      (connector === undefined ? connectionLimit() : undefined);
    this.#scheduler = this.#system.spawn(scheduler({ slots: slotsOf(options.throttle, maxConnections) }));
    const limits = maxConnections === undefined ? {} : { maxConnections };
    this.#connector = connector ?? createConnector();
    this.#fleet = this.#system.spawn(fleet(this.#connector, this.#scheduler, limits));
    this.#system.spawn(limitsWatcher(this.#fleet, this.#scheduler));
    this.#sweeper = new Sweeper(
      options.stateDir === false ? undefined : options.stateDir,
      (target, owner) => inquire({ system: this.#system, fleet: this.#fleet }, target, sweepQuestion(owner)),
      options.onSwept,
    );
  }

  /**
   * The fleet of a running daemon, over its HTTP API: the same methods, and jobs that outlive this script. Connects to nothing yet.
   *
   * @throws UsageError `DaemonUnknown`, `TokenMissing`, `FileUnreadable`
   */
  static connect(options: RemoteFleetOptions): RemoteFleet {
    return new RemoteFleet(options);
  }

  /**
   * Runs a command on many hosts. One text goes to the remote shell as it is; several words are quoted so that the program
   * gets exactly these arguments.
   *
   * @throws UsageError when a host lacks credentials or trust, the pattern matches nothing, or an option makes no sense
   * @example
   * ```ts
   * import { Fleet } from "../../mod.ts";
   * await using fleet = new Fleet({ hosts: ["127.0.0.2:15985"], user: "demo", password: "…" });
   * for await (const event of fleet.run("hostname", { timeout: 30_000 })) {
   *   if (event.type === "output") console.log(event.host, event.data.text());
   *   if (event.type === "result") console.log(event.host, event.status);
   * }
   * ```
   */
  run(command: string | readonly string[], options: RunOptions = {}): FleetRun {
    options.signal?.throwIfAborted();
    checkRun("run command", options);
    const hosts = selectHosts(this.inventory, options.hosts ?? "all");
    const targets = hosts.map((host) => this.#target(host, options.connectRetries));
    return this.#start(command, targets, options);
  }

  /**
   * One host by the inventory's name.
   *
   * @throws UsageError `HostUnknown`
   */
  host(name: string): FleetHost {
    return new FleetHost(this.#target(this.#known(name)), {
      system: this.#system,
      fleet: this.#fleet,
      shells: this.#shells,
      sweeper: this.#sweeper,
    });
  }

  /**
   * Hosts of the inventory that match `pattern`, in its order; default all.
   *
   * @throws UsageError when the pattern matches nothing
   */
  // deno-lint-ignore require-await -- its errors are rejections, as those of a daemon's fleet are
  async hosts(pattern = "all"): Promise<readonly HostSummary[]> {
    return selectHosts(this.inventory, pattern).map(({ name, address, port, scheme, auth, groups }) => ({
      name,
      address,
      port,
      scheme,
      auth,
      groups,
    }));
  }

  /**
   * Asks a host which service answers, on a connection of its own.
   *
   * @throws UsageError `HostUnknown`, or when the host lacks credentials or trust
   */
  async ping(host: string): Promise<PingAnswer> {
    const target = this.#target(this.#known(host));
    return await pingHost(this.#system, this.#connector, target, this.#closing.signal);
  }

  /**
   * Deletes the shells that dead processes with this `stateDir` have left at hosts that match `hosts` (default all); never those of
   * a process that lives, nor any that is not by its Name ours.
   *
   * @returns A report for each host where a dead process had made shells.
   * @throws UsageError `StateDirMissing`, or when a host lacks credentials or trust
   */
  async sweep(hosts = "all"): Promise<SweepReport[]> {
    if (typeof this.#options.stateDir !== "string") {
      throw new UsageError(
        "StateDirMissing",
        "sweep: there is no folder to know dead processes from; give stateDir",
      );
    }
    return await this.#sweeper.sweep(selectHosts(this.inventory, hosts).map((host) => this.#target(host)));
  }

  /**
   * A picture of the fleet's actors at this moment, for logs, metrics or a dashboard: sums over all of them, and the lines of at
   * most `limit` (default 200): those with the deepest mailboxes and the oldest messages first. Costs about 0.3 µs for each actor
   * below `path`. It has no secrets; names are those of the inventory, and not made harmless for a terminal.
   *
   * @returns `undefined` when nothing stands at `options.path`
   */
  inspect(options: SnapshotOptions = {}): SystemSnapshot | undefined {
    return this.#system.snapshot(options);
  }

  /** Cancels what runs, deletes open shells, waits for all clean-up and closes all connections. Idempotent. */
  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  /** See {@link Fleet.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    for (const run of this.#runs) run.cancel();
    const shells = [...this.#shells].map((shell) => shell.close());
    await Promise.all([...[...this.#runs].map((run) => run.done), ...shells]);
    await this.#sweeper.settle();
    const left = await this.#keysWithShells();
    await this.#system.shutdown();
    this.#sweeper.close(left);
  }

  #known(name: string): InventoryHost {
    const host = this.inventory.hosts.find((candidate) => candidate.name === name);
    if (host === undefined) throw new UsageError("HostUnknown", `find host: ${name} is not in the inventory`);
    return host;
  }

  /** Keys at which a service may still have shells of ours, since nobody has confirmed their Delete. */
  async #keysWithShells(): Promise<ReadonlySet<string>> {
    const ask = (replyTo: ReplyTo<readonly string[]>) => ({ kind: "keysOfKeptShells", replyTo }) as const;
    const asked = await this.#system.ask<SchedulerMessage, readonly string[]>(
      this.#scheduler,
      ask,
      cleanupTimeoutMs,
    );
    return asked.kind === "answered" && !this.#crashed ? new Set(asked.value) : this.#sweeper.keys;
  }

  #start(command: string | readonly string[], targets: readonly HostTarget[], options: RunOptions): FleetRun {
    if (this.#closed !== undefined) throw new UsageError("FleetClosed", "run command: the fleet is closed");
    // Text that XML cannot carry is better refused now than on every host.
    for (const word of typeof command === "string" ? [command] : command) escapeText(word);
    const stdin = typeof options.stdin === "string" ? utf8(options.stdin) : options.stdin;
    const spec = { command, ...(stdin === undefined ? {} : { stdin }) };
    const run = new Run();
    this.#runs.add(run);
    const id = crypto.randomUUID().slice(0, 8);
    this.#sweeper.begin(targets);
    this.#system.spawn(job(
      {
        id,
        hosts: targets.map((target) => ({ target, command: spec })),
        shell: { name: this.#sweeper.shellName(id), ...shellOptions(options.shell) },
        throttle: options.throttle ?? this.#options.throttle ?? 32,
        ...permitTerms(options),
        timeoutMs: options.timeout,
        cleanupTimeoutMs,
      },
      this.#fleet,
      run,
    ));
    const cancel = () => run.cancel();
    options.signal?.addEventListener("abort", cancel, { once: true });
    run.done.then(() => {
      this.#runs.delete(run);
      options.signal?.removeEventListener("abort", cancel);
    });
    return new FleetRun(run, this.#logons);
  }

  /** The same object each time: one host actor. Another number of tries makes another one, with the same quotas. */
  #target(host: InventoryHost, connectRetries?: number): HostTarget {
    const key = `${connectRetries ?? ""} ${host.name}`;
    const known = this.#targets.get(key);
    if (known !== undefined) return known;
    const connection = connectRetries === undefined
      ? this.#connection
      : { ...this.#connection, connectRetries };
    const target = targetOf(host, connection, (path) => this.#readPem(path));
    this.#targets.set(key, target);
    return target;
  }

  /** Takes the passwords that the fleet knows out of a text. */
  #redact(text: string): string {
    this.#redactor ??= redactorOf(
      [this.#connection.password, ...this.inventory.hosts.map(({ password }) => password)]
        .flatMap((secret) => secret === undefined ? [] : [secret.reveal()]),
    );
    return this.#redactor(text);
  }

  #readPem(path: string): string {
    let pem = this.#pem.get(path);
    if (pem === undefined) this.#pem.set(path, pem = readPem(path));
    return pem;
  }
}

/** A run that has begun: iterate over its events, once. Leaving the loop early cancels it and waits for the clean-up. */
export class FleetRun implements AnyRun {
  readonly #run: Run;
  readonly #logons: Logons;

  /** Made by {@link Fleet.run}. */
  constructor(run: Run, logons: Logons) {
    this.#run = run;
    this.#logons = logons;
  }

  /** Stops what runs; every host still gets its result. */
  cancel(): void {
    this.#run.cancel();
  }

  /** Takes all events and gives back the results, in the order in which hosts ended. */
  results(): Promise<ResultEvent[]> {
    return resultsOf(this);
  }

  /** Events in the order in which they happened. */
  async *[Symbol.asyncIterator](): AsyncGenerator<FleetEvent, void, undefined> {
    for await (const event of this.#run) {
      if (event.type === "output") yield { ...event, data: OutputBytes.wrap(event.data) };
      else if (event.type === "result") yield this.#told(event);
      else yield event;
    }
  }

  #told(result: ResultEvent): ResultEvent {
    const logon = this.#logons.of(result.host);
    return logon === undefined ? result : { ...result, logon };
  }
}

function inventoryOf(options: FleetOptions): Inventory {
  if (typeof options.inventory === "object") return options.inventory;
  if (options.inventory !== undefined) return loadInventory(options.inventory);
  if (options.hosts !== undefined) return inventoryFromHosts(options.hosts);
  throw new UsageError("HostsMissing", "open fleet: give an inventory or hosts");
}
