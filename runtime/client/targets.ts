/** From what inventories and options say to what the actors need: one {@link HostTarget} for each host. @module */
import type { HostTarget, LogonUsed } from "../../actors/host/mod.ts";
import type { ProxyOptions, TlsClientOptions, TlsEngineName, TlsIdentity } from "../../actors/ports.ts";
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
import { type ClientCertificate, identityOf } from "../security/client_identity.ts";
import { environmentProxy, readProxy } from "./proxies.ts";
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
  /** Kinds of authentication that may be used, as `winrm/config/client/auth` has them; default: all. */
  readonly allowAuth?: readonly AuthKind[];
  /** Our own certificate, for `certificate`, and for servers that want one beside another logon. */
  readonly certificate?: ClientCertificate;
  /** HTTPS. */
  readonly ssl?: boolean;
  /** TCP port; default 5985, with HTTPS 5986. */
  readonly port?: number;
  /** PEM of certificate authorities to trust beside the system's. */
  readonly ca?: string;
  /** `ignore`: the server's certificate is not checked. */
  readonly certValidation?: "validate" | "ignore";
  /** The issuer of the server's certificate is not checked: its name and time are (SkipCACheck). */
  readonly skipCaCheck?: boolean;
  /** The name in the server's certificate is not checked (SkipCNCheck). */
  readonly skipCnCheck?: boolean;
  /**
   * Path of lists of revoked certificates (CRL, PEM or DER): the server's certificate is on none of them, and one is of its issuer. Read
   * again when it changes. Only where the issuer is checked.
   */
  readonly crlFile?: string;
  /** `crlFile` is not looked at (SkipRevocationCheck). */
  readonly skipRevocationCheck?: boolean;
  /** SHA-256 or SHA-1 of the server's certificate in hex, `sha256:` or `sha1:` before it: nothing else of it is checked then. */
  readonly fingerprint?: string;
  /**
   * Who speaks TLS; default: what the inventory says, else `platform`. `openssl` reaches servers with older suites, and such as ask for
   * a client certificate in mid-connection.
   */
  readonly tlsEngine?: TlsEngineName;
  /** TLS 1.0 and 1.1 and weak keys are good enough; `openssl` speaks it then. */
  readonly tlsLegacy?: boolean;
  /** Proxy that opens the connections (CONNECT), or `environment` for that of HTTPS_PROXY, HTTP_PROXY and NO_PROXY; default: none. */
  readonly proxy?: ProxyOptions | "environment";
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
  /** Told of each connection that gets NTLM where Kerberos was wanted, and why; default: nobody is. */
  readonly onFallback?: (host: string, reason: string) => void;
  /** Told of each connection whose logon the service has taken, and what it was with; default: nobody is. */
  readonly onLogon?: (host: string, logon: LogonUsed) => void;
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
    throw new UsageError("FileUnreadable", `read PEM file: ${path} cannot be read`, { cause: error });
  }
}

/**
 * The target of one host.
 *
 * @throws UsageError `CredentialsMissing`, `NotTrusted`, `ClearTextRefused`, `AuthUnsupported`,
 *   `ConnectionUnsupported`, `KerberosUnavailable`, `KerberosUser`, `AuthNotAllowed`, `ProxyUnusable`, `FingerprintMalformed`,
 *   `Certificate…`
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
  if (auth === "certificate" && !secure) {
    throw new UsageError(
      "CertificateNeedsTls",
      `connect to ${host.name}: a certificate is shown over HTTPS only; use --ssl, or the scheme https`,
    );
  }
  const proxy = proxyOf(host, secure, options);
  const identity = secure ? identityFor(host, options, readPem) : undefined;
  const logon: Logon = {
    host,
    kind: auth,
    user,
    password,
    kerberos: { ...host.kerberos, ...options.kerberos },
    certificate: identity !== undefined,
    seal: seals(host, secure),
    onFallback: options.onFallback === undefined
      ? undefined
      : (reason) => options.onFallback?.(host.name, reason),
  };
  checkCredentials(logon);
  // To a proxy it is the proxy's own machine.
  const loopback = proxy === undefined && isLoopback(host.address);
  const trusted = secure || loopback || isTrusted(host.address, options.trust ?? []) ||
    isTrusted(host.name, options.trust ?? []);
  refuseUnsafe(logon, secure, loopback, trusted);
  const authority = `${host.address.includes(":") ? `[${host.address}]` : host.address}:${port}`;
  const path = host.path ?? "/wsman";
  const { onLogon } = options;
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
      ...(secure ? { tls: tlsOptions(host, options, identity, readPem) } : {}),
      ...(proxy === undefined ? {} : { proxy }),
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
    ...(onLogon === undefined ? {} : { onLogon: (logon) => onLogon(host.name, logon) }),
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
  const allowed = options.allowAuth ?? [kind];
  if (allowed.includes(kind)) return kind;
  throw new UsageError(
    "AuthNotAllowed",
    `connect to ${host.name}: ${kind} authentication is not allowed (--allow-auth ${
      allowed.join(",")
    }); say another --auth`,
  );
}

/** AllowUnencrypted is false for our client, and NTLM over plain HTTP cannot prove who the server is; Kerberos can. */
function refuseUnsafe(logon: Logon, secure: boolean, loopback: boolean, trusted: boolean): void {
  const { host, kind } = logon;
  const clear = kind === "basic" || kind === "digest" || kind === "certificate";
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

function tlsOptions(
  host: InventoryHost,
  options: ConnectionOptions,
  identity: TlsIdentity | undefined,
  readPem: PemReader,
): TlsClientOptions {
  const verify = (options.certValidation ?? host.certValidation) === "ignore" ? "ignore" : "system";
  const ca = options.ca ?? (host.caFile === undefined ? undefined : readPem(host.caFile));
  const fingerprint = options.fingerprint ?? host.fingerprint;
  return {
    verify,
    ...(ca === undefined ? {} : { ca }),
    ...(options.skipCaCheck === true ? { skipCaCheck: true } : {}),
    ...(options.skipCnCheck === true ? { skipCnCheck: true } : {}),
    ...revocationOf(host, options),
    ...(fingerprint === undefined ? {} : { fingerprint: readFingerprint(host, fingerprint) }),
    ...(identity === undefined ? {} : { identity }),
    ...engineOf(host, options),
  };
}

function revocationOf(
  { name }: InventoryHost,
  { crlFile, skipRevocationCheck, skipCaCheck }: ConnectionOptions,
): Pick<TlsClientOptions, "crlFile"> {
  if (crlFile === undefined || skipRevocationCheck === true) return {};
  if (skipCaCheck !== true) return { crlFile };
  throw new UsageError(
    "RevocationUnchecked",
    `connect to ${name}: --crl asks the issuers of certificates, which --skip-ca-check leaves out; ` +
      "leave the check of revocation out, too, with --skip-revocation-check",
  );
}

/** What the command line says goes before all that the inventory says of it. */
function engineOf(
  { name, tls }: InventoryHost,
  { tlsEngine, tlsLegacy }: ConnectionOptions,
): Pick<TlsClientOptions, "engine" | "legacy"> {
  const given = tlsEngine !== undefined || tlsLegacy !== undefined;
  const { engine, legacy = false } = given
    ? { engine: tlsEngine, legacy: tlsLegacy }
    : { engine: tls?.engine, legacy: tls?.legacy };
  if (!legacy) return engine === undefined ? {} : { engine };
  if (engine !== "platform") return { engine: "openssl", legacy };
  throw new UsageError(
    "TlsLegacy",
    `connect to ${name}: the platform's TLS has no older versions; leave the engine out, or use --tls-engine openssl`,
  );
}

/** `sha256:` or `sha1:` and hex, with or without colons; the hash can be left out, its length says it. */
function readFingerprint(host: InventoryHost, text: string): string {
  const match = /^(?:(sha-?256|sha-?1):)?([0-9a-f:\s]+)$/i.exec(text.trim());
  const hex = (match?.[2] ?? "").replace(/[:\s]/g, "").toLowerCase();
  const named = match?.[1]?.replace("-", "").toLowerCase();
  const found = hex.length === 64 ? "sha256" : hex.length === 40 ? "sha1" : undefined;
  if (found !== undefined && (named === undefined || named === found)) return hex;
  throw new UsageError(
    "FingerprintMalformed",
    `connect to ${host.name}: the fingerprint is neither sha256: with 64 hex digits nor sha1: with 40`,
  );
}

function identityFor(
  host: InventoryHost,
  { certificate }: ConnectionOptions,
  readPem: PemReader,
): TlsIdentity | undefined {
  if (certificate !== undefined) return identityOf(certificate);
  const files = host.certificate;
  if (files === undefined) return undefined;
  const { certFile, keyFile = certFile, passphrase } = files;
  return identityOf({
    certificate: readPem(certFile),
    key: readPem(keyFile),
    ...(passphrase === undefined ? {} : { passphrase }),
  });
}

function proxyOf(
  host: InventoryHost,
  secure: boolean,
  { proxy }: ConnectionOptions,
): ProxyOptions | undefined {
  if (proxy === "environment") return environmentProxy(host.address, secure, (name) => Deno.env.get(name));
  return proxy ?? (host.proxy === undefined ? undefined : readProxy(host.proxy));
}
