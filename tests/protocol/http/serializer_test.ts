import assert from "node:assert/strict";
import { UsageError } from "../../../protocol/errors.ts";
import {
  continueResponse,
  lastChunk,
  RequestTemplate,
  serializeChunk,
  serializeRequest,
  serializeRequestHead,
  serializeResponse,
  serializeResponseHead,
} from "../../../protocol/http/mod.ts";
import { bytes } from "./collect.ts";

const text = (array: Uint8Array) => String.fromCharCode(...array);

Deno.test("requests are written with Content-Length where it belongs", () => {
  const headers = [["Host", "a"]] as const;
  assert.equal(
    text(serializeRequest({ method: "POST", target: "/wsman", headers }, bytes("ab"))),
    "POST /wsman HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab",
  );
  assert.equal(
    text(serializeRequest({ method: "POST", target: "/", headers })),
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
  );
  assert.equal(
    text(serializeRequest({ method: "GET", target: "/", headers })),
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
  );
  assert.equal(
    text(serializeRequestHead({ method: "POST", target: "/", headers }, "chunked")),
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
  );
});

Deno.test("the caller may choose the place of Content-Length, not its value", () => {
  const write = (length: string) =>
    serializeRequest(
      { method: "POST", target: "/", headers: [["content-length", length], ["Host", "a"]] },
      bytes("x"),
    );
  assert.equal(text(write("1")), "POST / HTTP/1.1\r\ncontent-length: 1\r\nHost: a\r\n\r\nx");
  assert.throws(() => write("2"), UsageError);
  assert.throws(
    () => serializeResponse({ status: 200, headers: [["Content-Length", "0"], ["Content-Length", "0"]] }),
    UsageError,
  );
  assert.throws(() => serializeResponse({ status: 204, headers: [["Content-Length", "0"]] }), UsageError);
  assert.throws(
    () => serializeResponse({ status: 200, headers: [["Transfer-Encoding", "chunked"]] }),
    UsageError,
  );
});

Deno.test("responses are written as Windows writes them", () => {
  assert.equal(
    text(serializeResponse({ status: 200, headers: [] })),
    "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
  );
  assert.equal(
    text(serializeResponse({ status: 500, reason: "No", headers: [["A", "\xe9"]] }, bytes("\xff"))),
    "HTTP/1.1 500 No\r\nA: \xe9\r\nContent-Length: 1\r\n\r\n\xff",
  );
  for (const status of [100, 204, 304]) {
    assert.equal(text(serializeResponse({ status, headers: [] })), `HTTP/1.1 ${status} \r\n\r\n`);
    assert.throws(() => serializeResponse({ status, headers: [] }, bytes("x")), UsageError);
  }
  assert.equal(
    text(serializeResponseHead({ status: 200, headers: [] }, 7)),
    "HTTP/1.1 200 \r\nContent-Length: 7\r\n\r\n",
  );
  assert.equal(text(continueResponse), "HTTP/1.1 100 Continue\r\n\r\n");
  assert.equal(
    text(serializeChunk(bytes("0123456789abcdef"))) + text(lastChunk),
    "10\r\n0123456789abcdef\r\n0\r\n\r\n",
  );
  assert.equal(serializeChunk(bytes("")).length, 0);
});

Deno.test("nothing can be smuggled into a head", () => {
  const good = { method: "GET", target: "/", headers: [] as [string, string][] };
  for (const evil of ["\r", "\n", "\0", "\r\n", "\x7f", "\u0100"]) {
    const bad = `a${evil}b`;
    assert.throws(() => serializeRequest({ ...good, method: bad }), UsageError);
    assert.throws(() => serializeRequest({ ...good, target: `/${bad}` }), UsageError);
    assert.throws(() => serializeRequest({ ...good, headers: [[bad, "v"]] }), UsageError);
    assert.throws(() => serializeRequest({ ...good, headers: [["n", bad]] }), UsageError);
    assert.throws(() => serializeResponse({ status: 200, reason: bad, headers: [] }), UsageError);
    assert.throws(() => serializeResponse({ status: 200, headers: [["n", bad]] }), UsageError);
  }
  assert.throws(() => serializeRequest({ ...good, target: "/ /" }), UsageError);
  assert.throws(() => serializeRequest({ ...good, target: "" }), UsageError);
  assert.throws(() => serializeRequest({ ...good, method: "" }), UsageError);
  assert.throws(() => serializeRequest({ ...good, headers: [["", "v"]] }), UsageError);
  assert.throws(() => serializeRequest({ ...good, headers: [["a b", "v"]] }), UsageError);
  for (const status of [0, 99, 600, 200.5, NaN]) {
    assert.throws(() => serializeResponse({ status, headers: [] }), UsageError);
  }
});

Deno.test("requests of a template are those of the serializer, and its head is as strict", () => {
  const head = {
    method: "POST",
    target: "/wsman",
    headers: [["Host", "a"], ["X", "\xe9"]] as [string, string][],
  };
  const template = new RequestTemplate(head);
  for (const body of [bytes(""), bytes("abc"), bytes("x".repeat(70_000))]) {
    assert.deepEqual(template.write(body), serializeRequest(head, body));
  }
  assert.throws(() => new RequestTemplate({ ...head, headers: [["a", "b\r\nc: d"]] }), UsageError);
  assert.throws(() => new RequestTemplate({ ...head, headers: [["Content-Length", "3"]] }), UsageError);
});
