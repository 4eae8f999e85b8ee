// The same bytes to node:http and to our parsers. We may refuse more; where both accept, both must see the same
// messages: methods, targets, bodies. A difference there is what request smuggling is made of.
import assert from "node:assert/strict";
import http from "node:http";
import net from "node:net";
import { Buffer } from "node:buffer";

import { HttpError, type HttpEvent, HttpRequestParser, HttpResponseParser } from "../../protocol/http/mod.ts";
import { messages } from "../protocol/http/collect.ts";

/** What a reader saw: one line per complete message, and whether it then refused. */
interface Seen {
  readonly found: readonly string[];
  readonly refused: boolean;
}

function ours(input: Uint8Array): Seen {
  const parser = new HttpRequestParser();
  const events: HttpEvent[] = [];
  let refused = false;
  try {
    events.push(...parser.push(input));
    parser.endOfInput();
  } catch (error) {
    assert.ok(error instanceof HttpError, String(error));
    events.push(...error.events);
    refused = true;
  }
  const found = messages(events).filter((message) => message.complete).map(({ head, body }) => {
    assert.ok(head.kind === "request");
    return `${head.method} ${head.target} ${Buffer.from(body).toString("latin1")}`;
  });
  return { found, refused };
}

/** A node:http server, and what it sees of the bytes of one connection after another. */
class NodeReader {
  readonly #server: http.Server;
  #found: string[] = [];
  #refused = false;
  #ended: () => void = () => {};

  constructor() {
    this.#server = http.createServer({ keepAliveTimeout: 0 }, (request, response) => {
      const pieces: Uint8Array[] = [];
      request.on("data", (piece: Uint8Array) => pieces.push(piece));
      request.on("end", () => {
        this.#found.push(`${request.method} ${request.url} ${Buffer.concat(pieces).toString("latin1")}`);
        response.end();
      });
      request.on("error", () => {});
    });
    this.#server.on("checkContinue", (request, response) => this.#server.emit("request", request, response));
    this.#server.on(
      "checkExpectation",
      (request, response) => this.#server.emit("request", request, response),
    );
    this.#server.on("clientError", (_error, socket: net.Socket) => {
      this.#refused = true;
      socket.destroy();
    });
    // Without this a half-closed client is cut off before its requests are handled.
    Object.assign(this.#server, { httpAllowHalfOpen: true });
    this.#server.on("connection", (socket) => {
      socket.on("close", () => this.#ended());
      // All bytes are parsed by now; the events of complete requests are at most some turns away.
      socket.on("end", async () => {
        for (let turn = 0; turn < 8; turn++) await new Promise((done) => setImmediate(done));
        socket.destroy();
      });
    });
  }

  async open(): Promise<void> {
    await new Promise<void>((done) => this.#server.listen(0, "127.0.0.1", done));
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((done) => this.#server.close(() => done()));
  }

  async read(input: Uint8Array): Promise<Seen> {
    this.#found = [];
    this.#refused = false;
    const { port } = this.#server.address() as net.AddressInfo;
    const ended = new Promise<void>((done) => this.#ended = done);
    const socket = net.connect({ port, host: "127.0.0.1" });
    socket.on("error", () => {});
    socket.resume();
    socket.end(input);
    await ended;
    socket.destroy();
    return { found: this.#found, refused: this.#refused };
  }
}

const table: readonly string[] = [
  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET / HTTP/1.0\r\n\r\n",
  "POST /w HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
  "POST /w HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
  "POST /w HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: v\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
  "POST /w HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n",
  "POST /w HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
  "POST /w HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
  "POST /w HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
  "POST /w HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
  "POST /w HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc",
  "POST /w HTTP/1.1\r\nHost: a\r\nContent-Length: 3,3\r\n\r\nabc",
  "POST /w HTTP/1.1\r\nHost: a\r\nContent-Length: 03\r\n\r\nabc",
  "POST /w HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\nabc",
  "POST /w HTTP/1.1\r\nHost: a\r\nContent-Length:\t3 \r\n\r\nabc",
  "POST /w HTTP/1.1\r\nHost: a\r\nContent-Length: 3\n\r\nabc",
  "POST /w HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
  "POST /w HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
  "POST /w HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
  "POST /w HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  "POST /w HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  "POST /w HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n",
  "POST /w HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
  "POST /w HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
  "POST /w HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
  "POST /w HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc0\r\n\r\n",
  "POST /w HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;\nx\r\nabc\r\n0\r\n\r\n",
  "POST /w HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nT: v\nX: y\r\n\r\n",
  "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
  "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
  "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET / HTTP/1.1\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
  "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
  "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
  "GET /\r\n\r\n",
  "get / HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
  "GET / HTTP/1.1\nHost: a\n\n",
  "GET / HTTP/1.1\r\nHost: a\r\nX Y: b\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
  "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n",
  "POST /w HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
  "POST /w HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
];

const insertions = [
  "\r\n",
  "\n",
  "\r",
  " ",
  "\t",
  ":",
  ",",
  ";",
  "\0",
  "\x7f",
  "\xff",
  "\x0b",
  "0",
  "1",
  "f",
  "+",
  "_",
  "Content-Length: 3\r\n",
  "Content-Length: 0\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Transfer-Encoding:\r\n",
  " chunked",
  "Connection: close\r\n",
  "Connection: keep-alive\r\n",
  "0\r\n\r\n",
  "3\r\nabc\r\n",
  "GET /s HTTP/1.1\r\nHost: a\r\n\r\n",
];

/** Deterministic mutations of a table's entries. */
function* mutations(table: readonly string[], count: number): Iterable<Uint8Array> {
  let state = 0x2545f491;
  const below = (limit: number) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
  for (let i = 0; i < count; i++) {
    let text = table[below(table.length)]!;
    for (let n = below(2); n >= 0; n--) {
      // Half of them at the start of a line, where whole fields and chunks fit in.
      const somewhere = below(text.length + 1);
      const lineStart = below(2) === 0;
      const at = lineStart ? text.indexOf("\n", somewhere) + 1 : somewhere;
      const insertion = below(4) === 0 ? "" : insertions[below(insertions.length)]!;
      text = text.slice(0, at) + insertion + text.slice(lineStart ? at : at + below(3));
    }
    yield bytesOf(text);
  }
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

type Verdict = "same" | "stricter" | "node knows no such method";

/** Both saw the same, or ours refused earlier. A method that node does not know frames nothing: that is its own affair. */
function check(input: Uint8Array, node: Seen): Verdict {
  const mine = ours(input);
  const text = JSON.stringify(Buffer.from(input).toString("latin1"));
  const agreed = Math.min(mine.found.length, node.found.length);
  assert.deepEqual(mine.found.slice(0, agreed), node.found.slice(0, agreed), `other messages: ${text}`);
  const extra = mine.found[agreed];
  if (extra !== undefined) {
    assert.ok(
      !http.METHODS.includes(extra.split(" ", 1)[0]!),
      `more lenient: ${text} ours ${JSON.stringify(mine)} node ${JSON.stringify(node)}`,
    );
    return "node knows no such method";
  }
  if (mine.found.length === node.found.length) return "same";
  assert.ok(mine.refused, `fewer messages without a refusal: ${text} node ${JSON.stringify(node)}`);
  return "stricter";
}

Deno.test("a server of ours sees no message that node:http does not see, and none otherwise", async () => {
  const node = new NodeReader();
  await node.open();
  try {
    const counts = { "same": 0, "stricter": 0, "node knows no such method": 0 };
    let seen = 0;
    for (const input of [...table.map(bytesOf), ...mutations(table, 3000)]) {
      const nodes = await node.read(input);
      counts[check(input, nodes)]++;
      seen += nodes.found.length;
    }
    console.log(
      `DIFFERENTIAL name=http_requests same=${counts.same} stricter=${counts.stricter} messages=${seen}`,
    );
    assert.ok(counts.same > counts.stricter);
  } finally {
    await node.close();
  }
});

const responses: readonly string[] = [
  "HTTP/1.1 200 \r\nContent-Length: 3\r\n\r\nabc",
  "HTTP/1.1 200\r\nContent-Length: 3\r\n\r\nabc",
  "HTTP/1.1 200 (null)\r\nContent-Length: 3\r\n\r\nabcdef",
  "HTTP/1.1 200 OK\r\n\r\nuntil the close",
  "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc",
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nT: v\r\n\r\n",
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
  "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
  "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 \r\nContent-Length: 1\r\n\r\nx",
  "HTTP/1.1 204 \r\n\r\n",
  "HTTP/1.1 304 \r\nContent-Length: 3\r\n\r\n",
  "HTTP/1.1 401 \r\nWWW-Authenticate: Negotiate\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
  "HTTP/1.1 200 OK\nContent-Length: 3\n\nabc",
  "HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\nabc",
  "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 3\r\n\r\nabc",
];

/** The one final response, and whether bytes behind it do not count: they are refused, or the connection ends. */
function ourResponse(input: Uint8Array): { readonly seen: string; readonly closed: boolean } | undefined {
  const parser = new HttpResponseParser();
  parser.expect("POST");
  const events: HttpEvent[] = [];
  let refused = false;
  try {
    events.push(...parser.push(input), ...parser.endOfInput());
  } catch (error) {
    assert.ok(error instanceof HttpError, String(error));
    events.push(...error.events);
    refused = true;
  }
  for (const { head, body, complete } of messages(events)) {
    if (!complete || head.kind !== "response" || head.interim) continue;
    const seen = `${head.status} ${Buffer.from(body).toString("latin1")}`;
    return { seen, closed: refused || !head.keepAlive };
  }
}

function nodeResponse(port: number): Promise<string | undefined> {
  return new Promise((done) => {
    const request = http.request({ port, host: "127.0.0.1", method: "POST", agent: false }, (response) => {
      const pieces: Uint8Array[] = [];
      response.on("data", (piece: Uint8Array) => pieces.push(piece));
      response.on("error", () => done(undefined));
      response.on("close", () => {
        done(
          response.complete
            ? `${response.statusCode} ${Buffer.concat(pieces).toString("latin1")}`
            : undefined,
        );
      });
    });
    request.on("error", () => done(undefined));
    request.on("close", () => done(undefined));
    request.end();
  });
}

Deno.test("a client of ours reads no response otherwise than node:http does", async () => {
  let input: Uint8Array = new Uint8Array(0);
  const server = net.createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end(input));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as net.AddressInfo;
  const counts = { "both": 0, "neither": 0, "stricter": 0, "node saw bytes behind it": 0 };
  try {
    for (input of [...responses.map(bytesOf), ...mutations(responses, 1500)]) {
      const mine = ourResponse(input);
      const node = await nodeResponse(port);
      const text = JSON.stringify(Buffer.from(input).toString("latin1"));
      if (mine === undefined) counts[node === undefined ? "neither" : "stricter"]++;
      else if (node === undefined) {
        // Node gives a whole response up when bytes follow that belong to none; for us it came before them.
        assert.ok(mine.closed, `more lenient: ${text}`);
        counts["node saw bytes behind it"]++;
      } else {
        assert.equal(mine.seen, node, text);
        counts.both++;
      }
    }
  } finally {
    await new Promise<void>((done) => server.close(() => done()));
  }
  console.log(
    `DIFFERENTIAL name=http_responses both=${counts.both} stricter=${counts.stricter} neither=${counts.neither}`,
  );
  assert.ok(counts.both > counts.stricter);
});
