/**
 * HTTP in both roles: the same on every split, never beyond a limit, messages end where a second, slow reading of
 * RFC 9112 says that they end (else two recipients could be played against each other), and what was read can be written
 * and read again.
 * @module
 */
import assert from "node:assert/strict";
import { concat, utf8 } from "../../../protocol/bytes.ts";
import { ProtocolError } from "../../../protocol/errors.ts";
import {
  HttpError,
  type HttpEvent,
  HttpRequestParser,
  HttpResponseParser,
  parseAuthorization,
  parseChallenges,
  parseContentType,
  serializeRequest,
  serializeResponse,
} from "../../../protocol/http/mod.ts";
import { type Message, messages, plain } from "../../protocol/http/collect.ts";
import { latin1, type Target } from "../engine.ts";
import type { Random } from "../random.ts";
import { referenceEnds } from "../reference_http.ts";

/** Small ones, so that they are reached. */
const limits = {
  maxStartLine: 200,
  maxHeaderBytes: 600,
  maxHeaders: 12,
  maxBodyBytes: 400,
  maxChunkExtension: 20,
  maxTrailerBytes: 60,
};

const bytesOf = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

const tokens = [
  "\r\n",
  "\n",
  "\r",
  "\r\n\r\n",
  "\n\n",
  " ",
  "\t",
  ":",
  ",",
  ";",
  "=",
  '"',
  "\\",
  "\0",
  "\x0b",
  "\x7f",
  "\x85",
  "\xff",
  "0",
  "1",
  "ffffffffffffff",
  "0x5",
  "+5",
  "Content-Length: 3\r\n",
  "Content-Length: 4\r\n",
  "Content-Length: 3, 3\r\n",
  "Content-Length : 3\r\n",
  "content-length:\t3\t\r\n",
  "Content-Length: 03\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Transfer-Encoding: CHUNKED \r\n",
  "Transfer-Encoding: gzip, chunked\r\n",
  "Transfer-Encoding: gzip\r\n",
  " folded\r\n",
  "Connection: close\r\n",
  "Connection: keep-alive, close\r\n",
  "Host: b\r\n",
  "Expect: 100-continue\r\n",
  "HTTP/1.0",
  "HTTP/1.1",
  "HTTP/2.0",
  "0\r\n\r\n",
  "00000\r\n",
  "3\r\nabc\r\n",
  "3;x=y\r\nabc\r\n",
  "A: b\r\n\r\n",
  "HTTP/1.1 100 \r\n\r\n",
  "HTTP/1.1 101 \r\n\r\n",
  "HTTP/1.1 204 \r\n\r\n",
  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
].map(bytesOf);

interface Outcome {
  readonly found: readonly Message[];
  readonly error: string;
  /** Where each message ended; only of a reading byte by byte. */
  readonly ends: readonly number[];
}

type Parser = HttpRequestParser | HttpResponseParser;

function read(parser: Parser, pieces: readonly Uint8Array[]): Outcome {
  const events: HttpEvent[] = [];
  const ends: number[] = [];
  let error = "";
  let at = 0;
  try {
    for (const piece of pieces) {
      const more = parser.push(piece);
      at += piece.length;
      events.push(...more);
      for (const { kind } of more) if (kind === "end") ends.push(at);
    }
    events.push(...parser.endOfInput());
  } catch (thrown) {
    assert.ok(thrown instanceof HttpError, String(thrown));
    events.push(...thrown.events);
    for (const { kind } of thrown.events) if (kind === "end") ends.push(at);
    error = `${thrown.code}: ${thrown.message}`;
  }
  const found = messages(events);
  for (const { body } of found) assert.ok(body.length <= limits.maxBodyBytes, "a body beyond its limit");
  return { found, error, ends };
}

/** Of an unfinished message only the head counts: how much body came before an error depends on the split. */
function comparable({ found, error }: Outcome): string {
  const shown = found.map((message) => message.complete ? message : { ...message, body: new Uint8Array(0) });
  return JSON.stringify([plain(shown), error]);
}

function stateOf({ found, error }: Outcome): string {
  const kinds = found.map(({ head, body, complete }) => {
    const framing = head.chunked ? "chunked" : head.contentLength === undefined ? "none" : "length";
    const what = head.kind === "request" ? String(head.expectContinue) : statusName(head.status);
    return `${what} ${framing} ${head.keepAlive} ${body.length > 0} ${complete}`;
  });
  return `${Math.min(kinds.length, 3)} ${kinds.at(-1)} ${error.replace(/\d+/g, "n")}`;
}

/** The statuses that decide about the body, and the class of others. */
function statusName(status: number): string {
  return [204, 304].includes(status) ? String(status) : `${Math.floor(status / 100)}xx`;
}

/** Reads whole, by bytes and in random pieces; all must agree. */
function readEveryWay(make: () => Parser, input: Uint8Array, random: Random): Outcome {
  const whole = read(make(), input.length > 0 ? [input] : []);
  const expected = comparable(whole);
  assert.equal(comparable(read(make(), random.cut(input))), expected);
  const single = read(make(), Array.from(input, (_, i) => input.subarray(i, i + 1)));
  assert.equal(comparable(single), expected);
  return single;
}

/** Fields but those that say where the body ends, which the writer makes itself. */
function fieldsOf({ head }: Message): (readonly [string, string])[] {
  return [...head.headers.entries()].filter(([name]) => !/^(content-length|transfer-encoding)$/i.test(name));
}

/** The parser of requests. */
export const httpRequest: Target = {
  name: "http_request",
  tokens,
  seeds: () => {
    const seeds = [
      "POST /wsman HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nAuthorization: Negotiate abc=\r\n\r\nhello",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\nT: v\r\n\r\n",
      "GET / HTTP/1.0\r\n\r\n",
      "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\nPUT http://a/ HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
    ].map(utf8);
    return [...seeds, concat(seeds.slice(0, 2)), concat([seeds[1]!, seeds[1]!, seeds[0]!])];
  },
  run(input, random) {
    const outcome = readEveryWay(() => new HttpRequestParser(limits), input, random);
    assert.deepEqual(outcome.ends, referenceEnds(input, "request", []).slice(0, outcome.ends.length));
    for (const message of outcome.found) {
      if (!message.complete || message.head.kind !== "request") continue;
      const { method, target, version } = message.head;
      // What is written is always of 1.1, which needs more and means more.
      if (version === "1.0") continue;
      const written = serializeRequest({ method, target, headers: fieldsOf(message) }, message.body);
      const again = read(new HttpRequestParser(), [written]).found[0];
      assert.ok(
        again !== undefined && again.complete && again.head.kind === "request",
        "written, yet not read",
      );
      assert.deepEqual(
        [again.head.method, again.head.target, fieldsOf(again), again.body],
        [method, target, fieldsOf(message), message.body],
      );
    }
    return stateOf(outcome);
  },
};

/** The parser of responses, to a POST and then to another method. */
export const httpResponse: Target = {
  name: "http_response",
  tokens,
  seeds: () =>
    [
      "HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\nhello",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nHTTP/1.1 204 \r\n\r\n",
      "HTTP/1.0 401 No\r\nWWW-Authenticate: Basic\r\n\r\nuntil the close",
      "HTTP/1.1 304 \r\nContent-Length: 9\r\n\r\nHTTP/1.1 200\r\nConnection: close\r\nContent-Length: 1\r\n\r\nxy",
      "HTTP/1.1 401 \r\nWWW-Authenticate: Negotiate\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok",
    ].map(utf8),
  run(input, random) {
    const methods = ["POST", random.pick(["POST", "HEAD", "CONNECT", "GET"])];
    const outcome = readEveryWay(
      () => {
        const parser = new HttpResponseParser(limits);
        for (const method of methods) parser.expect(method);
        return parser;
      },
      input,
      random,
    );
    const ends = referenceEnds(input, "response", methods);
    assert.deepEqual(outcome.ends, ends.slice(0, outcome.ends.length));
    for (const message of outcome.found) {
      if (!message.complete || message.head.kind !== "response" || message.body.length === 0) continue;
      const { status, reason } = message.head;
      const written = serializeResponse({ status, reason, headers: fieldsOf(message) }, message.body);
      const parser = new HttpResponseParser();
      parser.expect("POST");
      const again = read(parser, [written]).found[0];
      assert.ok(
        again !== undefined && again.complete && again.head.kind === "response",
        "written, yet not read",
      );
      assert.deepEqual([again.head.status, again.head.reason, fieldsOf(again), again.body], [
        status,
        reason,
        fieldsOf(message),
        message.body,
      ]);
    }
    return `${methods[1]} ${stateOf(outcome)}`;
  },
};

/** Values of fields: challenges, credentials, media types. */
export const httpFields: Target = {
  name: "http_fields",
  tokens,
  seeds: () =>
    [
      'Negotiate abc==, Basic realm="a\\"b", Digest qop=auth,nonce="x"',
      "Basic YWxpY2U6c2VjcmV0",
      'multipart/encrypted;protocol="application/X";boundary="Encrypted Boundary"',
      "application/soap+xml;charset=UTF-8",
    ].map(utf8),
  run(input) {
    const text = latin1(input);
    return [
      () => {
        const challenges = parseChallenges([text, text]);
        assert.equal(challenges.length % 2, 0, "the same field gave another number of challenges");
        for (const { scheme, token } of challenges) {
          assert.match(scheme, /^[\w!#$%&'*+.^`|~-]+$/);
          assert.match(token ?? "", /^[\w.~+/-]*=*$/);
        }
        const kinds = challenges.map(({ token, parameters }) =>
          `${token !== undefined}${parameters.size > 0}`
        );
        return [...new Set(kinds)].sort().join();
      },
      () => {
        const { token, parameters } = parseAuthorization(text);
        return `${token !== undefined} ${parameters.size > 0}`;
      },
      () => String(parseContentType(text).parameters.size),
    ].map((parse) => {
      try {
        return parse();
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        return error.message;
      }
    }).join(" ");
  },
};
