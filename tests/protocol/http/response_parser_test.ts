import assert from "node:assert/strict";
import { concat } from "../../../protocol/bytes.ts";
import {
  continueResponse,
  HttpError,
  type HttpEvent,
  HttpResponseParser,
  lastChunk,
  serializeChunk,
  serializeResponse,
  serializeResponseHead,
} from "../../../protocol/http/mod.ts";
import { bytes, messages, plain, singles, split } from "./collect.ts";

function parse(chunks: readonly Uint8Array[], methods: readonly string[] = ["POST"]): HttpEvent[] {
  const parser = new HttpResponseParser({ maxBodyBytes: 1000 });
  for (const method of methods) parser.expect(method);
  const events = chunks.flatMap((chunk) => parser.push(chunk));
  events.push(...parser.endOfInput());
  return events;
}

function refuses(text: string, code: string, methods?: readonly string[]): void {
  for (const chunks of [[bytes(text)], singles(bytes(text))]) {
    assert.throws(() => parse(chunks, methods), (error) => {
      assert.ok(error instanceof HttpError, String(error));
      assert.equal(error.code, code, `${JSON.stringify(text)}: ${error.message}`);
      return true;
    }, JSON.stringify(text));
  }
}

Deno.test("the status lines of Windows, openwsman and others are read", () => {
  const cases: [string, number, string][] = [
    ["HTTP/1.1 200 ", 200, ""],
    ["HTTP/1.1 200", 200, ""],
    ["HTTP/1.1 200 (null)", 200, "(null)"],
    ["HTTP/1.0 500 Internal Server Error", 500, "Internal Server Error"],
    ["HTTP/1.1 401 Nicht erlaubt \xfc", 401, "Nicht erlaubt \xfc"],
  ];
  for (const [line, status, reason] of cases) {
    const [event] = parse([bytes(`${line}\r\nContent-Length: 0\r\n\r\n`)]);
    assert.ok(event?.kind === "response", line);
    assert.deepEqual([event.status, event.reason, event.interim], [status, reason, false], line);
  }
});

Deno.test("responses give the same events however the bytes are split", () => {
  const whole = concat([
    continueResponse,
    serializeResponse({ status: 401, headers: [["WWW-Authenticate", "Negotiate"]] }),
    serializeResponse({ status: 204, headers: [] }),
    serializeResponseHead({ status: 200, reason: "OK", headers: [] }, "chunked"),
    serializeChunk(bytes("hello")),
    serializeChunk(bytes("")),
    serializeChunk(bytes("world, this is a longer chunk")),
    lastChunk,
    bytes("HTTP/1.1 200 \r\nContent-Length: 99\r\n\r\n"), // to HEAD
    bytes("HTTP/1.1 304 \r\nContent-Length: 99\r\n\r\n"),
    bytes("HTTP/1.1 200 \r\n\r\nall until the close"),
  ]);
  const methods = ["POST", "POST", "POST", "HEAD", "GET", "POST"];
  const expected = plain(messages(parse([whole], methods)));
  assert.equal(expected.length, 7);
  const found = messages(parse([whole], methods));
  assert.deepEqual(
    found.map(({ head, body }) => [head.kind === "response" && head.status, new TextDecoder().decode(body)]),
    [
      [100, ""],
      [401, ""],
      [204, ""],
      [200, "helloworld, this is a longer chunk"],
      [200, ""],
      [304, ""],
      [200, "all until the close"],
    ],
  );
  assert.deepEqual(plain(messages(parse(singles(whole), methods))), expected);
  for (let cut = 1; cut < whole.length; cut++) {
    assert.deepEqual(plain(messages(parse(split(whole, [cut]), methods))), expected, `cut at ${cut}`);
  }
});

Deno.test("a response nobody asked for is refused", () => {
  refuses("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", "HttpUnexpectedResponse", []);
  refuses("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\nH", "HttpUnexpectedResponse");
  refuses("HTTP/1.1 101 \r\n\r\n", "HttpUnexpectedResponse");
  const parser = new HttpResponseParser();
  parser.expect("POST");
  assert.equal(parser.outstanding, 1);
  parser.push(continueResponse);
  assert.equal(parser.outstanding, 1);
  parser.push(serializeResponse({ status: 200, headers: [] }));
  assert.equal(parser.outstanding, 0);
  assert.ok(parser.idle);
});

Deno.test("interim responses do not answer the request and are limited in number", () => {
  const events = parse([continueResponse, bytes("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n")]);
  assert.deepEqual(
    events.map((event) => event.kind === "response" ? event.interim : event.kind),
    [true, "end", false, "end"],
  );
  refuses("HTTP/1.1 102 \r\n\r\n".repeat(33), "HttpTooLarge");
});

Deno.test("malformed responses are refused", () => {
  for (
    const text of [
      "HTTP/1.1\r\n\r\n",
      "HTTP/1.1 20\r\n\r\n",
      "HTTP/1.1 2000\r\n\r\n",
      "HTTP/1.1 099 \r\n\r\n",
      "HTTP/1.1 600 \r\n\r\n",
      "HTTP/1.1  200 \r\n\r\n",
      "HTTP/1.1 200 \0\r\n\r\n",
      "HTTP/1.1 200 \n\r\n",
      "\r\nHTTP/1.1 200 \r\n\r\n",
      "http/1.1 200 \r\n\r\n",
      "ICY 200 OK\r\n\r\n",
      "HTTP/1.1 200 \r\nX: a\r\n b\r\n\r\n",
      "HTTP/1.1 200 \r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
      "HTTP/1.1 200 \r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
      "HTTP/1.1 200 \r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      "HTTP/1.0 200 \r\nTransfer-Encoding: chunked\r\n\r\n",
      "HTTP/1.1 204 \r\nContent-Length: 1\r\n\r\na",
      "HTTP/1.1 204 \r\nTransfer-Encoding: chunked\r\n\r\n",
      "HTTP/1.1 100 \r\nContent-Length: 1\r\n\r\n",
    ]
  ) refuses(text, "HttpMalformed");
  refuses("HTTP/2.0 200 \r\n\r\n", "HttpUnsupported");
  refuses("HTTP/1.1 200 \r\nTransfer-Encoding: gzip\r\n\r\n", "HttpUnsupported");
});

Deno.test("a body until the close has no keep-alive, a limit, and an end", () => {
  const [event] = parse([bytes("HTTP/1.1 200 \r\nConnection: Keep-Alive\r\n\r\n")]);
  assert.ok(event?.kind === "response" && !event.keepAlive);
  refuses(`HTTP/1.1 200 \r\n\r\n${"x".repeat(1001)}`, "HttpTooLarge");
});

Deno.test("after CONNECT succeeds all bytes are the tunnel's", () => {
  const found = messages(
    parse([bytes("HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\n\x16\x03\x01")], ["CONNECT"]),
  );
  assert.deepEqual([...found[0]!.body], [0x16, 3, 1]);
  const refused = messages(parse([bytes("HTTP/1.1 407 \r\nContent-Length: 1\r\n\r\nx")], ["CONNECT"]));
  assert.equal(refused[0]?.body.length, 1);
});

Deno.test("bytes behind a response that closes the connection are dropped", () => {
  const found = messages(
    parse([bytes("HTTP/1.1 401 \r\nConnection: close\r\nContent-Length: 0\r\n\r\njunk")], ["POST", "POST"]),
  );
  assert.equal(found.length, 1);
});

Deno.test("input that ends inside a response is incomplete, wherever it ends", () => {
  const whole = "HTTP/1.1 200 \r\nContent-Length: 3\r\n\r\nabc";
  for (let length = 1; length < whole.length; length++) refuses(whole.slice(0, length), "HttpIncomplete");
});

Deno.test("a head that came before means what it meant then, one that differs in a byte does not", () => {
  const head = (length: string, more = "") =>
    `HTTP/1.1 200 OK\r\nContent-Type: text/x\r\n${more}Content-Length: ${length}\r\n\r\n`;
  const first = parse([bytes(head("2") + "ab")]);
  assert.deepEqual(parse([bytes(head("2") + "cd")]).map((event) => event.kind), ["response", "body", "end"]);
  assert.deepEqual(parse([bytes(head("2") + "ab")]), first);
  assert.deepEqual(parse(singles(bytes(head("2") + "ab")))[0], first[0]);
  const longer = parse([bytes(head("3") + "abc")]);
  assert.equal(longer[0]!.kind === "response" && longer[0]!.contentLength, 3);
  // The same bytes mean no body after HEAD, before and after they were seen for POST.
  assert.deepEqual(parse([bytes(head("2"))], ["HEAD"]).map((event) => event.kind), ["response", "end"]);
  assert.equal(parse([bytes(head("2") + "ab")]).length, 3);
  const closing = head("2", "Connection: close\r\n") + "ab" + head("2") + "cd";
  for (let time = 0; time < 2; time++) assert.equal(parse([bytes(closing)], ["POST", "POST"]).length, 3);
  const limited = new HttpResponseParser({ maxBodyBytes: 1 });
  limited.expect("POST");
  assert.throws(() => limited.push(bytes(head("2"))), { code: "HttpTooLarge" });
});
