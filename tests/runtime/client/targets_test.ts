/** What becomes of hosts and options: which share a quota. */
import assert from "node:assert/strict";
import { Secret } from "../../../protocol/secret.ts";
import { targetOf } from "../../../runtime/client/targets.ts";
import { inventoryFromHosts } from "../../../runtime/inventory/mod.ts";

function quotaKeyOf(host: string, user = "Admin", ssl = false): string {
  const [found] = inventoryFromHosts([host]).hosts;
  const options = { user, password: new Secret("x"), trust: ["*"], ssl };
  return targetOf(found!, options, () => "").quotaKey;
}

Deno.test("quotas are the service's: its own ports share them, forwarded ports do not", () => {
  const key = quotaKeyOf("web01.example.com");
  assert.equal(key, "admin@web01.example.com");
  for (const port of [5985, 5986, 80, 443]) assert.equal(quotaKeyOf(`web01.example.com:${port}`), key);
  assert.equal(quotaKeyOf("WEB01.example.com", "ADMIN", true), key);
  assert.equal(quotaKeyOf("web01.example.com:15985"), `${key}:15985`);
  assert.notEqual(quotaKeyOf("web01.example.com:15986"), quotaKeyOf("web01.example.com:15985"));
  assert.equal(quotaKeyOf("web01", "admin@corp"), "admin@corp@web01");
  assert.equal(quotaKeyOf("[FE80::1]:5986"), "admin@fe80::1");
  assert.equal(quotaKeyOf("[fe80::1]:7000"), "admin@[fe80::1]:7000");
});
