// Bytes that are hostile without being mutated: endless streams, and noise.
import assert from "node:assert/strict";
import { utf8 } from "../../protocol/bytes.ts";
import { createNegotiateAcceptor, createNegotiateInitiator } from "../../protocol/auth/mod.ts";
import { ProtocolError } from "../../protocol/errors.ts";
import {
  HttpError,
  HttpRequestParser,
  HttpResponseParser,
  serializeResponse,
} from "../../protocol/http/mod.ts";
import { readEnvelope } from "../../protocol/soap/mod.ts";
import { acceptorOptions, initiatorOptions, seededBytes, stepNow, tokenOf } from "../helpers/auth_pair.ts";

const limits = {
  maxStartLine: 200,
  maxHeaderBytes: 600,
  maxHeaders: 12,
  maxBodyBytes: 400,
  maxChunkExtension: 20,
  maxTrailerBytes: 60,
};

Deno.test("endless heads, fields, chunks and extensions are refused at their limit", () => {
  const endless = [
    utf8("GET /" + "a".repeat(1000)),
    utf8("X: y\r\n".repeat(200)),
    utf8("1\r\na\r\n".repeat(200)),
    utf8("0;" + "e".repeat(1000)),
  ];
  const starts = [
    "",
    "GET / HTTP/1.1\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
  ].map(utf8);
  for (const start of starts) {
    for (const more of endless) {
      const parser = new HttpRequestParser(limits);
      assert.throws(() => {
        parser.push(start);
        for (let i = 0; i < 100; i++) parser.push(more);
      }, HttpError);
    }
  }
  const client = new HttpResponseParser(limits);
  client.expect("GET");
  assert.throws(
    () => client.push(serializeResponse({ status: 200, headers: [] }, new Uint8Array(401))),
    HttpError,
  );
});

Deno.test("random bytes never log on and never break a context", () => {
  const random = seededBytes(20_240_231);
  for (let length = 0; length < 400; length++) {
    const server = createNegotiateAcceptor(acceptorOptions());
    assert.equal(stepNow(server, random(length)).kind, "failed");
    const client = createNegotiateInitiator(initiatorOptions());
    tokenOf(stepNow(client));
    assert.equal(stepNow(client, random(length)).kind, "failed");
  }
});

Deno.test("random bytes are never an envelope", () => {
  const random = seededBytes(20_260_102);
  for (let length = 0; length < 600; length++) {
    assert.throws(() => readEnvelope(random(length)), ProtocolError);
  }
});
