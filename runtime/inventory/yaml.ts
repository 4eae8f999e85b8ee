/** Ansible's YAML inventories: groups with `hosts`, `children` and `vars`. @module */

import { inventoryError, type Place } from "./errors.ts";
import { InventoryModel } from "./model.ts";
import { expandHostPattern } from "./ranges.ts";
import type { Variables } from "./values.ts";
import { type Located, type LocatedMap, readYaml, withoutLines } from "./yaml_text.ts";

const action = "read inventory";

/**
 * Parses the text of a YAML inventory into `model` (a new one by default), without touching any file.
 * @throws UsageError InventoryMalformed, InventoryRange, InventoryTooLarge, InventoryTooDeep, InventoryHost
 */
export function parseYamlInventory(text: string, file: string, model = new InventoryModel()): InventoryModel {
  const root = readYaml(text, file);
  if (root === undefined || root.value === null) return model;
  if (!(root.value instanceof Map)) {
    throw inventoryError("InventoryMalformed", action, { file, line: root.line }, "groups must be a mapping");
  }
  if (root.value.has("plugin")) {
    const line = root.value.get("plugin")?.line ?? 0;
    throw inventoryError(
      "InventoryMalformed",
      action,
      { file, line },
      "this configures an inventory plugin, it lists no hosts",
    );
  }
  for (const [name, node] of root.value as LocatedMap) readGroup(model, name, node, file, 0);
  return model;
}

function readGroup(model: InventoryModel, name: string, node: Located, file: string, depth: number): void {
  if (depth > 100) {
    throw inventoryError(
      "InventoryTooDeep",
      action,
      { file, line: node.line },
      `group ${name} is nested too deeply`,
    );
  }
  if (node.value !== null && !(node.value instanceof Map)) {
    model.ignored.push({
      variable: name,
      hosts: [],
      reason: `${file}:${node.line}: not a group: its value is no mapping`,
    });
    return;
  }
  const group = model.group(name);
  for (const [key, section] of (node.value ?? new Map()) as LocatedMap) {
    const place: Place = { file, line: section.line };
    if (key !== "vars" && key !== "children" && key !== "hosts") {
      const reason = `${file}:${section.line}: group ${name} may have only vars, children and hosts`;
      model.ignored.push({ variable: key, hosts: [], reason });
      continue;
    }
    const entries = sectionEntries(section, key, name, place);
    if (key === "vars") setVariables(group.variables, entries, file);
    for (const [entry, value] of key === "vars" ? [] : entries) {
      const at: Place = { file, line: value.line };
      if (key === "children") {
        model.child(name, entry, at);
        readGroup(model, entry, value, file, depth + 1);
      } else readHosts(model, name, entry, value, at);
    }
  }
}

/** The entries of a section; a single string stands for one name without anything below it. */
function sectionEntries(section: Located, key: string, group: string, place: Place): LocatedMap {
  if (section.value === null) return new Map();
  if (section.value instanceof Map) return section.value as LocatedMap;
  if (typeof section.value === "string") {
    return new Map([[section.value, { line: section.line, value: null }]]);
  }
  throw inventoryError("InventoryMalformed", action, place, `${key} of group ${group} must be a mapping`);
}

function readHosts(model: InventoryModel, group: string, pattern: string, node: Located, place: Place): void {
  if (node.value !== null && !(node.value instanceof Map)) {
    throw inventoryError(
      "InventoryMalformed",
      action,
      place,
      `variables of host ${pattern} must be a mapping`,
    );
  }
  const { names, port } = expandHostPattern(pattern, place);
  for (const name of names) {
    const host = model.host(name, group, place);
    if (port !== undefined) host.variables.set("ansible_port", { value: port, ...place });
    if (node.value !== null) setVariables(host.variables, node.value as LocatedMap, place.file);
  }
}

/** Copies the entries of a mapping into variables. */
export function setVariables(target: Variables, entries: LocatedMap, file: string): void {
  for (const [name, node] of entries) {
    target.set(name, { value: withoutLines(node), file, line: node.line });
  }
}
