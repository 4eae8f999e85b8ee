/** Who may do what with the daemon, and from where. */
import assert from "node:assert/strict";
import { DroverError } from "../../../protocol/errors.ts";
import { Secret } from "../../../protocol/secret.ts";
import { AccessMeter } from "../../../runtime/daemon/access/limits.ts";
import { checkOrigin } from "../../../runtime/daemon/access/names.ts";
import { firstToken } from "../../../runtime/daemon/daemon.ts";
import { Credentials, readCredentials } from "../../../runtime/daemon/credentials.ts";
import { Problem } from "../../../runtime/daemon/problems.ts";
import { checkListen } from "../../../runtime/daemon/server.ts";
import { inventoryFromHosts } from "../../../runtime/inventory/mod.ts";
import { password } from "../cli/drover.ts";
import { problemCode, type World, world } from "./world.ts";

async function makeToken(w: World, name: string, more: Record<string, unknown>): Promise<string> {
  const answer = await w.ask("POST", "/v1/tokens", { body: { name, ...more } });
  assert.equal(answer.status, 201);
  return (await answer.json()).token;
}

Deno.test("without a valid token nothing of the API answers, also on loopback", async () => {
  await using w = await world({ hosts: 1 });
  for (const token of [null, "", "x", `drv_${"A".repeat(43)}`, `${w.token}A`, w.token.slice(0, -1)]) {
    for (const path of ["/v1/jobs", "/v1/nothing", "/v1/tokens"]) {
      const answer = await w.ask("GET", path, { token });
      assert.match(answer.headers.get("WWW-Authenticate") ?? "", /^Bearer/);
      assert.equal(await problemCode(answer, 401), "TokenRefused");
    }
  }
  const basic = { "Authorization": `Basic ${btoa(`x:${w.token}`)}` };
  assert.equal(
    await problemCode(await w.ask("GET", "/v1/jobs", { token: null, headers: basic }), 401),
    "TokenRefused",
  );
  // What describes the API is for everybody.
  for (const path of ["/openapi.json", "/docs"]) {
    const answer = await w.ask("GET", path, { token: null });
    assert.equal(answer.status, 200);
    await answer.text();
  }
});

Deno.test("scopes: read looks, run asks for jobs, admin does everything", async () => {
  await using w = await world({ hosts: 1 });
  const read = await makeToken(w, "reader", { scope: "read" });
  const run = await makeToken(w, "runner", { scope: "run" });
  const body = { command: "true" };
  const status = async (token: string, method: string, path: string, content?: unknown) => {
    const answer = await w.ask(method, path, { token, ...(content === undefined ? {} : { body: content }) });
    await answer.text();
    return answer.status;
  };
  assert.deepEqual(
    [
      await status(read, "GET", "/v1/jobs"),
      await status(read, "POST", "/v1/jobs", body),
      await status(run, "POST", "/v1/jobs", body),
      await status(run, "POST", "/v1/tokens", { name: "x", scope: "admin" }),
      await status(run, "PUT", "/v1/hosts/x", {}),
      await status(run, "GET", "/v1/audit"),
      await status(read, "POST", `/v1/hosts/${w.hosts[0]}/ping`),
      await status(w.token, "GET", "/v1/audit"),
    ],
    [200, 403, 202, 403, 403, 403, 403, 200],
  );
  const { items } = await (await w.ask("GET", "/v1/jobs")).json();
  assert.equal(items.length, 1);
  await w.events(items[0].id);
});

Deno.test("a token for some hosts sees and runs on these only, and sees no jobs of others", async () => {
  await using w = await world({ hosts: 2 });
  const [mine, others] = w.hosts as [string, string];
  const token = await makeToken(w, "half", { scope: "run", hosts: [mine] });
  const seen = await (await w.ask("GET", "/v1/hosts", { token })).json();
  assert.deepEqual(seen.items.map(({ name }: { name: string }) => name), [mine]);
  assert.equal(await problemCode(await w.ask("GET", `/v1/hosts/${others}`, { token }), 404), "HostUnknown");
  assert.equal(
    await problemCode(await w.ask("POST", `/v1/hosts/${others}/ping`, { token }), 404),
    "HostUnknown",
  );
  const refused = await w.ask("POST", "/v1/jobs", { token, body: { command: "true", hosts: others } });
  assert.equal(await problemCode(refused, 422), "PatternUnmatched");
  const own = await (await w.ask("POST", "/v1/jobs", { token, body: { command: "true" } })).json();
  assert.equal(own.hosts, 1, "all is all that it sees");
  const foreign = await w.submit({ command: "exit 1" });
  for (const path of ["", "/hosts", "/events", `/hosts/${mine}`, `/hosts/${mine}/output/stdout`]) {
    const answer = await w.ask("GET", `/v1/jobs/${foreign}${path}`, { token });
    assert.equal(await problemCode(answer, 404), "JobUnknown", path);
  }
  for (const action of ["cancel", "retry"]) {
    const answer = await w.ask("POST", `/v1/jobs/${foreign}/${action}`, { token });
    assert.equal(await problemCode(answer, 404), "JobUnknown", action);
  }
  for (const query of ["", "?createdBy=first", `?host=${mine}`]) {
    const { items } = await (await w.ask("GET", `/v1/jobs${query}`, { token })).json();
    assert.deepEqual(
      items.map(({ createdBy }: { createdBy: string }) => createdBy),
      query === "?createdBy=first" ? [] : ["half"],
    );
  }
  await w.events(own.id);
  await w.events(foreign);
});

Deno.test("a token that has expired or was revoked is refused at once", async () => {
  await using w = await world({ hosts: 1 });
  const token = await makeToken(w, "gone", { scope: "read" });
  assert.equal((await w.ask("GET", "/v1/jobs", { token })).status, 200);
  const again = await w.ask("POST", "/v1/tokens", { body: { name: "gone", scope: "read" } });
  assert.equal(await problemCode(again, 409), "TokenExists");
  assert.equal((await w.ask("DELETE", "/v1/tokens/gone")).status, 204);
  assert.equal(await problemCode(await w.ask("GET", "/v1/jobs", { token }), 401), "TokenRefused");
  assert.equal(await problemCode(await w.ask("DELETE", "/v1/tokens/gone"), 404), "TokenUnknown");
  const { tokenHash, newToken } = await import("../../../runtime/daemon/access/tokens.ts");
  const old = newToken();
  await w.store.write.tokens.create({
    id: "old",
    name: "old",
    hash: tokenHash(old),
    scopes: ["admin"],
    hosts: ["all"],
    createdAt: 0,
    createdBy: "first",
    expiresAt: Date.now() - 1,
  });
  assert.equal(await problemCode(await w.ask("GET", "/v1/jobs", { token: old }), 401), "TokenRefused");
  const listed = await (await w.ask("GET", "/v1/tokens")).text();
  assert.ok(!listed.includes(old) && !listed.includes("hash"), "tokens are not told");
});

Deno.test("a new token with an old name does not come by the old one's jobs", async () => {
  await using w = await world({ hosts: 1 });
  const host = w.hosts[0]!;
  const token = await makeToken(w, "deploy", { scope: "run", hosts: [host] });
  const job = await (await w.ask("POST", "/v1/jobs", { token, body: { command: "true" } })).json();
  await w.events(job.id);
  assert.equal((await w.ask("DELETE", "/v1/tokens/deploy")).status, 204);
  const again = await w.ask("POST", "/v1/tokens", { body: { name: "deploy", scope: "run", hosts: [host] } });
  assert.equal(await problemCode(again, 409), "TokenExists");
  await w.store.retain({ now: Date.now(), endedBefore: Date.now() + 1 });
  const free = await makeToken(w, "deploy", { scope: "run", hosts: [host] });
  const { items } = await (await w.ask("GET", "/v1/jobs", { token: free })).json();
  assert.deepEqual(items, []);
});

Deno.test("the first token of a store whose first one is gone has another name, and works", async () => {
  await using w = await world({ hosts: 1 });
  await w.events(await w.submit({ command: "true" }));
  assert.equal((await w.ask("DELETE", "/v1/tokens/first")).status, 204);
  const token = (await firstToken(w.store))!;
  const listed = await (await w.ask("GET", "/v1/tokens", { token })).json();
  assert.deepEqual(listed.items.map(({ name }: { name: string }) => name), ["first-2"]);
});

Deno.test("requests to other names, and from pages of other sites, are refused", async () => {
  const names = new Set(["localhost", "drover.example"]);
  const check = (headers: Record<string, string>) => {
    try {
      checkOrigin(new Headers(headers), names);
      return "passes";
    } catch (error) {
      assert.ok(error instanceof Problem);
      return error.code;
    }
  };
  for (
    const host of [
      "127.0.0.1:7520",
      "localhost",
      "LOCALHOST:1",
      "[::1]:7520",
      "drover.example:443",
      "10.1.2.3",
    ]
  ) {
    assert.equal(check({ host }), "passes", host);
  }
  for (
    const host of [
      "",
      "evil.example",
      "evil.example:7520",
      "localhost.evil.example",
      "a@localhost",
      "[::1",
      "localhost:x",
    ]
  ) {
    assert.equal(check({ host }), "HostRefused", host);
  }
  const host = "localhost:7520";
  assert.equal(check({ host, origin: "http://localhost:7520" }), "passes");
  for (
    const origin of [
      "null",
      "http://localhost",
      "http://localhost:1",
      "http://evil.example",
      "http://localhost:7520.evil.example",
    ]
  ) {
    assert.equal(check({ host, origin }), "OriginRefused", origin);
  }
  assert.equal(check({ host, "sec-fetch-site": "cross-site" }), "OriginRefused");
  assert.equal(check({ host, "sec-fetch-site": "same-site" }), "OriginRefused");
  assert.equal(check({ host, "sec-fetch-site": "same-origin" }), "passes");

  await using w = await world({ hosts: 1 });
  const cross = await w.ask("POST", "/v1/jobs", {
    body: { command: "true" },
    headers: { "Origin": "http://evil.example" },
  });
  assert.equal(cross.headers.get("Access-Control-Allow-Origin"), null);
  assert.equal(await problemCode(cross, 403), "OriginRefused");
  const preflight = await w.ask("OPTIONS", "/v1/jobs", {
    token: null,
    headers: { "Origin": "http://evil.example" },
  });
  assert.equal(await problemCode(preflight, 403), "OriginRefused");
});

Deno.test("limits of a token: a second, at once, and others are not touched", () => {
  let now = 0;
  const meter = new AccessMeter({ requestsPerSecond: 2, requests: 3, streams: 1 }, () => now);
  const code = (key: string, kind: "requests" | "streams" = "requests") => {
    try {
      meter.enter(key, kind);
      return "in";
    } catch (error) {
      assert.ok(error instanceof Problem);
      assert.deepEqual([error.status, error.headers["Retry-After"]], [429, "1"]);
      return error.code;
    }
  };
  assert.deepEqual([code("a"), code("a"), code("a"), code("a")], ["in", "in", "in", "ConcurrencyExceeded"]);
  assert.equal(code("b"), "in");
  assert.deepEqual([code("a", "streams"), code("a", "streams")], ["in", "RateExceeded"]);
  now = 500;
  assert.equal(code("a", "streams"), "ConcurrencyExceeded");
  const leave = new AccessMeter({ requestsPerSecond: 100, requests: 1, streams: 1 }, () => now);
  const out = leave.enter("a", "requests");
  out();
  out();
  leave.enter("a", "requests");
  assert.throws(() => leave.enter("a", "requests"));
});

Deno.test("too many requests with one token get 429, and streams count by themselves", async () => {
  await using w = await world({ hosts: 1, limits: { streams: 1 } });
  const id = await w.submit({ command: "sleep 60" });
  const cut = new AbortController();
  const first = await w.ask("GET", `/v1/jobs/${id}/events`, { signal: cut.signal });
  assert.equal(first.status, 200);
  assert.equal(await problemCode(await w.ask("GET", `/v1/jobs/${id}/events`), 429), "ConcurrencyExceeded");
  cut.abort();
  // The place is free again when the server has seen that the client is gone.
  for (let status = 429; status === 429;) {
    const again = new AbortController();
    const answer = await w.ask("GET", `/v1/jobs/${id}/events`, { signal: again.signal });
    status = answer.status;
    if (status === 429) await answer.text();
    again.abort();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await w.ask("POST", `/v1/jobs/${id}/cancel`);
  while ((await (await w.ask("GET", `/v1/jobs/${id}`)).json()).state !== "done");
});

Deno.test("it does not listen beyond this machine without TLS", () => {
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "drover.example"]) {
    assert.throws(() => checkListen(host, false), { code: "TlsNeeded" }, host);
    checkListen(host, true);
  }
  for (const host of ["127.0.0.1", "::1", "localhost"]) checkListen(host, false);
});

Deno.test("credentials are sent to addresses and ports of the operator's file only", async () => {
  const folder = await Deno.makeTempDir({ prefix: "drover-credentials-" });
  const path = `${folder}/credentials.json`;
  const file = { credentials: [{ addresses: ["10.0.0.*"], user: "admin", password }] };
  await Deno.writeTextFile(path, JSON.stringify(file), { mode: 0o644 });
  assert.throws(() => readCredentials(path, {}), { code: "FileExposed" });
  await Deno.chmod(path, 0o600);
  const common = { user: "file-user", password: new Secret("file"), trust: ["*"] };
  const credentials = readCredentials(path, common);
  const user = (text: string) => credentials.account(inventoryFromHosts([text]).hosts[0]!).options.user;
  assert.deepEqual(
    ["10.0.0.5", "https://10.0.0.5:5986/wsman", "10.0.0.5:4444", "10.0.1.5", "evil.example"].map(user),
    ["admin", "admin", undefined, undefined, undefined],
  );
  assert.equal(
    new Credentials([], common).account(inventoryFromHosts(["10.0.0.5"]).hosts[0]!).options.user,
    undefined,
  );
  for (const text of ["{", "{}", '{"credentials":[{"addresses":["x"],"user":"u"}]}']) {
    await Deno.writeTextFile(path, text);
    assert.throws(
      () => readCredentials(path, {}),
      (error: unknown) =>
        error instanceof DroverError && error.code === "CredentialsMalformed" &&
        !error.message.includes(text),
    );
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("every change and run is in the audit", async () => {
  await using w = await world({ hosts: 1 });
  const id = await w.submit({ command: "true" });
  await w.events(id);
  await makeToken(w, "other", { scope: "read" });
  await w.ask("POST", `/v1/jobs/${id}/cancel`);
  await w.ask("PUT", "/v1/hosts/web09", { body: { address: "10.0.0.9" } });
  await w.ask("DELETE", "/v1/tokens/other");
  const { items } = await (await w.ask("GET", "/v1/audit")).json();
  assert.deepEqual(
    items.map((item: Record<string, string>) => [item["who"], item["from"], item["action"], item["target"]]),
    [
      ["first", "127.0.0.1", "token.revoke", "other"],
      ["first", "127.0.0.1", "host.create", "web09"],
      ["first", "127.0.0.1", "job.cancel", id],
      ["first", "127.0.0.1", "token.create", "other"],
      ["first", "127.0.0.1", "job.create", id],
    ],
  );
  assert.equal((await (await w.ask("GET", "/v1/audit?action=job.create")).json()).items.length, 1);
});
