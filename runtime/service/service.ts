/** Starts WinRM services in this process: the actors of `actors/service` with the real network, processes and accounts. @module */
import { X509Certificate } from "node:crypto";
import type { ActorRef } from "../../actors/kernel/actor.ts";
import type { CrashReport } from "../../actors/kernel/crash_report.ts";
import type { SnapshotOptions, SystemSnapshot } from "../../actors/kernel/snapshot.ts";
import type { ActorSystem } from "../../actors/kernel/system.ts";
import type { ListenAddress, ListenerHost, ProcessHost, TlsEngineName } from "../../actors/ports.ts";
import { type ServiceAuth, type ServiceEvent, serviceRoot } from "../../actors/service/mod.ts";
import { NetworkError, UsageError } from "../../protocol/errors.ts";
import { hiding } from "../../protocol/secret.ts";
import { resolveServiceSettings } from "../../protocol/wsman/config_model.ts";
import { systemClock } from "../clock.ts";
import { codePages } from "../os/code_pages.ts";
import { createProcessHost } from "../os/process_host.ts";
import { createSelfSigned, thumbprint } from "../security/certificates.ts";
import { CertificateMap, type CertificateMapping } from "../security/client_certificates.ts";
import { revocationLists } from "../security/revocation_file.ts";
import type { LogonAccounts, PasswordCheck } from "../security/passwords.ts";
import { serverTlsSessions, type TlsSessions } from "../security/tls_session.ts";
import { openServiceKeys } from "../security/kerberos/mod.ts";
import { createSystem } from "../system.ts";
import { createListenerHost } from "../transports/mod.ts";
import { decideRunAs, isLoopback } from "./run_as.ts";
import { serverEndPointData } from "./channel_binding.ts";
import { createSecurityProvider } from "./security.ts";
import { TicketFolders } from "./ticket_folders.ts";

/** Where to listen, and with which certificate. */
export interface ServiceListener {
  /** IP literal (IPv6 without brackets). */
  readonly host: string;
  /** TCP port; 0 chooses one. */
  readonly port: number;
  /** HTTPS when present: PEM of chain and key, or a certificate that is made now. */
  readonly tls?: { readonly certificate: string; readonly key: string } | "self-signed";
}

/** How a service is to be. */
export interface StartServiceOptions {
  /** At least one. */
  readonly listeners: readonly ServiceListener[];
  /** Schemes that are offered; default `negotiate`. */
  readonly auth?: readonly ServiceAuth[];
  /** Whether clear text is accepted on plain HTTP; default `false`. */
  readonly allowUnencrypted?: boolean;
  /** Who may log on. */
  readonly accounts: LogonAccounts & PasswordCheck;
  /** Checks the passwords of Basic; default: `accounts`. */
  readonly passwords?: PasswordCheck;
  /**
   * File with the keys of the service's principals: Kerberos logons of its realm are accepted for the accounts of these names, under
   * `negotiate` and `kerberos`.
   */
  readonly keytab?: string;
  /** Certificates of clients and whose they are, for `certificate`. */
  readonly certificates?: {
    readonly mappings: readonly CertificateMapping[];
    /** PEM of the authorities that are trusted for it. */
    readonly authorities: string;
    /** Path of lists of revoked certificates (PEM or DER), read again when it changes; default: nobody asks for revocation. */
    readonly crlFile?: string;
  };
  /** System user that the shells run as, for accounts that name none themselves. */
  readonly runAs?: string;
  /** WinRM settings by their exact names; default: those of Windows Server 2012. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  /** Highest TLS version; default `1.2`: a real client stalls on the session tickets of 1.3. */
  readonly tlsMax?: "1.2" | "1.3";
  /** Who speaks TLS; default `platform`. `openssl` sends no session tickets, so that clients that stall on them do not. */
  readonly tlsEngine?: TlsEngineName;
  /** Name of this machine; default: its host name. */
  readonly machineName?: string;
  /** Starts the commands; several services may share one. Default: one of its own. */
  readonly processHost?: ProcessHost;
  /** Opens the listeners; default: real sockets. */
  readonly listenerHost?: ListenerHost;
  /** Runs the actors; several services may share one. Default: one of its own. */
  readonly system?: ActorSystem;
  /** Told about logons, refusals and shells. Must not throw. */
  readonly onEvent?: (event: ServiceEvent) => void;
  /** Told what an operator should know at the start. */
  readonly onWarning?: (text: string) => void;
  /** Told about crashes of actors, when the system is the service's own. */
  readonly onCrash?: (report: CrashReport) => void;
}

/** An address that a service listens on. */
export interface ServiceAddress {
  /** IP literal (IPv6 without brackets). */
  readonly host: string;
  /** TCP port. */
  readonly port: number;
  readonly scheme: "http" | "https";
  /** SHA-1 of the certificate, upper-case hex, for HTTPS. */
  readonly thumbprint?: string;
}

/** A service that runs. */
export interface RunningService extends AsyncDisposable {
  /** Where it listens, in the order of the options. */
  readonly addresses: readonly ServiceAddress[];
  /**
   * A picture of the actors at this moment (of all that the system runs, where it is shared): see `Fleet.inspect`. `undefined`
   * when nothing stands at `options.path`.
   */
  inspect(options?: SnapshotOptions): SystemSnapshot | undefined;
  /** Closes connections, kills the processes of all shells, and resolves when everything has ended. Idempotent. */
  stop(): Promise<void>;
}

/** The end of a machine that does not let its processes die: stopping does not wait longer. */
const stopTimeoutMs = 25_000;

/**
 * Starts a service; resolves when all its listeners are bound.
 *
 * @throws UsageError for options that cannot be: `UnknownSetting`, `BadSetting`, `NoListener`, `NoUsableAuth`, `RunAs…`,
 *   `Certificate…`, `Kerberos…`, `OpensslMissing`, `BindingImpossible`
 * @throws NetworkError when a listener cannot be bound
 */
export async function startService(options: StartServiceOptions): Promise<RunningService> {
  const settings = resolveServiceSettings(options.settings);
  const auth = options.auth ?? ["negotiate"];
  const allowUnencrypted = options.allowUnencrypted ?? false;
  checkListeners(options.listeners, auth, allowUnencrypted, options);
  const certificates = options.certificates === undefined || !auth.includes("certificate")
    ? undefined
    : certificateMap(options.certificates);
  const runAs = decideRunAs(options.runAs, options.listeners);
  if (runAs.warning !== undefined) options.onWarning?.(runAs.warning);
  const keys = options.keytab === undefined ? undefined : await openServiceKeys(options.keytab);
  const machineName = options.machineName ?? Deno.hostname();
  const listeners: ListenAddress[] = [];
  for (const listener of options.listeners) listeners.push(await addressOf(listener, machineName, options));
  if (settings.CbtHardeningLevel === "Strict") checkBindings(listeners);

  const credssp = auth.includes("credssp") ? await credsspSessions(listeners, machineName) : undefined;

  const ownHost = options.processHost === undefined ? createProcessHost() : undefined;
  const tickets = keys === undefined
    ? undefined
    : new TicketFolders({ onMade: (folder) => ownHost?.removeAtEnd(folder) });
  const ownSystem = options.system === undefined
    ? createSystem(options.onCrash === undefined ? {} : { onCrash: options.onCrash })
    : undefined;
  const system = options.system ?? ownSystem!;
  const listening = new Listening(listeners);
  const root = system.spawn(serviceRoot({
    listeners,
    auth,
    allowUnencrypted,
    settings,
    machineName,
    productVersion: `OS: ${Deno.build.os} ${Deno.osRelease()} SP: 0.0 Stack: 3.0`,
    listenerHost: options.listenerHost ?? createListenerHost(),
    processHost: options.processHost ?? ownHost!,
    security: createSecurityProvider(
      {
        accounts: options.accounts,
        passwords: options.passwords ?? options.accounts,
        cbtHardeningLevel: settings.CbtHardeningLevel,
        ...(certificates === undefined ? {} : { certificates }),
        ...(tickets === undefined ? {} : { tickets }),
      },
      machineName,
      runAs.systemUser,
      keys,
      credssp,
    ),
    codePages,
    onEvent: (event) => {
      listening.take(event);
      options.onEvent?.(event);
    },
  }));
  const stop = once(async () => {
    await stopRoot(system, root);
    await ownSystem?.shutdown();
    await ownHost?.close();
    tickets?.[Symbol.dispose]();
  });
  try {
    const addresses = await listening.all;
    const inspect = (shown?: SnapshotOptions) => system.snapshot(shown);
    return { addresses, inspect, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function certificateMap(
  { mappings, authorities, crlFile }: NonNullable<StartServiceOptions["certificates"]>,
): CertificateMap {
  if (crlFile === undefined) return new CertificateMap(mappings, authorities);
  // What is wrong with the file is said at once.
  revocationLists(crlFile);
  return new CertificateMap(mappings, authorities, () => revocationLists(crlFile));
}

function checkListeners(
  listeners: readonly ServiceListener[],
  auth: readonly ServiceAuth[],
  allowUnencrypted: boolean,
  { keytab, certificates }: Pick<StartServiceOptions, "keytab" | "certificates">,
): void {
  if (listeners.length === 0) throw new UsageError("NoListener", "start the service: no listener is given");
  if (auth.includes("kerberos") && keytab === undefined) {
    throw new UsageError(
      "NoUsableAuth",
      "start the service: Kerberos needs the keys of the service (--keytab)",
    );
  }
  const plain = listeners.find(({ tls }) => tls === undefined);
  if (auth.includes("certificate")) {
    if (certificates === undefined) {
      throw new UsageError(
        "NoUsableAuth",
        "start the service: certificates need to be mapped to accounts (--cert-mapping and --client-ca)",
      );
    }
    if (listeners.every(({ tls }) => tls === undefined)) {
      throw new UsageError("NoUsableAuth", "start the service: certificates are shown over HTTPS only");
    }
    return;
  }
  if (
    auth.includes("negotiate") || auth.includes("kerberos") || auth.includes("credssp") ||
    (auth.includes("basic") && (plain === undefined || allowUnencrypted))
  ) {
    return;
  }
  throw new UsageError(
    "NoUsableAuth",
    auth.length === 0
      ? "start the service: no authentication scheme is given"
      : `start the service: Basic is not offered on http://${plain?.host} while AllowUnencrypted is false; listen on https, ` +
        "or say --allow-unencrypted",
  );
}

async function addressOf(
  listener: ServiceListener,
  machineName: string,
  options: StartServiceOptions,
): Promise<ListenAddress> {
  const { host, port, tls } = listener;
  if (tls === undefined) return { host, port };
  const wildcard = host === "0.0.0.0" || host === "::";
  const names = [machineName, ...(wildcard ? [] : [host]), ...(isLoopback(host) ? ["localhost"] : [])];
  const { certificate, key } = tls === "self-signed" ? await createSelfSigned(names, systemClock.now()) : tls;
  return {
    host,
    port,
    tls: hiding({
      certificate,
      maxVersion: options.tlsMax === "1.3" ? "TLSv1.3" as const : "TLSv1.2" as const,
      ...(options.tlsEngine === undefined ? {} : { engine: options.tlsEngine }),
      ...(options.auth?.includes("certificate") === true ? { askCertificate: true } : {}),
    }, { key }),
  };
}

/** With CbtHardeningLevel Strict nobody could log on over a certificate that no binding is defined for. */
function checkBindings(listeners: readonly ListenAddress[]): void {
  for (const { tls } of listeners) {
    if (tls === undefined || serverEndPointData(new Uint8Array(new X509Certificate(tls.certificate).raw))) {
      continue;
    }
    throw new UsageError(
      "BindingImpossible",
      "start the service: CbtHardeningLevel is Strict, but nothing can be bound to a certificate whose signature " +
        "has no hash of its own (Ed25519)",
    );
  }
}

/** CredSSP has a TLS of its own also on plain HTTP: with the certificate of a listener, else with one made for it. */
async function credsspSessions(
  listeners: readonly ListenAddress[],
  machineName: string,
): Promise<TlsSessions> {
  const tls = listeners.find((listener) => listener.tls !== undefined)?.tls ??
    await createSelfSigned([machineName], systemClock.now());
  return serverTlsSessions(tls.certificate, tls.key);
}

async function stopRoot(system: ActorSystem, root: ActorRef<never>): Promise<void> {
  system.stop(root);
  const kill = setTimeout(() => system.kill(root), stopTimeoutMs);
  await system.whenStopped(root);
  clearTimeout(kill);
}

function once(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => running ??= run();
}

/** Waits until every listener is bound, or one could not be. */
class Listening {
  readonly all: Promise<readonly ServiceAddress[]>;
  readonly #listeners: readonly ListenAddress[];
  readonly #bound: (ServiceAddress | undefined)[];
  readonly #done = Promise.withResolvers<readonly ServiceAddress[]>();

  constructor(listeners: readonly ListenAddress[]) {
    this.#listeners = listeners;
    this.#bound = listeners.map(() => undefined);
    this.all = this.#done.promise;
  }

  take(event: ServiceEvent): void {
    if (event.kind === "listenerClosed") {
      this.#done.reject(
        event.error ?? new NetworkError("ListenerClosed", "start the service: a listener was closed"),
      );
    } else if (event.kind === "listening") {
      const { tls } = this.#listeners[event.index]!;
      this.#bound[event.index] = {
        host: event.host,
        port: event.port,
        scheme: tls === undefined ? "http" : "https",
        ...(tls === undefined ? {} : { thumbprint: thumbprint(tls.certificate, "sha1") }),
      };
      const all = this.#bound.filter((address) => address !== undefined);
      if (all.length === this.#bound.length) this.#done.resolve(all);
    }
  }
}
