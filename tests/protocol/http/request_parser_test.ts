import assert from "node:assert/strict";
import { concat } from "../../../protocol/bytes.ts";
import { UsageError } from "../../../protocol/errors.ts";
import {
  HttpError,
  type HttpEvent,
  type HttpLimits,
  HttpRequestParser,
  serializeRequest,
} from "../../../protocol/http/mod.ts";
import { bytes, messages, plain, singles, split } from "./collect.ts";

const host = "Host: a\r\n";

function parse(chunks: readonly Uint8Array[], limits?: Partial<HttpLimits>): HttpEvent[] {
  const parser = new HttpRequestParser(limits);
  const events = chunks.flatMap((chunk) => parser.push(chunk));
  events.push(...parser.endOfInput());
  return events;
}

function refuses(text: string, code: string, status: number, limits?: Partial<HttpLimits>): void {
  for (const chunks of [[bytes(text)], singles(bytes(text))]) {
    assert.throws(
      () => parse(chunks, limits),
      (error) => {
        assert.ok(error instanceof HttpError, String(error));
        assert.deepEqual(
          [error.code, error.status],
          [code, status],
          `${JSON.stringify(text)}: ${error.message}`,
        );
        return true;
      },
      JSON.stringify(text),
    );
  }
}

Deno.test("a native client's request is read with its headers, spelling and order kept", () => {
  const [message] = messages(parse([bytes(
    "POST /wsman?PSVersion=5.1 HTTP/1.1\r\nConnection: Keep-Alive\r\nContent-Type: application/soap+xml;charset=UTF-8\r\n" +
      "X-Two: a\r\nx-two:b \t\r\nEmpty:\r\nContent-Length:5\r\nHost: newyork:5985\r\n\r\nhello",
  )]));
  assert.ok(message?.head.kind === "request");
  const { head } = message;
  assert.deepEqual([head.method, head.target, head.version], ["POST", "/wsman?PSVersion=5.1", "1.1"]);
  assert.deepEqual([head.keepAlive, head.contentLength, head.chunked, head.expectContinue], [
    true,
    5,
    false,
    false,
  ]);
  assert.equal(head.headers.get("CONTENT-type"), "application/soap+xml;charset=UTF-8");
  assert.equal(head.headers.get("x-two"), "a, b");
  assert.deepEqual(head.headers.getAll("X-TWO"), ["a", "b"]);
  assert.equal(head.headers.get("empty"), "");
  assert.equal(head.headers.get("absent"), undefined);
  assert.ok(head.headers.has("hOST") && !head.headers.has("absent"));
  assert.deepEqual([...head.headers.entries()][3], ["x-two", "b"]);
  assert.equal(new TextDecoder().decode(message.body), "hello");
});

Deno.test("a body in the pushed array is handed on without a copy", () => {
  const whole = bytes(`POST / HTTP/1.1\r\n${host}Content-Length: 3\r\n\r\nabc`);
  const body = parse([whole]).find((event) => event.kind === "body");
  assert.ok(body?.kind === "body" && body.bytes.buffer === whole.buffer);
});

Deno.test("pipelined requests give the same events however the bytes are split", () => {
  const whole = concat([
    serializeRequest({ method: "POST", target: "/wsman", headers: [["Host", "a:5985"]] }, bytes("one")),
    bytes(`\r\nGET /x HTTP/1.1\r\n${host}\r\n`),
    bytes(
      `POST / HTTP/1.1\r\n${host}Transfer-Encoding: Chunked\r\n\r\n3;a="b"\r\nabc\r\n0A\r\n0123456789\r\n000\r\nT: v\r\n\r\n`,
    ),
    bytes("OPTIONS * HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"),
    bytes(`PUT http://a/b HTTP/1.1\r\n${host}X: \xe9\x80\r\nContent-Length: 0\r\n\r\n`),
  ]);
  const expected = plain(messages(parse([whole])));
  assert.equal(expected.length, 5);
  assert.deepEqual(plain(messages(parse(singles(whole)))), expected);
  for (let cut = 1; cut < whole.length; cut++) {
    assert.deepEqual(plain(messages(parse(split(whole, [cut])))), expected, `cut at ${cut}`);
  }
});

Deno.test("header bytes beyond ASCII are ISO-8859-1, not windows-1252", () => {
  const [message] = messages(parse([bytes(`GET / HTTP/1.1\r\n${host}X: \x80\x9f\xe9\r\n\r\n`)]));
  assert.equal(message?.head.headers.get("x"), "\x80\x9f\xe9");
});

Deno.test("idle says that nothing of a message is held", () => {
  const parser = new HttpRequestParser();
  assert.ok(parser.idle);
  parser.push(bytes("G"));
  assert.ok(!parser.idle);
  parser.push(bytes(`ET / HTTP/1.1\r\n${host}Content-Length: 1\r\n\r\n`));
  assert.ok(!parser.idle);
  parser.push(bytes("x"));
  assert.ok(parser.idle);
  assert.deepEqual(parser.endOfInput(), []);
  assert.throws(() => parser.push(bytes("G")), UsageError);
});

Deno.test("keep-alive follows the rules of each version", () => {
  const cases: [string, string, boolean][] = [
    ["1.1", "", true],
    ["1.1", "Connection: close\r\n", false],
    ["1.1", "Connection: Upgrade, CLOSE\r\n", false],
    ["1.1", "Connection: keep-alive\r\nConnection: close\r\n", false],
    ["1.0", "", false],
    ["1.0", "Connection: Keep-Alive\r\n", true],
    ["1.0", "Connection: keep-alive, close\r\n", false],
  ];
  for (const [version, field, expected] of cases) {
    const [event] = parse([bytes(`GET / HTTP/${version}\r\n${host}${field}\r\n`)]);
    assert.ok(event?.kind === "request");
    assert.equal(event.keepAlive, expected, version + field);
  }
});

Deno.test("bytes behind a request that closes the connection are dropped", () => {
  const found = messages(
    parse([bytes(`GET / HTTP/1.1\r\n${host}Connection: close\r\n\r\nGET /2 HTTP/1.1\r\n\r\n`)]),
  );
  assert.equal(found.length, 1);
});

Deno.test("an expectation is told where a body follows", () => {
  const [event] = new HttpRequestParser().push(
    bytes(`POST / HTTP/1.1\r\n${host}Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n`),
  );
  assert.ok(event?.kind === "request" && event.expectContinue);
  const [old] = new HttpRequestParser().push(
    bytes(`POST / HTTP/1.0\r\n${host}Expect: 100-continue\r\nContent-Length: 1\r\n\r\n`),
  );
  assert.ok(old?.kind === "request" && !old.expectContinue);
  refuses(`POST / HTTP/1.1\r\n${host}Expect: tea\r\n\r\n`, "HttpUnsupported", 417);
});

Deno.test("malformed request lines and fields are refused", () => {
  const heads = [
    ` / HTTP/1.1\r\n${host}\r\n`,
    `GET\r\n${host}\r\n`,
    `GET /\r\n${host}\r\n`,
    `GET  / HTTP/1.1\r\n${host}\r\n`,
    `GET / HTTP/1.1 \r\n${host}\r\n`,
    `GET /  HTTP/1.1\r\n${host}\r\n`,
    `GET\t/ HTTP/1.1\r\n${host}\r\n`,
    `G(T / HTTP/1.1\r\n${host}\r\n`,
    `GET /\x7f HTTP/1.1\r\n${host}\r\n`,
    `GET /\xe9 HTTP/1.1\r\n${host}\r\n`,
    `GET /#f HTTP/1.1\r\n${host}\r\n`,
    `GET wsman HTTP/1.1\r\n${host}\r\n`,
    `GET ftp://a/ HTTP/1.1\r\n${host}\r\n`,
    `GET * HTTP/1.1\r\n${host}\r\n`,
    `GET / http/1.1\r\n${host}\r\n`,
    `GET / HTTP/1\r\n${host}\r\n`,
    `GET / HTTP/1.1\n${host}\r\n`,
    `GET / HTTP/1.1\r\nHost: a\n\r\n`,
    `GET / HTTP/1.1\r\n${host}\n`,
    `GET / HTTP/1.1\r\n${host}X: a\r b\r\n\r\n`,
    `GET / HTTP/1.1\r\n${host} folded\r\n\r\n`,
    `GET / HTTP/1.1\r\n folded: a\r\n${host}\r\n`,
    `GET / HTTP/1.1\r\n${host}X : a\r\n\r\n`,
    `GET / HTTP/1.1\r\n${host}: a\r\n\r\n`,
    `GET / HTTP/1.1\r\n${host}X\r\n\r\n`,
    `GET / HTTP/1.1\r\n${host}X(: a\r\n\r\n`,
    `GET / HTTP/1.1\r\n${host}X: a\0b\r\n\r\n`,
    `GET / HTTP/1.1\r\n${host}X: \x7f\r\n\r\n`,
    `GET / HTTP/1.1\r\n\r\n`,
    `GET / HTTP/1.1\r\n${host}${host}\r\n`,
    `GET / HTTP/1.0\r\n${host}${host}\r\n`,
    `GET / HTTP/1.1\r\nHost: a b\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: a/b\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: u@a\r\n\r\n`,
    `\r\n\r\nGET / HTTP/1.1\r\n${host}\r\n`,
    `\rGET / HTTP/1.1\r\n${host}\r\n`,
    `\nGET / HTTP/1.1\r\n${host}\r\n`,
    "\x16\x03\x01\x02\x00",
  ];
  for (const head of heads) refuses(head, "HttpMalformed", 400);
  refuses(`GET / HTTP/2.0\r\n${host}\r\n`, "HttpUnsupported", 505);
  refuses(`GET / HTTP/1.2\r\n${host}\r\n`, "HttpUnsupported", 505);
  refuses("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HttpUnsupported", 505);
  refuses(`CONNECT a:1 HTTP/1.1\r\n${host}\r\n`, "HttpUnsupported", 501);
});

Deno.test("whatever two recipients could frame in two ways is refused", () => {
  const post = `POST / HTTP/1.1\r\n${host}`;
  const cases: [string, string, number][] = [
    ["Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "HttpMalformed", 400],
    ["Content-Length: 1\r\nContent-Length: 1\r\n", "HttpMalformed", 400],
    ["Content-Length: 1\r\nContent-Length: 2\r\n", "HttpMalformed", 400],
    ["Content-Length: 1, 1\r\n", "HttpMalformed", 400],
    ["Content-Length: +1\r\n", "HttpMalformed", 400],
    ["Content-Length: -1\r\n", "HttpMalformed", 400],
    ["Content-Length: 0x1\r\n", "HttpMalformed", 400],
    ["Content-Length: 1 1\r\n", "HttpMalformed", 400],
    ["Content-Length: \r\n", "HttpMalformed", 400],
    ["Content-Length: 9007199254740993\r\n", "HttpTooLarge", 413],
    ["Content-Length: 99999999999999999999999\r\n", "HttpTooLarge", 413],
    ["Transfer-Encoding: gzip, chunked\r\n", "HttpUnsupported", 501],
    ["Transfer-Encoding: chunked, chunked\r\n", "HttpUnsupported", 501],
    ["Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "HttpUnsupported", 501],
    ["Transfer-Encoding: xchunked\r\n", "HttpUnsupported", 501],
    ["Transfer-Encoding: \x0bchunked\r\n", "HttpMalformed", 400],
    ["Transfer-Encoding : chunked\r\n", "HttpMalformed", 400],
    ["Transfer-Encoding: identity\r\n", "HttpUnsupported", 501],
    ["Transfer-Encoding:\r\n", "HttpUnsupported", 501],
  ];
  for (const [field, code, status] of cases) refuses(`${post}${field}\r\n`, code, status);
  refuses("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HttpMalformed", 400);
});

Deno.test("malformed chunks are refused", () => {
  const post = `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n`;
  for (
    const chunk of [
      "\r\n",
      "x\r\n",
      " 1\r\na\r\n",
      "1 \r\na\r\n",
      "0x1\r\na\r\n",
      "-1\r\n",
      "1\na\r\n",
      "1\r\nab\r\n",
      "1\r\na\n",
      "1\r\na\rx",
      "1;a\nb\r\n",
      "1;\0\r\n",
      "1;a \r\na\r\n",
      "1;\t\r\na\r\n",
      "0000000000000001\r\n",
      "0\r\n folded\r\n\r\n",
      "0\r\nbad\r\n\r\n",
      "0\r\nT: v\n\r\n",
      "0\r\n\n",
    ]
  ) refuses(post + chunk, "HttpMalformed", 400);
});

Deno.test("every limit holds, to the byte", () => {
  const line = "GET /" + "a".repeat(100) + " HTTP/1.1";
  parse([bytes(`${line}\r\n${host}\r\n`)], { maxStartLine: line.length });
  refuses(`${line}\r\n${host}\r\n`, "HttpTooLarge", 431, { maxStartLine: line.length - 1 });
  refuses("G".repeat(1000), "HttpTooLarge", 431, { maxStartLine: 100 });

  const fields = `${host}X: ${"y".repeat(50)}\r\n`;
  parse([bytes(`GET / HTTP/1.1\r\n${fields}\r\n`)], { maxHeaderBytes: fields.length });
  refuses(`GET / HTTP/1.1\r\n${fields}\r\n`, "HttpTooLarge", 431, { maxHeaderBytes: fields.length - 3 });
  refuses(`GET / HTTP/1.1\r\nX: ${"y".repeat(1000)}`, "HttpTooLarge", 431, { maxHeaderBytes: 100 });

  parse([bytes(`GET / HTTP/1.1\r\n${host}X: 1\r\n\r\n`)], { maxHeaders: 2 });
  refuses(`GET / HTTP/1.1\r\n${host}X: 1\r\nX: 2\r\n\r\n`, "HttpTooLarge", 431, { maxHeaders: 2 });

  parse([bytes(`PUT / HTTP/1.1\r\n${host}Content-Length: 5\r\n\r\n12345`)], { maxBodyBytes: 5 });
  refuses(`PUT / HTTP/1.1\r\n${host}Content-Length: 6\r\n\r\n`, "HttpTooLarge", 413, { maxBodyBytes: 5 });

  const chunked = `PUT / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n`;
  parse([bytes(`${chunked}3\r\n123\r\n2\r\n45\r\n0\r\n\r\n`)], { maxBodyBytes: 5 });
  refuses(`${chunked}3\r\n123\r\n3\r\n456\r\n0\r\n\r\n`, "HttpTooLarge", 413, { maxBodyBytes: 5 });
  refuses(`${chunked}fffffffffffffff\r\n`, "HttpTooLarge", 413, { maxBodyBytes: Infinity });
  parse([bytes(`${chunked}1;ab\r\n1\r\n1;c\r\n2\r\n0\r\n\r\n`)], { maxChunkExtension: 3 });
  refuses(`${chunked}1;ab\r\n1\r\n1;cd\r\n2\r\n0\r\n\r\n`, "HttpTooLarge", 413, { maxChunkExtension: 3 });
  parse([bytes(`${chunked}0\r\nT: 12\r\n\r\n`)], { maxTrailerBytes: 7 });
  refuses(`${chunked}0\r\nT: 1234\r\n\r\n`, "HttpTooLarge", 431, { maxTrailerBytes: 5 });
  assert.throws(() => new HttpRequestParser({ maxHeaders: 0 }), UsageError);
  assert.throws(() => new HttpRequestParser({ maxHeaders: NaN }), UsageError);
});

Deno.test("input that ends inside a request is incomplete, wherever it ends", () => {
  const whole = `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: v\r\n\r\n`;
  for (let length = 1; length < whole.length; length++) {
    refuses(whole.slice(0, length), "HttpIncomplete", 408);
  }
  refuses(`POST / HTTP/1.1\r\n${host}Content-Length: 2\r\n\r\na`, "HttpIncomplete", 408);
});

Deno.test("messages before a faulty one are not lost, and the fault stays", () => {
  const parser = new HttpRequestParser();
  const error = caught(() => parser.push(bytes(`GET / HTTP/1.1\r\n${host}\r\nGET / HTTP/9.9\r\n\r\n`)));
  assert.deepEqual(error.events.map((event) => event.kind), ["request", "end"]);
  assert.equal(error.status, 505);
  assert.equal(caught(() => parser.push(bytes("GET"))).code, "HttpUnsupported");
  assert.equal(caught(() => parser.endOfInput()).code, "HttpUnsupported");
  assert.ok(!parser.idle);
});

Deno.test("no error text holds a field's value", () => {
  const error = caught(() =>
    new HttpRequestParser().push(bytes(`GET / HTTP/1.1\r\nAuthorization: Basic c2VjcmV0\0\r\n${host}\r\n`))
  );
  assert.ok(!error.message.includes("c2VjcmV0"));
});

function caught(action: () => unknown): HttpError {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof HttpError);
    return error;
  }
  throw new Error("nothing was thrown");
}
