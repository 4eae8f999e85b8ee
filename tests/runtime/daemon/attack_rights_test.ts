/** Bearers of tokens who want more than their tokens give. */
import assert from "node:assert/strict";
import { Secret } from "../../../protocol/secret.ts";
import { Credentials } from "../../../runtime/daemon/credentials.ts";
import { inventoryFromHosts } from "../../../runtime/inventory/mod.ts";
import { problemCode, type World, world } from "./world.ts";

async function makeToken(w: World, name: string, more: Record<string, unknown>): Promise<string> {
  const answer = await w.ask("POST", "/v1/tokens", { body: { name, ...more } });
  assert.equal(answer.status, 201);
  return (await answer.json()).token;
}

Deno.test("an administrator of some hosts does not come by the others: no token, host, inventory or setting", async () => {
  await using w = await world({ hosts: 2 });
  const [mine, others] = w.hosts as [string, string];
  const token = await makeToken(w, "half", { scope: "admin", hosts: [mine] });
  const tried: [string, string, unknown?][] = [
    ["POST", "/v1/tokens", { name: "whole", scope: "admin" }],
    ["GET", "/v1/tokens"],
    ["DELETE", "/v1/tokens/first"],
    ["GET", "/v1/audit"],
    ["PUT", "/v1/hosts/web09", { address: "127.0.0.1" }],
    ["DELETE", "/v1/hosts/web09"],
    ["GET", "/v1/inventories"],
    ["PUT", "/v1/inventories/lab", { text: "web01" }],
    ["POST", "/v1/inventory/validate", { text: "web01" }],
    ["PUT", "/v1/settings", { throttle: 1 }],
    ["GET", "/metrics"],
  ];
  for (const [method, path, body] of tried) {
    const answer = await w.ask(method, path, { token, ...(body === undefined ? {} : { body }) });
    assert.equal(await problemCode(answer, 403), "TokenLimited", `${method} ${path}`);
  }
  // What concerns its hosts it may do.
  const id = "01900000-0000-7000-8000-000000000000";
  const shell = (host: string) => w.ask("DELETE", `/v1/hosts/${host}/shells/${id}`, { token });
  assert.equal(await problemCode(await shell(mine), 404), "ShellUnknown");
  assert.equal(await problemCode(await shell(others), 404), "HostUnknown");
  const all = await makeToken(w, "all", { scope: "admin", hosts: ["all"] });
  assert.equal((await w.ask("GET", "/v1/audit", { token: all })).status, 200);
});

Deno.test("an account for addresses is not sent to a name that only looks like one of them", () => {
  const login = { user: "admin", password: new Secret("x") };
  const user = (addresses: string[], address: string) =>
    new Credentials([{ addresses, ports: [5985], login }], {})
      .account(inventoryFromHosts([address]).hosts[0]!).options.user;
  for (
    const evil of ["10.0.0.evil.example", "10.0.0.5.evil.example", "10.0.0.0x7f", "10.0.0.999", "10.0.0.1.2"]
  ) {
    assert.equal(user(["10.0.0.*"], evil), undefined, evil);
    assert.equal(user(["10.*"], evil), undefined, evil);
  }
  assert.equal(user(["10.0.0.*"], "10.0.0.5"), "admin");
  assert.equal(user(["*"], "web.example"), "admin");
  assert.equal(user(["web*.corp"], "web1.corp"), "admin");
});

Deno.test("a host is not trusted for the name that its maker gave it", async () => {
  const login = { user: "admin", password: new Secret("x") };
  const entries = [{ addresses: ["10.0.0.*"], ports: [5985], login }];
  const credentials = new Credentials(entries, { trust: ["*.corp", "10.0.0.7"], auth: "ntlm" });
  await using w = await world({ hosts: 1, credentials });
  const refusal = async (name: string, address: string) => {
    assert.equal((await w.ask("PUT", `/v1/hosts/${name}`, { body: { address } })).status, 201);
    return (await (await w.ask("GET", `/v1/hosts/${name}`)).json()).refusal?.code;
  };
  assert.equal(await refusal("x.corp", "10.0.0.6"), "NotTrusted");
  assert.equal(await refusal("y", "10.0.0.7"), undefined);
});

Deno.test("a host has no name that stands for others, or looks like another one", async () => {
  await using w = await world({ hosts: 1 });
  const names = [
    "all",
    "ungrouped",
    "*",
    "web*",
    "~a",
    "a[1]",
    "a?",
    "\u202eevil",
    "web\u200b01",
    "a b",
    "a:b",
    "a%0ab",
  ];
  for (const name of names) {
    const path = `/v1/hosts/${name === "a%0ab" ? name : encodeURIComponent(name)}`;
    assert.equal(await problemCode(await w.ask("PUT", path, { body: {} }), 422), "RequestInvalid", name);
  }
  for (const name of ["web01.example", "__proto__", "büro-1"]) {
    assert.equal(
      (await w.ask("PUT", `/v1/hosts/${encodeURIComponent(name)}`, { body: {} })).status,
      201,
      name,
    );
    assert.equal((await (await w.ask("GET", `/v1/hosts/${encodeURIComponent(name)}`)).json()).name, name);
  }
});
