// Whole connections of native Windows clients and servers, and messages of other clients and servers.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import {
  encodeEncrypted,
  EncryptedParser,
  type EncryptedPart,
  HttpError,
  HttpRequestParser,
  HttpResponseParser,
  parseAuthorization,
  parseChallenges,
  parseContentType,
} from "../../protocol/http/mod.ts";
import { concat } from "../../protocol/bytes.ts";
import { type Message, messages, singles } from "../protocol/http/collect.ts";

const corpus = Deno.env.get("DROVER_CORPUS") ?? new URL("../../../shared/corpus", import.meta.url).pathname;
const wire = `${corpus}/winrm/winrm-wire`;
const clients = `${corpus}/wsman-clients`;
const ignore = !existsSync(corpus);
/** Recordings that end while a chunked answer is still open. */
const unfinished = ["empire_psremoting_stager/conn01.json", "empire_psremoting_stager/conn02.json"];

interface Recorded {
  readonly head: string;
  readonly body_len: number;
  readonly flag: string;
}

interface Connection {
  readonly name: string;
  readonly c2s: Uint8Array;
  readonly s2c: Uint8Array;
  readonly requests: readonly Recorded[];
  readonly responses: readonly Recorded[];
}

function* connections(): Iterable<Connection> {
  for (const folder of readdirSync(wire)) {
    for (const file of readdirSync(`${wire}/${folder}`).filter((name) => name.endsWith(".json"))) {
      const base = `${wire}/${folder}/${file.slice(0, -5)}`;
      const { requests, responses } = JSON.parse(readFileSync(`${base}.json`, "utf8"));
      yield {
        name: `${folder}/${file}`,
        c2s: new Uint8Array(readFileSync(`${base}.c2s.http`)),
        s2c: new Uint8Array(readFileSync(`${base}.s2c.http`)),
        requests,
        responses,
      };
    }
  }
}

function readRequests(chunks: readonly Uint8Array[]): Message[] {
  const parser = new HttpRequestParser();
  const events = chunks.flatMap((chunk) => parser.push(chunk));
  return messages([...events, ...parser.endOfInput()]);
}

function readResponses(chunks: readonly Uint8Array[], expected: number): Message[] {
  const parser = new HttpResponseParser();
  for (let i = 0; i < expected; i++) parser.expect("POST");
  const events = chunks.flatMap((chunk) => parser.push(chunk));
  try {
    events.push(...parser.endOfInput());
  } catch (error) {
    // Two recordings end while a long poll is open: after a keepalive chunk, before the last chunk.
    assert.ok(error instanceof HttpError && error.code === "HttpIncomplete");
  }
  return messages(events);
}

/** The sealed parts of a message, or none when it is not sealed. */
function parts({ head, body }: Message): EncryptedPart[] {
  const type = head.headers.get("content-type");
  if (type === undefined || body.length === 0) return [];
  const contentType = parseContentType(type);
  if (contentType.type !== "multipart/encrypted") return [];
  const parser = new EncryptedParser(contentType);
  const found = parser.push(body);
  parser.end();
  const again = new EncryptedParser(contentType);
  const slowly = singles(body).flatMap((byte) => again.push(byte).map((part) => part.sealed.slice()));
  assert.deepEqual(slowly, found.map((part) => part.sealed));
  return found;
}

function checkHead({ head, body, complete }: Message, recorded: Recorded, name: string): void {
  const lines = recorded.head.split("\r\n").slice(1, -2);
  assert.deepEqual([...head.headers.entries()].map(([key, value]) => `${key}: ${value}`), lines, name);
  assert.equal(head.chunked, recorded.flag === "chunked", name);
  assert.ok(complete || unfinished.includes(name), name);
  if (!head.chunked) assert.equal(body.length, recorded.body_len, name);
}

Deno.test({ name: "every message of the native connections is read as the recording has it", ignore }, () => {
  let count = 0;
  for (const { name, c2s, s2c, requests, responses } of connections()) {
    for (const cut of [(whole: Uint8Array) => [whole], singles]) {
      const asked = readRequests(cut(c2s));
      assert.equal(asked.length, requests.length, name);
      asked.forEach((message, i) => checkHead(message, requests[i]!, name));
      const answered = readResponses(cut(s2c), asked.length);
      assert.equal(answered.length, responses.length, name);
      answered.forEach((message, i) => checkHead(message, responses[i]!, name));
    }
    count++;
  }
  assert.equal(count, 11);
});

Deno.test({
  name: "every sealed part of the native connections is found, and written back the same",
  ignore,
}, () => {
  let count = 0;
  let several = 0;
  for (const { name, c2s, s2c, requests } of connections()) {
    for (const message of [...readRequests([c2s]), ...readResponses([s2c], requests.length)]) {
      const found = parts(message);
      if (found.length > 1) several++;
      for (const part of found) {
        const tokenLength = new DataView(part.sealed.buffer, part.sealed.byteOffset).getUint32(0, true);
        assert.equal(tokenLength, 60, name);
        assert.equal(part.sealed.length, 4 + tokenLength + part.originalLength, name);
        assert.match(part.protocol, /^application\/HTTP-(SPNEGO|Kerberos)-session-encrypted$/);
      }
      if (found.length > 0) {
        assert.deepEqual(concat(found.map((each) => encodeEncrypted([each]))), message.body, name);
      }
      count += found.length;
    }
  }
  // So many OriginalContent lines are in these recordings (FACTS.md counted 132 in the fuller captures behind them).
  assert.equal(count, 86);
  assert.ok(several >= 2, "chunked answers hold several messages");
});

Deno.test({ name: "challenges and credentials of the native connections are read", ignore }, () => {
  const schemes = new Set<string>();
  for (const { c2s, s2c, requests } of connections()) {
    for (const { head } of readRequests([c2s])) {
      const value = head.headers.get("authorization");
      if (value !== undefined) assert.ok(parseAuthorization(value).token !== undefined);
    }
    for (const { head } of readResponses([s2c], requests.length)) {
      for (const { scheme } of parseChallenges(head.headers.getAll("www-authenticate"))) schemes.add(scheme);
    }
  }
  assert.deepEqual([...schemes].sort(), ["Kerberos", "Negotiate"]);
});

Deno.test({ name: "every recorded message of other clients and servers is read", ignore }, () => {
  let count = 0;
  let sealedCount = 0;
  for (const folder of readdirSync(clients, { withFileTypes: true }).filter((entry) => entry.isDirectory())) {
    for (const file of readdirSync(`${clients}/${folder.name}`).filter((name) => name.endsWith(".http"))) {
      const path = `${clients}/${folder.name}/${file}`;
      const whole = new Uint8Array(readFileSync(path));
      const found = file.includes("request") ? readRequests([whole]) : readResponses([whole], 1);
      assert.equal(found.length, 1, path);
      assert.ok(found[0]!.complete, path);
      for (const value of found[0]!.head.headers.getAll("www-authenticate")) {
        assert.equal(parseChallenges([value]).length, 1, path);
      }
      for (const part of parts(found[0]!)) {
        assert.equal(part.sealed.length, 4 + 16 + part.originalLength, path);
        sealedCount++;
      }
      count++;
    }
  }
  assert.equal(count, 1081);
  assert.equal(sealedCount, 78);
});
