// Mutated messages against every reader of the HTTP layer. Whatever comes in: results or typed errors come out, the
// outcome does not depend on how the bytes were split, and nothing is held beyond the limits.
import assert from "node:assert/strict";
import { concat, utf8 } from "../../protocol/bytes.ts";
import { ProtocolError } from "../../protocol/errors.ts";
import {
  encodeEncrypted,
  encryptedContentType,
  EncryptedParser,
  HttpError,
  type HttpEvent,
  HttpRequestParser,
  HttpResponseParser,
  parseAuthorization,
  parseChallenges,
  parseContentType,
  serializeResponse,
} from "../../protocol/http/mod.ts";
import { messages, plain } from "../protocol/http/collect.ts";

const seed = 20_260_321;
const limits = {
  maxStartLine: 200,
  maxHeaderBytes: 600,
  maxHeaders: 12,
  maxBodyBytes: 400,
  maxChunkExtension: 20,
  maxTrailerBytes: 60,
};

/** A small generator: xorshift32. */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 1;
  }

  below(limit: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) % limit;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }
}

const tokens = [
  "\r\n",
  "\n",
  "\r",
  "\r\n\r\n",
  " ",
  "\t",
  ":",
  ",",
  ";",
  "=",
  '"',
  "\\",
  "\0",
  "\x7f",
  "\xff",
  "0",
  "1",
  "ffffffffffffff",
  "Content-Length: 3\r\n",
  "Content-Length: 4\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Transfer-Encoding: gzip\r\n",
  "Connection: close\r\n",
  "Host: b\r\n",
  "Expect: 100-continue\r\n",
  "HTTP/1.0",
  "HTTP/1.1",
  "HTTP/2.0",
  "0\r\n\r\n",
  "3\r\nabc\r\n",
  "HTTP/1.1 100 \r\n\r\n",
  "HTTP/1.1 204 \r\n\r\n",
  "--Encrypted Boundary\r\n",
  "--Encrypted Boundary--\r\n",
  "Length=9",
  "Length=99999",
].map((text) => Uint8Array.from(text, (character) => character.charCodeAt(0)));

function mutate(random: Random, original: Uint8Array): Uint8Array {
  let bytes = original.slice();
  for (let count = random.below(4); count >= 0; count--) {
    const at = random.below(bytes.length + 1);
    const end = Math.min(bytes.length, at + random.below(8));
    switch (random.below(5)) {
      case 0:
        if (at < bytes.length) bytes[at] = random.below(256);
        break;
      case 1:
        bytes = concat([bytes.subarray(0, at), random.pick(tokens), bytes.subarray(at)]).slice();
        break;
      case 2:
        bytes = concat([bytes.subarray(0, at), bytes.subarray(end)]).slice();
        break;
      case 3:
        bytes = concat([bytes.subarray(0, at), random.pick(tokens), bytes.subarray(end)]).slice();
        break;
      default:
        bytes = concat([bytes.subarray(0, end), bytes.subarray(at)]).slice();
    }
  }
  return bytes;
}

function cut(random: Random, whole: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  const most = 1 + random.below(40);
  for (let at = 0; at < whole.length;) {
    const end = Math.min(whole.length, at + 1 + random.below(most));
    pieces.push(whole.subarray(at, end));
    at = end;
  }
  return pieces;
}

/** Runs `execs` mutations and prints the figures that `tests/` collects. */
function fuzz(
  name: string,
  execs: number,
  corpus: readonly Uint8Array[],
  run: (input: Uint8Array, random: Random) => string,
): void {
  const random = new Random(seed);
  const states = new Map<string, number>();
  const started = performance.now();
  for (let i = 0; i < execs; i++) {
    const state = run(mutate(random, random.pick(corpus)), random);
    states.set(state, (states.get(state) ?? 0) + 1);
  }
  const perSecond = Math.round(execs / (performance.now() - started) * 1000);
  console.log(`FUZZ name=${name} execs_per_s=${perSecond} states=${states.size}`);
  assert.ok(states.size > 5, `only ${[...states.keys()].join()}`);
}

interface Outcome {
  readonly found: unknown[];
  readonly error: string;
}

function readHttp(parser: HttpRequestParser | HttpResponseParser, pieces: readonly Uint8Array[]): Outcome {
  const events: HttpEvent[] = [];
  let error = "";
  try {
    for (const piece of pieces) events.push(...parser.push(piece));
    events.push(...parser.endOfInput());
  } catch (thrown) {
    assert.ok(thrown instanceof HttpError, String(thrown));
    events.push(...thrown.events);
    error = `${thrown.code}: ${thrown.message}`;
  }
  const found = messages(events);
  for (const { body } of found) assert.ok(body.length <= limits.maxBodyBytes);
  // Of an unfinished message only the head counts: how much body came before an error depends on the split.
  return {
    found: plain(
      found.map((message) => message.complete ? message : { ...message, body: new Uint8Array(0) }),
    ),
    error,
  };
}

function compare(
  make: () => HttpRequestParser | HttpResponseParser,
  input: Uint8Array,
  random: Random,
): string {
  const whole = readHttp(make(), [input]);
  assert.deepEqual(readHttp(make(), cut(random, input)), whole);
  return `${whole.found.length} ${whole.error}`;
}

Deno.test("mutated requests end in requests or typed errors, the same on every split", () => {
  const corpus = [
    "POST /wsman HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nAuthorization: Negotiate abc=\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\nT: v\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\nPUT http://a/ HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
  ].map(utf8);
  fuzz(
    "http_request",
    20_000,
    [...corpus, concat(corpus.slice(0, 2))],
    (input, random) => compare(() => new HttpRequestParser(limits), input, random),
  );
});

Deno.test("mutated responses end in responses or typed errors, the same on every split", () => {
  const corpus = [
    "HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nHTTP/1.1 204 \r\n\r\n",
    "HTTP/1.0 401 No\r\nWWW-Authenticate: Basic\r\n\r\nuntil the close",
    "HTTP/1.1 304 \r\nContent-Length: 9\r\n\r\nHTTP/1.1 200\r\nConnection: close\r\nContent-Length: 1\r\n\r\nxy",
  ].map(utf8);
  fuzz("http_response", 20_000, corpus, (input, random) => {
    const method = random.pick(["POST", "HEAD", "CONNECT", "GET"]);
    return compare(
      () => {
        const parser = new HttpResponseParser(limits);
        parser.expect("POST");
        parser.expect(method);
        return parser;
      },
      input,
      random,
    );
  });
});

Deno.test("mutated sealed parts end in parts or typed errors, the same on every split", () => {
  const protocol = "application/HTTP-CredSSP-session-encrypted";
  const part = (sealed: Uint8Array, originalLength: number) =>
    encodeEncrypted({ protocol, originalContentType: "application/soap+xml", originalLength, sealed });
  const known = part(new Uint8Array(4 + 16 + 9).fill(16, 0, 1), 9);
  const records = part(
    concat([new Uint8Array([16, 0, 0, 0, 0x17, 3, 3, 0, 40]), new Uint8Array(40).fill(0x2d)]),
    12,
  );
  const unknown = part(new Uint8Array(60).fill(0x2d), 20);
  const contentType = parseContentType(encryptedContentType(protocol));
  const read = (pieces: readonly Uint8Array[]): Outcome => {
    const parser = new EncryptedParser(contentType, { maxPartBytes: 500 });
    const found: unknown[] = [];
    let error = "";
    try {
      for (const piece of pieces) {
        found.push(...parser.push(piece).map((each) => ({ ...each, sealed: each.sealed.join() })));
      }
      parser.end();
    } catch (thrown) {
      assert.ok(thrown instanceof ProtocolError, String(thrown));
      error = `${thrown.code}: ${thrown.message}`;
    }
    return { found: error === "" ? found : [], error };
  };
  fuzz(
    "http_multipart",
    20_000,
    [known, records, unknown, concat([known, unknown, known])],
    (input, random) => {
      const whole = read([input]);
      assert.deepEqual(read(cut(random, input)), whole);
      return `${whole.found.length} ${whole.error}`;
    },
  );
});

Deno.test("mutated field values end in values or typed errors", () => {
  const corpus = [
    'Negotiate abc==, Basic realm="a\\"b", Digest qop=auth,nonce="x"',
    "Basic YWxpY2U6c2VjcmV0",
    'multipart/encrypted;protocol="application/X";boundary="Encrypted Boundary"',
    "application/soap+xml;charset=UTF-8",
  ].map(utf8);
  fuzz("http_fields", 20_000, corpus, (input) => {
    const text = String.fromCharCode(...input);
    return [
      () => parseChallenges([text, text]).length,
      () => parseAuthorization(text).parameters.size,
      () => parseContentType(text).parameters.size,
    ]
      .map((parse) => {
        try {
          return String(parse());
        } catch (error) {
          assert.ok(error instanceof ProtocolError, String(error));
          return error.message;
        }
      }).join(" ");
  });
});

Deno.test("hostile streams are refused at their limit and cost time in proportion", () => {
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
