/**
 * Inventories: Ansible's YAML and INI with group_vars/ and host_vars/, plain lists, and JSON.
 * @module
 */

import { dirname } from "node:path";
import { inventoryError } from "./errors.ts";
import { readInventoryFile } from "./files.ts";
import { parseIniInventory } from "./ini.ts";
import { parseJsonInventory } from "./json.ts";
import { addHostText, parseListInventory } from "./list.ts";
import { InventoryModel } from "./model.ts";
import { resolveInventory } from "./resolve.ts";
import type { Inventory, LoadOptions } from "./types.ts";
import { readVariableFolders } from "./vars_files.ts";
import { parseYamlInventory } from "./yaml.ts";

export { type PatternOptions, selectHosts } from "./patterns.ts";
export { VaultText } from "./types.ts";
export type {
  GivenSetting,
  IgnoredVariable,
  Inventory,
  InventoryAuth,
  InventoryConnection,
  InventoryHost,
  LoadOptions,
} from "./types.ts";

/** The formats that {@link detectFormat} tells apart. */
export type InventoryFormat = "yaml" | "ini" | "json" | "list";

/**
 * Reads an inventory file, or every inventory file of a folder in the order of their names, with the group_vars/ and
 * host_vars/ beside them. The format is told by the file's ending, else by its content.
 * @throws UsageError with a code that begins with `Inventory`; its text names file and line
 */
export function loadInventory(path: string, options: LoadOptions = {}): Inventory {
  const model = new InventoryModel();
  const files = inventoryFiles(path);
  for (const file of files.files) parseInto(model, readInventoryFile(file), file);
  model.finish();
  readVariableFolders(model, files.folder);
  return resolveInventory(model, { env: (name) => Deno.env.get(name), ...options });
}

/**
 * The inventory that a text is, without any file beside it; `name` stands for its file in errors.
 * @throws UsageError with a code that begins with `Inventory`
 */
export function parseInventory(
  text: string,
  name: string,
  options: LoadOptions,
): { readonly format: InventoryFormat; readonly inventory: Inventory } {
  const model = new InventoryModel();
  parseInto(model, text, name);
  return { format: detectFormat(text, name), inventory: resolveInventory(model, options) };
}

/**
 * The inventory of `--hosts a,b,c`: `web01`, `web01:5985`, `[::1]:5985`, `https://web01:5986/wsman`. The text as it was
 * written is the host's name. An account in it (`user@host`) is refused.
 * @throws UsageError InventoryHost
 */
export function inventoryFromHosts(hosts: readonly string[]): Inventory {
  const model = new InventoryModel();
  for (const host of hosts) {
    const text = host.trim();
    if (text !== "") addHostText(model, text, { file: "--hosts", line: 0 });
  }
  return resolveInventory(model, {});
}

/** What a text looks like, by the ending of its file where that says it. */
export function detectFormat(text: string, file: string): InventoryFormat {
  const ending = /\.([^./\\]+)$/.exec(file)?.[1]?.toLowerCase();
  if (ending === "yml" || ending === "yaml") return "yaml";
  if (ending === "json") return "json";
  if (ending === "ini") return "ini";
  if (/^\s*\{/.test(text)) return "json";
  const lines = text.split(/\r\n|\n|\r/).map((line) => line.trim()).filter((line) =>
    line !== "" && !/^[#;]/.test(line)
  );
  // A section header is never JSON: its names are not quoted. A list of one range, `[a:c]`, is none either.
  if (/^\s*\[/.test(text) && isJson(text)) return "json";
  if (lines.some((line) => /^\[[^\]\s:]+(?::(?:children|vars|hosts))?\]\s*(?:#.*)?$/.test(line))) {
    return "ini";
  }
  const first = lines[0] ?? "";
  if (first === "---" || /^(?:[^\s:=\[\]]+|'[^']*'|"[^"]*"):(?:\s+#.*|\s+\{.*|\s*)$/.test(first)) {
    return "yaml";
  }
  return lines.some((line) => /^\S+\s+[^#\s]/.test(line)) ? "ini" : "list";
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function parseInto(model: InventoryModel, text: string, file: string): void {
  if (text.startsWith("$ANSIBLE_VAULT;")) {
    throw inventoryError(
      "InventoryVault",
      "read inventory",
      { file, line: 1 },
      "encrypted with Ansible Vault, which is not supported",
    );
  }
  if (text.startsWith("#!")) {
    throw inventoryError(
      "InventoryMalformed",
      "read inventory",
      { file, line: 1 },
      "a script: run it and give its JSON output",
    );
  }
  const parsers = {
    yaml: parseYamlInventory,
    ini: parseIniInventory,
    json: parseJsonInventory,
    list: parseListInventory,
  };
  parsers[detectFormat(text, file)](text, file, model);
}

/** Files of a folder that Ansible would not take for inventories either. */
const notInventory =
  /^\.|^(?:group_vars|host_vars|vars_plugins)$|~$|\.(?:orig|cfg|retry|pyc|pyo|swp|bak|rpm|md|rst|toml)$/;

function inventoryFiles(path: string): { folder: string; files: readonly string[] } {
  let isFolder = false;
  try {
    isFolder = Deno.statSync(path).isDirectory;
  } catch {
    // Reading the file says what is wrong.
  }
  if (!isFolder) return { folder: dirname(path), files: [path] };
  const names = [...Deno.readDirSync(path)].filter((entry) =>
    !entry.isDirectory && !notInventory.test(entry.name)
  );
  return { folder: path, files: names.map((entry) => `${path}/${entry.name}`).sort() };
}
