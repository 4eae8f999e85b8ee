/** The daemon as a process: signals, files that change, the service manager, and the log of all that. @module */
import { DroverError } from "../../../protocol/errors.ts";
import type { Inventory } from "../../inventory/mod.ts";
import type { Credentials } from "../credentials.ts";
import type { Daemon } from "../daemon.ts";
import type { ServerTls } from "../server.ts";
import { logOf } from "./logs.ts";
import type { ServiceNotifier } from "../../os/service_notifier.ts";
import { watchInventory } from "./reload.ts";
import { type StopReport, stopText } from "./stop_report.ts";

/** What the process has besides its daemon. */
export interface ProcessOptions {
  readonly notifier: ServiceNotifier;
  /** The inventory's file, and how it is read; absent: there is none. */
  readonly inventory?: { readonly path: string; readonly read: () => Inventory };
  /** How accounts for hosts of the API are read; absent: there are none. */
  readonly credentials?: () => Credentials;
  /** How the API's certificate is read; absent: there is none. */
  readonly tls?: () => Promise<ServerTls>;
}

/** Under `deno task` one key press arrives twice; within this time it counts once. */
const sameKeyPressMs = 1_000;

const log = logOf("daemon");

/**
 * Keeps a daemon that has started running until SIGINT or SIGTERM, then stops it. A second one ends the time that commands have, a
 * third one the process. SIGHUP reads the files again.
 */
export async function runUntilStopped(daemon: Daemon, options: ProcessOptions): Promise<StopReport> {
  const { notifier, inventory } = options;
  const status = () => `listening on ${daemon.url}, ${daemon.parts.book.inventory.hosts.length} hosts`;
  const stop = Promise.withResolvers<void>();
  let asked = 0;
  let askedAt = -Infinity;
  const onStop = () => {
    const now = performance.now();
    if (now - askedAt < sameKeyPressMs) return;
    askedAt = now;
    asked++;
    if (asked === 1) stop.resolve();
    else if (asked === 2) {
      log.warn("what runs is stopped now: a second signal came");
      daemon.hurry();
    } else Deno.exit(130);
  };
  const onReload = async () => {
    notifier.reloading();
    readInventory(daemon, options);
    readCredentials(daemon, options);
    await readCertificate(daemon, options);
    notifier.ready(status());
  };
  const signals: readonly (readonly [Deno.Signal, () => void])[] = Deno.build.os === "windows"
    ? [["SIGINT", onStop]]
    : [["SIGINT", onStop], ["SIGTERM", onStop], ["SIGHUP", () => void onReload()]];
  for (const [signal, handler] of signals) Deno.addSignalListener(signal, handler);
  using _watch = inventory === undefined ? undefined : watchInventory({
    path: inventory.path,
    changed: () => {
      readInventory(daemon, options);
      notifier.status(status());
    },
    failed: (error) =>
      log.warn("{file} cannot be watched: {error}; SIGHUP reads it again", { file: inventory.path, error }),
  });
  try {
    log.info("listening on {url}", { url: daemon.url, hosts: daemon.parts.book.inventory.hosts.length });
    notifier.ready(status());
    await stop.promise;
    log.info("stopping: what runs has its time to end");
    notifier.stopping("stopping: what runs has its time to end");
    const report = await daemon.stop();
    log.info(stopText(report), { ...report });
    notifier.status(stopText(report));
    return report;
  } finally {
    for (const [signal, handler] of signals) Deno.removeSignalListener(signal, handler);
  }
}

function readInventory(daemon: Daemon, { inventory }: ProcessOptions): void {
  if (inventory === undefined) return;
  const { metrics } = daemon.parts.operation;
  const { path: file, read } = inventory;
  try {
    const { added, removed, changed } = daemon.setInventory(read());
    const same = added.length + removed.length + changed.length === 0;
    metrics.reloaded("inventory", same ? "unchanged" : "changed");
    if (same) log.debug("{file} was read again: no host is another", { file });
    else {
      log.info("{file} was read again", {
        file,
        added: added.length,
        removed: removed.length,
        changed: changed.length,
      });
    }
  } catch (error) {
    metrics.reloaded("inventory", "failed");
    tell(file, error, daemon);
  }
}

function readCredentials(daemon: Daemon, { credentials }: ProcessOptions): void {
  if (credentials === undefined) return;
  const { metrics } = daemon.parts.operation;
  try {
    daemon.setCredentials(credentials());
    metrics.reloaded("credentials", "changed");
    log.info("the accounts for hosts of the API were read again");
  } catch (error) {
    metrics.reloaded("credentials", "failed");
    tell("the file of accounts", error, daemon);
  }
}

async function readCertificate(daemon: Daemon, { tls }: ProcessOptions): Promise<void> {
  if (tls === undefined) return;
  const { metrics } = daemon.parts.operation;
  try {
    daemon.setTls(await tls());
    metrics.reloaded("certificate", "changed");
    log.info("the certificate of the API was read again");
  } catch (error) {
    metrics.reloaded("certificate", "failed");
    tell("the certificate of the API", error, daemon);
  }
}

/** What was known stays known. */
function tell(file: string, error: unknown, daemon: Daemon): void {
  if (error instanceof DroverError) {
    log.error("{file} cannot be used, what was read before stays: {error}", { file, error });
  } else daemon.parts.onError(error);
}
