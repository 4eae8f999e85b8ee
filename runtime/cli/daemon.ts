/** `drover daemon`: durable jobs behind an HTTP API. @module */
import { Command, InvalidArgumentError, Option } from "commander";
import { dirname } from "node:path";
import { UsageError } from "../../protocol/errors.ts";
import type { DaemonOptions } from "../daemon/daemon.ts";
import { inventoryFromHosts } from "../inventory/mod.ts";
import type { ServerTls } from "../daemon/server.ts";
import { inspectable } from "./inspectable.ts";
import { addConnectionOptions, connectionOptions, oncePerHost, positiveInteger, seconds } from "./options.ts";
import { readInventory, type SelectionFlags } from "./selection.ts";
import { byteSize } from "./sizes.ts";
import { removePrivate, storePath, tokenFileName, urlFileName, writePrivate } from "./state_files.ts";

interface DaemonFlags extends SelectionFlags {
  readonly api: ApiAddress;
  readonly store?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly clientCa?: string;
  readonly name?: readonly string[];
  readonly credentials?: string;
  readonly credentialCommand?: readonly [string, ...string[]];
  readonly rate?: number;
  readonly keepDays?: number;
  readonly keepJobs?: number;
  readonly maxStoreSize?: number;
  readonly drain?: number;
  readonly logFormat: "pretty" | "json";
  readonly logLevel?: readonly string[];
  readonly inspect: boolean;
}

interface ApiAddress {
  readonly host: string;
  readonly port: number;
}

/** The command. */
export function daemonCommand(): Command {
  const command = new Command("daemon")
    .summary("run jobs for others, asked for over HTTP")
    .description(
      "Take jobs over an HTTP API, run them on the hosts of the inventory, and keep what came of them. The first " +
        "line says where it listens; /docs there describes the API. The first start makes a token and says in " +
        "which file it is. The inventory is read again when it changes; SIGHUP reads it and the accounts again. Ends with " +
        "Ctrl-C or SIGTERM: what runs has --drain seconds to end (a second signal ends them), and the next start goes " +
        "on with what is not done.",
    )
    .addOption(
      new Option("--api <address:port>", "where to listen; beyond loopback only with TLS").argParser(
        apiAddress,
      )
        .default({ host: "127.0.0.1", port: 7520 }, "127.0.0.1:7520"),
    )
    .option("--store <file>", "where jobs are kept (default: drover.db in the state folder)")
    .option("-i, --inventory <file>", "inventory: Ansible YAML or INI, JSON, or a list of hosts")
    .option("--credentials <file>", "accounts for hosts added through the API, by address (JSON, 0600)")
    .option(
      "--credential-command <command>",
      "program, and words after it, that is asked for accounts and certificates of the inventory's hosts",
      commandWords,
    )
    .option("--tls-cert <file>", "certificate chain of the API (PEM)")
    .option("--tls-key <file>", "its key (PEM)")
    .option(
      "--client-ca <file>",
      "let in only clients with a certificate of these authorities (PEM), and a token",
    )
    .option("--name <names>", "host names by which clients reach it", (text: string) => text.split(","))
    .option("--rate <number>", "requests a second with one token (default: 2000)", positiveInteger)
    .option("--keep-days <days>", "days that finished jobs are kept (default: 30)", positiveInteger)
    .option(
      "--keep-jobs <number>",
      "finished jobs that are kept, the latest ones (default: all)",
      positiveInteger,
    )
    .option(
      "--max-store-size <size>",
      "size above which the oldest finished jobs are deleted, e.g. 20G (default: none)",
      byteSize,
    )
    .option("--drain <seconds>", "seconds that what runs has to end with the daemon (default: 10)", seconds)
    .addOption(
      new Option("--log-format <format>", "form of the log's lines on standard error").choices([
        "pretty",
        "json",
      ])
        .default("pretty"),
    )
    .option(
      "--log-level <[category=]level>",
      "lines from this level on (trace, debug, info, warning, error; default: info), of all or of one of daemon, api, " +
        "jobs, hosts, store, security; may be repeated",
      (text: string, before: string[] = []) => [...before, text],
    )
    .option("--no-inspect", "do not let your `drover inspect` look into this process");
  return addConnectionOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  drover daemon -i hosts.yml
  drover daemon -i hosts.yml --api 0.0.0.0:7520 --name drover.example \\
    --tls-cert api.pem --tls-key api.key
  drover daemon -i hosts.yml --log-format json --log-level api=debug
  OTEL_DENO=true OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 \\
    drover daemon -i hosts.yml
  drover job submit -- hostname`,
    )
    .action(daemon);
}

async function daemon(flags: DaemonFlags): Promise<void> {
  // Only here: scripts and the other commands need neither an HTTP framework nor a database.
  const { checkListen } = await import("../daemon/server.ts");
  const { Daemon, firstToken } = await import("../daemon/daemon.ts");
  const { readCredentials } = await import("../daemon/credentials.ts");
  const { CredentialCommand } = await import("../daemon/credentials/command.ts");
  const { openStore } = await import("../store/mod.ts");
  const { runUntilStopped } = await import("../daemon/operation/process.ts");
  const { ServiceNotifier } = await import("../os/service_notifier.ts");
  const { daemonLog } = await import("../daemon/operation/daemon_log.ts");
  using notifier = ServiceNotifier.fromEnvironment();
  await using log = await daemonLog(flags.logFormat, flags.logLevel ?? []);
  const tls = await certificate(flags);
  checkListen(flags.api.host, tls !== undefined);
  const connection = {
    ...connectionOptions(flags),
    onFallback: oncePerHost((host, reason) =>
      log.daemon.warn("NTLM is used in place of Kerberos for {host}: {reason}", { host, reason })
    ),
  };
  const inventory = flags.inventory === undefined ? inventoryFromHosts([]) : readInventory(flags);
  const { credentials: accounts } = flags;
  const credentials = accounts === undefined ? undefined : readCredentials(accounts, connection);
  const path = storePath(flags.store);
  const folder = dirname(path);
  Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const store = await openStore({ path });
  const token = await firstToken(store);
  if (token !== undefined) {
    writePrivate(`${folder}/${tokenFileName}`, token);
    log.daemon.info("the first token is in {file}", { file: `${folder}/${tokenFileName}` });
  }
  await using running = await Daemon.start({
    store,
    inventory,
    connection,
    livesDir: `${path}.lives`,
    host: flags.api.host,
    port: flags.api.port,
    ...(tls === undefined ? {} : { tls }),
    ...(credentials === undefined ? {} : { credentials }),
    ...(flags.credentialCommand === undefined
      ? {}
      : { credentialCommand: new CredentialCommand(flags.credentialCommand) }),
    names: [Deno.hostname(), ...(flags.name ?? [])],
    ...(flags.rate === undefined ? {} : { limits: { requestsPerSecond: flags.rate } }),
    keep: {
      ...(flags.keepDays === undefined ? {} : { days: flags.keepDays }),
      ...(flags.keepJobs === undefined ? {} : { jobs: flags.keepJobs }),
      ...(flags.maxStoreSize === undefined ? {} : { maxBytes: flags.maxStoreSize }),
    },
    onUpkeep: ({ jobs, audit }) => {
      if (jobs + audit === 0) return;
      log.store.info("deleted {jobs} old jobs, {audit} audit records", { jobs, audit });
    },
    ...(flags.drain === undefined ? {} : { drainMs: flags.drain * 1_000 }),
    ...await traces(),
  });
  log.redactSecretsOf(running.parts.book);
  writePrivate(`${folder}/${urlFileName}`, running.url);
  console.log(`Listening on ${running.url} (dashboard; the API is described at ${running.url}/docs)`);
  using _inspection = inspectable(flags.inspect, {
    program: "daemon",
    about: running.url,
    notable: ["/scheduler"],
    snapshot: (options) => running.parts.runner.inspect(options),
  });
  await runUntilStopped(running, {
    notifier,
    ...(flags.inventory === undefined
      ? {}
      : { inventory: { path: flags.inventory, read: () => readInventory(flags) } }),
    ...(accounts === undefined ? {} : { credentials: () => readCredentials(accounts, connection) }),
    ...(tls === undefined ? {} : { tls: async () => (await certificate(flags))! }),
  });
  removePrivate(`${folder}/${urlFileName}`);
  Deno.exitCode = 0;
}

/** Traces are made where Deno's OpenTelemetry is switched on, by its own variable. */
async function traces(): Promise<Pick<DaemonOptions, "watches" | "around">> {
  if (!/^(?:1|true)$/i.test(Deno.env.get("OTEL_DENO") ?? "")) return {};
  const { jobTraces } = await import("../daemon/operation/tracing.ts");
  const { tracedRequests } = await import("../daemon/operation/request_tracing.ts");
  return { watches: [jobTraces()], around: tracedRequests };
}

async function certificate(flags: DaemonFlags): Promise<ServerTls | undefined> {
  if (flags.tlsCert === undefined && flags.tlsKey === undefined && flags.clientCa === undefined) {
    return undefined;
  }
  if (flags.tlsCert === undefined || flags.tlsKey === undefined) {
    throw new UsageError(
      "CertificateIncomplete",
      "read the certificate: --tls-cert and --tls-key go together, and --client-ca needs both",
    );
  }
  const { loadCertificate, readAuthorities } = await import("../security/certificates.ts");
  const { certificate: cert, key } = await loadCertificate(flags.tlsCert, flags.tlsKey);
  return flags.clientCa === undefined
    ? { cert, key }
    : { cert, key, clientCa: await readAuthorities(flags.clientCa) };
}

/** Words between spaces: there is no shell, and what needs one is a script of its own. */
function commandWords(text: string): readonly [string, ...string[]] {
  const [program, ...args] = text.trim().split(/\s+/);
  if (program === undefined || program === "") throw new InvalidArgumentError("It names no program.");
  return [program, ...args];
}

function apiAddress(text: string): ApiAddress {
  const match = /^(\[[0-9A-Fa-f:.]+\]|[^/:[\]\s]+):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65_535) {
    throw new InvalidArgumentError("It is not of the form ADDRESS:PORT.");
  }
  const host = match[1]!.replace(/^\[|\]$/g, "");
  return { host: host === "localhost" ? "127.0.0.1" : host, port };
}
