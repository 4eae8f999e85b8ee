/** `drover service`: the WinRM service in the foreground. @module */
import { Command, InvalidArgumentError, Option } from "commander";
import type { ServiceAuth, ServiceEvent } from "../../actors/service/mod.ts";
import { UsageError } from "../../protocol/errors.ts";
import { resolveServiceSettings, serviceSettingNames } from "../../protocol/wsman/config_model.ts";
import { Secret } from "../../protocol/secret.ts";
import { ancestorsWith, closeToOthers, takeFromEnvironment } from "../os/own_secrets.ts";
import { Accounts } from "../security/accounts.ts";
import { loadCertificate } from "../security/certificates.ts";
import {
  type RunningService,
  type ServiceAddress,
  type ServiceListener,
  startService,
} from "../service/service.ts";
import { inspectable } from "./inspectable.ts";
import { interruptible } from "./interrupt.ts";
import { sanitizeLine } from "./output/sanitize.ts";

interface ServiceFlags {
  readonly listen: readonly ListenFlag[];
  readonly cert?: string;
  readonly key?: string;
  readonly auth?: readonly ServiceAuth[];
  readonly keytab?: string;
  readonly allowUnencrypted?: boolean;
  readonly runAs?: string;
  readonly user: string;
  readonly passwordEnv?: string;
  readonly passwordStdin?: boolean;
  readonly set?: Readonly<Record<string, string>>;
  readonly tlsMax: "1.2" | "1.3";
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
        "negotiate, kerberos, credssp, basic, or several with commas (default: negotiate, and kerberos with --keytab)",
      ).argParser(authSchemes),
    )
    .option(
      "--keytab <file>",
      "keys of the service (HTTP/thishost@REALM): Kerberos logons of its realm are let in, --user needs no password then",
    )
    .option("--allow-unencrypted", "accept clear text on http (Basic is offered there only then)")
    .option("--run-as <user>", "system user that the shells run as")
    .requiredOption("--user <name>", "account that may log on")
    .option("--password-env <variable>", "environment variable with its password")
    .option("--password-stdin", "its password is the first line of standard input")
    .option("--set <name=value>", "WinRM setting, e.g. MaxShellsPerUser=5; may be repeated", setting)
    .option("--tls-max <version>", "1.2 or 1.3; PowerShell off Windows stalls on 1.3", tlsMax, "1.2")
    .option("--no-inspect", "do not let your `drover inspect` look into this process")
    .addHelpText(
      "after",
      `
Settings (names as in WinRM's own configuration):
${serviceSettingNames.map((name) => `  ${name}`).join("\n")}

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
  pass show winrm | drover service --listen https://127.0.0.1:5986 --user demo \\
    --password-stdin`,
    )
    .action(serve);
}

async function serve(flags: ServiceFlags): Promise<void> {
  await using service = await start(flags);
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

async function start(flags: ServiceFlags): Promise<RunningService> {
  resolveServiceSettings(flags.set);
  const accounts = new Accounts();
  accounts.add(flags.user, await password(flags), undefined);
  closeToOthers();
  const tls = await certificate(flags);
  const listeners = flags.listen.map(({ scheme, host, port }): ServiceListener =>
    scheme === "https" ? { host, port, tls } : { host, port }
  );
  return await startService({
    listeners,
    auth: authOf(flags),
    ...(flags.keytab === undefined ? {} : { keytab: flags.keytab }),
    allowUnencrypted: flags.allowUnencrypted ?? false,
    accounts,
    ...(flags.runAs === undefined ? {} : { runAs: flags.runAs }),
    ...(flags.set === undefined ? {} : { settings: flags.set }),
    tlsMax: flags.tlsMax,
    onEvent: (event) => log(event),
    onWarning: (text) => console.error(`warning: ${text}`),
    onCrash: ({ path, error }) => console.error(sanitizeLine(`crash of ${path}: ${String(error)}`)),
  });
}

function authOf({ auth, keytab }: ServiceFlags): readonly ServiceAuth[] {
  return auth ?? (keytab === undefined ? ["negotiate"] : ["negotiate", "kerberos"]);
}

/** The account's password, which no command is to find anywhere; `undefined` where Kerberos alone lets it in. */
async function password({ passwordEnv, passwordStdin, keytab }: ServiceFlags): Promise<Secret | undefined> {
  if (keytab !== undefined && passwordEnv === undefined && passwordStdin === undefined) return undefined;
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

const longestPassword = 4096;

async function passwordFromInput(): Promise<Secret> {
  let text = "";
  const decoder = new TextDecoderStream();
  for await (
    const piece of Deno.stdin.readable.pipeThrough(decoder as ReadableWritablePair<string, Uint8Array>)
  ) {
    text += piece;
    if (text.includes("\n") || text.length > longestPassword) break;
  }
  const [line] = text.split(/\r?\n/, 1) as [string];
  if (line.length > longestPassword) {
    throw new UsageError(
      "PasswordMissing",
      `read password: the first line of standard input is longer than ${longestPassword} characters`,
    );
  }
  return new Secret(line);
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
  const offered = authOf(flags).filter((scheme) => scheme !== "basic" || clear).join(", ");
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

function authSchemes(text: string): readonly ServiceAuth[] {
  return text.split(",").map((word) => {
    const scheme = word.trim().toLowerCase();
    if (scheme === "negotiate" || scheme === "kerberos" || scheme === "credssp" || scheme === "basic") {
      return scheme;
    }
    throw new InvalidArgumentError("The schemes are negotiate, kerberos, credssp and basic.");
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
