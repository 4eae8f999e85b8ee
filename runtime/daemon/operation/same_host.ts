/** Whether two readings of an inventory say the same of a host, its secrets included. @module */
import { Secret } from "../../../protocol/secret.ts";
import type { Inventory, InventoryHost } from "../../inventory/mod.ts";

/** What a new reading has changed, by name. */
export interface InventoryChanges {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
}

/**
 * A new reading with the objects of hosts of which it says nothing new, so that they keep their actors and connections; and what it
 * says that is new.
 */
export function keepSame(
  before: Inventory,
  after: Inventory,
): { readonly inventory: Inventory; readonly changes: InventoryChanges } {
  const known = new Map(before.hosts.map((host) => [host.name, host]));
  const added: string[] = [];
  const changed: string[] = [];
  const hosts = after.hosts.map((host) => {
    const old = known.get(host.name);
    known.delete(host.name);
    if (old === undefined) added.push(host.name);
    else if (same(old, host)) return old;
    else changed.push(host.name);
    return host;
  });
  return { inventory: { ...after, hosts }, changes: { added, removed: [...known.keys()], changed } };
}

/** A file of authorities may have another content under the same name: a host that has one counts as changed. */
function same(one: InventoryHost, other: InventoryHost): boolean {
  return one.caFile === undefined && equal(one, other);
}

function equal(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false;
  if (one instanceof Secret || other instanceof Secret) {
    return one instanceof Secret && other instanceof Secret && one.reveal() === other.reveal();
  }
  if (one instanceof Map || other instanceof Map) {
    return one instanceof Map && other instanceof Map && one.size === other.size &&
      [...one].every(([key, value]) => other.has(key) && equal(value, other.get(key)));
  }
  // What has no fields to look at may differ in what cannot be seen.
  if (Object.getPrototypeOf(one) !== Object.getPrototypeOf(other) || !isPlain(one)) return false;
  const names = Object.keys(one);
  return names.length === Object.keys(other).length &&
    names.every((name) => Object.hasOwn(other, name) && equal(field(one, name), field(other, name)));
}

function isPlain(value: object): boolean {
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
}

function field(value: object, name: string): unknown {
  return (value as Record<string, unknown>)[name];
}
