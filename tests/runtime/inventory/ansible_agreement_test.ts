/** The same inventories read by Ansible itself: expected.json was printed by `ansible-inventory --list`. */
import assert from "node:assert/strict";
import { Secret } from "../../../protocol/secret.ts";
import { type Inventory, loadInventory } from "../../../runtime/inventory/mod.ts";

interface Listing {
  _meta: { hostvars: Record<string, Record<string, unknown>> };
  [group: string]: { hosts?: string[]; children?: string[] } | unknown;
}

const fixtures = new URL("../../fixtures/inventory/", import.meta.url).pathname;

function members(listing: Listing, group: string): Set<string> {
  const entry = (listing[group] ?? {}) as { hosts?: string[]; children?: string[] };
  const found = new Set(entry.hosts ?? []);
  for (const child of entry.children ?? []) for (const host of members(listing, child)) found.add(host);
  return found;
}

/** Secrets revealed, integers beyond 2^53 as JSON.parse gives them. */
function comparable(value: unknown): unknown {
  if (value instanceof Secret) return value.reveal();
  return JSON.parse(JSON.stringify(value, (_key, item) => typeof item === "bigint" ? Number(item) : item));
}

function assertAgrees(inventory: Inventory, folder: string): void {
  const listing = JSON.parse(Deno.readTextFileSync(`${fixtures}${folder}/expected.json`)) as Listing;
  assert.deepEqual(inventory.hosts.map((host) => host.name).sort(), [...members(listing, "all")].sort());
  for (const [group, hosts] of inventory.groups) {
    assert.deepEqual([...hosts].sort(), [...members(listing, group)].sort(), `group ${group}`);
  }
  for (const host of inventory.hosts) {
    const ours = Object.fromEntries([...host.variables].map(([name, value]) => [name, comparable(value)]));
    assert.deepEqual(ours, listing._meta.hostvars[host.name] ?? {}, `variables of ${host.name}`);
  }
}

for (const [folder, file] of [["yaml", "hosts.yml"], ["ini", "hosts"], ["dynamic", "list.json"]] as const) {
  Deno.test(`${folder}: hosts, groups and every variable are what Ansible makes of the same files`, () => {
    assertAgrees(loadInventory(`${fixtures}${folder}/${file}`), folder);
  });
}
