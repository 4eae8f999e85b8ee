/** `drover service`: the WinRM service in the foreground. @module */
import { Command, InvalidArgumentError, Option } from "commander";
import type { TlsEngineName } from "../../actors/ports.ts";
import type { ServiceAuth, ServiceEvent } from "../../actors/service/mod.ts";
import { UsageError } from "../../protocol/errors.ts";
import { resolveServiceSettings, serviceSettingNames } from "../../protocol/wsman/config_model.ts";
import { Secret } from "../../protocol/secret.ts";
import { systemClock } from "../clock.ts";
import { ancestorsWith, closeToOthers, takeFromEnvironment } from "../os/own_secrets.ts";
import { Accounts } from "../security/accounts.ts";
import { loadCertificate, readAuthorities } from "../security/certificates.ts";
import { readMappings } from "../security/client_certificates.ts";
import { FileAccounts } from "../security/file_accounts.ts";
import { PamPasswords } from "../security/pam_passwords.ts";
import type { LogonAccounts, PasswordCheck } from "../security/passwords.ts";
import { RememberedPasswords } from "../security/remembered_passwords.ts";
import { AuditFile } from "../service/audit_file.ts";
import {
  type RunningService,
  type ServiceAddress,
  type ServiceListener,
  startService,
  type StartServiceOptions,
} from "../service/service.ts";
import { inspectable } from "./inspectable.ts";
import { interruptible } from "./interrupt.ts";
import { passwordFromInput } from "./new_password.ts";
import { sanitizeLine } from "./output/sanitize.ts";

interface ServiceFlags {
  readonly listen: readonly ListenFlag[];
  readonly cert?: string;
  readonly key?: string;
  readonly auth?: readonly ServiceAuth[];
  readonly keytab?: string;
  readonly certMapping?: readonly string[];
  readonly clientCa?: string;
  readonly clientCrl?: string;
  readonly allowUnencrypted?: boolean;
  readonly runAs?: string;
  readonly user?: string;
  readonly accounts?: string;
  readonly pam?: boolean;
  readonly pamService?: string;
  readonly audit?: string;
  readonly passwordEnv?: string;
  readonly passwordStdin?: boolean;
  readonly set?: Readonly<Record<string, string>>;
  readonly tlsMax: "1.2" | "1.3";
  readonly tlsEngine?: TlsEngineName;
  readonly inspect: boolean;
}

interface ListenFlag {
  readonly scheme: "http" | "https";
  readonly host: string;
  readonly port: number;
}

/** The command. */
export function serviceCommand(): Command {
  return new Command("service")
    .summary("serve WinRM in the foreground")
    .description(
      "Serve WinRM: remote shells on this machine, for winrs-like clients of every make. The first line " +
        "says where it listens. Ends with Ctrl-C (or SIGTERM), which kills the processes of all shells.",
    )
    .requiredOption("--listen <url>", "http://ADDRESS:PORT or https://…; may be repeated", listen)
    .option("--cert <file>", "certificate chain for https (PEM); without it one is made")
    .option("--key <file>", "its key (PEM)")
    .addOption(
      new Option(
        "--auth <schemes>",
        "negotiate, kerberos, credssp, certificate, basic, or several with commas (default: negotiate, and kerberos with --keytab, " +
          "certificate with --cert-mapping)",
      ).argParser(authSchemes),
    )
    .option(
      "--keytab <file>",
      "keys of the service (HTTP/thishost@REALM): Kerberos logons of its realm are let in, --user needs no password then",
    )
    .option(
      "--cert-mapping <mapping>",
      "Issuer=THUMBPRINT;Subject=NAME;UserName=ACCOUNT: clients with a certificate that this issuer has signed, " +
        "for this UPN or DNS name (*@example.com), are the account; may be repeated; @FILE: one in each line",
      mapping,
    )
    .option("--client-ca <file>", "authorities that the issuers of --cert-mapping lead to (PEM)")
    .option(
      "--client-crl <file>",
      "refuse clients' certificates on these lists (CRL, PEM or DER; read again when changed)",
    )
    .option("--allow-unencrypted", "accept clear text on http (Basic is offered there only then)")
    .option("--run-as <user>", "system user that the shells run as")
    .option("--user <name>", "the one account that may log on")
    .option("--password-env <variable>", "environment variable with its password")
    .option("--password-stdin", "its password is the first line of standard input")
    .option(
      "--accounts <file>",
      "accounts that may log on, instead of --user: see drover account; read again when it changes, and with SIGHUP",
    )
    .option(
      "--pam",
      "Basic asks PAM (Linux): system users log on with their passwords, and commands run as they",
    )
    .option("--pam-service <name>", "file in /etc/pam.d that decides, with --pam (default: drover)")
    .option("--audit <file>", "write who logged on and who was refused, one line of JSON each (0600)")
    .option("--set <name=value>", "WinRM setting, e.g. MaxShellsPerUser=5; may be repeated", setting)
    .option("--tls-max <version>", "1.2 or 1.3; PowerShell off Windows stalls on 1.3", tlsMax, "1.2")
    .addOption(
      new Option(
        "--tls-engine <engine>",
        "who speaks TLS; openssl sends no session tickets, fit for --tls-max 1.3",
      )
        .choices(["platform", "openssl"]),
    )
    .option("--no-inspect", "do not let your `drover inspect` look into this process")
    .addHelpText(
      "after",
      `
Settings (names as in WinRM's own configuration):
${serviceSettingNames.map((name) => `  ${name}`).join("\n")}

RootSDDL says what accounts may do, by their groups (drover account groups, and
those of a Windows domain in tickets of Kerberos): GR reads, GX uses shells, GA
does everything. By default Administrators may do everything, and accounts are
Administrators unless they are told otherwise.

Examples:
  PW=secret drover service --listen http://127.0.0.1:5985 --user demo \\
    --password-env PW
  PW=secret drover service --listen https://0.0.0.0:5986 \\
    --auth negotiate,basic --cert cert.pem --key key.pem --run-as deploy \\
    --user deploy --password-env PW
  PW=secret drover service --listen http://127.0.0.1:5985 --user demo \\
    --password-env PW --auth basic --allow-unencrypted \\
    --set IdleTimeout=600000 --set MaxShellsPerUser=5
  drover service --listen http://0.0.0.0:5985 --keytab /etc/krb5.keytab \\
    --run-as alice --user alice
  drover service --listen https://0.0.0.0:5986 --accounts accounts.json \\
    --auth negotiate,basic --run-as deploy --audit /var/log/drover-audit.log
  drover service --listen http://0.0.0.0:5985 --accounts accounts.json \\
    --keytab /etc/krb5.keytab --run-as deploy \\
    --set "RootSDDL=D:(A;;GA;;;BA)(A;;GRGX;;;RM)"
  drover service --listen https://0.0.0.0:5986 --user deploy --run-as deploy \\
    --client-ca ca.pem \\
    --cert-mapping "Issuer=1F2E…;Subject=*@example.com;UserName=deploy"
  pass show winrm | drover service --listen https://127.0.0.1:5986 --user demo \\
    --password-stdin`,
    )
    .action(serve);
}

async function serve(flags: ServiceFlags): Promise<void> {
  using people = await peopleOf(flags);
  using audit = flags.audit === undefined ? undefined : new AuditFile(flags.audit, warn);
  await using service = await start(flags, people, audit);
  // Without files to read again, the end of the terminal is the end of the service, as ever.
  using _reload = flags.accounts === undefined && audit === undefined ? undefined : onHangUp(() => {
    void people.reload();
    audit?.reopen();
  });
  console.log(`Listening on ${service.addresses.map((address) => describe(address, flags)).join(", ")}`);
  using _inspection = inspectable(flags.inspect, {
    program: "service",
    about: service.addresses.map(({ scheme, host, port }) => `${scheme}://${bracketed(host)}:${port}`).join(
      ", ",
    ),
    snapshot: (options) => service.inspect(options),
  });
  const interrupted = Promise.withResolvers<void>();
  using _signals = interruptible(() => interrupted.resolve());
  await interrupted.promise;
  await service.stop();
  Deno.exitCode = 0;
}

/** Who may log on, and who says whether a password is right. */
interface People extends Disposable {
  readonly accounts: LogonAccounts & PasswordCheck;
  readonly passwords: PasswordCheck;
  reload(): Promise<void>;
}

async function peopleOf(flags: ServiceFlags): Promise<People> {
  resolveServiceSettings(flags.set);
  const { user, accounts: file, pam, pamService } = flags;
  if (pamService !== undefined && pam !== true) {
    throw new UsageError("AccountsUnclear", "start the service: --pam-service is for --pam");
  }
  if (user !== undefined && file !== undefined) {
    throw new UsageError("AccountsUnclear", "start the service: say either --user or --accounts");
  }
  if (user === undefined && (flags.passwordEnv !== undefined || flags.passwordStdin !== undefined)) {
    throw new UsageError("AccountsUnclear", "start the service: a password is given, but no --user");
  }
  const remembered = (check: PasswordCheck) => new RememberedPasswords(check, () => systemClock.monotonic());
  const asked = (accounts: LogonAccounts, otherwise: PasswordCheck) =>
    pam === true
      ? remembered(new PamPasswords(accounts, pamService === undefined ? {} : { service: pamService }))
      : otherwise;
  if (file !== undefined) {
    const accounts = await FileAccounts.open(file, { onReload: (error) => told(accounts.size, error) });
    const passwords = asked(accounts, remembered(accounts));
    return {
      accounts,
      passwords,
      reload: () => accounts.reload(),
      [Symbol.dispose]: () => accounts[Symbol.dispose](),
    };
  }
  const accounts = new Accounts();
  if (user !== undefined) accounts.add(user, await password(flags), undefined);
  else if (pam !== true) {
    throw new UsageError(
      "AccountsUnclear",
      "start the service: say who may log on: --user, --accounts or --pam",
    );
  }
  return {
    accounts,
    passwords: asked(accounts, accounts),
    reload: () => Promise.resolve(),
    [Symbol.dispose]: () => {},
  };
}

function told(accounts: number, error: Error | undefined): void {
  const now = new Date().toISOString();
  if (error === undefined) console.error(`${now} accounts read again: ${accounts}`);
  else warn(`the accounts stay as they were: ${error.message}`);
}

function warn(text: string): void {
  console.error(sanitizeLine(`warning: ${text}`));
}

function onHangUp(run: () => void): Disposable {
  if (Deno.build.os === "windows") return { [Symbol.dispose]: () => {} };
  Deno.addSignalListener("SIGHUP", run);
  return { [Symbol.dispose]: () => Deno.removeSignalListener("SIGHUP", run) };
}

async function start(
  flags: ServiceFlags,
  { accounts, passwords }: People,
  audit: AuditFile | undefined,
): Promise<RunningService> {
  closeToOthers();
  const tls = await certificate(flags);
  const listeners = flags.listen.map(({ scheme, host, port }): ServiceListener =>
    scheme === "https" ? { host, port, tls } : { host, port }
  );
  return await startService({
    listeners,
    auth: authOf(flags),
    ...(flags.keytab === undefined ? {} : { keytab: flags.keytab }),
    ...await certificates(flags),
    allowUnencrypted: flags.allowUnencrypted ?? false,
    accounts,
    passwords,
    ...(flags.runAs === undefined ? {} : { runAs: flags.runAs }),
    ...(flags.set === undefined ? {} : { settings: flags.set }),
    tlsMax: flags.tlsMax,
    ...(flags.tlsEngine === undefined ? {} : { tlsEngine: flags.tlsEngine }),
    onEvent: (event) => {
      log(event);
      audit?.take(event);
    },
    onWarning: warn,
    onCrash: ({ path, error }) => console.error(sanitizeLine(`crash of ${path}: ${String(error)}`)),
  });
}

/** Whose the certificates of clients are. */
async function certificates(
  { certMapping, clientCa, clientCrl }: ServiceFlags,
): Promise<Pick<StartServiceOptions, "certificates">> {
  if (certMapping === undefined && clientCa === undefined && clientCrl === undefined) return {};
  if (certMapping === undefined || clientCa === undefined) {
    throw new UsageError(
      "CertificateIncomplete",
      "read certificate mappings: --cert-mapping and --client-ca go together, and --client-crl with them",
    );
  }
  return {
    certificates: {
      mappings: readMappings(certMapping),
      authorities: await readAuthorities(clientCa),
      ...(clientCrl === undefined ? {} : { crlFile: clientCrl }),
    },
  };
}

function mapping(text: string, before: readonly string[] | undefined): readonly string[] {
  if (!text.startsWith("@")) return [...(before ?? []), text];
  let lines: string;
  try {
    lines = Deno.readTextFileSync(text.slice(1));
  } catch {
    throw new InvalidArgumentError(`${text.slice(1)} cannot be read.`);
  }
  const used = lines.split("\n").map((line) => line.trim()).filter((line) =>
    line !== "" && !line.startsWith("#")
  );
  return [...(before ?? []), ...used];
}

function authOf({ auth, keytab, user, accounts, certMapping }: ServiceFlags): readonly ServiceAuth[] {
  // PAM alone can check nothing but the passwords of Basic.
  if (auth === undefined && user === undefined && accounts === undefined) return ["basic"];
  return auth ?? [
    "negotiate",
    ...(keytab === undefined ? [] : ["kerberos" as const]),
    ...(certMapping === undefined ? [] : ["certificate" as const]),
  ];
}

/** The account's password, which no command is to find anywhere; `undefined` where Kerberos or certificates alone let it in. */
async function password(
  { passwordEnv, passwordStdin, keytab, certMapping }: ServiceFlags,
): Promise<Secret | undefined> {
  const otherwise = keytab !== undefined || certMapping !== undefined;
  if (otherwise && passwordEnv === undefined && passwordStdin === undefined) return undefined;
  if ((passwordEnv === undefined) === (passwordStdin === undefined)) {
    throw new UsageError("PasswordMissing", "read password: say either --password-env or --password-stdin");
  }
  if (passwordEnv === undefined) return await passwordFromInput();
  // Commands of root can read everything anyway, those of others not what is root's.
  const readers = Deno.uid() === 0 ? [] : ancestorsWith(passwordEnv);
  if (readers.length > 0) {
    console.error(
      `warning: commands can read ${passwordEnv} in the environment of what started the service ` +
        `(process ${readers.join(", ")}); see --password-stdin`,
    );
  }
  const value = takeFromEnvironment(passwordEnv);
  if (value === undefined) {
    throw new UsageError(
      "PasswordMissing",
      `read password: the environment variable ${passwordEnv} is not set`,
    );
  }
  return new Secret(value);
}

async function certificate(flags: ServiceFlags): Promise<NonNullable<ServiceListener["tls"]>> {
  if (flags.cert === undefined && flags.key === undefined) return "self-signed";
  if (flags.cert === undefined || flags.key === undefined) {
    throw new UsageError("CertificateIncomplete", "read the certificate: --cert and --key go together");
  }
  return await loadCertificate(flags.cert, flags.key);
}

function describe(address: ServiceAddress, flags: ServiceFlags): string {
  const host = bracketed(address.host);
  const clear = address.scheme === "https" || flags.allowUnencrypted === true;
  const offered = authOf(flags).filter((scheme) =>
    scheme === "certificate" ? address.scheme === "https" : scheme !== "basic" || clear
  ).join(", ");
  const thumbprint = address.thumbprint === undefined ? "" : `; thumbprint ${address.thumbprint}`;
  return `${address.scheme}://${host}:${address.port}/wsman (${offered}${thumbprint})`;
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/** One line of what happens, on standard error; names come from clients and are neutralised. */
function log(event: ServiceEvent): void {
  const text = logText(event);
  if (text !== undefined) console.error(sanitizeLine(`${new Date().toISOString()} ${text}`));
}

function logText(event: ServiceEvent): string | undefined {
  switch (event.kind) {
    case "logon":
      return `logon of ${event.user} from ${event.from} with ${event.scheme}`;
    case "logonFailed":
      return `logon failed for ${
        event.user ?? "(unknown)"
      } from ${event.from} with ${event.scheme}: ${event.reason}`;
    case "accessDenied":
      return `${event.operation} of ${event.user} from ${event.from} refused: RootSDDL does not give ${event.right}`;
    case "refused":
      return `request from ${event.from} refused with ${event.status}: ${event.reason}`;
    case "shellOpened":
      return `shell ${event.shellId} of ${event.user} opened from ${event.from}`;
    case "shellClosed":
      return `shell ${event.shellId} of ${event.user} closed: ${event.reason}`;
    case "listenerClosed":
      return event.error === undefined ? undefined : `listener closed: ${event.error.message}`;
    case "listening":
      return undefined;
  }
}

function listen(text: string, before: readonly ListenFlag[] | undefined): readonly ListenFlag[] {
  const match = /^(https?):\/\/(\[[0-9A-Fa-f:.%a-z]+\]|[^/:[\]]+)(?::(\d{1,5}))?(?:\/wsman\/?|\/)?$/i.exec(
    text,
  );
  const port = Number(match?.[3] ?? (match?.[1]?.toLowerCase() === "https" ? 5986 : 5985));
  if (match === null || port > 65535) {
    throw new InvalidArgumentError("It is not of the form http://ADDRESS:PORT or https://ADDRESS:PORT.");
  }
  const host = match[2]!.replace(/^\[|\]$/g, "");
  const scheme = match[1]!.toLowerCase() as "http" | "https";
  const literal = host === "*" ? "0.0.0.0" : host === "localhost" ? "127.0.0.1" : host;
  return [...(before ?? []), { scheme, host: literal, port }];
}

const schemes: readonly ServiceAuth[] = ["negotiate", "kerberos", "credssp", "certificate", "basic"];

function authSchemes(text: string): readonly ServiceAuth[] {
  return text.split(",").map((word) => {
    const scheme = word.trim().toLowerCase();
    const known = schemes.find((one) => one === scheme);
    if (known !== undefined) return known;
    throw new InvalidArgumentError(`The schemes are ${schemes.join(", ")}.`);
  });
}

function setting(
  text: string,
  before: Readonly<Record<string, string>> | undefined,
): Readonly<Record<string, string>> {
  const equals = text.indexOf("=");
  if (equals < 1) throw new InvalidArgumentError("It is not of the form Name=Value.");
  return { ...before, [text.slice(0, equals)]: text.slice(equals + 1) };
}

function tlsMax(text: string): "1.2" | "1.3" {
  if (text === "1.2" || text === "1.3") return text;
  throw new InvalidArgumentError("The versions are 1.2 and 1.3.");
}
