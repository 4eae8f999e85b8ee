/** Malformed, oversized and slow requests, path tricks, and everything else that is refused. */
import assert from "node:assert/strict";
import { problemCode, world } from "./world.ts";

Deno.test("every kind of wrong request has its problem", async () => {
  await using w = await world({ hosts: 1 });
  const json = { "Content-Type": "application/json" };
  const id = "01900000-0000-7000-8000-000000000000";
  const cases: [string, string, Parameters<typeof w.ask>[2], number, string][] = [
    ["GET", "/nothing", {}, 404, "NotFound"],
    ["GET", "/v1/nothing", {}, 404, "NotFound"],
    ["GET", `/v1/jobs/${id}`, {}, 404, "JobUnknown"],
    ["GET", "/v1/jobs/x", {}, 404, "JobUnknown"],
    ["GET", `/v1/jobs/${id}/events`, {}, 404, "JobUnknown"],
    ["GET", "/v1/hosts/nobody", {}, 404, "HostUnknown"],
    ["DELETE", "/v1/jobs", {}, 405, "MethodNotAllowed"],
    ["PATCH", "/openapi.json", {}, 405, "MethodNotAllowed"],
    ["GET", "/v1/jobs", { headers: { "Accept": "text/html" } }, 406, "NotAcceptable"],
    ["GET", "/v1/jobs", { headers: { "Accept": "*/*, application/json;q=0" } }, 406, "NotAcceptable"],
    ["GET", `/v1/jobs/${id}/events`, { headers: { "Accept": "application/json" } }, 406, "NotAcceptable"],
    [
      "POST",
      "/v1/jobs",
      { body: "command=x", headers: { "Content-Type": "text/plain" } },
      415,
      "MediaTypeUnsupported",
    ],
    [
      "POST",
      "/v1/jobs",
      { headers: { "Content-Type": "application/json; charset=latin1" }, body: "{}" },
      415,
      "MediaTypeUnsupported",
    ],
    ["POST", "/v1/jobs", {}, 415, "MediaTypeUnsupported"],
    ["POST", "/v1/jobs", { body: "{", headers: json }, 400, "BodyMalformed"],
    ["POST", "/v1/jobs", { body: "", headers: json }, 400, "BodyMalformed"],
    ["POST", "/v1/jobs", { body: "[".repeat(100_000), headers: json }, 400, "BodyMalformed"],
    ["POST", "/v1/jobs", { body: "null", headers: json }, 422, "RequestInvalid"],
    ["POST", "/v1/jobs", { body: {} }, 422, "RequestInvalid"],
    ["POST", "/v1/jobs", { body: { command: "" } }, 422, "RequestInvalid"],
    ["POST", "/v1/jobs", { body: { command: "x\u0000" } }, 422, "RequestInvalid"],
    ["POST", "/v1/jobs", { body: { command: "x", timeoutMs: 1.5 } }, 422, "RequestInvalid"],
    ["POST", "/v1/jobs", { body: { command: "x", timeoutMs: -1 } }, 422, "RequestInvalid"],
    ["POST", "/v1/jobs", { body: { command: "x", password: "p" } }, 422, "RequestInvalid"],
    ["POST", "/v1/jobs", { body: { command: "x", stdin: "no base64!" } }, 422, "RequestInvalid"],
    ["POST", "/v1/jobs", { body: { command: "x", hosts: "nobody" } }, 422, "PatternUnmatched"],
    ["POST", "/v1/jobs", { body: { command: "x", hosts: "!" } }, 422, "PatternMalformed"],
    ["POST", "/v1/jobs", { body: { command: "x", hosts: "~(a+)+$" } }, 422, "PatternRefused"],
    [
      "POST",
      "/v1/jobs",
      { body: { command: "x" }, headers: { "Idempotency-Key": "a b" } },
      422,
      "RequestInvalid",
    ],
    ["GET", "/v1/jobs?limit=0", {}, 422, "RequestInvalid"],
    ["GET", "/v1/jobs?limit=1001", {}, 422, "RequestInvalid"],
    ["GET", "/v1/jobs?limit=0x10", {}, 422, "RequestInvalid"],
    ["GET", "/v1/jobs?limit=3%E2%80%83", {}, 422, "RequestInvalid"],
    ["GET", "/v1/jobs?state=odd", {}, 422, "RequestInvalid"],
    ["GET", "/v1/jobs?since=yesterday", {}, 422, "RequestInvalid"],
    ["GET", "/v1/jobs?cursor=%00", {}, 422, "CursorInvalid"],
    ["GET", `/v1/jobs?cursor=${"x".repeat(20_000)}`, {}, 431, "RequestMalformed"],
    [
      "POST",
      "/v1/jobs",
      { body: `{"command":"${"x".repeat(14_000_000)}"}`, headers: json },
      413,
      "BodyTooLarge",
    ],
  ];
  for (const [method, path, options, status, code] of cases) {
    const answer = await w.ask(method, path, options);
    assert.equal(
      await problemCode(answer, status),
      code,
      `${method} ${path} ${JSON.stringify(options).slice(0, 80)}`,
    );
  }
  const wrong =
    await (await w.ask("POST", "/v1/jobs", { body: { command: "x", shell: { env: { "A=B": "x" } } } }))
      .json();
  assert.deepEqual(wrong.errors.map(({ at }: { at: string }) => at), ["/shell/env/A=B"]);
  const other = await w.ask("PUT", "/v1/jobs");
  assert.equal(other.headers.get("Allow"), "POST, GET, HEAD");
  await other.text();
  assert.equal((await (await w.ask("GET", "/v1/jobs")).json()).items.length, 0);
  const { paths } = await (await w.ask("GET", "/openapi.json")).json();
  for (const [method, path, , status] of cases) {
    const described = paths[path.split("?")[0]!]?.[method.toLowerCase()]?.responses;
    assert.ok(
      described === undefined || String(status) in described,
      `${method} ${path.slice(0, 80)}: ${status}`,
    );
  }
  assert.deepEqual(w.errors, [], "none of it is a defect");
});

Deno.test("no path leads around: dots, encoded slashes, null bytes", async () => {
  await using w = await world({ hosts: 1 });
  for (
    const path of [
      "/v1/jobs/../../etc/passwd",
      "/v1/jobs/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
      "/v1/hosts/..%2f..%2fetc%2fpasswd",
      "/v1/hosts/%00",
      "/v1/hosts/%ff",
      "//v1/jobs",
      "/docs/../v1/jobs/",
      "/v1/inventories/..%2fx",
      "/openapi.json%00",
    ]
  ) {
    const answer = await w.ask("GET", path);
    assert.equal(answer.status, 404, path);
    await answer.text();
  }
  const stranger = await w.ask("GET", "/docs/..%2fv1/jobs", { token: null });
  assert.notEqual(stranger.status, 200);
  await stranger.text();
  assert.deepEqual(w.errors, []);
});

Deno.test("a body that comes byte by byte holds nobody up, and one that is cut off is no job", async () => {
  await using w = await world({ hosts: 1 });
  const { hostname, port } = new URL(w.url);
  const head = `POST /v1/jobs HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${w.token}\r\n` +
    "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
  const slow = await Promise.all(Array.from({ length: 50 }, async () => {
    const connection = await Deno.connect({ hostname, port: Number(port) });
    await connection.write(new TextEncoder().encode(head));
    return connection;
  }));
  const id = await w.submit({ command: "true" });
  await w.events(id);
  for (const connection of slow) connection.close();
  const { items } = await (await w.ask("GET", "/v1/jobs")).json();
  assert.equal(items.length, 1);
  assert.deepEqual(w.errors, []);
});

Deno.test("hosts are added, changed and removed by version, and never with credentials of others", async () => {
  await using w = await world({ hosts: 1 });
  const put = (body: unknown, headers: Record<string, string> = {}, name = "web09") =>
    w.ask("PUT", `/v1/hosts/${name}`, { body, headers });
  const made = await put({ address: "127.0.0.1", groups: ["web"] });
  assert.equal(made.status, 201);
  const first = made.headers.get("ETag")!;
  assert.equal((await made.json()).origin.kind, "api");
  const blind = await put({ address: "10.0.0.9" });
  assert.equal(blind.headers.get("ETag"), first);
  assert.equal(await problemCode(blind, 428), "IfMatchMissing");
  const changed = await put({ address: "10.0.0.9" }, { "If-Match": first });
  assert.equal(changed.status, 200);
  await changed.text();
  assert.equal(await problemCode(await put({}, { "If-Match": first }), 412), "Changed");
  const detail = await (await w.ask("GET", "/v1/hosts/web09")).json();
  assert.deepEqual([detail.address, detail.reachable, detail.refusal.code], [
    "10.0.0.9",
    false,
    "CredentialsMissing",
  ]);
  const run = await w.ask("POST", "/v1/jobs", { body: { command: "true", hosts: "web09" } });
  assert.equal(await problemCode(run, 422), "CredentialsMissing");
  assert.equal(await problemCode(await put({}, {}, w.hosts[0]), 409), "HostInInventory");
  assert.equal(await problemCode(await put({ password: "x" }, {}, "web10"), 422), "RequestInvalid");
  assert.equal(await problemCode(await put({ address: "a@b" }, {}, "web10"), 422), "RequestInvalid");
  const remove = (headers: Record<string, string>) => w.ask("DELETE", "/v1/hosts/web09", { headers });
  assert.equal(await problemCode(await remove({ "If-Match": first }), 412), "Changed");
  assert.equal((await remove({ "If-Match": changed.headers.get("ETag")! })).status, 204);
  assert.equal(await problemCode(await w.ask("GET", "/v1/hosts/web09"), 404), "HostUnknown");
  const pinged = await (await w.ask("POST", `/v1/hosts/${w.hosts[0]}/ping`)).json();
  assert.equal(pinged.answered, true);
});

Deno.test("an uploaded inventory adds hosts, and brings no secrets, files or environment", async () => {
  await using w = await world({ hosts: 1 });
  const put = (name: string, text: string) => w.ask("PUT", `/v1/inventories/${name}`, { body: { text } });
  assert.equal((await put("lab", "[web]\nweb[1:3].example ansible_port=5986\n")).status, 201);
  const { items } = await (await w.ask("GET", "/v1/hosts?pattern=web")).json();
  assert.deepEqual(items.map(({ name }: { name: string }) => name), [
    "web1.example",
    "web2.example",
    "web3.example",
  ]);
  assert.deepEqual(items[0].origin, { kind: "inventory", name: "lab" });
  const diff = await w.ask("POST", "/v1/inventories/lab/diff", {
    body: { text: "[web]\nweb[2:4].example ansible_port=5986\nweb2.example ansible_port=5985\n" },
  });
  assert.deepEqual(await diff.json(), {
    added: ["web4.example"],
    removed: ["web1.example"],
    changed: ["web2.example"],
  });
  for (
    const text of [
      "a ansible_password=x",
      "a my_token=x",
      "a ansible_winrm_server_cert_validation=ignore",
      "a ansible_winrm_ca_trust_path=/etc/shadow ansible_port=5986",
      "a ansible_connection=winrm ansible_winrm_keytab=/etc/krb5.keytab",
      "a ansible_connection=winrm ansible_winrm_realm=ELSEWHERE.EXAMPLE",
      "a drover_kerberos_realm=ELSEWHERE.EXAMPLE",
      "a ansible_connection=winrm ansible_winrm_kerberos_delegation=true",
      "a ansible_winrm_message_encryption=never",
    ]
  ) {
    assert.equal(await problemCode(await put("bad", `[x]\n${text}\n`), 422), "InventoryRefused", text);
  }
  const environment = await put("env", "[x]\na ansible_host=\"{{ lookup('env', 'HOME') }}\"\n");
  const said = await environment.text();
  assert.ok(!said.includes(Deno.env.get("HOME")!), said);
  const shadow = await w.ask("POST", "/v1/inventory/validate", { body: { text: `${w.hosts[0]}\nb\n` } });
  assert.deepEqual((await shadow.json()).shadowed, [w.hosts[0]]);
  const tag = (await w.ask("GET", "/v1/inventories/lab")).headers.get("ETag")!;
  assert.equal((await w.ask("DELETE", "/v1/inventories/lab", { headers: { "If-Match": tag } })).status, 204);
  assert.equal(await problemCode(await w.ask("GET", "/v1/hosts?pattern=web"), 422), "PatternUnmatched");
  assert.deepEqual(w.errors, []);
});
