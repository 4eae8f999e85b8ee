/** From what inventories and options say to what the actors need: one {@link HostTarget} for each host. @module */
import type { Authentication, HostTarget } from "../../actors/host/mod.ts";
import type { TlsClientOptions } from "../../actors/ports.ts";
import { basicAuthorization, createNegotiateInitiator, splitUserName } from "../../protocol/auth/mod.ts";
import { UsageError } from "../../protocol/errors.ts";
import type { Secret } from "../../protocol/secret.ts";
import type { InventoryHost } from "../inventory/mod.ts";
import { serverEndPointBinding } from "../service/channel_binding.ts";
import { reflectionGuard } from "../security/reflection_guard.ts";
import { isLoopback, isTrusted } from "./trust.ts";

/** Options that hold for all hosts; what is given here goes before the inventory. */
export interface ConnectionOptions {
  /** Account: `name`, `DOMAIN\name` or `name@realm`. */
  readonly user?: string;
  /** Its password. */
  readonly password?: Secret;
  /** Kind of authentication; default `negotiate`. */
  readonly auth?: "negotiate" | "ntlm" | "basic";
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
 * @throws UsageError `CredentialsMissing`, `NotTrusted`, `ClearTextRefused`, `AuthUnsupported`, `ConnectionUnsupported`
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
  if (user === undefined || user === "" || password === undefined) {
    const missing = user === undefined || user === ""
      ? "a user name (--user or ansible_user)"
      : "a password (--password-env or ansible_password)";
    throw new UsageError("CredentialsMissing", `connect to ${host.name}: ${missing} is missing`);
  }
  const secure = options.ssl ?? (host.scheme === "https");
  const port = options.port ?? host.port ?? (secure ? 5986 : 5985);
  const auth = authKind(host, options);
  const loopback = isLoopback(host.address);
  refuseUnsafe(host, auth, secure, loopback, options.trust ?? []);
  const authority = `${host.address.includes(":") ? `[${host.address}]` : host.address}:${port}`;
  const path = host.path ?? "/wsman";
  const operationTimeoutMs = options.operationTimeoutMs ?? host.operationTimeoutMs ?? 20_000;
  const readDelay = host.readTimeoutMs === undefined
    ? networkDelayMs
    : host.readTimeoutMs - operationTimeoutMs;
  return {
    name: host.name,
    quotaKey: quotaKeyOf(user, host.address, port),
    connect: {
      host: host.address,
      port,
      timeoutMs: options.connectTimeoutMs ?? 15_000,
      ...(secure ? { tls: tlsOptions(host, options, readPem) } : {}),
    },
    hostHeader: authority,
    path,
    url: `${secure ? "https" : "http"}://${authority}${path}`,
    authentication: authentication(auth, user, password, host.address, seals(host, secure)),
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

type AuthKind = "negotiate" | "ntlm" | "basic";

function authKind(host: InventoryHost, options: ConnectionOptions): AuthKind {
  const kind = options.auth ?? host.auth ?? "negotiate";
  if (kind === "negotiate" || kind === "ntlm" || kind === "basic") return kind;
  throw new UsageError(
    "AuthUnsupported",
    `connect to ${host.name}: ${kind} authentication is not supported yet; use negotiate, ntlm or basic`,
  );
}

/** AllowUnencrypted is false for our client, and NTLM over plain HTTP cannot prove who the server is. */
function refuseUnsafe(
  host: InventoryHost,
  auth: AuthKind,
  secure: boolean,
  loopback: boolean,
  trust: readonly string[],
): void {
  if (auth === "basic" && host.messageEncryption === "always") {
    throw new UsageError(
      "EncryptionImpossible",
      `connect to ${host.name}: messages cannot be encrypted with Basic authentication; use negotiate, or https instead`,
    );
  }
  if (secure || loopback) return;
  if (auth === "basic") {
    throw new UsageError(
      "ClearTextRefused",
      `connect to ${host.name}: Basic over plain HTTP would send the password in clear; use --ssl or --auth negotiate`,
    );
  }
  if (host.messageEncryption === "never") {
    throw new UsageError(
      "ClearTextRefused",
      `connect to ${host.name}: message encryption is switched off for plain HTTP; use --ssl or remove the setting`,
    );
  }
  if (!isTrusted(host.address, trust) && !isTrusted(host.name, trust)) {
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

function authentication(
  kind: AuthKind,
  user: string,
  password: Secret,
  address: string,
  seal: boolean,
): Authentication {
  if (kind === "basic") return { kind: "basic", authorization: () => basicAuthorization(user, password) };
  const { username, domain } = splitUserName(user);
  return {
    kind: "negotiate",
    scheme: "Negotiate",
    seal,
    initiator: (facts, random, wallNow) =>
      createNegotiateInitiator({
        // Binds the logon to this TLS connection, so that nobody between can pass it on (CbtHardeningLevel).
        ...(facts.tls?.peerCertificate === undefined
          ? {}
          : { channelBinding: serverEndPointBinding(facts.tls.peerCertificate) }),
        credential: { username, domain, password },
        targetName: `HTTP/${address}`,
        random: (length) => random.bytes(length),
        now: wallNow,
        wrap: kind === "ntlm" ? "raw" : "spnego",
        guard: reflectionGuard,
      }),
  };
}
