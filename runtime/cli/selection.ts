/** Which hosts a command is for, and how they are logged on to. @module */
import type { Command } from "commander";
import { UsageError } from "../../protocol/errors.ts";
import { Secret } from "../../protocol/secret.ts";
import type { ConnectionOptions } from "../client/targets.ts";
import { type Inventory, inventoryFromHosts, loadInventory, selectHosts } from "../inventory/mod.ts";
import type { ConnectionFlags } from "./options.ts";
import { askPassword } from "./password.ts";

/** What the options of {@linkcode addSelectionOptions} parse to, with those of the connection. */
export interface SelectionFlags extends ConnectionFlags {
  readonly inventory?: string;
  readonly hosts?: readonly string[];
  readonly limit?: string;
}

/** Adds the options of which hosts. */
export function addSelectionOptions(command: Command): Command {
  return command
    .option("-i, --inventory <file>", "inventory: Ansible YAML or INI, JSON, or a list of hosts")
    .option("--hosts <list>", "hosts instead of an inventory: a,b,c", (value: string) => value.split(","))
    .option("--limit <pattern>", "only hosts that match, e.g. 'web*:!web07:&prod'");
}

/**
 * The hosts that are meant.
 *
 * @throws UsageError `HostsMissing`, or when the inventory cannot be read
 */
export function readInventory(flags: SelectionFlags): Inventory {
  if ((flags.inventory === undefined) === (flags.hosts === undefined)) {
    throw new UsageError("HostsMissing", "select hosts: give either -i INVENTORY or --hosts a,b,c");
  }
  if (flags.hosts !== undefined) {
    const inventory = inventoryFromHosts(flags.hosts);
    return flags.limit === undefined
      ? inventory
      : { ...inventory, hosts: selectHosts(inventory, flags.limit) };
  }
  return loadInventory(flags.inventory!, {
    ...(flags.limit === undefined ? {} : { limit: flags.limit }),
    given: [
      ...(flags.user === undefined ? [] : ["user" as const]),
      ...(flags.passwordEnv === undefined ? [] : ["password" as const]),
      ...(flags.port === undefined ? [] : ["port" as const]),
      ...(flags.ssl === undefined ? [] : ["scheme" as const]),
      ...(flags.auth === undefined ? [] : ["auth" as const]),
      ...(flags.certValidation === undefined ? [] : ["certValidation" as const]),
      ...(flags.ca === undefined ? [] : ["caFile" as const]),
      ...(flags.clientCert === undefined ? [] : ["certificate" as const]),
      ...(flags.fingerprint === undefined ? [] : ["fingerprint" as const]),
      ...(flags.tlsEngine === undefined && flags.tlsLegacy === undefined ? [] : ["tlsEngine" as const]),
      ...(flags.proxy === undefined ? [] : ["proxy" as const]),
    ],
  });
}

/** Asks for the password when hosts have none and there is a person to ask; hosts that have one keep it. `stdinTaken`: nobody can be asked. */
export async function withPasswords(
  inventory: Inventory,
  connection: ConnectionOptions,
  flags: SelectionFlags,
  stdinTaken: boolean,
): Promise<Inventory> {
  const { hosts } = inventory;
  // Keys and tickets are there instead.
  if (flags.keytab !== undefined || flags.ccache !== undefined || flags.auth === "certificate") {
    return inventory;
  }
  const missing = connection.password === undefined && hosts.some((host) => host.password === undefined);
  if (!missing || stdinTaken || !Deno.stdin.isTerminal()) return inventory;
  const user = flags.user ??
    hosts.find((host) => host.password === undefined && host.user !== undefined)?.user;
  if (user === undefined) return inventory;
  const password = new Secret(await askPassword(`Password of ${user}: `));
  return {
    ...inventory,
    hosts: hosts.map((host) => host.password === undefined ? { ...host, password } : host),
  };
}
