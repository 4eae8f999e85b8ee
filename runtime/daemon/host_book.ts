/**
 * The hosts that the daemon knows: those of the inventory that it was started with, and those that were added since. Whoever asks
 * sees the part that its token is for; credentials are never given out.
 * @module
 */
import type { HostTarget } from "../../actors/host/mod.ts";
import { UsageError } from "../../protocol/errors.ts";
import { type Inventory, type InventoryHost, selectHosts } from "../inventory/mod.ts";
import { selectNames } from "../inventory/patterns.ts";
import { type InventoryChanges, keepSame } from "./operation/same_host.ts";
import { Logons, type LogonUsed } from "../client/logons.ts";
import { type ConnectionOptions, readPem, targetOf } from "../client/targets.ts";
import { AskedCredentials } from "./credentials/asked.ts";
import type { Credential, CredentialCommand } from "./credentials/command.ts";

/** Where a host comes from. */
export type HostOrigin =
  | { readonly kind: "file" }
  | { readonly kind: "inventory"; readonly name: string }
  | { readonly kind: "api" };

/** One host of the book. */
export interface BookHost {
  readonly host: InventoryHost;
  readonly origin: HostOrigin;
}

/** How a host is logged on to. */
export interface Account {
  /** What is known from the start. */
  readonly options: ConnectionOptions;
  /** Who is asked for what is missing there. */
  readonly command?: CredentialCommand;
}

/** Hosts that came from elsewhere than the file, the stronger ones last. */
export interface Addition {
  readonly inventory: Inventory;
  readonly origin: HostOrigin;
  /** How each of its hosts is logged on to: never with what was stored for other hosts. */
  readonly account: (host: InventoryHost) => Account;
}

/** See the module. */
export class HostBook {
  readonly #account: Account;
  readonly #asked = new AskedCredentials();
  readonly #logons = new Logons();
  #file: Inventory;
  #additions: readonly Addition[] = [];
  #hosts = new Map<string, BookHost & Account>();
  #whole: Inventory;
  /** By name; the same object each time, so that a host has one actor. */
  readonly #targets = new Map<string, {
    readonly host: InventoryHost;
    readonly credential: Credential | undefined;
    readonly target: HostTarget;
  }>();
  readonly #pem = new Map<string, string>();
  readonly #views = new Map<string, { readonly of: Inventory; readonly view: Inventory }>();

  /** `options` and `command` are for hosts of the file. */
  constructor(file: Inventory, options: ConnectionOptions, command?: CredentialCommand) {
    this.#file = file;
    this.#account = { options, ...(command === undefined ? {} : { command }) };
    this.#whole = this.#merge();
  }

  /** Every host. */
  get inventory(): Inventory {
    return this.#whole;
  }

  /** The inventory that the daemon was started with. */
  get file(): Inventory {
    return this.#file;
  }

  /** Takes another content of the file, and says what is new in it. */
  setFile(file: Inventory): InventoryChanges {
    const { inventory, changes } = keepSame(this.#file, file);
    this.#file = inventory;
    this.#pem.clear();
    this.#whole = this.#merge();
    return changes;
  }

  /** Takes other hosts beside the file's. A host of the file stays what the file says. */
  setAdditions(additions: readonly Addition[]): void {
    this.#additions = additions;
    this.#whole = this.#merge();
  }

  /** A host of the whole. */
  get(name: string): BookHost | undefined {
    return this.#hosts.get(name);
  }

  /** What a token with these host patterns sees: for it there is nothing else. */
  view(patterns: readonly string[]): Inventory {
    const key = JSON.stringify(patterns);
    const known = this.#views.get(key);
    if (known?.of === this.#whole) return known.view;
    const view = viewOf(this.#whole, patterns);
    if (this.#views.size > 1_000) this.#views.clear();
    this.#views.set(key, { of: this.#whole, view });
    return view;
  }

  /** Before {@link HostBook.target}: asks for credentials that are not at hand. Whatever becomes of it is told there. */
  async prepare(names: readonly string[]): Promise<void> {
    await Promise.all(names.map((name) => {
      const entry = this.#hosts.get(name);
      if (entry?.command === undefined || !lacksAccount(entry)) return;
      const { host, options: { user = host.user, port = host.port, ssl, auth = host.auth } } = entry;
      const secure = ssl ?? host.scheme === "https";
      return this.#asked.ask(entry.command, host, {
        host: name,
        address: host.address,
        port: port ?? (secure ? 5986 : 5985),
        ...(user === undefined ? {} : { user }),
        ...(auth === "certificate" ? { auth } : {}),
      });
    }));
  }

  /**
   * {@link HostBook.target} for each. Where only its credentials could not be got just now, the error stands for the host: it is
   * nobody else's concern.
   *
   * @throws UsageError whatever else is wrong with one of them
   */
  targets(names: readonly string[]): (HostTarget | UsageError)[] {
    return names.map((name) => {
      try {
        return this.target(name);
      } catch (error) {
        if (error instanceof UsageError && error.code === "CredentialsUnavailable") return error;
        throw error;
      }
    });
  }

  /**
   * How to reach a host.
   *
   * @throws UsageError `HostUnknown`, `CredentialsUnavailable`, `CredentialsPending` (nobody has called `prepare`), or when it lacks
   *   credentials or trust
   */
  target(name: string): HostTarget {
    const entry = this.#hosts.get(name);
    if (entry === undefined) {
      throw new UsageError("HostUnknown", `find host: ${JSON.stringify(name)} is not in the inventory`);
    }
    const known = this.#targets.get(name);
    const credential = entry.command !== undefined && lacksAccount(entry)
      ? this.#asked.get(entry.host)
      : undefined;
    if (known?.host === entry.host && known.credential === credential) return known.target;
    const options = { ...credential, ...entry.options, ...loginOf(credential) };
    const target = this.#targetOf(entry, options);
    this.#targets.set(name, { host: entry.host, credential, target });
    return target;
  }

  #targetOf({ host, origin }: BookHost, options: ConnectionOptions): HostTarget {
    try {
      return targetOf(host, this.#logons.noting(options), (path) => this.#readPem(path));
    } catch (error) {
      if (origin.kind === "file" || !(error instanceof UsageError) || error.code !== "CredentialsMissing") {
        throw error;
      }
      // Neither the daemon's own account nor one that comes with a host is sent to an address that a caller chose.
      const what = host.auth === "certificate" ? "certificate" : "account";
      const text =
        `connect to ${host.name}: --credentials of the daemon has no ${what} for its address and port`;
      throw new UsageError(error.code, text, { cause: error });
    }
  }

  /** What a host was last logged on to with; `undefined`: it was not. */
  logonOf(name: string): LogonUsed | undefined {
    return this.#logons.of(name);
  }

  /** Rises with every credential that a command has said: {@link HostBook.secrets} are others then. */
  get asked(): number {
    return this.#asked.changes;
  }

  /** Passwords that it knows, to take them out of texts. */
  secrets(): string[] {
    const secretsOf = (
      { host, options: { password, certificate } }: BookHost & Account,
    ) => [password, certificate?.passphrase, host.password];
    const all = [...this.#hosts.values()].flatMap(secretsOf);
    const given = [this.#account.options.password, ...all].flatMap((secret) =>
      secret === undefined ? [] : [secret.reveal()]
    );
    return [...new Set([...given, ...this.#asked.secrets()])];
  }

  #merge(): Inventory {
    const hosts = new Map<string, BookHost & Account>();
    const groups = new Map<string, Set<string>>([["all", new Set()], ["ungrouped", new Set()]]);
    const file: Addition = {
      inventory: this.#file,
      origin: { kind: "file" },
      account: () => this.#account,
    };
    for (const { inventory, origin, account } of [file, ...[...this.#additions].reverse()]) {
      const taken = new Set<string>();
      for (const host of inventory.hosts) {
        if (hosts.has(host.name)) continue;
        taken.add(host.name);
        hosts.set(host.name, { host, origin, ...account(host) });
      }
      for (const [group, members] of inventory.groups) {
        let set = groups.get(group);
        if (set === undefined) groups.set(group, set = new Set());
        for (const member of members) if (taken.has(member)) set.add(member);
      }
    }
    this.#hosts = hosts;
    this.#asked.keep(hosts);
    this.#logons.keep(hosts);
    for (const name of this.#targets.keys()) if (!hosts.has(name)) this.#targets.delete(name);
    return {
      hosts: [...hosts.values()].map(({ host }) => host),
      groups: new Map([...groups].map(([name, set]) => [name, [...set]])),
      ignored: this.#file.ignored,
    };
  }

  #readPem(path: string): string {
    let pem = this.#pem.get(path);
    if (pem === undefined) this.#pem.set(path, pem = readPem(path));
    return pem;
  }
}

/** Whether neither the options nor the inventory say everything that a logon needs. One with a certificate needs no account. */
function lacksAccount({ host, options }: BookHost & Account): boolean {
  if ((options.auth ?? host.auth) === "certificate") {
    return options.certificate === undefined && host.certificate === undefined;
  }
  return (options.user ?? host.user) === undefined || (options.password ?? host.password) === undefined;
}

/** User and password belong together: both are the command's. */
function loginOf(
  credential: Credential | undefined,
): Pick<ConnectionOptions, "user" | "password" | "certificate"> {
  if (credential === undefined) return {};
  if ("certificate" in credential) return { certificate: credential.certificate };
  return { user: credential.user, password: credential.password };
}

/** Patterns come from others: a regular expression could keep the daemon busy for ever, thousands of globs for seconds. */
const remote = { regularExpressions: false, maxSearched: 1_024 };

/** Hosts of a view that match a pattern of a caller. */
export function selectRemote(view: Inventory, pattern: string): readonly InventoryHost[] {
  return selectHosts(view, pattern, remote);
}

function viewOf(whole: Inventory, patterns: readonly string[]): Inventory {
  const names = new Set<string>();
  const all = whole.hosts.map(({ name }) => name);
  for (const pattern of patterns) {
    if (pattern === "all" || pattern === "*") return whole;
    try {
      for (const name of selectNames(all, whole.groups, pattern, remote)) names.add(name);
    } catch (error) {
      // A pattern that nothing matches any more allows nothing.
      if (!(error instanceof UsageError)) throw error;
    }
  }
  return {
    hosts: whole.hosts.filter(({ name }) => names.has(name)),
    groups: new Map([...whole.groups].map(([group, members]) => [
      group,
      members.filter((name) => names.has(name)),
    ])),
    ignored: [],
  };
}
