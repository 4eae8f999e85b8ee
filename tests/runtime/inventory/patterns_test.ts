import assert from "node:assert/strict";
import { UsageError } from "../../../protocol/errors.ts";
import { inventoryFromHosts, loadInventory, selectHosts } from "../../../runtime/inventory/mod.ts";
import { selectNames } from "../../../runtime/inventory/patterns.ts";

const inventory = loadInventory(new URL("../../fixtures/inventory/yaml/hosts.yml", import.meta.url).pathname);
const names = (pattern: string) => selectHosts(inventory, pattern).map((host) => host.name).join(" ");

/** As printed by `ansible -i hosts.yml PATTERN --list-hosts` (ansible-core 2.19.14). */
const byAnsible: readonly (readonly [pattern: string, hosts: string])[] = [
  [
    "web",
    "web01 web02 web03 web04 web05 web08.example.com web10.example.com web12.example.com web-a web-b web-c",
  ],
  [
    "web*",
    "web01 web02 web03 web04 web05 web08.example.com web10.example.com web12.example.com web-a web-b web-c",
  ],
  [
    "web:!web01",
    "web02 web03 web04 web05 web08.example.com web10.example.com web12.example.com web-a web-b web-c",
  ],
  ["prod:&east", "web01 db01"],
  ["web[0]", "web01"],
  ["web[-1]", "web-c"],
  ["web[1:3]", "web02 web03 web04"],
  ["web[2:]", "web03 web04 web05 web08.example.com web10.example.com web12.example.com web-a web-b web-c"],
  ["~web-[ab]", "web-a web-b"],
  ["all:!prod", "jump lone.example.com only.example.com"],
  [
    "*.example.com",
    "lone.example.com web08.example.com web10.example.com web12.example.com only.example.com",
  ],
  ["db,single", "db01 web01 only.example.com"],
  ["!web", "jump lone.example.com db01 only.example.com"],
  ["&db:web", "web01"],
  ["web-[!a]", "web-b web-c"],
  ["w?b01", "web01"],
  ["all[0]", "jump"],
  ["ungrouped", "jump lone.example.com"],
  ["prod:!~web0.*:!web-a", "web10.example.com web12.example.com web-b web-c db01"],
];

for (const [pattern, hosts] of byAnsible) {
  Deno.test(`the pattern ${pattern} selects the hosts that Ansible selects`, () =>
    assert.equal(names(pattern), hosts));
}

Deno.test("a name, glob or subscript that nothing has is an error, not an empty selection", () => {
  for (const pattern of ["nobody", "web*:!nobody", "zz*", "web[99]", "&nobody"]) {
    assert.throws(
      () => names(pattern),
      (e) => e instanceof UsageError && e.code === "PatternUnmatched",
      pattern,
    );
  }
  for (const pattern of ["", " , ", "~(", "web,!"]) {
    assert.throws(
      () => names(pattern),
      (e) => e instanceof UsageError && e.code === "PatternMalformed",
      pattern,
    );
  }
});

Deno.test("hosts whose names hold colons can be selected", () => {
  const hosts = inventoryFromHosts(["127.0.0.1:1", "127.0.0.1:2", "::1", "web"]);
  const pick = (pattern: string) => selectHosts(hosts, pattern).map((host) => host.name);
  assert.deepEqual(pick("127.0.0.1:2"), ["127.0.0.1:2"]);
  assert.deepEqual(pick("127.0.0.1:2:web"), ["127.0.0.1:2", "web"]);
  assert.deepEqual(pick("all:!127.0.0.1:1"), ["127.0.0.1:2", "::1", "web"]);
  assert.deepEqual(pick("::1"), ["::1"]);
});

Deno.test("a glob of many stars is decided at once", () => {
  const hosts = inventoryFromHosts(["a".repeat(5000)]);
  assert.throws(() => selectHosts(hosts, `${"*a".repeat(40)}*b`), { code: "PatternUnmatched" });
});

Deno.test("regular expressions can be refused wherever they stand, and everything else stays", () => {
  const remote = { regularExpressions: false };
  for (const pattern of ["~web", "web*,~(a+)+$", "all:!~web", "all:& ~web", " ~x"]) {
    assert.throws(
      () => selectHosts(inventory, pattern, remote),
      (error) => error instanceof UsageError && error.code === "PatternRefused",
      pattern,
    );
  }
  for (const pattern of ["all", "web*:!web01", "web[1:3]", "prod:&east"]) {
    assert.deepEqual(selectHosts(inventory, pattern, remote), selectHosts(inventory, pattern));
  }
});

Deno.test("what has to be looked for can be bounded: many globs are refused, long lists of names are not", () => {
  const hosts = Array.from({ length: 2_000 }, (_, index) => `web${index}`);
  const groups = new Map([["all", hosts]]);
  const bounded = { maxSearched: 1_024 };
  assert.equal(selectNames(hosts, groups, hosts.join(","), bounded).length, 2_000);
  assert.equal(
    selectNames(hosts, groups, `all,${hosts.map((name) => `!${name}`).join(",")}`, bounded).length,
    0,
  );
  assert.equal(selectNames(hosts, groups, `${"*,".repeat(63)}web1`, bounded).length, 2_000);
  for (const pattern of ["*,".repeat(65), "!*,".repeat(65), `*[${"a-b".repeat(400)}]`, "all:".repeat(65)]) {
    assert.throws(
      () => selectNames(hosts, groups, pattern, bounded),
      (error) => error instanceof UsageError && error.code === "PatternRefused",
    );
  }
});
