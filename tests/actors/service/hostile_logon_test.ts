/** Logons that are wrong, old, stolen, truncated or absurd: 401 or 400 and the end of the connection, and nothing else. */
import assert from "node:assert/strict";
import { concat, utf8 } from "../../../protocol/bytes.ts";
import { encodeEncrypted } from "../../../protocol/http/mod.ts";
import { sealedProtocol, sealMessage } from "../../../protocol/sealing/mod.ts";
import { actions } from "../../../protocol/soap/mod.ts";
import {
  assertUnharmed,
  chosenShell,
  envelopeOf,
  initiator,
  logOn,
  multipart,
  negotiate,
  opened,
  raw,
  sealed,
  shellId,
  soap,
  step,
  tight,
  tokenOf,
} from "./attacks.ts";
import { basic, type FakeClient, type Harness, post } from "./harness.ts";

const get = { action: actions.get, selectors: { ShellId: shellId } };

/** What follows on a connection after a failed logon gets no answer, and what came of it is not logged on. */
function assertRefused(h: Harness, client: FakeClient, why: string, statuses = [401]): void {
  const answers = client.answers.length;
  assert.ok(statuses.includes(client.answers.at(-1)!.status), `${why}: ${client.answers.at(-1)!.status}`);
  assert.equal(client.serviceEnded, true, why);
  client.sendBytes(post(envelopeOf(h.request(get))));
  assert.equal(client.answers.length, answers, why);
  client.reset();
}

Deno.test("tokens that are none, out of order or absurd are refused", () => {
  const h = tight();
  const context = initiator(h);
  const first = step(context, undefined)!;
  const victim = h.connect();
  victim.sendBytes(negotiate(first));
  const third = step(context, tokenOf(victim))!;
  victim.reset();
  const nested = (depth: number) => {
    let token: Uint8Array = new Uint8Array([5, 0]);
    for (let i = 0; i < depth; i++) {
      const length = token.length;
      token = concat([new Uint8Array([0x60, 0x83, length >> 16, length >> 8 & 255, length & 255]), token]);
    }
    return token;
  };
  const tokens: [string, Uint8Array | string][] = [
    ["nothing", ""],
    ["no base64", "!!!!"],
    ["half a quartet", "TlRMTVNTUAAB="],
    ["zeros", new Uint8Array(1_000)],
    ["type 3 first", third],
    ["a giant", new Uint8Array(180_000).fill(0x60)],
    ["a giant NTLM message", concat([first, new Uint8Array(20_000)])],
    ["nesting", nested(5_000)],
    ["an endless length", new Uint8Array([0x60, 0x84, 255, 255, 255, 255, 6, 6])],
    ["an indefinite length", new Uint8Array([0x60, 0x80, 6, 6, 0, 0])],
    ["many mechanisms", concat([new Uint8Array([0x60, 0x82, 0x20, 0]), new Uint8Array(0x2000).fill(6)])],
    ["a response first", new Uint8Array([0xa1, 3, 0x30, 1, 0])],
  ];
  for (const [name, token] of tokens) {
    const client = h.connect();
    client.sendBytes(negotiate(token));
    assertRefused(h, client, name);
  }
  assertUnharmed(h);
});

Deno.test("a first or last token that is cut or changed at any byte is no logon", () => {
  const h = tight();
  for (const last of [false, true]) {
    for (let at = 0, length = 1; at < length; at++) {
      for (const change of ["cut", "flip"]) {
        const client = h.connect();
        const context = initiator(h);
        let token = step(context, undefined)!;
        if (last) {
          client.sendBytes(negotiate(token));
          token = step(context, tokenOf(client))!;
        }
        length = token.length;
        const bad = change === "cut"
          ? token.slice(0, at)
          : token.map((byte, i) => i === at ? byte ^ 0x5a : byte);
        const envelope = envelopeOf(h.request({ action: actions.create, body: chosenShell() }));
        client.sendBytes(negotiate(bad, last ? envelope : undefined));
        const { status } = client.answers.at(-1)!;
        assert.ok(status === 401, `${change} at ${at}: ${status}`);
        assert.equal(h.events.filter(({ kind }) => kind === "logon" || kind === "shellOpened").length, 0);
        client.reset();
      }
    }
  }
  assertUnharmed(h);
});

Deno.test("a last token is worth nothing on another connection, nor a second time on its own", () => {
  const h = tight();
  const envelope = envelopeOf(h.request({ action: actions.create, body: chosenShell() }));
  const context = initiator(h);
  const first = negotiate(step(context, undefined)!);
  const victim = h.connect();
  victim.sendBytes(first);
  const last = negotiate(step(context, tokenOf(victim))!, envelope);
  const thief = h.connect();
  thief.sendBytes(first);
  thief.sendBytes(last);
  assertRefused(h, thief, "another connection");
  const early = h.connect();
  early.sendBytes(last);
  assertRefused(h, early, "no challenge");
  victim.sendBytes(last);
  assert.equal(victim.answers.at(-1)!.status, 200);
  victim.sendBytes(last);
  assertRefused(h, victim, "a second time");
  assertUnharmed(h);
});

Deno.test("a logon leaves with its connection, and with a failed second one", () => {
  const h = tight();
  const context = initiator(h);
  const client = h.connect();
  logOn(client, context);
  client.sendBytes(negotiate("AAAA"));
  assertRefused(h, client, "a second logon that fails");
  const other = h.connect();
  other.sendBytes(sealed(context, envelopeOf(h.request(get))));
  assertRefused(h, other, "sealed by another connection's logon", [400, 401]);
  assertUnharmed(h);
});

Deno.test("sealed messages that are replayed, reordered, cut, changed or that lie about their length are refused", () => {
  const h = tight({ allowUnencrypted: false });
  const envelope = () => envelopeOf(h.request(get));
  const attacks: [string, (client: FakeClient, context: ReturnType<typeof initiator>) => void][] = [
    ["replayed", (client, context) => {
      const message = sealed(context, envelope());
      client.sendBytes(message);
      assert.equal(opened(client, context).status, 500);
      client.sendBytes(message);
    }],
    ["reordered", (client, context) => {
      const [one, two] = [sealed(context, envelope()), sealed(context, envelope())];
      client.sendBytes(two);
      client.sendBytes(one);
    }],
    ["changed", (client, context) => {
      const message = sealed(context, envelope());
      message[message.length - 100]! ^= 1;
      client.sendBytes(message);
    }],
    ["too short a length", (client, context) => client.sendBytes(sealed(context, envelope(), 10))],
    ["too long a length", (client, context) => client.sendBytes(sealed(context, envelope(), 100_000))],
    [
      "an endless length",
      (client, context) => client.sendBytes(sealed(context, envelope(), 999_999_999_999_999)),
    ],
    ["a length of zero", (client, context) => client.sendBytes(sealed(context, envelope(), 0))],
    ["no text", (client, context) => client.sendBytes(sealed(context, new Uint8Array(0)))],
    ["two messages", (client, context) => {
      const part = () => encodeEncrypted(sealMessage(context, "Negotiate", soap, envelope()));
      client.sendBytes(multipart(concat([part(), part()])));
    }],
    ["no message", (client) => client.sendBytes(multipart(utf8("--Encrypted Boundary--\r\n")))],
    ["junk", (client) => client.sendBytes(multipart(new Uint8Array(5_000).fill(45)))],
    [
      "a long line",
      (client) => client.sendBytes(multipart(utf8(`--Encrypted Boundary\r\nX: ${"y".repeat(10_000)}\r\n`))),
    ],
    ["of another scheme", (client, context) => {
      const part = {
        ...sealMessage(context, "Negotiate", soap, envelope())[0]!,
        protocol: sealedProtocol("CredSSP"),
      };
      client.sendBytes(multipart(encodeEncrypted([part])));
    }],
    ["in clear", (client) => client.sendBytes(post(envelope()))],
  ];
  for (const [name, attack] of attacks) {
    const client = h.connect();
    const context = initiator(h);
    logOn(client, context);
    attack(client, context);
    const { status, body } = client.answers.at(-1)!;
    // An empty sealed message is a fault of the envelope; the rest is refused before anything is read.
    if (name === "no text") assert.equal(opened(client, context).status, 500);
    else {
      assert.ok([400, 403].includes(status), `${name}: ${status}`);
      assert.equal(body.length, 0);
      assert.equal(client.serviceEnded, true, name);
    }
    client.reset();
  }
  h.test.advance(130_000);
  const { actors, timers } = h.test.system.stats;
  assert.deepEqual({ actors, timers }, h.idle);
  assert.deepEqual(h.test.crashes, []);
});

Deno.test("a flood of wrong passwords is refused one by one and disturbs nobody", () => {
  const h = tight();
  const friend = h.connect();
  h.call(friend, get);
  for (let i = 0; i < 500; i++) {
    const client = h.connect();
    if (i % 2 === 0) {
      client.sendBytes(post(utf8("<x/>"), [["Authorization", basic("alice", `guess ${i}`)]]));
    } else {
      const context = initiator(h, i % 4 === 1 ? "alice" : "nobody", `guess ${i}`);
      client.sendBytes(negotiate(step(context, undefined)!));
      client.sendBytes(negotiate(step(context, tokenOf(client))!));
    }
    assertRefused(h, client, `guess ${i}`);
    if (i % 50 === 0) assert.equal(h.call(friend, get).status, 500);
  }
  assert.equal(h.events.filter(({ kind }) => kind === "logonFailed").length, 500);
  assert.ok(!JSON.stringify(h.events).includes("guess"));
  friend.reset();
  assertUnharmed(h);
});

Deno.test("a name that nobody has is refused like a wrong password, word for word", () => {
  const answers = ["alice", "nobody"].flatMap((name) => {
    const h = tight();
    const plain = h.connect();
    plain.sendBytes(post(utf8("<x/>"), [["Authorization", basic(name, "wrong")]]));
    const client = h.connect();
    const context = initiator(h, name, "wrong");
    client.sendBytes(negotiate(step(context, undefined)!));
    client.sendBytes(negotiate(step(context, tokenOf(client))!));
    const reasons = h.events.map((event) => event.kind === "logonFailed" ? event.reason : "");
    return JSON.stringify([plain.answers, client.answers.slice(1), reasons]);
  });
  assert.equal(answers[0], answers[1]);
});

Deno.test("who has not logged on learns nothing but the name of the product", () => {
  const h = tight();
  const requests = [
    h.request(get),
    h.request({ action: actions.create, body: chosenShell() }),
  ].map(envelopeOf);
  for (const envelope of requests) {
    for (const headers of [[], [["WSMANIDENTIFY", "unauthenticated"]]] as [string, string][][]) {
      const client = h.connect();
      client.sendBytes(post(envelope, headers));
      assertRefused(h, client, "not logged on");
    }
  }
  const large = h.connect();
  large.sendBytes(raw(
    `POST /wsman HTTP/1.1\nHost: t\nContent-Type: ${soap}\nWSMANIDENTIFY: unauthenticated\nContent-Length: 400000\n\n`,
  ));
  large.sendBytes(new Uint8Array(70_000).fill(32));
  assert.equal(large.answers[0]!.status, 413);
  large.reset();
  assertUnharmed(h);
  assert.equal(h.events.filter(({ kind }) => kind === "shellOpened").length, 1, "the bystander's");
});
