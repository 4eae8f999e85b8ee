/**
 * Credentials for hosts that come in through the API. Whoever adds such a host chooses its address; so the operator's file says to
 * which addresses and ports each account may be sent, and nothing that the API takes can change that.
 * @module
 */
import { z } from "zod";
import { UsageError } from "../../protocol/errors.ts";
import { Secret } from "../../protocol/secret.ts";
import type { ConnectionOptions } from "../client/targets.ts";
import { isTrusted } from "../client/trust.ts";
import type { InventoryHost } from "../inventory/mod.ts";
import { CredentialCommand } from "./credentials/command.ts";
import type { Account } from "./host_book.ts";

const entrySchema = z.strictObject({
  addresses: z.array(z.string().min(1).max(255)).min(1),
  ports: z.array(z.int().min(1).max(65_535)).min(1).default([5985, 5986]),
  user: z.string().min(1).optional(),
  password: z.string().optional(),
  passwordEnv: z.string().min(1).optional(),
  command: z.array(z.string()).min(1).max(100).optional(),
}).refine(({ user, password, passwordEnv, command }) =>
  [password, passwordEnv, command].filter((way) => way !== undefined).length === 1 &&
  (user === undefined) === (command !== undefined)
);

const fileSchema = z.strictObject({ credentials: z.array(entrySchema) });

interface Entry {
  readonly addresses: readonly string[];
  readonly ports: readonly number[];
  readonly login: { readonly user: string; readonly password: Secret } | CredentialCommand;
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

  /** How a host of the API is logged on to; without an account where the file has none for its address and port. */
  account(host: InventoryHost): Account {
    const port = host.port ?? (host.scheme === "https" ? 5986 : 5985);
    const entry = this.#entries.find(({ addresses, ports }) =>
      ports.includes(port) && isTrusted(host.address, addresses)
    );
    // Whoever adds a host chooses its name, too: only its address makes it one of TrustedHosts.
    const trust = isTrusted(host.address, this.#common.trust ?? []) ? [host.address] : [];
    const options = { ...this.#common, trust };
    if (entry === undefined) return { options };
    return entry.login instanceof CredentialCommand
      ? { options, command: entry.login }
      : { options: { ...options, ...entry.login } };
  }

  /** Its passwords, to take them out of texts. */
  secrets(): readonly Secret[] {
    return this.#entries.flatMap(({ login }) => login instanceof CredentialCommand ? [] : [login.password]);
  }
}

/**
 * Reads the operator's file: `{"credentials":[{"addresses":["10.0.0.*"],"user":"…","passwordEnv":"PW"}]}`, or with `password`, or
 * with a `command` (a list of words) in place of both, which is asked for them.
 *
 * @throws UsageError `FileUnreadable`, `FileExposed` (others can read it), `CredentialsMalformed`, `PasswordMissing`
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
    read.data.credentials.map(({ addresses, ports, user, password, passwordEnv, command }) => {
      if (command !== undefined) {
        const [program = "", ...args] = command;
        return { addresses, ports, login: new CredentialCommand([program, ...args]) };
      }
      const secret = password ?? Deno.env.get(passwordEnv!);
      if (secret === undefined) {
        throw new UsageError(
          "PasswordMissing",
          `read credentials: the environment variable ${passwordEnv} is not set`,
        );
      }
      return { addresses, ports, login: { user: user!, password: new Secret(secret) } };
    }),
    common,
  );
}
