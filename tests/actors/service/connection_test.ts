import assert from "node:assert/strict";
import { createNegotiateInitiator } from "../../../protocol/auth/mod.ts";
import { concat, utf8 } from "../../../protocol/bytes.ts";
import {
  encodeEncrypted,
  encryptedContentType,
  EncryptedParser,
  parseContentType,
  serializeRequest,
} from "../../../protocol/http/mod.ts";
import type { SecurityContext } from "../../../protocol/ports.ts";
import { sealedProtocol, sealMessage, unsealPart } from "../../../protocol/sealing/mod.ts";
import { Secret } from "../../../protocol/secret.ts";
import { actions, readEnvelope, writeIdentify } from "../../../protocol/soap/mod.ts";
import { faultCode, reportedFault } from "../../../protocol/wsman/mod.ts";
import { basic, type FakeClient, Harness, password, post, result, shellBody } from "./harness.ts";

const soap = "application/soap+xml;charset=UTF-8";

/** The envelope of a request, without its HTTP head. */
function envelopeOf(request: Uint8Array): Uint8Array {
  const text = new TextDecoder("latin1").decode(request);
  return request.subarray(text.indexOf("\r\n\r\n") + 4);
}

function initiator(h: Harness, secret = password): SecurityContext {
  return createNegotiateInitiator(
    {
      credential: { username: "alice", domain: "", password: new Secret(secret) },
      random: (length) => h.test.random.bytes(length),
      now: () => h.test.clock.now(),
      workstation: "CLIENT",
      targetName: "HTTP/test",
    } as Parameters<typeof createNegotiateInitiator>[0],
  );
}

function tokenOf(client: FakeClient): Uint8Array | undefined {
  const value = client.answers.at(-1)!.headers.get("www-authenticate");
  return value === undefined ? undefined : Uint8Array.fromBase64(value.replace("Negotiate ", ""));
}

function step(context: SecurityContext, token: Uint8Array | undefined): Uint8Array | undefined {
  let out: Uint8Array | undefined;
  context.step(token, (outcome) => {
    if (outcome.kind === "failed") throw outcome.error;
    out = outcome.token;
  });
  return out;
}

/** Logs on; the last request has `body`. */
function logOn(
  client: FakeClient,
  context: SecurityContext,
  body: Uint8Array = new Uint8Array(0),
  type = soap,
): void {
  client.sendBytes(negotiate(step(context, undefined)!, new Uint8Array(0), soap));
  assert.equal(client.answers.at(-1)!.status, 401);
  assert.equal(client.answers.at(-1)!.headers.get("connection"), undefined);
  client.sendBytes(negotiate(step(context, tokenOf(client))!, body, type));
}

function negotiate(token: Uint8Array, body: Uint8Array, type: string): Uint8Array {
  return serializeRequest({
    method: "POST",
    target: "/wsman",
    headers: [["Host", "t"], ["Content-Type", type], ["Authorization", `Negotiate ${token.toBase64()}`]],
  }, body);
}

function sealed(context: SecurityContext, envelope: Uint8Array, indented = false): Uint8Array {
  const body = encodeEncrypted(sealMessage(context, "Negotiate", soap, envelope), { indented });
  return serializeRequest({
    method: "POST",
    target: "/wsman",
    headers: [["Host", "t"], ["Content-Type", encryptedContentType(sealedProtocol("Negotiate"), 1)]],
  }, body);
}

Deno.test("the first answer names every scheme, has no body and closes", () => {
  const h = new Harness();
  const client = h.connect();
  client.sendBytes(post(utf8("<x/>")));
  const answer = client.answers[0]!;
  assert.equal(answer.status, 401);
  assert.deepEqual(answer.headers.getAll("www-authenticate"), ["Negotiate", 'Basic realm="WSMAN"']);
  assert.equal(answer.headers.get("content-length"), "0");
  assert.equal(answer.headers.get("connection"), "close");
  assert.equal(client.serviceEnded, true);
  h.test.advance(2_000);
  assert.equal(client.closed, true);
});

Deno.test("Basic is neither offered nor taken in clear text unless that is allowed", () => {
  const h = new Harness({ allowUnencrypted: false });
  const client = h.connect();
  client.sendBytes(h.request({ action: actions.create, body: shellBody() }));
  assert.equal(client.answers[0]!.status, 401);
  assert.deepEqual(client.answers[0]!.headers.getAll("www-authenticate"), ["Negotiate"]);
  assert.equal(h.processes.processes.length, 0);

  const secure = new Harness({ allowUnencrypted: false, tls: true });
  assert.equal(secure.open(secure.connect()).length, 36);
});

Deno.test("the scheme Kerberos has its own dialogue, header and name of the seal, and is offered to those with keys", () => {
  const auth = ["kerberos", "negotiate"] as const;
  const none = new Harness({ auth, allowUnencrypted: false });
  const stranger = none.connect();
  stranger.sendBytes(post(utf8("<x/>")));
  assert.deepEqual(stranger.answers[0]!.headers.getAll("www-authenticate"), ["Negotiate"]);

  const h = new Harness({ auth, allowUnencrypted: false, kerberos: true });
  const client = h.connect();
  client.sendBytes(post(utf8("<x/>")));
  assert.deepEqual(client.answers[0]!.headers.getAll("www-authenticate"), ["Kerberos", "Negotiate"]);

  const link = h.connect();
  const context = initiator(h);
  const say = (token: Uint8Array) =>
    serializeRequest({
      method: "POST",
      target: "/wsman",
      headers: [["Host", "t"], ["Content-Type", soap], ["Authorization", `Kerberos ${token.toBase64()}`]],
    }, new Uint8Array(0));
  const answered = () => {
    const value = link.answers.at(-1)!.headers.get("www-authenticate")!;
    assert.match(value, /^Kerberos /);
    return Uint8Array.fromBase64(value.slice("Kerberos ".length));
  };
  link.sendBytes(say(step(context, undefined)!));
  assert.equal(link.answers.at(-1)!.status, 401);
  link.sendBytes(say(step(context, answered())!));
  assert.equal(link.answers.at(-1)!.status, 200);
  step(context, answered());
  assert.deepEqual(
    h.events.filter(({ kind }) => kind === "logon").map((event) => "scheme" in event && event.scheme),
    [
      "kerberos",
    ],
  );

  const envelope = envelopeOf(h.request({ action: actions.create, body: shellBody() }));
  const request = (scheme: "Kerberos" | "Negotiate") =>
    serializeRequest({
      method: "POST",
      target: "/wsman",
      headers: [["Host", "t"], ["Content-Type", encryptedContentType(sealedProtocol(scheme), 1)]],
    }, encodeEncrypted(sealMessage(context, scheme, soap, envelope)));
  link.sendBytes(request("Kerberos"));
  const sealedAnswer = link.answers.at(-1)!;
  assert.equal(sealedAnswer.status, 200);
  assert.match(sealedAnswer.headers.get("content-type")!, /application\/HTTP-Kerberos-session-encrypted/);
  // The other scheme's name for the seal of this logon is refused.
  link.sendBytes(request("Negotiate"));
  assert.equal(link.answers.at(-1)!.status, 400);
});

Deno.test("a token of another scheme ends the dialogue under way", () => {
  const h = new Harness({ auth: ["kerberos", "negotiate"], kerberos: true });
  const client = h.connect();
  const context = initiator(h);
  client.sendBytes(negotiate(step(context, undefined)!, new Uint8Array(0), soap));
  assert.equal(client.answers.at(-1)!.status, 401);
  const answer = step(context, tokenOf(client))!;
  client.sendBytes(serializeRequest({
    method: "POST",
    target: "/wsman",
    headers: [["Host", "t"], ["Content-Type", soap], ["Authorization", `Kerberos ${answer.toBase64()}`]],
  }, new Uint8Array(0)));
  assert.equal(client.answers.at(-1)!.status, 401);
  assert.equal(h.events.some(({ kind }) => kind === "logon"), false);
});

Deno.test("a wrong password, an unknown user and broken credentials get 401 and an event without the password", () => {
  for (
    const value of [
      basic("alice", "wr0ng"),
      basic("nobody"),
      "Basic !!!",
      "Basic",
      "Digest x=y",
      "Negotiate AAAA",
      "Kerberos AAAA",
    ]
  ) {
    const h = new Harness();
    const client = h.connect();
    client.sendBytes(post(utf8("<x/>"), [["Authorization", value]]));
    assert.equal(client.answers[0]!.status, 401, value);
    const failed = h.events.find((event) => event.kind === "logonFailed");
    assert.ok(failed, value);
    assert.ok(!JSON.stringify(h.events).includes("wr0ng"));
    assert.equal(client.serviceEnded, true);
  }
});

Deno.test("Negotiate with an empty last request is answered 200 without body, then sealed requests run", () => {
  const h = new Harness({ allowUnencrypted: false });
  const client = h.connect();
  const context = initiator(h);
  logOn(client, context);
  const done = client.answers.at(-1)!;
  assert.equal(done.status, 200);
  assert.equal(done.headers.get("content-length"), "0");
  const token = tokenOf(client);
  if (token !== undefined && !context.established) step(context, token);
  for (const indented of [false, true]) {
    client.sendBytes(
      sealed(context, envelopeOf(h.request({ action: actions.create, body: shellBody() })), indented),
    );
    const answer = client.answers.at(-1)!;
    assert.equal(answer.status, 200);
    const parser = new EncryptedParser(parseContentType(answer.headers.get("content-type")!));
    const [part] = parser.push(answer.body);
    assert.equal(parser.indented, indented);
    assert.match(new TextDecoder().decode(unsealPart(context, part!)), /ResourceCreated/);
  }
});

Deno.test("faults of a sealed connection are sealed too", () => {
  const h = new Harness({ allowUnencrypted: false });
  const client = h.connect();
  const context = initiator(h);
  logOn(client, context);
  const token = tokenOf(client);
  if (token !== undefined && !context.established) step(context, token);
  client.sendBytes(sealed(context, utf8("<not soap/>")));
  const answer = client.answers.at(-1)!;
  assert.equal(answer.status, 500);
  const [part] = new EncryptedParser(parseContentType(answer.headers.get("content-type")!)).push(answer.body);
  const fault = reportedFault(readEnvelope(unsealPart(context, part!)));
  assert.equal(fault!.faultCode, faultCode("SCHEMA_VALIDATION_ERROR"));
});

Deno.test("clear text after Negotiate is refused on http, and nothing is run, unless it is allowed or TLS protects it", () => {
  for (
    const [options, status] of [
      [{ allowUnencrypted: false }, 403],
      [{ allowUnencrypted: true }, 200],
      [{ allowUnencrypted: false, tls: true }, 200],
    ] as const
  ) {
    const h = new Harness(options);
    const client = h.connect();
    const envelope = envelopeOf(h.request({ action: actions.create, body: shellBody() }));
    logOn(client, initiator(h), envelope);
    assert.equal(client.answers.at(-1)!.status, status);
    assert.equal(h.events.some((event) => event.kind === "shellOpened"), status === 200);
  }
});

Deno.test("a replayed or changed sealed request closes the connection unprocessed", () => {
  for (const change of ["replay", "flip"] as const) {
    const h = new Harness({ allowUnencrypted: false });
    const client = h.connect();
    const context = initiator(h);
    logOn(client, context);
    const token = tokenOf(client);
    if (token !== undefined && !context.established) step(context, token);
    const request = sealed(context, envelopeOf(h.request({ action: actions.create, body: shellBody() })));
    if (change === "replay") client.sendBytes(request);
    else request[request.length - 40]! ^= 1;
    client.sendBytes(request);
    assert.equal(client.answers.at(-1)!.status, 400);
    assert.equal(
      h.events.filter((event) => event.kind === "shellOpened").length,
      change === "replay" ? 1 : 0,
    );
    assert.equal(client.serviceEnded, true);
  }
});

Deno.test("a sealed request without a logon on its connection gets 401", () => {
  const h = new Harness();
  const [one, two] = [h.connect(), h.connect()];
  const context = initiator(h);
  logOn(one, context);
  const token = tokenOf(one);
  if (token !== undefined && !context.established) step(context, token);
  two.sendBytes(sealed(context, envelopeOf(h.request({ action: actions.create, body: shellBody() }))));
  assert.equal(two.answers[0]!.status, 401);
});

Deno.test("Identify is answered without logon when asked so, and tells less", () => {
  const h = new Harness();
  const open = h.connect();
  open.sendBytes(post(writeIdentify(), [["WSMANIDENTIFY", "unauthenticated"]]));
  assert.match(new TextDecoder().decode(open.answers[0]!.body), /OS: 0\.0\.0 SP: 0\.0 Stack: 3\.0/);
  open.sendBytes(post(writeIdentify(), [["Authorization", basic("alice")]]));
  assert.match(new TextDecoder().decode(open.answers[1]!.body), /OS: test/);

  const sly = h.connect();
  const request = envelopeOf(h.request({ action: actions.create, body: shellBody() }));
  sly.sendBytes(post(request, [["WSMANIDENTIFY", "unauthenticated"]]));
  assert.equal(sly.answers[0]!.status, 401);
});

Deno.test("wrong paths, methods, types and framings have their status", () => {
  const auth = [["Authorization", basic("alice")]] as const;
  const cases: readonly (readonly [Uint8Array, number])[] = [
    [post(utf8("x"), auth, "/other"), 404],
    [serializeRequest({ method: "GET", target: "/wsman", headers: [["Host", "t"]] }), 405],
    [
      serializeRequest({
        method: "POST",
        target: "/wsman",
        headers: [["Host", "t"], ["Content-Type", "text/plain"], ...auth],
      }, utf8("x")),
      415,
    ],
    [
      serializeRequest({ method: "POST", target: "/wsman", headers: [["Host", "t"], ...auth] }, utf8("x")),
      415,
    ],
    [post(utf8("x"), [...auth, ["Content-Encoding", "SLDC"]]), 415],
    [utf8("POST /wsman HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx"), 400],
    [utf8("POST /wsman HTTP/1.1\r\nHost: t\r\nContent-Length: 99999999\r\n\r\n"), 413],
    [utf8("\x16\x03\x01"), 400],
    [post(utf8("x"), auth, `/${"a".repeat(20_000)}`), 431],
  ];
  for (const [bytes, status] of cases) {
    const h = new Harness();
    const client = h.connect();
    client.sendBytes(bytes);
    assert.equal(client.answers[0]!.status, status);
    assert.equal(client.serviceEnded, true);
    h.test.advance(3_000);
    assert.equal(client.closed, true);
    assert.deepEqual(h.test.crashes, []);
  }
  const h = new Harness();
  const client = h.connect();
  for (const target of ["/wsman?PSVersion=5.1", "/wsman/", "/WSMAN", "http://test:5985/wsman"]) {
    client.sendBytes(post(writeIdentify(), auth, target));
    assert.equal(client.answers.at(-1)!.status, 200, target);
  }
});

Deno.test("bad envelopes are faults, and the connection goes on", () => {
  const h = new Harness();
  const client = h.connect();
  const good = new TextDecoder().decode(envelopeOf(h.request({ action: actions.create, body: shellBody() })));
  const cases: readonly (readonly [string, string | undefined])[] = [
    ["", undefined],
    ["<", "SCHEMA_VALIDATION_ERROR"],
    ['<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "SCHEMA_VALIDATION_ERROR"],
    ["<a>".repeat(300), "SCHEMA_VALIDATION_ERROR"],
    [good.replace("2003/05/soap-envelope", "2001/soap"), "SCHEMA_VALIDATION_ERROR"],
    [good.replace(/<a:MessageID.*<\/a:MessageID>/, ""), "MESSAGE_INFORMATION_HEADER_REQUIRED"],
    [good.replace("/cmd<", "/other<"), "RESOURCE_NOT_FOUND"],
    [
      good.replace(
        /http:\/\/schemas.microsoft.com\/wbem\/wsman\/1\/windows\/shell\/cmd</,
        "http://schemas.microsoft.com/powershell/Microsoft.PowerShell<",
      ),
      "RESOURCE_NOT_FOUND",
    ],
    [good.replace("transfer/Create", "transfer/Put"), "ACTION_NOT_SUPPORTED"],
    [
      good.replace("<rsp:Shell>", "<rsp:Bad>").replace("</rsp:Shell>", "</rsp:Bad>"),
      "SCHEMA_VALIDATION_ERROR",
    ],
    [good.replace(">153600<", ">8191<"), "ENCODING_LIMIT"],
    [good.replace("PT20.000S", "soon"), "INVALID_TIMEOUT_HEADER"],
    [good.padEnd(515_000), "MAX_ENVELOPE_SIZE_EXCEEDED"],
  ];
  for (const [text, fault] of cases) {
    client.sendBytes(post(utf8(text), [["Authorization", basic("alice")]]));
    const answer = client.answers.at(-1)!;
    if (fault === undefined) assert.equal(answer.status, 200);
    else {
      assert.equal(answer.status, 500, fault);
      assert.equal(result(answer).code, faultCode(fault), `${fault}: ${result(answer).text}`);
    }
  }
  const unknown = good.replace("<s:Header>", '<s:Header><q:X xmlns:q="urn:q" s:mustUnderstand="true"/>');
  client.sendBytes(post(utf8(unknown), [["Authorization", basic("alice")]]));
  assert.match(result(client.answers.at(-1)!).text, /s:MustUnderstand.*|NotUnderstood/);
  assert.equal(h.open(client).length, 36);
});

Deno.test("UTF-16 requests are understood, with mark or without", () => {
  const h = new Harness();
  const client = h.connect();
  const text = new TextDecoder().decode(envelopeOf(h.request({ action: actions.create, body: shellBody() })));
  const wide = new Uint8Array(text.length * 2);
  for (let i = 0; i < text.length; i++) wide[2 * i] = text.charCodeAt(i);
  const headers = [["Host", "t"], ["Authorization", basic("alice")], [
    "Content-Type",
    "application/soap+xml;charset=UTF-16",
  ]] as const;
  for (const body of [concat([new Uint8Array([0xff, 0xfe]), wide]), wide]) {
    client.sendBytes(serializeRequest({ method: "POST", target: "/wsman", headers }, body));
    assert.equal(client.answers.at(-1)!.status, 200);
  }
});

Deno.test("requests split anywhere, sent together or half-closed are answered in order", () => {
  const h = new Harness();
  const identify = post(writeIdentify(), [["Authorization", basic("alice")]]);
  const split = h.connect();
  for (const byte of identify) split.sendBytes(new Uint8Array([byte]));
  assert.equal(split.answers.length, 1);
  const together = h.connect();
  together.sendBytes(concat([identify, identify, identify]));
  assert.equal(together.answers.length, 3);
  const half = h.connect();
  half.sendBytes(identify);
  half.endInput();
  assert.equal(half.answers.length, 1);
  assert.equal(half.serviceEnded, true);
});

Deno.test("Expect: 100-continue is asked for the body only when the credentials are right", () => {
  const h = new Harness();
  const head = (authorization: string) =>
    utf8(
      `POST /wsman HTTP/1.1\r\nHost: t\r\nContent-Type: ${soap}\r\nExpect: 100-continue\r\n` +
        `Authorization: ${authorization}\r\nContent-Length: ${writeIdentify().length}\r\n\r\n`,
    );
  const good = h.connect();
  good.sendBytes(head(basic("alice")));
  assert.equal(good.answers[0]!.status, 100);
  good.sendBytes(writeIdentify());
  assert.equal(good.answers[1]!.status, 200);
  const bad = h.connect();
  bad.sendBytes(head(basic("alice", "no")));
  assert.equal(bad.answers[0]!.status, 401);
});

Deno.test("a Negotiate dialogue goes on although the client waits for 100 Continue with its first token", () => {
  const h = new Harness({ allowUnencrypted: false });
  const client = h.connect();
  const context = initiator(h);
  client.sendBytes(
    utf8(
      `POST /wsman HTTP/1.1\r\nHost: t\r\nContent-Type: ${soap}\r\nExpect: 100-continue\r\n` +
        `Authorization: Negotiate ${step(context, undefined)!.toBase64()}\r\nContent-Length: 5\r\n\r\n`,
    ),
  );
  assert.equal(client.answers[0]!.status, 100);
  client.sendBytes(utf8("hello"));
  assert.equal(client.answers[1]!.status, 401);
  client.sendBytes(negotiate(step(context, tokenOf(client))!, new Uint8Array(0), soap));
  assert.equal(client.answers[2]!.status, 200);
});

Deno.test("slow requests, idle connections and logons that never end are cut", () => {
  const h = new Harness({ settings: { MaxPacketRetrievalTimeSeconds: 5 } });
  const slow = h.connect();
  slow.sendBytes(utf8("POST /wsman HTTP/1.1\r\n"));
  h.test.advance(5_000);
  assert.equal(slow.answers[0]!.status, 408);

  const silent = h.connect();
  h.test.advance(30_000);
  assert.equal(silent.serviceEnded, true);

  const idle = h.connect();
  idle.sendBytes(post(writeIdentify(), [["Authorization", basic("alice")]]));
  h.test.advance(119_000);
  assert.equal(idle.serviceEnded, false);
  h.test.advance(122_000);
  assert.equal(idle.closed, true);
  h.test.advance(200_000);
  assert.deepEqual({ actors: h.test.system.stats.actors, timers: h.test.system.stats.timers }, h.idle);
});

Deno.test("a client that does not read its answers is not given more, and cut in the end", () => {
  const h = new Harness();
  const client = h.connect();
  const identify = post(writeIdentify(), [["Authorization", basic("alice")]]);
  client.slow = true;
  client.sendBytes(concat([identify, identify, identify, identify, identify]));
  assert.ok(client.answers.length <= 2);
  h.test.advance(250_000);
  assert.equal(client.closed, true);
});

Deno.test("connections beyond MaxConnections are told 503, and a place that is free again is used", () => {
  const h = new Harness({ settings: { MaxConnections: 2 } });
  const one = h.connect();
  h.open(one);
  h.open(h.connect());
  const three = h.connect();
  three.sendBytes(post(writeIdentify(), [["Authorization", basic("alice")]]));
  assert.equal(three.answers[0]!.status, 503);
  one.reset();
  three.reset();
  assert.equal(h.open(h.connect()).length, 36);
  const flood = Array.from({ length: 10 }, () => h.connect());
  assert.ok(flood.slice(4).every((client) => client.closed));
});

Deno.test("a connection that breaks at any byte of a logon and a request leaves nothing", () => {
  const h = new Harness({ allowUnencrypted: false });
  const context = initiator(h);
  const first = negotiate(step(context, undefined)!, new Uint8Array(0), soap);
  for (let at = 0; at < first.length; at += 7) {
    const client = h.connect();
    client.sendBytes(first.subarray(0, at));
    client.reset();
  }
  const open = h.connect();
  const done = initiator(h);
  logOn(open, done);
  open.reset();
  h.test.advance(200_000);
  assert.deepEqual({ actors: h.test.system.stats.actors, timers: h.test.system.stats.timers }, h.idle);
  assert.deepEqual(h.test.crashes, []);
});
