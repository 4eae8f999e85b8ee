/** Options that several commands share. @module */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { CrashReport } from "../../actors/kernel/crash_report.ts";
import type { TlsEngineName } from "../../actors/ports.ts";
import { UsageError } from "../../protocol/errors.ts";
import { Secret } from "../../protocol/secret.ts";
import type { AuthKind } from "../client/authentication.ts";
import { readProxy } from "../client/proxies.ts";
import type { ConnectionOptions } from "../client/targets.ts";
import { readClientCertificate } from "../security/client_identity.ts";
import { revocationLists } from "../security/revocation_file.ts";
import { tell } from "./notices.ts";
import { sanitize, sanitizeLine } from "./output/sanitize.ts";

/** What the shared options parse to. */
export interface ConnectionFlags {
  readonly user?: string;
  readonly passwordEnv?: string;
  readonly auth?: AuthKind;
  readonly keytab?: string;
  readonly ccache?: string;
  readonly kerberosHostname?: string;
  readonly kerberosService?: "HTTP" | "HOST" | "WSMAN";
  readonly kerberosRealm?: string;
  readonly kerberosDelegate?: boolean;
  readonly ssl?: boolean;
  readonly port?: number;
  readonly ca?: string;
  readonly certValidation?: "ignore" | "validate";
  readonly skipCaCheck?: boolean;
  readonly skipCnCheck?: boolean;
  readonly crl?: string;
  readonly skipRevocationCheck?: boolean;
  readonly fingerprint?: string;
  readonly allowAuth?: readonly AuthKind[];
  readonly clientCert?: string;
  readonly clientKey?: string;
  readonly clientKeyPassphraseEnv?: string;
  readonly tlsEngine?: TlsEngineName;
  readonly tlsLegacy?: boolean;
  readonly proxy?: string;
  readonly proxyUser?: string;
  readonly proxyPasswordEnv?: string;
  readonly proxyBasic?: boolean;
  readonly proxyEnv?: boolean;
  readonly trust?: readonly string[];
  readonly connectRetries?: number;
}

/** Adds the options of how to reach hosts. */
export function addConnectionOptions(command: Command): Command {
  return command
    .option("--user <name>", "account: name, DOMAIN\\name or name@realm")
    .option("--password-env <variable>", "environment variable that holds the password")
    .addOption(
      new Option(
        "--auth <kind>",
        "negotiate (default): Kerberos where there are credentials for it (name@REALM and a password, tickets of kinit, " +
          "a keytab), else NTLM; kerberos: domains, proves the service too; ntlm: local accounts; credssp: hands the password to the host, for commands that log on elsewhere; certificate: local accounts without a password; certificate, digest and basic: HTTPS only",
      ).choices(authKinds),
    )
    .option("--allow-auth <kinds>", "refuse every other kind, whatever an inventory asks for", kinds)
    .option(
      "--client-cert <file>",
      "certificate: our own (PEM or PKCS#12); also for servers that want one beside another logon",
    )
    .option("--client-key <file>", "certificate: its key (PEM; default: in the file of the certificate)")
    .option("--client-key-passphrase-env <variable>", "environment variable with the passphrase of the key")
    .option("--keytab <file>", "Kerberos: file with the key of --user, instead of a password")
    .option("--ccache <name>", "Kerberos: credential cache with tickets (default: that of kinit)")
    .option("--kerberos-hostname <name>", "Kerberos: the host as the KDC knows it (default: as connected to)")
    .addOption(
      new Option("--kerberos-service <class>", "Kerberos: class of the service's name (default: HTTP)")
        .choices([
          "HTTP",
          "HOST",
          "WSMAN",
        ]),
    )
    .option("--kerberos-realm <realm>", "Kerberos: realm of a --user without one, and of DOMAIN\\name")
    .option("--kerberos-delegate", "Kerberos: let the service act as the account on other machines")
    .option("--ssl", "use HTTPS (port 5986)")
    .option("--port <number>", "TCP port", portNumber)
    .option("--ca <file>", "PEM file of certificate authorities to trust beside the system's")
    .addOption(
      new Option("--cert-validation <how>", "ignore: do not check the server's certificate").choices([
        "validate",
        "ignore",
      ]),
    )
    .option(
      "--skip-ca-check",
      "do not check who issued the server's certificate: its name and time are (SkipCACheck)",
    )
    .option("--skip-cn-check", "do not check the name in the server's certificate (SkipCNCheck)")
    .option(
      "--crl <file>",
      "the server's certificate is not revoked: lists of its issuer and those above it (PEM or DER; read again when changed)",
    )
    .option("--skip-revocation-check", "do not look at --crl (SkipRevocationCheck)")
    .option(
      "--fingerprint <hash>",
      "the server's certificate is the one with this SHA-256 or SHA-1 (sha256:…), and nothing else of it is checked",
    )
    .addOption(
      new Option(
        "--tls-engine <engine>",
        "platform (default); openssl: servers with older suites, or that ask for --client-cert in mid-connection",
      ).choices(["platform", "openssl"]),
    )
    .option("--tls-legacy", "TLS 1.0 and 1.1 and weak keys are good enough, spoken by openssl")
    .option("--proxy <url>", "connect through the proxy http://HOST:PORT (CONNECT)")
    .option("--proxy-user <name>", "account of the proxy (NTLM): name or DOMAIN\\name")
    .option("--proxy-password-env <variable>", "environment variable with its password")
    .option("--proxy-basic", "a proxy that offers no NTLM may have the password in clear (Basic)")
    .option("--proxy-env", "use the proxies of HTTPS_PROXY, HTTP_PROXY and NO_PROXY")
    .option(
      "--trust <pattern>",
      "TrustedHosts: hosts that need not prove who they are (NTLM over plain HTTP); may be repeated",
      (value: string, before: string[] = []) => [...before, ...value.split(",")],
    );
}

/** A number of TCP port. */
export function portNumber(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535) {
    throw new InvalidArgumentError("expected a number from 1 to 65535");
  }
  return port;
}

/** A positive whole number. */
export function positiveInteger(text: string): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) < 1) {
    throw new InvalidArgumentError("expected a whole number from 1");
  }
  return Number(text);
}

/** A small whole number, 0 included. */
export function retryCount(text: string): number {
  if (!/^\d{1,2}$/.test(text)) throw new InvalidArgumentError("expected a whole number from 0 to 99");
  return Number(text);
}

/** Seconds, with a fraction where wanted. */
export function seconds(text: string): number {
  const value = Number(text);
  if (!/^\d{1,9}(\.\d{1,3})?$/.test(text) || value <= 0) {
    throw new InvalidArgumentError("expected a number of seconds above 0");
  }
  return value;
}

/**
 * The password from the variable that `--password-env` names; `undefined` without that option.
 *
 * @throws UsageError `PasswordMissing`
 */
export function passwordFromEnvironment(variable: string | undefined): Secret | undefined {
  if (variable === undefined) return undefined;
  const value = Deno.env.get(variable);
  if (value === undefined) {
    throw new UsageError("PasswordMissing", `read password: the environment variable ${variable} is not set`);
  }
  return new Secret(value);
}

/** Flags as the options of a fleet. */
export function connectionOptions(flags: ConnectionFlags): ConnectionOptions {
  const password = passwordFromEnvironment(flags.passwordEnv);
  return {
    ...(flags.user === undefined ? {} : { user: flags.user }),
    ...(password === undefined ? {} : { password }),
    ...(flags.auth === undefined ? {} : { auth: flags.auth }),
    kerberos: kerberosOptions(flags),
    ...(flags.ssl === undefined ? {} : { ssl: flags.ssl }),
    ...(flags.port === undefined ? {} : { port: flags.port }),
    ...(flags.ca === undefined ? {} : { ca: readText(flags.ca, "read --ca") }),
    ...(flags.certValidation === undefined ? {} : { certValidation: flags.certValidation }),
    ...(flags.skipCaCheck === undefined ? {} : { skipCaCheck: flags.skipCaCheck }),
    ...(flags.skipCnCheck === undefined ? {} : { skipCnCheck: flags.skipCnCheck }),
    ...crlOptions(flags),
    ...(flags.fingerprint === undefined ? {} : { fingerprint: flags.fingerprint }),
    ...(flags.allowAuth === undefined ? {} : { allowAuth: flags.allowAuth }),
    ...certificateOption(flags),
    ...(flags.tlsEngine === undefined ? {} : { tlsEngine: flags.tlsEngine }),
    ...(flags.tlsLegacy === undefined ? {} : { tlsLegacy: flags.tlsLegacy }),
    ...proxyOption(flags),
    ...(flags.trust === undefined ? {} : { trust: flags.trust }),
    ...(flags.connectRetries === undefined ? {} : { connectRetries: flags.connectRetries }),
    onFallback: oncePerHost((host, reason) =>
      tell(sanitizeLine(`warning: ${host}: NTLM is used in place of Kerberos: ${reason}`))
    ),
  };
}

/** One word for each host, however many connections it has. */
export function oncePerHost(
  tell: (host: string, reason: string) => void,
): (host: string, reason: string) => void {
  const told = new Set<string>();
  return (host, reason) => {
    if (told.has(host)) return;
    told.add(host);
    tell(host, reason);
  };
}

function crlOptions({ crl, skipRevocationCheck }: ConnectionFlags): ConnectionOptions {
  const skip = skipRevocationCheck === undefined ? {} : { skipRevocationCheck };
  if (crl === undefined) return skip;
  // What is wrong with it is said at once.
  if (skipRevocationCheck !== true) revocationLists(crl);
  return { ...skip, crlFile: crl };
}

function certificateOption(
  { clientCert, clientKey, clientKeyPassphraseEnv }: ConnectionFlags,
): Pick<ConnectionOptions, "certificate"> {
  if (clientCert === undefined) {
    if (clientKey === undefined && clientKeyPassphraseEnv === undefined) return {};
    throw new UsageError(
      "CertificateIncomplete",
      "read client certificate: --client-key is of a --client-cert",
    );
  }
  const passphrase = passwordFromEnvironment(clientKeyPassphraseEnv);
  return { certificate: readClientCertificate(clientCert, clientKey, passphrase) };
}

function proxyOption(
  { proxy, proxyUser, proxyPasswordEnv, proxyBasic, proxyEnv }: ConnectionFlags,
): Pick<ConnectionOptions, "proxy"> {
  const wrong = (why: string) => new UsageError("ProxyUnusable", `read proxy: ${why}`);
  if ((proxyUser === undefined) !== (proxyPasswordEnv === undefined)) {
    throw wrong("--proxy-user and --proxy-password-env go together");
  }
  if (proxyBasic === true && proxyUser === undefined) throw wrong("--proxy-basic is of a --proxy-user");
  if (proxy === undefined) {
    if (proxyUser !== undefined) throw wrong("--proxy-user is of a --proxy");
    return proxyEnv === true ? { proxy: "environment" } : {};
  }
  if (proxyEnv === true) throw wrong("say either --proxy or --proxy-env");
  const read = readProxy(proxy);
  if (read.credential !== undefined) {
    throw wrong(
      "a password on a command line can be read by others; use --proxy-user and --proxy-password-env",
    );
  }
  const password = passwordFromEnvironment(proxyPasswordEnv);
  if (password === undefined) return { proxy: read };
  const allowBasic = proxyBasic === true;
  return { proxy: { ...read, credential: { user: proxyUser!, password, allowBasic } } };
}

const authKinds: readonly AuthKind[] = [
  "negotiate",
  "kerberos",
  "ntlm",
  "credssp",
  "certificate",
  "digest",
  "basic",
];

function kinds(text: string): readonly AuthKind[] {
  return text.split(",").map((word) => {
    const kind = authKinds.find((known) => known === word.trim().toLowerCase());
    if (kind === undefined) throw new InvalidArgumentError(`The kinds are ${authKinds.join(", ")}.`);
    return kind;
  });
}

function kerberosOptions(flags: ConnectionFlags): NonNullable<ConnectionOptions["kerberos"]> {
  return {
    ...(flags.keytab === undefined ? {} : { keytab: flags.keytab }),
    ...(flags.ccache === undefined ? {} : { ccache: flags.ccache }),
    ...(flags.kerberosHostname === undefined ? {} : { hostname: flags.kerberosHostname }),
    ...(flags.kerberosService === undefined ? {} : { service: flags.kerberosService }),
    ...(flags.kerberosRealm === undefined ? {} : { realm: flags.kerberosRealm }),
    ...(flags.kerberosDelegate === undefined ? {} : { delegate: flags.kerberosDelegate }),
  };
}

/** Tells of a defect of our own on standard error. */
export function reportCrash({ path, error }: CrashReport): void {
  tell(sanitize(`drover: internal error in ${path}: ${String(error)}`));
}

function readText(path: string, action: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    throw new UsageError("FileUnreadable", `${action}: ${path} cannot be read`, { cause: error });
  }
}
