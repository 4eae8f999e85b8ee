/** The daemon: store, hosts, runner and API, put together; started and stopped as one. @module */
import type { CrashReport } from "../../actors/kernel/crash_report.ts";
import { redactorOf } from "../../actors/kernel/redaction.ts";
import { UsageError } from "../../protocol/errors.ts";
import type { ConnectionOptions } from "../client/targets.ts";
import type { Inventory } from "../inventory/mod.ts";
import { systemClock } from "../clock.ts";
import type { Store } from "../store/api.ts";
import type { RetentionReport } from "../store/types.ts";
import { type AccessLimits, AccessMeter, defaultAccessLimits } from "./access/limits.ts";
import { allHosts, newToken, tokenHash } from "./access/tokens.ts";
import { TokenBook } from "./access/token_book.ts";
import { createApp } from "./app.ts";
import { storedAdditions } from "./additions.ts";
import { Credentials } from "./credentials.ts";
import type { CredentialCommand } from "./credentials/command.ts";
import type { DaemonParts, Handler } from "./context.ts";
import { Facts } from "./facts.ts";
import { FleetRunner } from "./fleet_runner.ts";
import { HostBook } from "./host_book.ts";
import { JobCache } from "./job_cache.ts";
import { JobLogs } from "./live/job_log.ts";
import { Operation } from "./operation/operation.ts";
import type { InventoryChanges } from "./operation/same_host.ts";
import { StopCount, type StopReport } from "./operation/stop_report.ts";
import type { WorkWatch } from "./operation/watch.ts";
import type { JobRunner } from "./runner.ts";
import { ScheduleKeeper } from "./schedules/keeper.ts";
import { type ApiServer, listen, type ServerTls } from "./server.ts";
import { LiveSettings } from "./settings.ts";
import { type KeepTerms, Upkeep } from "./upkeep.ts";
import { uuidv7 } from "./uuid.ts";

/** What a daemon is made of. */
export interface DaemonOptions {
  /** Open; the daemon closes it. */
  readonly store: Store;
  /** Hosts that it knows from the start. */
  readonly inventory: Inventory;
  /** How its hosts are reached. */
  readonly connection: ConnectionOptions;
  /** Accounts for hosts that come in through the API; default none. */
  readonly credentials?: Credentials;
  /** Asked for accounts of hosts of the inventory where neither it nor `connection` says them. */
  readonly credentialCommand?: CredentialCommand;
  /** Where the API listens; port 0: a free one. */
  readonly host: string;
  readonly port: number;
  readonly tls?: ServerTls;
  /** Names beside `localhost` that a Host header may have. */
  readonly names?: readonly string[];
  readonly limits?: Partial<AccessLimits>;
  /** Milliseconds without an event after which a stream says that it lives; default 15,000. */
  readonly heartbeatMs?: number;
  /** Milliseconds after which a stream whose client takes nothing is given up; default 120,000. */
  readonly stuckMs?: number;
  /** Folder of this daemon alone, in which it notes where it makes shells; default: nothing is noted. */
  readonly livesDir?: string;
  /** Milliseconds that running commands have to end when the daemon stops; default 10,000. */
  readonly drainMs?: number;
  /** How long finished jobs are kept; default 30 days. */
  readonly keep?: KeepTerms;
  /** Told what was deleted because it was old. */
  readonly onUpkeep?: (report: RetentionReport) => void;
  /** Told about defects of Drover itself, beside the log. */
  readonly onError?: (error: unknown) => void;
  /** Told of its work, e.g. for traces. */
  readonly watches?: readonly WorkWatch[];
  /** Put around the API, e.g. for traces. */
  readonly around?: (handler: Handler) => Handler;
  /** Runs the jobs; default: on the actors of this process. */
  readonly runner?: JobRunner;
}

/** Milliseconds that requests have to end when the daemon stops. */
const graceMs = 5_000;

/** A running daemon. */
export class Daemon implements AsyncDisposable {
  readonly #parts: DaemonParts;
  readonly #server: ApiServer;
  readonly #stopping: AbortController;
  readonly #drainMs: number | undefined;
  readonly #stops: StopCount;
  /** Of hosts that come in through the API. */
  readonly #accounts: { credentials: Credentials };
  readonly #hurry = new AbortController();
  #stopped: Promise<StopReport> | undefined;

  private constructor(
    parts: DaemonParts,
    server: ApiServer,
    stopping: AbortController,
    stops: StopCount,
    accounts: { credentials: Credentials },
    drainMs: number | undefined,
  ) {
    this.#parts = parts;
    this.#server = server;
    this.#stopping = stopping;
    this.#stops = stops;
    this.#accounts = accounts;
    this.#drainMs = drainMs;
  }

  /**
   * Starts it; where it cannot, the store is closed.
   *
   * @throws UsageError `TlsNeeded`, `ListenFailed`
   */
  static async start(options: DaemonOptions): Promise<Daemon> {
    const { store } = options;
    // What has been opened for a daemon that cannot start would keep its process alive, and the store locked.
    await using opened = new AsyncDisposableStack();
    opened.defer(() => store.close());
    const book = new HostBook(options.inventory, options.connection, options.credentialCommand);
    const limits = { ...defaultAccessLimits, ...options.limits };
    const settings = new LiveSettings(
      store,
      {
        throttle: 32,
        heartbeatMs: options.heartbeatMs ?? 15_000,
        requestsPerSecond: limits.requestsPerSecond,
      },
      (error) => options.onError?.(error),
    );
    const meter = new AccessMeter({
      ...limits,
      get requestsPerSecond() {
        return settings.values.requestsPerSecond;
      },
    }, () => performance.now());
    const stops = new StopCount();
    let runner: JobRunner | undefined = undefined;
    const operation = new Operation({
      store,
      book,
      meter,
      runner: () => runner,
      watches: [stops.watch, ...options.watches ?? []],
    });
    opened.use(operation);
    const onError = (error: unknown) => {
      operation.failed(error);
      options.onError?.(error);
    };
    const accounts = { credentials: options.credentials ?? new Credentials([], options.connection) };
    const reloadAdditions = () =>
      book.setAdditions(storedAdditions(store.read, accounts.credentials, onError));
    reloadAdditions();
    runner = options.runner ?? new FleetRunner({
      store,
      livesDir: `${store.path}.lives`,
      onCrash: (report: CrashReport) => onError(report.error),
      redact: (text) => redactorOf(book.secrets())(text),
      throttle: () => settings.values.throttle,
      watch: operation.watch,
    });
    opened.defer(() => runner?.close(0));
    // A host that nobody knows any more, or that lacks credentials now, cannot be reached: its job says so.
    const target = (name: string) => {
      try {
        return book.target(name);
      } catch (error) {
        if (error instanceof UsageError) return undefined;
        throw error;
      }
    };
    const unfinished = store.read.jobs.unfinished();
    // Before the API answers: what it tells a job must find the job begun.
    await book.prepare(unfinished.flatMap(({ hosts }) => hosts.map(({ host }) => host)));
    const stopping = new AbortController();
    const parts: DaemonParts = {
      store,
      runner,
      schedules: new ScheduleKeeper({ store, book, runner, clock: systemClock, onError }),
      book,
      facts: new Facts({ store, runner, book, onError }),
      tokens: new TokenBook(store),
      jobs: new JobCache(store),
      logs: new JobLogs(store),
      meter,
      operation,
      names: new Set(["localhost", ...(options.names ?? []).map((name) => name.toLowerCase())]),
      stopping: stopping.signal,
      settings,
      get heartbeatMs() {
        return settings.values.heartbeatMs;
      },
      stuckMs: options.stuckMs ?? 120_000,
      reloadAdditions,
      onError,
    };
    const app = createApp(parts);
    const handler: Handler = (request, caller) => app.fetch(request, caller);
    const server = await listen(
      options.host,
      options.port,
      options.tls,
      options.around?.(handler) ?? handler,
      onError,
    );
    // Only now: a daemon that cannot listen touches no host.
    runner.recover(unfinished, target, book.inventory.hosts.map(({ name }) => name));
    parts.schedules.start();
    const { onUpkeep } = options;
    const upkeep = new Upkeep({
      store,
      clock: systemClock,
      keep: options.keep ?? {},
      ...(onUpkeep === undefined ? {} : { onReport: onUpkeep }),
      onError,
    });
    stopping.signal.addEventListener("abort", () => upkeep.stop());
    operation.health.enter("ready");
    opened.move();
    return new Daemon(parts, server, stopping, stops, accounts, options.drainMs);
  }

  /** `http://127.0.0.1:PORT`. */
  get url(): string {
    return this.#server.url;
  }

  /** What it consists of. */
  get parts(): DaemonParts {
    return this.#parts;
  }

  /**
   * Takes another content of the inventory's file. Hosts of which it says nothing new keep their connections; work under way goes on
   * as it began. What tokens see follows.
   */
  setInventory(inventory: Inventory): InventoryChanges {
    return this.#parts.book.setFile(inventory);
  }

  /** Shows clients that come from now on another certificate. Throws UsageError `CertificateInvalid`: the one before stays. */
  setTls(tls: ServerTls): void {
    this.#server.setTls?.(tls);
  }

  /** Takes other accounts for hosts that come in through the API. */
  setCredentials(credentials: Credentials): void {
    this.#accounts.credentials = credentials;
    this.#parts.reloadAdditions();
  }

  /**
   * Stops: nothing new is taken, no further host begins, what runs has a little time and is cancelled then; meanwhile the API can be
   * asked. Then the streams end and the store is closed. Jobs with hosts that have no result go on with the next start. Idempotent.
   */
  stop(): Promise<StopReport> {
    return this.#stopped ??= this.#stop();
  }

  /** Ends the time that running commands have to end, while it stops. */
  hurry(): void {
    this.#hurry.abort();
  }

  /** See {@link Daemon.stop}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop(): Promise<StopReport> {
    const { operation, schedules, facts, runner, store } = this.#parts;
    operation.health.enter("draining");
    this.#stops.begin();
    await schedules.stop();
    await runner.close(this.#drainMs, this.#hurry.signal, () => this.#stops.overdue());
    facts.close();
    this.#stopping.abort();
    await this.#server.close(graceMs);
    const report = this.#stops.report(store.read.jobs.unfinished());
    operation.health.enter("stopped");
    operation[Symbol.dispose]();
    await store.close();
    return report;
  }
}

/**
 * The first token of a store, with every scope; `undefined`: there is one already. Only its hash is kept, so whoever called has to
 * put it where its user finds it.
 */
export async function firstToken(store: Store): Promise<string | undefined> {
  if (store.read.tokens.list().length > 0) return undefined;
  const token = newToken();
  const at = Date.now();
  for (let turn = 1;; turn++) {
    const made = await store.write.tokens.create({
      id: uuidv7(at),
      // Jobs of an earlier first one are not its own.
      name: turn === 1 ? "first" : `first-${turn}`,
      hash: tokenHash(token),
      scopes: ["read", "run", "admin"],
      hosts: allHosts,
      createdAt: at,
      createdBy: "system",
      expiresAt: null,
    });
    if (made) return token;
  }
}
