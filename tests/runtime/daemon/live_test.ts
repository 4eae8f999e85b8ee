/** Events by WebSocket, and the API over TLS. */
import assert from "node:assert/strict";
import { WebSocket as SecureSocket } from "ws";
import { createSelfSigned } from "../../../runtime/security/certificates.ts";
import { until } from "../cli/drover.ts";
import { type ApiEvent, problemCode, world } from "./world.ts";

/** Opens a socket and collects events until `enough`. */
async function collect(url: string, token: string, query: string, enough: (events: ApiEvent[]) => boolean) {
  const socket = new WebSocket(`${url.replace(/^http/, "ws")}/v1/events${query}`, [
    "drover.events",
    `drover.token.${token}`,
  ]);
  const events: ApiEvent[] = [];
  const done = Promise.withResolvers<void>();
  socket.onmessage = ({ data }) => {
    events.push(JSON.parse(data));
    if (enough(events)) socket.close();
  };
  socket.onclose = () => done.resolve();
  socket.onerror = () => done.resolve();
  await done.promise;
  return events;
}

const doneJobs = (events: ApiEvent[]) =>
  events.filter(({ type, document }) => type === "job" && (document as { state: string }).state === "done")
    .length;

Deno.test("a WebSocket gives events of all jobs from a cursor on, filtered, and of own jobs to a limited token", async () => {
  await using w = await world({ hosts: 2 });
  const made = await w.ask("POST", "/v1/tokens", {
    body: { name: "half", scope: "run", hosts: [w.hosts[0]] },
  });
  const { token } = await made.json();
  const first = await w.submit({ command: "echo one" });
  await w.events(first);
  const own = await (await w.ask("POST", "/v1/jobs", { token, body: { command: "echo two" } })).json();
  await w.events(own.id);
  const all = await collect(w.url, w.token, "?after=0", (events) => doneJobs(events) === 2);
  assert.deepEqual(all.map(({ seq }) => seq), all.map((_, index) => index + 1));
  const later = await collect(w.url, w.token, `?after=${all[3]!.seq}`, (events) => doneJobs(events) === 2);
  assert.deepEqual(later.map(({ seq }) => seq), all.slice(4).map(({ seq }) => seq));
  const results = await collect(
    w.url,
    w.token,
    `?after=0&types=result&hosts=${w.hosts[0]}`,
    (e) => e.length === 2,
  );
  assert.deepEqual(results.map((event) => [event.type, event["host"]]), [["result", w.hosts[0]], [
    "result",
    w.hosts[0],
  ]]);
  const mine = await collect(w.url, token, "?after=0", (events) => doneJobs(events) === 1);
  assert.deepEqual([...new Set(mine.map((event) => event["job"]))], [own.id]);
  assert.deepEqual(await collect(w.url, `drv_${"A".repeat(43)}`, "?after=0", () => true), []);
  assert.equal(await problemCode(await w.ask("GET", "/v1/events"), 426), "UpgradeNeeded");
  assert.deepEqual(w.errors, []);
});

Deno.test("over TLS it is the same API", async () => {
  const { certificate, key } = await createSelfSigned(["127.0.0.1", "localhost"], Date.now());
  await using w = await world({ hosts: 1, tls: { cert: certificate, key }, ca: certificate });
  assert.match(w.url, /^https:/);
  const id = await w.submit({ command: "echo out" });
  const events = await w.events(id);
  assert.equal(doneJobs(events), 1);
  const output = await w.ask("GET", `/v1/jobs/${id}/hosts/${w.hosts[0]}/output/stdout`, {
    headers: { "Range": "bytes=0-1" },
  });
  assert.deepEqual([output.status, await output.text()], [206, "ou"]);
  assert.equal(await problemCode(await w.ask("GET", "/v1/jobs", { token: null }), 401), "TokenRefused");
  assert.equal(
    await problemCode(await w.ask("POST", "/v1/jobs", { body: "{", token: w.token }), 400),
    "BodyMalformed",
  );
  assert.deepEqual(w.errors, []);
});

Deno.test("a stream from a place that is still to come ends with its job; one that is left while it waits is no error", async () => {
  await using w = await world({ hosts: 1 });
  const gate = await Deno.makeTempFile();
  const id = await w.submit({ command: `while [ -e ${gate} ]; do sleep 0.05; done` });
  const left = await w.ask("GET", `/v1/jobs/${id}/events?after=999999999`);
  await left.body!.cancel();
  const streams = () => w.daemon.parts.meter.open("streams");
  await until(() => streams() === 0);
  const events = w.events(id, { headers: { "Last-Event-ID": "999999999" } });
  await until(() => streams() === 1);
  await Deno.remove(gate);
  assert.equal((await events).at(-1)!.type, "job");
  assert.deepEqual(w.errors, []);
});

/** Opens a socket over TLS and collects events until `enough`; or the status with which it was refused. */
async function collectSecure(
  url: string,
  ca: string,
  protocols: string[],
  enough: (events: ApiEvent[]) => boolean,
): Promise<ApiEvent[] | number> {
  const socket = new SecureSocket(`${url.replace(/^http/, "ws")}/v1/events?after=0`, protocols, { ca });
  const events: ApiEvent[] = [];
  const { promise, resolve } = Promise.withResolvers<ApiEvent[] | number>();
  socket.on("message", (data: unknown) => {
    events.push(JSON.parse(String(data)));
    if (enough(events)) socket.close();
  });
  socket.on("unexpected-response", (_request, { statusCode }) => {
    resolve(statusCode ?? 0);
    socket.terminate();
  });
  socket.on("close", () => resolve(events));
  socket.on("error", () => {});
  return await promise;
}

Deno.test("over TLS events come by WebSocket, too, and who may not have them is refused before it opens", async () => {
  const { certificate, key } = await createSelfSigned(["127.0.0.1", "localhost"], Date.now());
  await using w = await world({
    hosts: 1,
    tls: { cert: certificate, key },
    ca: certificate,
    limits: { streams: 1 },
  });
  await w.submit({ command: "echo one" });
  const allowed = ["drover.events", `drover.token.${w.token}`];
  for (let i = 0; i < 3; i++) {
    const events = await collectSecure(w.url, certificate, allowed, (seen) => doneJobs(seen) === 1);
    assert.ok(Array.isArray(events), `refused with ${events}: the place of the one before is taken`);
    assert.deepEqual(events.map(({ seq }) => seq), events.map((_, index) => index + 1));
    // The server hears of the end a moment after its client.
    await until(() => w.daemon.parts.meter.open("streams") === 0);
  }
  const stranger = ["drover.events", `drover.token.drv_${"A".repeat(43)}`];
  assert.equal(await collectSecure(w.url, certificate, stranger, () => true), 401);
  // A stream that does not end would be read as a whole for the answer to a handshake.
  const gate = await Deno.makeTempFile();
  const waiting = await w.submit({ command: `while [ -e ${gate} ]; do sleep 0.05; done` });
  const socket = new SecureSocket(`${w.url.replace(/^http/, "ws")}/v1/jobs/${waiting}/events`, [], {
    ca: certificate,
    headers: { "Authorization": `Bearer ${w.token}` },
  });
  socket.on("error", () => {});
  const status = await new Promise((resolve) =>
    socket.on("unexpected-response", (_request, { statusCode }) => resolve(statusCode))
  );
  socket.terminate();
  assert.equal(status, 400);
  assert.equal(w.daemon.parts.meter.open("streams"), 0);
  await Deno.remove(gate);
  assert.deepEqual(w.errors, []);
});

Deno.test("with authorities for clients nobody gets in without a certificate of one of them, nor without a token", async () => {
  const { certificate, key } = await createSelfSigned(["127.0.0.1", "localhost"], Date.now());
  const client = await createSelfSigned(["client"], Date.now());
  const other = await createSelfSigned(["other"], Date.now());
  await using w = await world({
    hosts: 1,
    tls: { cert: certificate, key, clientCa: client.certificate },
    ca: certificate,
    client: { cert: client.certificate, key: client.key },
  });
  const known = await w.ask("GET", "/v1/jobs");
  assert.equal(known.status, 200);
  await known.text();
  assert.equal(await problemCode(await w.ask("GET", "/v1/jobs", { token: null }), 401), "TokenRefused");
  for (const identity of [{}, { cert: other.certificate, key: other.key }]) {
    using without = Deno.createHttpClient({ caCerts: [certificate], ...identity });
    const headers = { "Authorization": `Bearer ${w.token}` };
    await assert.rejects(fetch(`${w.url}/v1/jobs`, { client: without, headers }));
  }
});
