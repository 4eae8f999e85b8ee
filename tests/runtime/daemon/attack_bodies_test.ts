/** Bodies that are small enough for the network and too much for memory. */
import assert from "node:assert/strict";
import { excessOf } from "../../../runtime/daemon/json_shape.ts";
import { problemCode, world } from "./world.ts";

Deno.test("millions of values or levels are refused before anything is made of them", async () => {
  await using w = await world({ hosts: 1 });
  const many = (count: number, item: (index: number) => string) =>
    Array.from({ length: count }, (_, i) => item(i)).join();
  const post = (body: string) => w.ask("POST", "/v1/jobs", { body });
  const keys = many(200_000, (i) => `"=${i}":1`);
  assert.equal(await problemCode(await post(`{"command":"x",${keys}}`), 413), "BodyTooLarge");
  assert.equal(
    await problemCode(await post(`{"command":[${many(200_000, () => "1")}]}`), 413),
    "BodyTooLarge",
  );
  assert.equal(
    await problemCode(await post(`{"command":"x","shell":{"env":{${keys}}}}`), 413),
    "BodyTooLarge",
  );
  const deep = `{"command":${"[".repeat(1_000)}${"]".repeat(1_000)}}`;
  assert.equal(await problemCode(await post(deep), 400), "BodyMalformed");
  // As much as there may be, all of it wrong.
  const wrong = await post(`{"command":"x","shell":{"env":{${many(69_000, (i) => `"=${i}":1`)}}}}`);
  assert.equal(await problemCode(wrong, 422), "RequestInvalid");
  const id = await w.submit({ command: many(50_000, () => '{"a":[1]}') });
  await w.events(id);
  const retry = await w.ask("POST", `/v1/jobs/${id}/retry`, {
    body: `{"hosts":[${many(65_536, () => "1")}]}`,
  });
  assert.equal(await problemCode(retry, 422), "RequestInvalid");
  const long = await (await post(`{"command":"x","${"k".repeat(100_000)}":1}`)).text();
  assert.ok(long.length < 2_000, "what was sent does not come back");
  assert.deepEqual(w.errors, []);
});

Deno.test("a variable that cannot be kept is refused, not dropped", async () => {
  await using w = await world({ hosts: 1 });
  for (const name of ["__proto__", "\\u005f_proto__"]) {
    const body = `{"command":"true","shell":{"env":{"A":"1","${name}":"x"}}}`;
    const answer = await w.ask("POST", "/v1/jobs", { body });
    assert.match((await answer.clone().json()).detail, /__proto__/);
    assert.equal(await problemCode(answer, 422), "RequestInvalid");
  }
  const id = await w.submit({ command: "true", shell: { env: { A: "__proto__ \u0041", constructor: "x" } } });
  await w.events(id);
  assert.deepEqual(w.errors, []);
});

Deno.test("what stands in strings counts for nothing", () => {
  const text = JSON.stringify({ text: ',[{"\\'.repeat(100_000), more: ["\\", '\\"', "\\\\"] });
  assert.equal(excessOf(text), undefined);
  assert.equal(excessOf(`"${"\\".repeat(1_000_000)}`), undefined);
  assert.equal(excessOf(`["\\\\",${"1,".repeat(70_000)}1]`), "values");
});

Deno.test("large bodies that do not come to their end fill no memory, and others are not kept waiting for them", async () => {
  await using w = await world({ hosts: 1 });
  const made = await w.ask("POST", "/v1/tokens", { body: { name: "greedy", scope: "run" } });
  const { token } = await made.json();
  const { hostname, port } = new URL(w.url);
  const head = `POST /v1/jobs HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${token}\r\n` +
    "Content-Type: application/json\r\nContent-Length: 13000000\r\n\r\n";
  const piece = new Uint8Array(12_900_000).fill(0x20);
  const refused: string[] = [];
  const enough = Promise.withResolvers<void>();
  const slow = await Promise.all(Array.from({ length: 12 }, async () => {
    const connection = await Deno.connect({ hostname, port: Number(port) });
    await connection.write(new TextEncoder().encode(head));
    return connection;
  }));
  const answers = slow.map(async (connection) => {
    const start = new Uint8Array(12);
    if (await connection.read(start).catch(() => null) === null) return;
    // Five of them fit.
    if (refused.push(new TextDecoder().decode(start)) === 7) enough.resolve();
  });
  try {
    await Promise.all(slow.map(async (connection) => {
      try {
        for (let at = 0; at < piece.length;) at += await connection.write(piece.subarray(at));
      } catch {
        // It was refused.
      }
    }));
    await enough.promise;
    assert.deepEqual(new Set(refused), new Set(["HTTP/1.1 429"]));
    await w.events(await w.submit({ command: "true", stdin: "A".repeat(4 * 1024 * 1024) }));
  } finally {
    for (const connection of slow) connection.close();
    await Promise.all(answers);
  }
  // What they held is free again.
  for (let status = 429; status === 429;) {
    const answer = await w.ask("POST", "/v1/jobs", {
      token,
      body: { command: "true", stdin: "A".repeat(8 * 1024 * 1024) },
    });
    status = answer.status;
    const { id } = await answer.json();
    if (status === 202) await w.events(id);
  }
  assert.deepEqual(w.errors, []);
});
