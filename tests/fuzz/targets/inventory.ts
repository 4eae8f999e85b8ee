/**
 * Inventories: typed errors only, bounded results, the same hosts whatever the ends of lines are; and patterns that select
 * what they say.
 * @module
 */
import assert from "node:assert/strict";
import { utf8 } from "../../../protocol/bytes.ts";
import { UsageError } from "../../../protocol/errors.ts";
import { parseIniInventory } from "../../../runtime/inventory/ini.ts";
import { parseJsonInventory } from "../../../runtime/inventory/json.ts";
import { parseListInventory } from "../../../runtime/inventory/list.ts";
import { type InventoryModel, maxHosts } from "../../../runtime/inventory/model.ts";
import { selectHosts } from "../../../runtime/inventory/patterns.ts";
import { resolveInventory } from "../../../runtime/inventory/resolve.ts";
import type { Inventory } from "../../../runtime/inventory/types.ts";
import { parseYamlInventory } from "../../../runtime/inventory/yaml.ts";
import type { Target } from "../engine.ts";
import type { Random } from "../random.ts";

const decoder = new TextDecoder();

/** Runs `use`; a state of few words. Names and numbers of the input do not count. */
function outcomeOf(use: () => string): string {
  try {
    return use();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    assert.ok(error.message.length < 5_000, "an endless text");
    // What stands behind the place begins with words of ours or of the YAML library.
    const words = error.message.replace(/^.*?\bf:\d+: |^[^:]*: /s, "").replace(
      /\[[^\]]*\]|"(?:[^"\\]|\\.)*"/g,
      "x",
    )
      .replace(/\*.*/s, "");
    return `${error.code} ${words.split(" ").slice(0, 2).join(" ").slice(0, 20)}`;
  }
}

/** Resolves, checks what holds of every inventory, and selects by a pattern made of its own names. */
function check(model: InventoryModel, random: Random): Inventory {
  const inventory = resolveInventory(model, { env: (name) => name === "HOME" ? "/root" : undefined });
  assert.ok(inventory.hosts.length <= maxHosts);
  const names = inventory.hosts.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length, "a host stands twice");
  assert.deepEqual([...inventory.groups.get("all") ?? []].toSorted(), names.toSorted(), "all is not all");
  const known = new Set(names);
  for (const [group, members] of inventory.groups) {
    for (const host of members) assert.ok(known.has(host), `group ${group} has a host that does not exist`);
  }
  for (const { port, name } of inventory.hosts) {
    assert.ok(
      port === undefined || (Number.isInteger(port) && port > 0 && port < 65_536),
      `port ${port} of ${name}`,
    );
  }
  if (names.length > 0) checkPattern(inventory, random.pick(names), random);
  return inventory;
}

/** Excluding a host leaves all others, and only them. */
function checkPattern(inventory: Inventory, host: string, random: Random): void {
  // A host's own name goes before all other meanings of a pattern, as in Ansible: one may be called `all`.
  const names = new Set(inventory.hosts.map(({ name }) => name));
  if (!/^[a-z][\w.-]*$/i.test(host) || inventory.groups.has(host) || names.has("all") || names.has("*")) {
    return;
  }
  const pattern = random.below(2) === 0 ? `all,!${host}` : `*:!${host}`;
  const rest = selectHosts(inventory, pattern).map(({ name }) => name);
  const expected = inventory.hosts.map(({ name }) => name).filter((name) => name !== host);
  assert.deepEqual(rest.toSorted(), expected.toSorted());
  assert.deepEqual(selectHosts(inventory, `all,&${host}`).map(({ name }) => name), [host]);
}

function stateOf(inventory: Inventory): string {
  const size = Math.min(inventory.hosts.length, 4);
  return `${size} ${Math.min(inventory.groups.size, 5)} ${Math.min(inventory.ignored.length, 2)}`;
}

/** What has to be the same for two spellings of a text. */
function shape(parse: Parse, text: string): string {
  return outcomeOf(() => {
    const model = parse(text, "f");
    return JSON.stringify([[...model.hosts.keys()], [...model.groups.keys()]]);
  });
}

type Parse = (text: string, file: string) => InventoryModel;

function target(
  name: string,
  parse: Parse,
  lines: boolean,
  seeds: readonly string[],
  words: readonly string[],
): Target {
  return {
    name,
    tokens: [...common, ...words].map(utf8),
    seeds: () => seeds.map(utf8),
    run(input, random) {
      const text = decoder.decode(input);
      if (lines) assert.equal(shape(parse, text.replace(/\r\n|\r|\n/g, "\r\n")), shape(parse, text));
      return outcomeOf(() => stateOf(check(parse(text, "f"), random)));
    },
  };
}

const common = [
  "\n",
  "\r\n",
  "\r",
  "\t",
  " ",
  "  ",
  "#",
  ":",
  ",",
  "=",
  "'",
  '"',
  "\\",
  "\0",
  "\u2028",
  "[",
  "]",
  "{",
  "}",
  "[1:3]",
  "[01:10:3]",
  "[a:f]",
  "[0:9][0:9]",
  "[5:1]",
  "[1:3:0]",
  ":5985",
  ":0",
  ":99999",
  "[::1]",
  "fe80::1%eth0",
  "https://h:5986/w?q#f",
  "a@b",
  "__proto__",
  "constructor",
  "all",
  "ungrouped",
  "{{ x }}",
  "{{ lookup('env', 'HOME') }}",
  "{{ hostvars['a']['b'] }}",
  "{% if x %}",
  "ansible_port",
  "ansible_host",
  "ansible_user",
  "ansible_password",
  "ansible_connection",
  "ansible_winrm_transport",
  "true",
  "null",
  "0x1F",
  "0x_",
  "0b_",
  "1_000",
  "190:20:30",
  ".inf",
  "-1",
  "1e999",
  "[1, 2, (3, 'x'), {'a': None}]",
];

const ini = `web01 ansible_host=10.0.0.1 ansible_port=5986
[web]
web[01:03].example.com:5985 ansible_user='DOM\\alice' x="a b"
db-[a:c]
[prod:children]
web
[prod:vars]
ansible_connection=winrm
ansible_password={{ p }}
p=secret
`;
const yaml = `all:
  hosts:
    a: {ansible_port: 5985, x: [1, 2], y: 0x1_F, z: -0b1_, w: 1:30}
    web[1:3]: &v
      ansible_user: alice
  children:
    web:
      hosts:
        b: *v
      vars: {<<: {k: v}, ansible_password: !vault x, u: !unsafe "{{ x }}"}
    sub:
      children: {web: }
`;
const json = JSON.stringify({
  web: { hosts: ["a", "b"], vars: { ansible_port: 5985 }, children: ["sub"] },
  sub: ["c"],
  _meta: { hostvars: { a: { ansible_host: "10.0.0.1", x: [1, { y: null }] } } },
});
const own = JSON.stringify({
  hosts: ["a:5985", { name: "b", address: "::1", port: 5986, user: "u", groups: ["g"], vars: { x: 1 } }],
});

/** Ansible's INI files. */
export const inventoryIni = target("inventory_ini", parseIniInventory, true, [ini, "[a:children]\na\n"], [
  "[g]\n",
  "[g:vars]\n",
  "[g:children]\n",
  "x=1\n",
]);
/** Ansible's YAML files. */
export const inventoryYaml = target("inventory_yaml", parseYamlInventory, false, [
  yaml,
  "a: {hosts: {h: }}\n",
], [
  "&a ",
  "*a",
  "<<: *v",
  "- ",
  "? ",
  "| ",
  "!!str ",
  "!!int ",
  "!vault ",
  "---\n",
  "children:\n",
  "hosts:\n",
  "vars:\n",
]);
/** Dynamic inventories, and our own JSON. */
export const inventoryJson = target("inventory_json", parseJsonInventory, false, [
  json,
  own,
  '["a", "b[1:3]"]',
], [
  '"hosts":',
  '"_meta":',
  '"vars":',
  '{"a":',
  "[[[[[[[[[[[[[[[[[[[[",
  "1e400",
  "\\ud800",
  "\\u0000",
]);
/** Plain lists. */
export const inventoryList = target(
  "inventory_list",
  parseListInventory,
  true,
  ["web01\nweb02:5985 # c\n[::1]:5985\nhttps://web03:5986/wsman\nweb[1:3]\n"],
  ["http://", "/wsman"],
);

/** Patterns, on a fixed inventory: what is selected exists and stands once. */
export const inventoryPattern: Target = {
  name: "inventory_pattern",
  tokens: [
    ...common,
    "!",
    "&",
    "*",
    "?",
    "~",
    "[!a]",
    "[0]",
    "[-1]",
    "[1:]",
    "web*",
    "~^w",
    "(",
    ")",
    "|",
    "db-a",
  ].map(utf8),
  seeds: () =>
    ["web*:!web02.example.com:&prod", "all", "~web.*", "prod[0:1],db-?", "w[ea]b[!0-9]*", "[::1]"].map(utf8),
  run(input) {
    const text = decoder.decode(input);
    // An operator's own regular expression may take for ever (catastrophic backtracking), as in Ansible: only simple ones here.
    if (text.includes("~") && (text.match(/[(*+?{]/g) ?? []).length > 2) return "";
    return outcomeOf(() => {
      const inventory = fixed ??= resolveInventory(parseIniInventory(ini, "f"), {});
      const selected = selectHosts(inventory, text).map(({ name }) => name);
      assert.equal(new Set(selected).size, selected.length, "a host is selected twice");
      for (const name of selected) {
        assert.ok(inventory.groups.get("all")?.includes(name), "a host out of nowhere");
      }
      if (!/[:,&!]/.test(text)) {
        assert.deepEqual(
          selectHosts(inventory, `all,!${text}`).some(({ name }) => selected.includes(name)),
          false,
        );
      }
      return `${Math.min(selected.length, 9)} ${[..."!&~*["].filter((sign) => text.includes(sign)).join("")}`;
    });
  },
};
let fixed: Inventory | undefined;
