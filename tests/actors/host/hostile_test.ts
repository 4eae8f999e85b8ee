/** Services that mean harm: whatever they send, one typed result, in time, with bounded memory. */
import assert from "node:assert/strict";
import { concat, utf8 } from "../../../protocol/bytes.ts";
import { envelopeOf, FakeHost, type FakeOptions, type Operation, response } from "./fake_host.ts";
import { FakeFleet, fakeTarget } from "./run_job.ts";

const operations: readonly Operation[] = ["Create", "Command", "Receive", "Signal", "Delete"];

function text(head: string, body: string | Uint8Array = ""): Uint8Array {
  const bytes = typeof body === "string" ? utf8(body) : body;
  return concat([utf8(head.replaceAll("\n", "\r\n").replace("LENGTH", String(bytes.length))), bytes]);
}

const soap = "Content-Type: application/soap+xml;charset=UTF-8\n";
const big = "a".repeat(300_000);

/** What a service may answer. */
const answers: Readonly<Record<string, Uint8Array>> = {
  "no HTTP": utf8("220 smtp.example ESMTP\r\n"),
  "TLS instead of HTTP": Uint8Array.of(0x15, 3, 3, 0, 2, 2, 40),
  "an endless header": text(`HTTP/1.1 200 OK\nX: ${big}`),
  "endless headers": text(`HTTP/1.1 200 OK\n${"X: y\n".repeat(60_000)}`),
  "endless interim responses": text("HTTP/1.1 100 Continue\n\n".repeat(10_000)),
  "switching protocols": text("HTTP/1.1 101 Switching Protocols\nUpgrade: x\n\n"),
  "a huge Content-Length that never comes": text(
    `HTTP/1.1 200 OK\n${soap}Content-Length: 99999999999\n\n`,
    "<s",
  ),
  "a Content-Length beyond numbers": text(`HTTP/1.1 200 OK\n${soap}Content-Length: 99999999999999999999\n\n`),
  "both lengths": text(`HTTP/1.1 200 OK\n${soap}Content-Length: 5\nTransfer-Encoding: chunked\n\n0\n\n`),
  "a chunk without an end": text(`HTTP/1.1 200 OK\n${soap}Transfer-Encoding: chunked\n\n7fffffff\n`, big),
  "endless chunk extensions": text(`HTTP/1.1 200 OK\n${soap}Transfer-Encoding: chunked\n\n1;${big}`),
  "a redirect": text("HTTP/1.1 302 Found\nLocation: http://evil.example/\nContent-Length: 0\n\n"),
  "a login page": text(
    "HTTP/1.1 200 OK\nContent-Type: text/html\nContent-Length: LENGTH\n\n",
    `<html>${big}</html>`,
  ),
  "a broken content type": text("HTTP/1.1 200 OK\nContent-Type: ;;;=\nContent-Length: 2\n\n", "ok"),
  "no content type": text("HTTP/1.1 200 OK\nContent-Length: LENGTH\n\n", envelopeOf("")),
  "sealed without a context": text(
    `HTTP/1.1 200 OK\nContent-Type: multipart/encrypted;protocol="application/HTTP-SPNEGO-session-encrypted";boundary="Encrypted Boundary"\nContent-Length: 5\n\n`,
    "--Enc",
  ),
  "an empty body": text(`HTTP/1.1 200 OK\n${soap}Content-Length: 0\n\n`),
  "no XML": response(200, utf8("hello")),
  "a DOCTYPE": response(200, utf8('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')),
  "depth": response(200, utf8(envelopeOf("<a>".repeat(100_000)))),
  "attributes": response(
    200,
    utf8(envelopeOf(`<a ${Array.from({ length: 50_000 }, (_, i) => `b${i}=""`).join(" ")}/>`)),
  ),
  "a giant envelope": response(200, utf8(envelopeOf(`<a>${"x".repeat(3_000_000)}</a>`))),
  "base64 that is none": response(
    200,
    utf8(envelopeOf(`<r:ReceiveResponse><r:Stream Name="stdout">!!!!</r:Stream></r:ReceiveResponse>`)),
  ),
  "an exit code that is none": response(
    200,
    utf8(
      envelopeOf(
        `<r:ReceiveResponse><r:CommandState State="x/Done"><r:ExitCode>zero</r:ExitCode></r:CommandState></r:ReceiveResponse>`,
      ),
    ),
  ),
  "Done without an exit code": response(
    200,
    utf8(envelopeOf(`<r:ReceiveResponse><r:CommandState State="x/Done"/></r:ReceiveResponse>`)),
  ),
  "two answers": concat([response(200, utf8(envelopeOf(""))), response(200, utf8(envelopeOf("")))]),
  "a lone 401": text("HTTP/1.1 401 No\nWWW-Authenticate: Negotiate\nContent-Length: 0\n\n"),
  "a 401 with a page": text("HTTP/1.1 401 No\nContent-Type: text/html\nContent-Length: LENGTH\n\n", big),
};

function check(name: string, options: FakeOptions, ntlm: boolean): string {
  const run = new FakeFleet();
  const host = new FakeHost(run.test, { ...options, ntlm });
  run.hosts.set("host", host);
  const sink = run.start([fakeTarget("host", ntlm, host)]);
  run.test.advance(180_000);
  assert.equal(sink.results.length, 1, `${name}: one result in time`);
  run.test.settle(4 * 3_600_000);
  assert.deepEqual(run.test.crashes, [], name);
  assert.equal(sink.finishedCount, 1, name);
  assert.equal(run.test.system.stats.actors, 2, name);
  assert.equal(host.connections.size, 0, name);
  const result = sink.results[0]!;
  if (result.error !== undefined) assert.match(result.error.code, /^[A-Za-z0-9_:]+$/, name);
  return result.status;
}

Deno.test("hostile answers to each request end in a true, typed result", () => {
  for (const [name, bytes] of Object.entries(answers)) {
    for (const ntlm of [false, true]) {
      for (const operation of operations) {
        const status = check(`${name} to ${operation}`, {
          answer: (asked) => asked === operation ? bytes : "default",
          chunk: 50_000,
        }, ntlm);
        const denied = name.includes("401");
        const expected: Partial<Record<Operation, string[]>> = {
          Create: [denied ? "denied" : "unreachable"],
          Command: [denied ? "denied" : "unknown"],
          Receive: ["unknown"],
          Signal: ["succeeded"],
          Delete: ["succeeded"],
        };
        assert.ok(expected[operation]!.includes(status), `${name} to ${operation}: ${status}`);
      }
    }
  }
});

Deno.test("hostile answers while authenticating end in a typed result", () => {
  for (const [name, bytes] of Object.entries(answers)) {
    const status = check(`${name} at once`, { greeting: bytes, chunk: 50_000 }, true);
    assert.ok(["unreachable", "denied"].includes(status), `${name}: ${status}`);
    const early = check(`${name} before any request`, { greeting: bytes }, false);
    // Who sends before it is asked is not trusted with more; a Create may be on its way by then.
    assert.ok(["unreachable", "denied"].includes(early), `${name}: ${early}`);
  }
});

Deno.test("an answer in clear, or one that was sealed before, is refused on a sealed connection", () => {
  const clear = response(
    200,
    utf8(envelopeOf(
      `<r:ReceiveResponse><r:CommandState State="x/Done"><r:ExitCode>0</r:ExitCode></r:CommandState></r:ReceiveResponse>`,
    )),
  );
  assert.equal(
    check("clear", { answer: (asked) => asked === "Receive" ? clear : "default" }, true),
    "unknown",
  );
});

Deno.test("a sealed answer that was sent before, or of which any byte was changed, is not believed", () => {
  const expected = { Create: "unreachable", Command: "unknown", Receive: "unknown" } as const;
  for (const operation of ["Create", "Command", "Receive"] as const) {
    if (operation !== "Create") {
      const tamper: FakeOptions["tamper"] = (asked, answer, previous) =>
        asked === operation ? previous : answer;
      assert.equal(check(`replay to ${operation}`, { tamper }, true), expected[operation]);
    }
    for (let from = 1; from < 400; from += 13) {
      const tamper: FakeOptions["tamper"] = (asked, answer) => {
        // From the end: closing boundary, ciphertext, signature.
        if (asked === operation) answer[answer.length - 60 - from]! ^= 1;
        return answer;
      };
      assert.equal(check(`byte ${from} from the end of ${operation}`, { tamper }, true), expected[operation]);
    }
  }
});

Deno.test("a 401 dialogue without an end is given up", () => {
  for (
    const header of [
      "Negotiate",
      "Negotiate !!!",
      "Negotiate AAAA",
      "Negotiate TlRMTVNTUAACAAAA",
      "Basic realm=x",
      "",
    ]
  ) {
    const challenge = header === "" ? "" : `WWW-Authenticate: ${header}\n`;
    const one = text(`HTTP/1.1 401 No\n${challenge}Content-Length: 0\n\n`);
    const status = check(`401 ${header}`, { greeting: one, greetEach: true }, true);
    assert.ok(["denied", "unreachable"].includes(status), `${header}: ${status}`);
  }
});

Deno.test("a service that drips one byte a second is given up at its deadline", () => {
  for (const operation of operations) {
    const drip = text(`HTTP/1.1 200 OK\n${soap}Transfer-Encoding: chunked\n\n`, "1\r\n<\r\n".repeat(100));
    check(`drip to ${operation}`, {
      answer: (asked) => asked === operation ? drip : "default",
      chunk: 1,
      latencyMs: 1000,
    }, false);
  }
});
