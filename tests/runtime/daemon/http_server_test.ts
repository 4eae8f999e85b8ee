/** The server of the API on loopback, byte by byte: what keeps a connection, what ends it, and what the app never sees. */
import assert from "node:assert/strict";
import { HttpConnection } from "../../../runtime/daemon/http/connection.ts";
import { HttpListener } from "../../../runtime/daemon/http/listener.ts";
import type { ApiEnv, Handler } from "../../../runtime/daemon/context.ts";
import type { PartSource } from "../../../runtime/daemon/live/part_source.ts";
import { problemOf } from "../../../runtime/daemon/problems.ts";

const encoder = new TextEncoder();

interface Server extends AsyncDisposable {
  readonly listener: HttpListener;
  readonly errors: unknown[];
  /** Sends a text, and gives back all that comes until the server closes. */
  talk(text: string): Promise<string>;
  connect(): Promise<Deno.TcpConn>;
}

function serve(handler: Handler): Server {
  const errors: unknown[] = [];
  const listener = new HttpListener("127.0.0.1", 0, handler, (error) => errors.push(error));
  const connect = () => Deno.connect({ hostname: "127.0.0.1", port: listener.port });
  return {
    listener,
    errors,
    connect,
    async talk(text) {
      const conn = await connect();
      await conn.write(encoder.encode(text));
      return await new Response(conn.readable).text();
    },
    [Symbol.asyncDispose]: () => listener.close(0),
  };
}

async function readUntil(conn: Deno.TcpConn, end: string): Promise<string> {
  let text = "";
  const buffer = new Uint8Array(4096);
  while (!text.endsWith(end)) {
    const read = await conn.read(buffer);
    assert.ok(read !== null, `closed after ${JSON.stringify(text)}`);
    text += new TextDecoder().decode(buffer.subarray(0, read));
  }
  return text;
}

/** Without what changes with each answer. */
const plain = (text: string) => text.replaceAll(/^date: .*\r\n/gm, "");

const echo: Handler = async (request) =>
  Response.json({
    method: request.method,
    path: new URL(request.url).pathname,
    body: await request.text?.(),
  });

Deno.test("requests that are sent ahead are answered in order, and the last one closes where it says so", async () => {
  await using server = serve((request) => new Response(new URL(request.url).pathname));
  const text = await server.talk(
    "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n" +
      "GET /c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\nGET /d HTTP/1.1\r\nHost: x\r\n\r\n",
  );
  assert.deepEqual(text.match(/\/[a-d]$|\/[a-d](?=HTTP)/gm), ["/a", "/b", "/c"]);
  assert.equal(text.match(/^connection: close\r$/gm)?.length, 1);
  assert.match(text, /^date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r$/m);
  assert.deepEqual(server.errors, []);
});

Deno.test("bodies come with a length or in chunks, and after an invitation where the client waits for one", async () => {
  await using server = serve(echo);
  const chunked = await server.talk(
    "PUT /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
  );
  assert.match(chunked, /\{"method":"PUT","path":"\/x","body":"hello"\}$/);
  using conn = await server.connect();
  await conn.write(encoder.encode(
    "POST /y HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
  ));
  assert.equal(await readUntil(conn, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  await conn.write(encoder.encode("world"));
  assert.match(await readUntil(conn, "}"), /"body":"world"/);
  assert.deepEqual(server.errors, []);
});

Deno.test("a body that nobody wants ends the connection, and its client sees the answer", async () => {
  await using server = serve(() => new Response("no", { status: 403 }));
  const conn = await server.connect();
  await conn.write(encoder.encode("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n"));
  const answer = new Response(conn.readable).text();
  const piece = new Uint8Array(1_000_000);
  const writer = conn.writable.getWriter();
  for (let i = 0; i < 3; i++) await writer.write(piece).catch(() => {});
  assert.match(await answer, /^HTTP\/1\.1 403 Forbidden\r\n[^]*connection: close\r\n\r\nno$/);
  assert.deepEqual(server.errors, []);
});

Deno.test("what is no HTTP, and methods that Request does not know, reach nobody unseen", async () => {
  const seen: string[] = [];
  await using server = serve((request) => {
    seen.push(request.method);
    return new Response(null, { status: 204 });
  });
  assert.match(await server.talk("\x16\x03\x01\x02\r\n\r\n"), /^HTTP\/1\.1 400 /);
  assert.match(await server.talk("GET / HTTP/1.1\r\n\r\n"), /^HTTP\/1\.1 400 /);
  assert.match(
    await server.talk(
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ),
    /^HTTP\/1\.1 400 /,
  );
  assert.match(
    await server.talk(`GET /${"a".repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`),
    /^HTTP\/1\.1 4\d\d /,
  );
  assert.match(await server.talk("GET / HTTP/3.0\r\nHost: x\r\n\r\n"), /^HTTP\/1\.1 505 /);
  assert.deepEqual(seen, []);
  assert.equal(
    plain(await server.talk("TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")),
    "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n",
  );
  assert.deepEqual(seen, ["TRACE"]);
  assert.deepEqual(server.errors, []);
});

/** Parts that a test gives out. */
class Parts implements PartSource {
  readonly ended = Promise.withResolvers<void>();
  #parts: Uint8Array[] = [];
  #over = false;
  #wake: (() => void) | undefined;

  give(...texts: string[]): void {
    this.#parts.push(...texts.map((text) => encoder.encode(text)));
    this.#woken();
  }

  close(): void {
    this.#over = true;
    this.#woken();
  }

  take() {
    return this.#parts.shift() ?? (this.#over ? undefined : "later" as const);
  }

  wait(wake: () => void): void {
    this.#wake = wake;
  }

  end(): void {
    this.ended.resolve();
    this.close();
  }

  #woken(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

const streamed = (source: PartSource): Handler => (_request: Request, { parts }: ApiEnv["Bindings"]) =>
  new Response(parts(source), { headers: { "Content-Type": "text/event-stream" } });

Deno.test("parts go out as whole chunks at once, and the connection takes another request behind the last one", async () => {
  const source = new Parts();
  await using server = serve(streamed(source));
  using conn = await server.connect();
  await conn.write(encoder.encode("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  assert.match(await readUntil(conn, "\r\n\r\n"), /transfer-encoding: chunked\r\n/);
  source.give("one");
  assert.equal(await readUntil(conn, "one\r\n"), "3\r\none\r\n");
  source.give("two", "x".repeat(100_000));
  assert.equal(await readUntil(conn, "x\r\n"), `3\r\ntwo\r\n186a0\r\n${"x".repeat(100_000)}\r\n`);
  source.close();
  assert.equal(await readUntil(conn, "0\r\n\r\n"), "0\r\n\r\n");
  await source.ended.promise;
  await conn.write(encoder.encode("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"));
  assert.match(await readUntil(conn, "\r\n\r\n"), /^HTTP\/1\.1 200 OK\r\n/);
  assert.deepEqual(server.errors, []);
});

Deno.test("a client of HTTP/1.0 gets parts without chunks, until the connection ends", async () => {
  const source = new Parts();
  source.give("one", "two");
  source.close();
  await using server = serve(streamed(source));
  const text = await server.talk("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  assert.equal(
    plain(text),
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\nonetwo",
  );
});

Deno.test("a source ends with its client, and with one that takes nothing when it is cut", async () => {
  for (const leave of ["close", "cut"] as const) {
    const source = new Parts();
    let drop: (() => void) | undefined;
    await using server = serve((request, caller) => {
      drop = caller.drop;
      return streamed(source)(request, caller);
    });
    const conn = await server.connect();
    await conn.write(encoder.encode("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    await readUntil(conn, "\r\n\r\n");
    if (leave === "cut") {
      source.give(...Array.from({ length: 100 }, () => "x".repeat(1_000_000)));
      drop!();
    } else conn.close();
    await source.ended.promise;
    if (leave === "cut") conn.close();
    assert.deepEqual(server.errors, []);
  }
});

Deno.test("closing lets what has begun end, tells its client, and cuts the rest", async () => {
  const begun = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const server = serve(async () => {
    begun.resolve();
    await goOn.promise;
    return new Response("done");
  });
  const idle = await server.connect();
  const busy = server.talk("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await begun.promise;
  const closed = server.listener.close(30_000);
  assert.equal(await idle.read(new Uint8Array(1)).catch(() => null), null);
  idle.close();
  goOn.resolve();
  assert.match(await busy, /connection: close\r\n\r\ndone$/);
  await closed;
  const asked = Promise.withResolvers<void>();
  const deaf = serve(() => {
    asked.resolve();
    return new Promise<Response>(() => {});
  });
  const never = deaf.talk("GET / HTTP/1.1\r\nHost: x\r\n\r\n").catch(() => "");
  await asked.promise;
  await deaf.listener.close(0);
  assert.equal(await never, "");
});

Deno.test("half a head is told that it came too late, silence is cut without a word", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let handled = 0;
  const handler = () => {
    handled++;
    return new Response();
  };
  const owner = { handler, closing: false, onError() {} };
  for (
    const [sent, afterMs, answer] of [["GET / HT", 20_000, /^HTTP\/1\.1 408 [^]*"RequestLate"/], [
      "",
      130_000,
      /^$/,
    ]] as const
  ) {
    const client = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
    const connection = new HttpConnection(await listener.accept(), owner);
    const served = connection.serve();
    await client.write(encoder.encode(sent));
    // As if so much time had passed: at the latest when what was sent has come.
    const looks = setInterval(() => connection.check(performance.now() + afterMs), 5);
    const buffer = new Uint8Array(4096);
    const count = await client.read(buffer);
    clearInterval(looks);
    assert.match(new TextDecoder().decode(buffer.subarray(0, count ?? 0)), answer);
    if (sent !== "") {
      // The rest of a request of which its client was told that it came too late is nobody's.
      await client.write(encoder.encode("TP/1.1\r\nHost: x\r\n\r\n"));
      await client.closeWrite();
    }
    await served;
    client.close();
    assert.equal(handled, 0);
  }
  listener.close();
});

Deno.test("a handler that throws is told as an internal error, which says nothing of it, and ends the connection", async () => {
  for (const thrown of [new Error("a secret"), "a secret", new Deno.errors.ConnectionReset("a secret")]) {
    const source = new Parts();
    await using server = serve((_request, { parts }) => {
      parts(source);
      throw thrown;
    });
    const text = await server.talk("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert.match(text, /^HTTP\/1\.1 500 [^]*\r\nconnection: close\r\n\r\n\{[^{}]*"code":"Internal"\}$/);
    assert.doesNotMatch(text, /a secret/);
    await source.ended.promise;
    assert.deepEqual(server.errors, [thrown]);
  }
});

Deno.test("an answer that says a length of 0 may have no body", async () => {
  await using server = serve(() => new Response(null, { headers: { "Content-Length": "0" } }));
  const text = await server.talk("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  assert.match(text, /^HTTP\/1\.1 200 OK\r\ncontent-length: 0\r\n[^]*\r\n\r\n$/);
  assert.deepEqual(server.errors, []);
});

Deno.test("who has sent its request and says that it sends no more gets all that there is", async () => {
  const talk = async (server: Server) => {
    const conn = await server.connect();
    await conn.write(encoder.encode("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    await conn.closeWrite();
    return await new Response(conn.readable).text();
  };
  const length = 8_000_000;
  let left = length;
  await using measured = serve(() => {
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        // So that the client's end is heard of in between.
        await new Promise((resolve) => setTimeout(resolve, 1));
        controller.enqueue(new Uint8Array(1_000_000));
        if ((left -= 1_000_000) === 0) controller.close();
      },
    }, { highWaterMark: 0 });
    return new Response(body, { headers: { "Content-Length": String(length) } });
  });
  assert.equal((await talk(measured)).split("\r\n\r\n")[1]?.length, length);
  const source = new Parts();
  source.give(...Array.from({ length: 20 }, () => "x".repeat(1_000_000)));
  await using parts = serve(streamed(source));
  const text = await talk(parts);
  assert.equal(text.match(/x{1000000}/g)?.length, 20);
  assert.match(text, /\r\n0\r\n\r\n$/);
  await source.ended.promise;
  assert.deepEqual([...measured.errors, ...parts.errors], []);
});

Deno.test("a connection whose stream ends while the listener closes does not wait for another request", async () => {
  const source = new Parts();
  const server = serve(streamed(source));
  using conn = await server.connect();
  await conn.write(encoder.encode("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  await readUntil(conn, "\r\n\r\n");
  // Its client would keep it, as a pool does.
  const closed = server.listener.close(30_000);
  source.close();
  assert.equal(await readUntil(conn, "0\r\n\r\n"), "0\r\n\r\n");
  await conn.write(encoder.encode("GET / HTTP/1.1\r\nHost: x\r\n\r\n")).catch(() => {});
  assert.equal(await conn.read(new Uint8Array(1)).catch(() => null), null);
  await closed;
});

Deno.test("a body of many small chunks comes whole", async () => {
  await using server = serve(async (request) => new Response(String((await request.bytes()).length)));
  const conn = await server.connect();
  const answer = new Response(conn.readable).text();
  const all = encoder.encode(
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n" +
      `${"1\r\nx\r\n".repeat(100_000)}0\r\n\r\n`,
  );
  for (let sent = 0; sent < all.length;) sent += await conn.write(all.subarray(sent));
  assert.match(await answer, /\r\n\r\n100000$/);
  assert.deepEqual(server.errors, []);
});

Deno.test("a handshake of a WebSocket that brings more with it, or is none of HTTP/1.1, is refused and opens nothing", async () => {
  let opened = 0;
  await using server = serve((request, { upgrade }) => {
    try {
      return upgrade(request, undefined, { opened: () => opened++, closed: () => opened++ });
    } catch (error) {
      return problemOf(error).response();
    }
  });
  const fields = "Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
  for (
    const text of [
      `GET / HTTP/1.1\r\n${fields}Content-Length: 6\r\n\r\n`,
      `GET / HTTP/1.1\r\n${fields}\r\n\x01\x01x`,
      `GET / HTTP/1.1\r\n${fields}\r\nGET`,
      `GET / HTTP/1.1\r\n${fields}\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n`,
      `GET / HTTP/1.0\r\n${fields}\r\n`,
      `POST / HTTP/1.1\r\n${fields}\r\n`,
      `HEAD / HTTP/1.1\r\n${fields}\r\n`,
    ]
  ) {
    const conn = await server.connect();
    await conn.write(encoder.encode(text));
    await conn.closeWrite();
    assert.match(await new Response(conn.readable).text(), /^HTTP\/1\.1 400 /, text);
  }
  assert.equal(opened, 0);
  assert.deepEqual(server.errors, []);
});

Deno.test("a target that is a URL says to whom the request is addressed, not Host", async () => {
  await using server = serve((request) =>
    new Response(`${request.headers.get("Host")} ${new URL(request.url).pathname}`)
  );
  for (const [target, body] of [["http://evil.example:81/x", "evil.example:81 /x"], ["/x", "localhost /x"]]) {
    const text = await server.talk(`GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    assert.equal(text.split("\r\n\r\n")[1], body);
  }
  assert.deepEqual(server.errors, []);
});
