/** From what inventories and options say to what the actors need: one {@link HostTarget} for each host. @module */
import type { HostTarget } from "../../actors/host/mod.ts";
import type { TlsClientOptions } from "../../actors/ports.ts";
import { UsageError } from "../../protocol/errors.ts";
import type { Secret } from "../../protocol/secret.ts";
import type { InventoryHost } from "../inventory/mod.ts";
import {
  authenticationOf,
  type AuthKind,
  checkCredentials,
  type KerberosOptions,
  type Logon,
  usesKerberos,
} from "./authentication.ts";
import { isLoopback, isTrusted } from "./trust.ts";

/** Options that hold for all hosts; what is given here goes before the inventory. */
export interface ConnectionOptions {
  /** Account: `name`, `DOMAIN\name` or `name@realm`. */
  readonly user?: string;
  /** Its password. */
  readonly password?: Secret;
  /** Kind of authentication; default `negotiate`. */
  readonly auth?: AuthKind;
  /** What Kerberos is told beside user and password. */
  readonly kerberos?: KerberosOptions;
  /** HTTPS. */
  readonly ssl?: boolean;
  /** TCP port; default 5985, with HTTPS 5986. */
  readonly port?: number;
  /** PEM of certificate authorities to trust beside the system's. */
  readonly ca?: string;
  /** `ignore`: the server's certificate is not checked. */
  readonly certValidation?: "validate" | "ignore";
  /** TrustedHosts patterns. */
  readonly trust?: readonly string[];
  /** Milliseconds to connect; default 15,000. */
  readonly connectTimeoutMs?: number;
  /** Milliseconds that the service may hold a request; default 20,000. */
  readonly operationTimeoutMs?: number;
  /**
   * Further tries, within 10 seconds, when a host cannot be connected to; default 2, 0: none. Refused credentials and certificates are
   * never tried again.
   */
  readonly connectRetries?: number;
}

/** Default of NetworkDelayms. */
const networkDelayMs = 5_000;

/** Reads PEM files by path; the caller caches. */
export type PemReader = (path: string) => string;

/**
 * A {@link PemReader} without a cache.
 *
 * @throws UsageError `FileUnreadable`
 */
export function readPem(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    throw new UsageError("FileUnreadable", `read certificate authorities: ${path} cannot be read`, {
      cause: error,
    });
  }
}

/**
 * The target of one host.
 *
 * @throws UsageError `CredentialsMissing`, `NotTrusted`, `ClearTextRefused`, `AuthUnsupported`,
 *   `ConnectionUnsupported`, `KerberosUnavailable`, `KerberosUser`
 */
export function targetOf(host: InventoryHost, options: ConnectionOptions, readPem: PemReader): HostTarget {
  if (host.connection !== undefined && host.connection !== "winrm" && host.connection !== "psrp") {
    throw new UsageError(
      "ConnectionUnsupported",
      `connect to ${host.name}: ansible_connection is ${host.connection}, only winrm and psrp hosts can be ` +
        `reached; leave it out of the selection (--limit 'all:!${host.name}')`,
    );
  }
  const user = options.user ?? host.user;
  const password = options.password ?? host.password;
  const secure = options.ssl ?? (host.scheme === "https");
  const port = options.port ?? host.port ?? (secure ? 5986 : 5985);
  const auth = authKind(host, options);
  const logon: Logon = {
    host,
    kind: auth,
    user,
    password,
    kerberos: { ...host.kerberos, ...options.kerberos },
    seal: seals(host, secure),
  };
  checkCredentials(logon);
  const loopback = isLoopback(host.address);
  const trusted = secure || loopback || isTrusted(host.address, options.trust ?? []) ||
    isTrusted(host.name, options.trust ?? []);
  refuseUnsafe(logon, secure, loopback, trusted);
  const authority = `${host.address.includes(":") ? `[${host.address}]` : host.address}:${port}`;
  const path = host.path ?? "/wsman";
  const operationTimeoutMs = options.operationTimeoutMs ?? host.operationTimeoutMs ?? 20_000;
  const readDelay = host.readTimeoutMs === undefined
    ? networkDelayMs
    : host.readTimeoutMs - operationTimeoutMs;
  return {
    name: host.name,
    quotaKey: quotaKeyOf(user ?? "", host.address, port),
    connect: {
      host: host.address,
      port,
      timeoutMs: options.connectTimeoutMs ?? 15_000,
      ...(secure ? { tls: tlsOptions(host, options, readPem) } : {}),
    },
    hostHeader: authority,
    path,
    url: `${secure ? "https" : "http"}://${authority}${path}`,
    authentication: authenticationOf(logon, trusted),
    operationTimeoutMs,
    networkDelayMs: Math.max(1_000, readDelay),
    maxEnvelopeSize: host.maxEnvelopeSize ?? 512_000,
    locale: "en-US",
    ...(options.connectRetries === undefined ? {} : { connectRetries: options.connectRetries }),
  };
}

/** Ports of WinRM's own listeners, of HTTP and of HTTPS: 80 and 443 are those of WinRM 1.1 and of compatibility listeners. */
const servicePorts: ReadonlySet<number> = new Set([5985, 5986, 80, 443]);

/**
 * Key of a user's quotas. They are the WinRM service's, whichever of its ports is used; any other port may lead to another machine
 * (port forwarding).
 */
function quotaKeyOf(user: string, address: string, port: number): string {
  const host = address.toLowerCase();
  if (servicePorts.has(port)) return `${user.toLowerCase()}@${host}`;
  return `${user.toLowerCase()}@${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Over TLS messages need no seal of their own; an inventory can ask for it all the same, or switch it off. */
function seals(host: InventoryHost, secure: boolean): boolean {
  return host.messageEncryption === "always" || (!secure && host.messageEncryption !== "never");
}

function authKind(host: InventoryHost, options: ConnectionOptions): AuthKind {
  const kind = options.auth ?? host.auth ?? "negotiate";
  if (kind !== "certificate") return kind;
  throw new UsageError(
    "AuthUnsupported",
    `connect to ${host.name}: ${kind} authentication is not supported yet; use negotiate, kerberos, ntlm, credssp, digest or basic`,
  );
}

/** AllowUnencrypted is false for our client, and NTLM over plain HTTP cannot prove who the server is; Kerberos can. */
function refuseUnsafe(logon: Logon, secure: boolean, loopback: boolean, trusted: boolean): void {
  const { host, kind } = logon;
  const clear = kind === "basic" || kind === "digest";
  if (clear && host.messageEncryption === "always") {
    throw new UsageError(
      "EncryptionImpossible",
      `connect to ${host.name}: messages cannot be encrypted with ${kind} authentication; use negotiate, or https instead`,
    );
  }
  if (secure || loopback) return;
  if (clear) {
    const what = kind === "basic"
      ? "Basic over plain HTTP would send the password in clear"
      : "Digest over plain HTTP " +
        "would send commands and their output in clear";
    throw new UsageError(
      "ClearTextRefused",
      `connect to ${host.name}: ${what}; use --ssl or --auth negotiate`,
    );
  }
  if (host.messageEncryption === "never") {
    throw new UsageError(
      "ClearTextRefused",
      `connect to ${host.name}: message encryption is switched off for plain HTTP; use --ssl or remove the setting`,
    );
  }
  if (!trusted && !usesKerberos(logon)) {
    throw new UsageError(
      "NotTrusted",
      `connect to ${host.name}: NTLM over plain HTTP cannot prove who the server is; ` +
        `trust it with --trust ${host.address} (TrustedHosts), or use --ssl`,
    );
  }
}

function tlsOptions(host: InventoryHost, options: ConnectionOptions, readPem: PemReader): TlsClientOptions {
  const verify = (options.certValidation ?? host.certValidation) === "ignore" ? "ignore" : "system";
  const ca = options.ca ?? (host.caFile === undefined ? undefined : readPem(host.caFile));
  return ca === undefined ? { verify } : { verify, ca };
}
