/**
 * JSON inventories, of two shapes:
 * - our own: an array, or an object `{ "hosts": [...] }`, whose items are texts (as on `--hosts`) or objects
 *   `{ "name", "address"?, "port"?, "user"?, "password"?, "scheme"?, "path"?, "groups"?: [...], "vars"?: {...} }`;
 * - what Ansible's dynamic inventories print for `--list`: groups with `hosts` (an array), `children` (an array) and
 *   `vars`, and `_meta.hostvars`. An object whose groups are mappings throughout is Ansible's YAML shape written as JSON.
 * @module
 */

import { inventoryError, type Place } from "./errors.ts";
import { addHostText } from "./list.ts";
import { InventoryModel } from "./model.ts";
import { parseYamlInventory, setVariables } from "./yaml.ts";
import { type Located, type LocatedMap, readYaml } from "./yaml_text.ts";

const action = "read inventory";
/** Fields of a host object and the variables that they stand for. */
const fields = new Map([
  ["address", "ansible_host"],
  ["port", "ansible_port"],
  ["user", "ansible_user"],
  ["password", "ansible_password"],
  ["scheme", "ansible_psrp_protocol"],
  ["path", "ansible_psrp_path"],
]);

/**
 * Parses the text of a JSON inventory into `model` (a new one by default), without touching any file.
 * @throws UsageError InventoryMalformed, InventoryHost, InventoryTooLarge
 */
export function parseJsonInventory(text: string, file: string, model = new InventoryModel()): InventoryModel {
  try {
    JSON.parse(text);
  } catch (error) {
    // The engine's message may repeat a piece of the text, and with it a password.
    const position = /position (\d+)/.exec(String(error))?.[1];
    const line = position === undefined ? 0 : text.slice(0, Number(position)).split("\n").length;
    throw inventoryError("InventoryMalformed", action, { file, line }, "not JSON");
  }
  const root = readYaml(withoutTabs(text), file);
  if (root === undefined) return model;
  if (Array.isArray(root.value)) return readHosts(model, root.value, file);
  if (!(root.value instanceof Map)) {
    throw inventoryError(
      "InventoryMalformed",
      action,
      { file, line: root.line },
      "expected an array or an object",
    );
  }
  const groups = root.value as LocatedMap;
  const hosts = groups.get("hosts");
  if (hosts !== undefined && Array.isArray(hosts.value) && groups.size === 1) {
    return readHosts(model, hosts.value, file);
  }
  if (!isDynamic(groups)) return parseYamlInventory(withoutTabs(text), file, model);
  return readDynamic(model, groups, file);
}

/** Tabs between tokens are legal in JSON and not everywhere in YAML; inside JSON's texts they cannot occur. */
function withoutTabs(text: string): string {
  return text.replaceAll("\t", " ");
}

function isDynamic(groups: LocatedMap): boolean {
  if (groups.has("_meta")) return true;
  return [...groups.values()].some(({ value }) =>
    Array.isArray(value) ||
    value instanceof Map &&
      ["hosts", "children"].some((key) => Array.isArray((value as LocatedMap).get(key)?.value))
  );
}

function readHosts(model: InventoryModel, items: readonly Located[], file: string): InventoryModel {
  for (const item of items) {
    const place: Place = { file, line: item.line };
    if (typeof item.value === "string") addHostText(model, item.value, place);
    else if (item.value instanceof Map) readHostObject(model, item.value as LocatedMap, place);
    else throw inventoryError("InventoryMalformed", action, place, "a host must be a text or an object");
  }
  return model;
}

function readHostObject(model: InventoryModel, object: LocatedMap, place: Place): void {
  const name = object.get("name")?.value;
  if (typeof name !== "string" || name === "") {
    throw inventoryError("InventoryMalformed", action, place, 'a host object needs a "name"');
  }
  const groups = object.get("groups");
  const host = model.host(name, "ungrouped", place);
  for (const group of names(groups, place)) model.host(name, group, place);
  for (const [key, node] of object) {
    const at: Place = { file: place.file, line: node.line };
    const variable = fields.get(key);
    if (variable !== undefined) {
      if (node.value !== null) host.variables.set(variable, { value: node.value, ...at });
    } else if (key === "vars") setVariables(host.variables, mapping(node, at), place.file);
    else if (key !== "name" && key !== "groups") {
      throw inventoryError(
        "InventoryMalformed",
        action,
        at,
        `a host object has no field ${JSON.stringify(key)}`,
      );
    }
  }
}

function readDynamic(model: InventoryModel, groups: LocatedMap, file: string): InventoryModel {
  for (const [name, node] of groups) {
    const place: Place = { file, line: node.line };
    if (name === "_meta") continue;
    // A bare array is a group that has hosts only.
    const group: LocatedMap = Array.isArray(node.value) ? new Map([["hosts", node]]) : mapping(node, place);
    model.group(name);
    for (const host of names(group.get("hosts"), place)) model.host(host, name, place);
    for (const child of names(group.get("children"), place)) model.child(name, child, place);
    const variables = group.get("vars");
    if (variables !== undefined) setVariables(model.group(name).variables, mapping(variables, place), file);
  }
  const meta = groups.get("_meta");
  const all = meta === undefined ? undefined : mapping(meta, { file, line: meta.line }).get("hostvars");
  if (all === undefined) return model;
  for (const [name, node] of mapping(all, { file, line: all.line })) {
    const place: Place = { file, line: node.line };
    // Ansible ignores variables of hosts that no group names.
    const host = model.hosts.get(name);
    if (host !== undefined) setVariables(host.variables, mapping(node, place), file);
  }
  return model;
}

function mapping(node: Located, place: Place): LocatedMap {
  if (node.value === null) return new Map();
  if (node.value instanceof Map) return node.value as LocatedMap;
  throw inventoryError("InventoryMalformed", action, place, "expected an object");
}

function names(node: Located | undefined, place: Place): string[] {
  if (node === undefined || node.value === null) return [];
  if (node.value instanceof Map) return [...(node.value as LocatedMap).keys()];
  if (Array.isArray(node.value) && node.value.every((item: Located) => typeof item.value === "string")) {
    return node.value.map((item: Located) => item.value as string);
  }
  throw inventoryError(
    "InventoryMalformed",
    action,
    { file: place.file, line: node.line },
    "expected an array of names",
  );
}
