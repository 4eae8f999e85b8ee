/** Hosts that came in through the API, from what the store keeps to what the book takes. @module */
import { Secret } from "../../protocol/secret.ts";
import { type Inventory, type InventoryHost, parseInventory } from "../inventory/mod.ts";
import type { DocumentReads, StoreReads } from "../store/api.ts";
import type { StoredHost, Versioned } from "../store/types.ts";
import type { Credentials } from "./credentials.ts";
import type { Addition } from "./host_book.ts";
import { Problem } from "./problems.ts";
import type { HostWrite } from "./schemas/host.ts";

/** All that the store has, the stronger ones last. An inventory that cannot be read any more is left out, and told. */
export function storedAdditions(
  read: StoreReads,
  credentials: Credentials,
  onError: (error: unknown) => void,
): Addition[] {
  const account = (host: InventoryHost) => credentials.account(host);
  const inventories = everything(read.inventories).flatMap(({ key, value }): Addition[] => {
    try {
      const { inventory } = readUpload(value.text);
      return [{ inventory, origin: { kind: "inventory", name: key }, account }];
    } catch (error) {
      onError(error);
      return [];
    }
  });
  const hosts = everything(read.hosts).map(({ key, value }) => hostOf(key, value));
  return [...inventories, { inventory: inventoryOf(hosts), origin: { kind: "api" }, account }];
}

/** A host as the store keeps it. */
export function storedHost({ groups, ...variables }: HostWrite, updatedBy: string): StoredHost {
  return { variables, groups, updatedBy };
}

/**
 * An inventory that somebody has sent. It can name addresses and groups, but bring no credentials, no files of the daemon's, nothing
 * of its environment, and cannot take away the checks of a certificate.
 *
 * @throws Problem 422
 */
export function readUpload(text: string): { readonly format: string; readonly inventory: Inventory } {
  const { format, inventory } = parseInventory(text, "inventory", { env: () => undefined });
  for (const host of inventory.hosts) {
    const secret = host.password !== undefined ||
      [...host.variables.values()].some((value) => value instanceof Secret);
    const refused = secret
      ? "brings a secret: credentials come from the daemon's own files"
      : host.caFile !== undefined
      ? "names a file of certificate authorities"
      : host.certificate !== undefined
      ? "names a file of a client certificate"
      : host.kerberos?.keytab !== undefined
      ? "names a file of keys"
      : host.kerberos?.realm !== undefined
      ? "chooses whose KDC an account's password is proven to"
      : host.kerberos?.delegate === true
      ? "has the tickets of an account handed on to it"
      : host.proxy !== undefined
      ? "names a proxy"
      : host.tls !== undefined
      ? "chooses how TLS is spoken"
      : host.fingerprint !== undefined
      ? "pins a certificate in place of its check"
      : host.certValidation === "ignore"
      ? "switches the check of certificates off"
      : host.messageEncryption === "never"
      ? "switches message encryption off"
      : undefined;
    if (refused !== undefined) {
      throw new Problem(422, "InventoryRefused", `host ${JSON.stringify(host.name)} ${refused}`);
    }
  }
  return { format, inventory };
}

/** What is different between two inventories. */
export function inventoryDiff(before: Inventory, after: Inventory) {
  const old = new Map(before.hosts.map((host) => [host.name, fingerprint(host)]));
  const added: string[] = [];
  const changed: string[] = [];
  for (const host of after.hosts) {
    const known = old.get(host.name);
    if (known === undefined) added.push(host.name);
    else if (known !== fingerprint(host)) changed.push(host.name);
    old.delete(host.name);
  }
  return { added, removed: [...old.keys()], changed };
}

/** An inventory without hosts. */
export const emptyInventory: Inventory = {
  hosts: [],
  groups: new Map([["all", []], ["ungrouped", []]]),
  ignored: [],
};

function fingerprint(host: InventoryHost): string {
  return JSON.stringify(
    { ...host, variables: [...host.variables] },
    (_key, value) => typeof value === "bigint" ? String(value) : value,
  );
}

function everything<T>(reads: DocumentReads<T>): Versioned<T>[] {
  const all: Versioned<T>[] = [];
  let cursor: string | null = null;
  do {
    const page: ReturnType<typeof reads.list> = reads.list({
      limit: 1_000,
      ...(cursor === null ? {} : { cursor }),
    });
    all.push(...page.items);
    cursor = page.next;
  } while (cursor !== null);
  return all;
}

function hostOf(name: string, { variables, groups }: StoredHost): InventoryHost {
  const said = variables as Omit<HostWrite, "groups">;
  return {
    name,
    groups,
    address: (said.address ?? name).replace(/^\[(.*)\]$/, "$1"),
    port: said.port,
    scheme: said.scheme,
    path: undefined,
    user: undefined,
    password: undefined,
    auth: said.auth,
    connection: undefined,
    certValidation: undefined,
    caFile: undefined,
    messageEncryption: undefined,
    operationTimeoutMs: undefined,
    readTimeoutMs: undefined,
    maxEnvelopeSize: undefined,
    variables: new Map(),
  };
}

function inventoryOf(hosts: readonly InventoryHost[]): Inventory {
  const groups = new Map<string, string[]>([["all", []], ["ungrouped", []]]);
  for (const { name, groups: own } of hosts) {
    for (const group of ["all", ...(own.length === 0 ? ["ungrouped"] : own)]) {
      const members = groups.get(group);
      if (members === undefined) groups.set(group, [name]);
      else members.push(name);
    }
  }
  return { hosts, groups, ignored: [] };
}
