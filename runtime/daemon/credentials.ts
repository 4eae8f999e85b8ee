/**
 * Credentials for hosts that come in through the API. Whoever adds such a host chooses its address; so the operator's file says to
 * which addresses and ports each account may be sent and each certificate shown, and nothing that the API takes can change that.
 * @module
 */
import { z } from "zod";
import { UsageError } from "../../protocol/errors.ts";
import { Secret } from "../../protocol/secret.ts";
import type { ConnectionOptions } from "../client/targets.ts";
import { isTrusted } from "../client/trust.ts";
import type { InventoryHost } from "../inventory/mod.ts";
import { type ClientCertificate, readClientCertificate } from "../security/client_identity.ts";
import { CredentialCommand } from "./credentials/command.ts";
import type { Account } from "./host_book.ts";

const entrySchema = z.strictObject({
  addresses: z.array(z.string().min(1).max(255)).min(1),
  ports: z.array(z.int().min(1).max(65_535)).min(1).default([5985, 5986]),
  user: z.string().min(1).optional(),
  password: z.string().optional(),
  passwordEnv: z.string().min(1).optional(),
  command: z.array(z.string()).min(1).max(100).optional(),
  clientCert: z.string().min(1).optional(),
  clientKey: z.string().min(1).optional(),
  clientKeyPassphraseEnv: z.string().min(1).optional(),
}).refine((entry) => {
  const { user, password, passwordEnv, command, clientCert, clientKey, clientKeyPassphraseEnv } = entry;
  const ways = [password, passwordEnv, command, clientCert].filter((way) => way !== undefined);
  const withCertificate = clientCert !== undefined;
  return ways.length === 1 && (user === undefined) === (command !== undefined || withCertificate) &&
    (withCertificate || (clientKey === undefined && clientKeyPassphraseEnv === undefined));
});

const fileSchema = z.strictObject({ credentials: z.array(entrySchema) });

/** What an entry logs on with. */
type Login =
  | { readonly user: string; readonly password: Secret }
  | { readonly certificate: ClientCertificate }
  | CredentialCommand;

interface Entry {
  readonly addresses: readonly string[];
  readonly ports: readonly number[];
  readonly login: Login;
}

/** See the module. */
export class Credentials {
  readonly #entries: readonly Entry[];
  readonly #common: ConnectionOptions;

  /** `common`: options of all hosts; its account, keys, tickets and port are for hosts of the file alone. */
  constructor(entries: readonly Entry[], common: ConnectionOptions) {
    this.#entries = entries;
    const {
      user: _user,
      password: _password,
      certificate: _certificate,
      port: _port,
      ssl: _ssl,
      auth: _auth,
      ...rest
    } = common;
    this.#common = { ...rest, kerberos: { passwordOnly: true } };
  }

  /**
   * How a host of the API is logged on to; without an account where the file has none for its address and port. Certificates are for
   * hosts with the authentication `certificate`, accounts for the others; commands are asked for both.
   */
  account(host: InventoryHost): Account {
    const port = host.port ?? (host.scheme === "https" ? 5986 : 5985);
    const withCertificate = host.auth === "certificate";
    const entries = this.#entries.filter(({ addresses, ports }) =>
      ports.includes(port) && isTrusted(host.address, addresses)
    );
    const entry = withCertificate
      ? entries.find(({ login }) => "certificate" in login) ??
        entries.find(({ login }) => login instanceof CredentialCommand)
      : entries.find(({ login }) => !("certificate" in login));
    // Whoever adds a host chooses its name, too: only its address makes it one of TrustedHosts.
    const trust = isTrusted(host.address, this.#common.trust ?? []) ? [host.address] : [];
    const options = { ...this.#common, trust };
    if (entry === undefined) return { options };
    return entry.login instanceof CredentialCommand
      ? { options, command: entry.login }
      : { options: { ...options, ...entry.login } };
  }
}

/**
 * Reads the operator's file: `{"credentials":[{"addresses":["10.0.0.*"],"user":"…","passwordEnv":"PW"}]}`, or with `password`, or
 * with a `command` (a list of words) in place of both, which is asked for them, or with a certificate in the files `clientCert` and
 * `clientKey` (PEM, or PKCS#12 alone), whose passphrase is in the environment variable `clientKeyPassphraseEnv`.
 *
 * @throws UsageError `FileUnreadable`, `FileExposed` (others can read it), `CredentialsMalformed`, `PasswordMissing`, `Certificate…`
 */
export function readCredentials(path: string, common: ConnectionOptions): Credentials {
  let text: string;
  try {
    const { mode } = Deno.statSync(path);
    if (mode !== null && (mode & 0o077) !== 0) {
      throw new UsageError("FileExposed", `read credentials: ${path} can be read by others, chmod 600`);
    }
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError("FileUnreadable", `read credentials: ${path} cannot be read`, { cause: error });
  }
  const malformed = () =>
    new UsageError("CredentialsMalformed", `read credentials: ${path} does not have the form of the manual`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw malformed();
  }
  const read = fileSchema.safeParse(value);
  if (!read.success) throw malformed();
  return new Credentials(
    read.data.credentials.map((entry) => ({
      addresses: entry.addresses,
      ports: entry.ports,
      login: loginOf(entry),
    })),
    common,
  );
}

function loginOf(entry: z.infer<typeof entrySchema>): Login {
  const { user, password, passwordEnv, command, clientCert, clientKey, clientKeyPassphraseEnv } = entry;
  if (command !== undefined) {
    const [program = "", ...args] = command;
    return new CredentialCommand([program, ...args]);
  }
  if (clientCert !== undefined) {
    const passphrase = clientKeyPassphraseEnv === undefined
      ? undefined
      : fromEnvironment(clientKeyPassphraseEnv);
    return { certificate: readClientCertificate(clientCert, clientKey, passphrase) };
  }
  return {
    user: user!,
    password: password === undefined ? fromEnvironment(passwordEnv!) : new Secret(password),
  };
}

function fromEnvironment(variable: string): Secret {
  const secret = Deno.env.get(variable);
  if (secret !== undefined) return new Secret(secret);
  throw new UsageError(
    "PasswordMissing",
    `read credentials: the environment variable ${variable} is not set`,
  );
}
