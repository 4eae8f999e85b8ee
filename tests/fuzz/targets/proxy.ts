/** Answers of proxies to CONNECT: typed errors only, one meaning however they are cut, and nothing read without end. @module */
import assert from "node:assert/strict";
import { utf8 } from "../../../protocol/bytes.ts";
import { DroverError } from "../../../protocol/errors.ts";
import { type ProxyAnswer, ProxyAnswerReader } from "../../../runtime/transports/proxy_answer.ts";
import { chooseScheme } from "../../../runtime/transports/proxy_logon.ts";
import { Secret } from "../../../protocol/secret.ts";
import type { Target } from "../engine.ts";

const credential = { user: "alice", password: new Secret("Passw0rd!") };
/** One that comes after everything: a reader that still waits then waits for ever. */
const flood = new Uint8Array(4_096).fill(0x61);

/** What the reader makes of pieces, the end, or a flood after them. */
function read(pieces: Iterable<Uint8Array>, ends: boolean): ProxyAnswer | string {
  const reader = new ProxyAnswerReader("proxy:3128");
  try {
    for (const piece of pieces) {
      const answer = reader.push(piece.slice());
      if (answer !== undefined) return answer;
    }
    if (ends) return reader.end();
    for (let round = 0; round < 40; round++) {
      const answer = reader.push(flood.slice());
      if (answer !== undefined) return answer;
    }
  } catch (error) {
    if (!(error instanceof DroverError)) throw error;
    return error.code;
  }
  assert.fail("the reader takes more than 64 KB");
}

function* cut(input: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < input.length; at += size) yield input.subarray(at, at + size);
}

function describe(answer: ProxyAnswer | string): string {
  if (typeof answer === "string") return answer;
  const { status, challenges, reusable } = answer;
  return `${Math.floor(status / 100)} ${status === 407} ${challenges.length} ${reusable} ${
    chooseScheme(challenges, { ...credential, allowBasic: true }) ?? "nothing"
  }`;
}

/** The reader of answers, and the choice among what they offer. */
export const proxy: Target = {
  name: "proxy",
  tokens: [
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 407 \r\n",
    "HTTP/1.0 ",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "Proxy-Authenticate: NTLM\r\n",
    "Proxy-Authenticate: Basic realm=x, Negotiate\r\n",
    "Proxy-Connection: close\r\n",
    "Connection: keep-alive\r\n",
    "Content-Length: 0\r\n",
    "Transfer-Encoding: chunked\r\n",
    "0\r\n\r\n",
    "\r\n\r\n",
  ].map(utf8),
  seeds: () =>
    [
      "HTTP/1.1 200 Connection established\r\n\r\n",
      'HTTP/1.1 407 who\r\nProxy-Authenticate: NTLM\r\nProxy-Authenticate: Basic realm="x"\r\nContent-Length: 3\r\n\r\nyou',
      "HTTP/1.1 407 who\r\nProxy-Authenticate: Negotiate TlRMTQ==\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nyou\r\n0\r\n\r\n",
      "HTTP/1.1 102 wait\r\n\r\nHTTP/1.1 403 no\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.0 407 who\r\nProxy-Authenticate: Basic\r\n\r\nyou",
    ].map(utf8),
  run(input, random) {
    const whole = read([input], true);
    const states = [describe(whole)];
    for (const size of [1, 1 + random.below(40)]) {
      const pieces = read(cut(input, size), true);
      // Behind the answer nothing is read, so that only what came together with it can be too much.
      if (typeof whole !== "string") assert.deepEqual(pieces, whole);
      states.push(describe(pieces));
    }
    if (typeof whole !== "string") {
      assert.ok(!whole.reusable || whole.status === 407, "only a dialogue goes on");
      assert.ok(whole.challenges.length === 0 || whole.status === 407, "only a 407 asks");
      assert.notEqual(
        chooseScheme(whole.challenges, credential),
        "Basic",
        "a password in clear that nobody allowed",
      );
    }
    states.push(describe(read([input], false)));
    return states.join("; ");
  },
};
