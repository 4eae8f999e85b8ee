/** The folders group_vars/ and host_vars/ beside an inventory. @module */

import { inventoryError } from "./errors.ts";
import { readInventoryFile } from "./files.ts";
import type { InventoryModel } from "./model.ts";
import type { Variables } from "./values.ts";
import { setVariables } from "./yaml.ts";
import { type LocatedMap, readYaml } from "./yaml_text.ts";

/** Endings in the order in which Ansible looks for them; the first that exists is taken. */
const endings = ["", ".yml", ".yaml", ".json"];
const maxFolderDepth = 16;

/**
 * Adds the variables of every group and host that `folder`/group_vars and `folder`/host_vars have a file or folder for.
 * @throws UsageError InventoryMalformed, InventoryUnreadable, InventoryTooLarge
 */
export function readVariableFolders(model: InventoryModel, folder: string): void {
  const groups = list(`${folder}/group_vars`);
  for (const group of groups.size === 0 ? [] : model.groups.values()) {
    readFor(model, `${folder}/group_vars`, groups, group.name, `group ${group.name}`, group.fileVariables);
  }
  const hosts = list(`${folder}/host_vars`);
  for (const host of hosts.size === 0 ? [] : model.hosts.values()) {
    readFor(model, `${folder}/host_vars`, hosts, host.name, `host ${host.name}`, host.fileVariables);
  }
}

/** Names in a folder and whether each is a folder; empty where there is none. */
function list(folder: string): Map<string, boolean> {
  const found = new Map<string, boolean>();
  try {
    for (const entry of Deno.readDirSync(folder)) {
      found.set(entry.name, entry.isSymlink ? isFolder(`${folder}/${entry.name}`) : entry.isDirectory);
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return found;
    const name = error instanceof Error ? error.name : "error";
    throw inventoryError(
      "InventoryUnreadable",
      "read inventory",
      { file: folder, line: 0 },
      `the folder cannot be read (${name})`,
    );
  }
  return found;
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

function readFor(
  model: InventoryModel,
  folder: string,
  present: ReadonlyMap<string, boolean>,
  name: string,
  owner: string,
  target: Variables,
): void {
  // A host may be named like a URL: no name reaches outside of the folder.
  if (name.includes("/") || name.includes("\\") || name === "." || name === "..") return;
  const ending = endings.find((ending) => present.has(name + ending));
  if (ending === undefined) return;
  const path = `${folder}/${name}${ending}`;
  const files = present.get(name + ending) ? filesBelow(path, 0) : [path];
  for (const file of files) readVariables(model, file, owner, target);
}

/** Files of a folder of variables in the order of their names, hidden ones and backups left out. */
function filesBelow(folder: string, depth: number): string[] {
  if (depth > maxFolderDepth) {
    throw inventoryError(
      "InventoryTooDeep",
      "read inventory",
      { file: folder, line: 0 },
      "folders are nested too deeply",
    );
  }
  const files: string[] = [];
  for (const [name, nested] of [...list(folder)].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (name.startsWith(".") || name.endsWith("~")) continue;
    const ending = /.(\.[^.]*)$/.exec(name)?.[1] ?? "";
    const path = `${folder}/${name}`;
    if (nested) {
      if (ending === "") files.push(...filesBelow(path, depth + 1));
    } else if (endings.includes(ending)) files.push(path);
  }
  return files;
}

function readVariables(model: InventoryModel, file: string, owner: string, target: Variables): void {
  const text = readInventoryFile(file);
  if (text.startsWith("$ANSIBLE_VAULT;")) {
    model.vaultFiles.set(owner, file);
    const hosts = owner.startsWith("group ") ? model.hostsOf(owner.slice(6)) : [owner.slice(5)];
    const shown = owner === "group all" ? [...model.hosts.keys()] : hosts;
    model.ignored.push({
      variable: file,
      hosts: shown,
      reason: "the file is encrypted with Ansible Vault, which is not supported",
    });
    return;
  }
  const root = readYaml(text, file);
  if (root === undefined || root.value === null) return;
  if (!(root.value instanceof Map)) {
    throw inventoryError(
      "InventoryMalformed",
      "read inventory",
      { file, line: root.line },
      "variables must be a mapping",
    );
  }
  setVariables(target, root.value as LocatedMap, file);
}
