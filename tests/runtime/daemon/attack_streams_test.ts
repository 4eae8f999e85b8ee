/** Streams of bearers who should have none any more, or take none of what they asked for. */
import assert from "node:assert/strict";
import { TokenBook } from "../../../runtime/daemon/access/token_book.ts";
import { until } from "../cli/drover.ts";
import { problemCode, type World, world } from "./world.ts";

async function makeToken(w: World, name: string, more: Record<string, unknown>): Promise<string> {
  const answer = await w.ask("POST", "/v1/tokens", { body: { name, ...more } });
  assert.equal(answer.status, 201);
  return (await answer.json()).token;
}

function socketOf(w: World, token: string, query = ""): WebSocket {
  return new WebSocket(`${w.url.replace("http", "ws")}/v1/events${query}`, [
    "drover.events",
    `drover.token.${token}`,
  ]);
}

Deno.test("streams of a token end when it is revoked", async () => {
  await using w = await world({ hosts: 1 });
  const token = await makeToken(w, "gone", { scope: "read" });
  const id = await w.submit({ command: "sleep 60" });
  const stream = await w.ask("GET", `/v1/jobs/${id}/events`, { token });
  const read = stream.text();
  const socket = socketOf(w, token);
  const closed = new Promise<CloseEvent>((resolve) => socket.onclose = resolve);
  await new Promise((resolve) => socket.onopen = resolve);
  assert.equal((await w.ask("DELETE", "/v1/tokens/gone")).status, 204);
  assert.equal((await closed).code, 1008);
  const text = await read;
  assert.match(text, /^event: job/m);
  assert.doesNotMatch(text, /^event: result/m, "it ended before its job");
  await w.ask("POST", `/v1/jobs/${id}/cancel`);
  await w.events(id);
  // The server has done with a stream a moment after its reader.
  await until(() => w.daemon.parts.meter.open("streams") === 0);
  assert.deepEqual(w.errors, []);
});

Deno.test("what lasts as long as a token ends when it is over, also by a clock that jumps, and not before", async () => {
  await using w = await world({ hosts: 1 });
  await makeToken(w, "brief", { scope: "read", expiresInSeconds: 3_600 });
  const token = w.store.read.tokens.byName("brief")!;
  let now = token.expiresAt! - 1;
  const book = new TokenBook(w.store, () => now);
  const { promise, resolve } = Promise.withResolvers<void>();
  let left = 0;
  book.lasting(token, () => left++)();
  now = token.expiresAt! - 60;
  assert.ok(book.stands(token));
  book.lasting(token, resolve);
  now = token.expiresAt!;
  assert.ok(!book.stands(token));
  await promise;
  assert.equal(left, 0, "who has left is not told");
  await w.ask("DELETE", "/v1/tokens/brief");
  await new Promise<void>((resolve) => book.lasting({ ...token, expiresAt: null }, resolve));
});

Deno.test("a job is not begun for a token that was revoked while credentials were asked for", async () => {
  await using w = await world({ hosts: 1 });
  const token = await makeToken(w, "gone", { scope: "run" });
  const { book } = w.daemon.parts;
  const asking = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  book.prepare = () => {
    asking.resolve();
    return goOn.promise;
  };
  const answer = w.ask("POST", "/v1/jobs", { token, body: { command: "true" } });
  await asking.promise;
  assert.equal((await w.ask("DELETE", "/v1/tokens/gone")).status, 204);
  goOn.resolve();
  assert.equal(await problemCode(await answer, 401), "TokenRefused");
  assert.deepEqual((await (await w.ask("GET", "/v1/jobs")).json()).items, []);
});

Deno.test("who asks for events behind the last one gets those that come", async () => {
  await using w = await world({ hosts: 1 });
  const socket = socketOf(w, w.token, "?after=999999999999999");
  await new Promise((resolve) => socket.onopen = resolve);
  const first = new Promise<MessageEvent>((resolve) => socket.onmessage = resolve);
  const id = await w.submit({ command: "true" });
  assert.equal(JSON.parse((await first).data).job, id);
  const closed = new Promise((resolve) => socket.onclose = resolve);
  socket.close();
  await closed;
  await w.events(id);
});

/** Asks for `path`, and takes no more than the status of the answer; what the system holds for it is a fraction of a megabyte. */
async function deaf(w: World, path: string): Promise<Deno.Conn> {
  const { hostname, port } = new URL(w.url);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  const head = `GET ${path} HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${w.token}\r\n\r\n`;
  await connection.write(new TextEncoder().encode(head));
  const status = new Uint8Array(12);
  await connection.read(status);
  assert.equal(new TextDecoder().decode(status), "HTTP/1.1 200");
  return connection;
}

/** Bytes that still come, to an orderly end or a reset. */
async function lengthOf(connection: Deno.Conn): Promise<number> {
  const buffer = new Uint8Array(65_536);
  let length = 0;
  try {
    for (let count = await connection.read(buffer); count !== null; count = await connection.read(buffer)) {
      length += count;
    }
  } catch {
    // It was reset.
  }
  return length;
}

Deno.test("who asks for output and takes none of it does so only as often as its token has streams", async () => {
  await using w = await world({ hosts: 1, limits: { streams: 3 }, stuckMs: 3_000 });
  const id = await w.submit({ command: "head -c 20000000 /dev/zero" });
  await w.events(id);
  const path = `/v1/jobs/${id}/hosts/${w.hosts[0]}/output/stdout`;
  assert.equal((await w.ask("HEAD", path)).status, 200);
  const stuck = [await deaf(w, path), await deaf(w, path), await deaf(w, path)];
  assert.equal(await problemCode(await w.ask("GET", path), 429), "ConcurrencyExceeded");
  // They are given up, and their places are free.
  await until(() => w.daemon.parts.meter.open("streams") === 0);
  assert.equal((await (await w.ask("GET", path)).bytes()).length, 20_000_000);
  await until(() => w.daemon.parts.meter.open("streams") === 0);
  for (const each of stuck) {
    assert.ok(await lengthOf(each) < 20_000_000, "what is cut off is not taken for all of it");
    each.close();
  }
  assert.deepEqual(w.errors, []);
});

Deno.test("what says Upgrade and is no handshake is refused, and takes no place of a stream", async () => {
  await using w = await world({ hosts: 1 });
  const { hostname, port } = new URL(w.url);
  for (
    const more of ["", "Connection: Upgrade\r\n", "Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n"]
  ) {
    const connection = await Deno.connect({ hostname, port: Number(port) });
    const request = `GET /v1/events HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${w.token}\r\n` +
      `Upgrade: websocket\r\n${more}\r\n`;
    await connection.write(new TextEncoder().encode(request));
    const answer = new Uint8Array(12);
    await connection.read(answer);
    assert.equal(new TextDecoder().decode(answer), "HTTP/1.1 400", JSON.stringify(more));
    connection.close();
  }
  assert.equal(w.daemon.parts.meter.open("streams"), 0);
  assert.deepEqual(w.errors, []);
});
