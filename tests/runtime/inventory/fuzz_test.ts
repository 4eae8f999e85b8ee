import assert from "node:assert/strict";
import fc from "fast-check";
import { UsageError } from "../../../protocol/errors.ts";
import { parseIniInventory } from "../../../runtime/inventory/ini.ts";
import { parseJsonInventory } from "../../../runtime/inventory/json.ts";
import { parseListInventory } from "../../../runtime/inventory/list.ts";
import type { InventoryModel } from "../../../runtime/inventory/model.ts";
import { resolveInventory } from "../../../runtime/inventory/resolve.ts";
import { parseYamlInventory } from "../../../runtime/inventory/yaml.ts";

const pieces = fc.constantFrom(
  ..."\n\t :,[]{}()'\"#&*!|>%@`~=-+.\\$<?0aéx\r".match(/./gsu) ?? [],
  "\n  ",
  "all:",
  "hosts:",
  "children:",
  "vars:",
  "ansible_port",
  "ansible_host: ",
  "{{ x }}",
  "{{ y | default('z') }}",
  "&a ",
  "*a",
  "<<: ",
  "!vault ",
  "!unsafe ",
  "[g]",
  "[g:vars]",
  "[g:children]",
  "[1:3]",
  "web",
  "1e9",
  "0x1f",
  "---",
  "_meta",
  '{"a":1}',
  "True",
);
const text = fc.oneof(
  fc.array(pieces, { maxLength: 60 }).map((parts) => parts.join("")),
  fc.string({ unit: "binary", maxLength: 80 }),
);

const parsers: [string, (text: string, file: string) => InventoryModel][] = [
  ["YAML", parseYamlInventory],
  ["INI", parseIniInventory],
  ["JSON", parseJsonInventory],
  ["list", parseListInventory],
];

for (const [name, parse] of parsers) {
  Deno.test(`any text read as a ${name} inventory gives hosts or a typed error`, () => {
    fc.assert(
      fc.property(text, (source) => {
        try {
          const { hosts } = resolveInventory(parse(source, "f"), { env: () => "v" });
          for (const host of hosts) assert.ok(host.address.length > 0 && host.groups.length > 0);
        } catch (error) {
          assert.ok(error instanceof UsageError, String(error));
          assert.match(error.code, /^Inventory/);
        }
      }),
      { numRuns: 1500 },
    );
  });
}
