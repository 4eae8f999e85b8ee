/** What an inventory gives to the rest of Drover. @module */

import type { Secret } from "../../protocol/secret.ts";

/** How a host is to be logged on to, in Ansible's words. */
export type InventoryAuth =
  | "negotiate"
  | "ntlm"
  | "basic"
  | "kerberos"
  | "credssp"
  | "digest"
  | "certificate";

/** `ansible_connection`, without its collection prefix; `other` is any plugin that Drover has no name for. */
export type InventoryConnection = "winrm" | "psrp" | "ssh" | "local" | "other";

/** One host with everything that its inventory says about reaching it; `undefined` = not said. */
export interface InventoryHost {
  /** The inventory's name: reports use it. */
  readonly name: string;
  /** Every group that the host is in, ancestors included, `all` left out; sorted. */
  readonly groups: readonly string[];
  /** Host name or IP address to connect to (IPv6 without brackets). */
  readonly address: string;
  /** TCP port. */
  readonly port: number | undefined;
  /**
   * Said outright, or as Ansible derives it: port 5985 means http and 5986 https; with a connection of `winrm` or
   * `psrp` any other port, or none, means https.
   */
  readonly scheme: "http" | "https" | undefined;
  /** Path of the URL, with its leading slash. */
  readonly path: string | undefined;
  /** Account name. */
  readonly user: string | undefined;
  /** Password of the account. */
  readonly password: Secret | undefined;
  /** Said outright only: Ansible's guesses (Basic, or Kerberos for `user@REALM`) are not followed. */
  readonly auth: InventoryAuth | undefined;
  /** Which connection plugin Ansible would take. */
  readonly connection: InventoryConnection | undefined;
  /** Whether the server's certificate is checked. */
  readonly certValidation: "validate" | "ignore" | undefined;
  /** PEM file of the authorities to trust, as written (a relative path is relative to the working directory). */
  readonly caFile: string | undefined;
  /** When messages are sealed. */
  readonly messageEncryption: "auto" | "always" | "never" | undefined;
  /** WS-Man OperationTimeout, milliseconds. */
  readonly operationTimeoutMs: number | undefined;
  /** How long to wait for an answer, milliseconds. */
  readonly readTimeoutMs: number | undefined;
  /** Largest envelope to send, bytes. */
  readonly maxEnvelopeSize: number | undefined;
  /** What Kerberos is told of the service: class and host of its principal name, and whether tickets are handed on to it. */
  readonly kerberos?: {
    readonly service?: string;
    readonly hostname?: string;
    readonly keytab?: string;
    readonly realm?: string;
    readonly delegate?: boolean;
  };
  /** PEM files of our own certificate and its key. */
  readonly certificate?: {
    readonly certFile: string;
    readonly keyFile?: string;
    readonly passphrase?: Secret;
  };
  /** SHA-256 or SHA-1 of the server's certificate. */
  readonly fingerprint?: string;
  /** Proxy, `http://host:port`. */
  readonly proxy?: string;
  /** Who speaks TLS, and whether what is too weak today is good enough for it. */
  readonly tls?: { readonly engine?: "platform" | "openssl"; readonly legacy?: boolean };
  /**
   * Every variable of the host after Ansible's precedence, as written: expressions are not evaluated. Text whose
   * variable is named like a secret (`pass`, `secret`, `token`) is a {@link Secret}; a vaulted value is a {@link VaultText}.
   */
  readonly variables: ReadonlyMap<string, unknown>;
}

/** Something in an inventory that Ansible would use and Drover does not. */
export interface IgnoredVariable {
  /** Name of the variable, or of the key or file that was passed over. */
  readonly variable: string;
  /** Hosts that it is set for; empty when it belongs to none. */
  readonly hosts: readonly string[];
  /** Why. */
  readonly reason: string;
}

/** A resolved inventory. */
export interface Inventory {
  /** Hosts in the order in which the inventory first names them. */
  readonly hosts: readonly InventoryHost[];
  /** Hosts of each group (those of its children included), `all` and `ungrouped` too. */
  readonly groups: ReadonlyMap<string, readonly string[]>;
  /** What was not honoured; show it to the user. */
  readonly ignored: readonly IgnoredVariable[];
}

/** Settings that a command line can give for all hosts, so that the inventory's own are not used. */
export type GivenSetting =
  | "user"
  | "password"
  | "port"
  | "scheme"
  | "auth"
  | "certValidation"
  | "caFile"
  | "certificate"
  | "fingerprint"
  | "proxy"
  | "tlsEngine";

/** How an inventory is read. */
export interface LoadOptions {
  /** Keep only the hosts that match this pattern; the variables of the others are not evaluated. */
  readonly limit?: string;
  /** Settings given elsewhere: these fields stay `undefined`, and an expression in their variables is no error. */
  readonly given?: readonly GivenSetting[];
  /** Looks up an environment variable for `lookup('env', …)`; by default the process' own. */
  readonly env?: (name: string) => string | undefined;
}

/** A value encrypted with Ansible Vault: kept as a mark, never decrypted. */
export class VaultText {
  /** Always `[vault]`. */
  toString(): string {
    return "[vault]";
  }

  /** Always `[vault]`. */
  toJSON(): string {
    return "[vault]";
  }
}
