/** Ansible's INI inventories: `[group]`, `[group:children]`, `[group:vars]`. @module */

import { inventoryError, type Place } from "./errors.ts";
import { parseIniValue } from "./literal.ts";
import { InventoryModel } from "./model.ts";
import { expandHostPattern } from "./ranges.ts";
import { splitShellWords } from "./shell_words.ts";

const section = /^\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?$/;
const action = "read inventory";

/**
 * Parses the text of an INI inventory into `model` (a new one by default), without touching any file.
 * @throws UsageError InventoryMalformed, InventoryRange, InventoryTooLarge, InventoryHost
 */
export function parseIniInventory(text: string, file: string, model = new InventoryModel()): InventoryModel {
  let group = "ungrouped";
  let kind = "hosts";
  /** Groups that were named before they were declared, with the place that needs the declaration. */
  const wanted = new Map<string, { place: Place; state: string }>();
  const declared = new Set(model.groups.keys());
  let number = 0;
  for (const raw of text.split(/\r\n|\n|\r/)) {
    const place: Place = { file, line: ++number };
    const line = raw.trim();
    if (line === "" || line.startsWith("#") || line.startsWith(";")) continue;
    const header = section.exec(line);
    if (header !== null) {
      group = header[1] ?? "";
      kind = header[2] ?? "hosts";
      if (kind !== "hosts" && kind !== "children" && kind !== "vars") {
        throw malformed(place, `section [${group}:${kind}] is none of hosts, children and vars`);
      }
      model.group(group);
      if (kind !== "vars") declared.add(group);
      else if (!wanted.has(group)) {
        wanted.set(group, { place, state: `group ${group} has variables but is not declared` });
      }
    } else if (line.startsWith("[") && line.endsWith("]") && !/^\[[^\]]*:[^\]]*\]/.test(line)) {
      throw malformed(place, "not a section: names have no spaces or brackets");
    } else if (kind === "vars") {
      const equals = line.indexOf("=");
      if (equals < 0) throw malformed(place, "expected name=value");
      const value = parseIniValue(line.slice(equals + 1).trim());
      model.group(group).variables.set(line.slice(0, equals).trim(), { value, ...place });
    } else if (kind === "children") {
      const child = /^([^:\]\s]+)\s*(?:#.*)?$/.exec(line)?.[1];
      if (child === undefined) throw malformed(place, "expected the name of a group");
      model.child(group, child, place);
      if (!wanted.has(child)) {
        wanted.set(child, { place, state: `group ${child} is a child but is not declared` });
      }
    } else readHost(model, group, line, place);
  }
  for (const [name, { place, state }] of wanted) if (!declared.has(name)) throw malformed(place, state);
  return model;
}

function readHost(model: InventoryModel, group: string, line: string, place: Place): void {
  const split = splitShellWords(line);
  if (split.kind === "error") throw malformed(place, split.state);
  const [pattern, ...assignments] = split.words;
  if (pattern === undefined) return;
  if (pattern === "---") throw malformed(place, "--- begins a YAML file, but this one is not YAML");
  const { names, port } = expandHostPattern(pattern, place);
  const parsed = assignments.map((word) => {
    const equals = word.indexOf("=");
    // The word may hold a password that was cut in two by a space: it is not repeated.
    if (equals < 1) {
      throw malformed(place, "expected name=value after the host; a value with spaces needs quotation marks");
    }
    return [word.slice(0, equals), parseIniValue(word.slice(equals + 1))] as const;
  });
  for (const name of names) {
    const host = model.host(name, group, place);
    if (port !== undefined) host.variables.set("ansible_port", { value: port, ...place });
    for (const [key, value] of parsed) host.variables.set(key, { value, ...place });
  }
}

function malformed(place: Place, state: string) {
  return inventoryError("InventoryMalformed", action, place, state);
}
