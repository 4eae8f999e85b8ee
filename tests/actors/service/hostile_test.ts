/** A service among hostile clients, in virtual time: each attack gets the right answer, harms nobody else and leaves nothing. */
import assert from "node:assert/strict";
import { concat, utf8 } from "../../../protocol/bytes.ts";
import { actions, ns } from "../../../protocol/soap/mod.ts";
import { faultCode } from "../../../protocol/wsman/mod.ts";
import {
  assertUnharmed,
  chosenShell,
  dialogue,
  envelopeOf,
  initiator,
  logOn,
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
import { basic, type FakeClient, Harness, post, result } from "./harness.ts";

/** What a client does at a place of its dialogue. */
const breaks: Readonly<Record<string, (h: Harness, client: FakeClient) => void>> = {
  reset: (_h, client) => client.reset(),
  "half-close": (h, client) => {
    client.endInput();
    h.test.advance(70_000);
  },
  silence: (h) => h.test.advance(300_000),
};

for (const [name, breakOff] of Object.entries(breaks)) {
  Deno.test(`${name} at any byte of a dialogue with Basic ends the connection and leaves nothing`, () => {
    const h = tight({ settings: { IdleTimeout: 60_000 } });
    const messages = dialogue(h);
    for (const [index, message] of messages.entries()) {
      for (let at = 0; at <= message.length; at += name === "reset" ? 1 : 11) {
        const client = h.connect();
        for (const before of messages.slice(0, index)) client.sendBytes(before);
        client.sendBytes(message.subarray(0, at));
        breakOff(h, client);
        h.test.advance(5_000);
        assert.ok(client.closed || client.serviceEnded, `${name} at ${at} of ${index}`);
        // The shell is idle now and goes by itself.
        h.test.advance(130_000);
        assert.equal(h.processes.alive, 0, `${name} at ${at} of ${index}`);
      }
    }
    assertUnharmed(h);
  });

  Deno.test(`${name} at any byte of a sealed dialogue ends the connection and leaves nothing`, () => {
    const h = tight({ allowUnencrypted: false, settings: { IdleTimeout: 60_000 } });
    const envelopes = dialogue(h).map(envelopeOf);
    const play = (last: number, cut: (message: Uint8Array) => number): boolean => {
      const client = h.connect();
      const context = initiator(h);
      const first = negotiate(step(context, undefined)!);
      for (let index = 0;; index++) {
        const message = index === 0
          ? first
          : index === 1
          ? negotiate(step(context, tokenOf(client))!)
          : sealed(context, envelopes[index - 2]!);
        if (index < last) {
          client.sendBytes(message);
          if (index === 1 && !context.established) step(context, tokenOf(client));
          continue;
        }
        const at = cut(message);
        client.sendBytes(message.subarray(0, at));
        breakOff(h, client);
        h.test.advance(5_000);
        assert.ok(client.closed || client.serviceEnded, `${name} at ${at} of ${last}`);
        h.test.advance(130_000);
        assert.equal(h.processes.alive, 0);
        return at < message.length;
      }
    };
    for (let last = 0; last < envelopes.length + 2; last++) {
      const stride = last < 2 ? 3 : 29;
      for (let at = 0; play(last, (message) => Math.min(at, message.length)); at += stride);
    }
    const bystander = h.connect();
    const context = initiator(h);
    logOn(bystander, context);
    for (const envelope of envelopes) {
      bystander.sendBytes(sealed(context, envelope));
      if (envelope === envelopes[3]) {
        h.processes.last.exit(0);
        h.test.run();
      }
      assert.equal(opened(bystander, context).status, 200);
    }
    bystander.reset();
    h.test.advance(10_000);
    const { actors, timers } = h.test.system.stats;
    assert.deepEqual({ actors, timers }, h.idle);
    assert.deepEqual(h.test.crashes, []);
  });
}

Deno.test("a dialogue that comes byte by byte, or all at once, gets the same answers", () => {
  const slow = tight();
  const fast = tight();
  for (const h of [slow, fast]) {
    h.processes.onSpawn = (process) => {
      process.events.onStarted(1);
      process.exit(7);
    };
  }
  const trickle = slow.connect();
  const bytes = concat(dialogue(slow));
  for (let at = 0; at < bytes.length; at++) trickle.sendBytes(bytes.subarray(at, at + 1));
  const flood = fast.connect();
  flood.sendBytes(concat(dialogue(fast)));
  const statuses = (client: FakeClient) => client.answers.map(({ status }) => status);
  assert.deepEqual(statuses(trickle), [200, 200, 200, 200, 200, 200]);
  assert.deepEqual(statuses(flood), statuses(trickle));
  assert.match(result(flood.answers[3]!).text, /ExitCode>7</);
  trickle.reset();
  flood.reset();
  assertUnharmed(slow);
  assertUnharmed(fast);
});

Deno.test("connections that never log on make room for those who do, the oldest first, and keep nobody out", () => {
  const h = new Harness({ settings: { MaxConnections: 20 } });
  const friend = h.connect();
  h.call(friend, { action: actions.get, selectors: { ShellId: shellId } });
  const silent: FakeClient[] = [];
  for (let i = 0; i < 1000; i++) {
    const client = h.connect();
    if (i % 3 === 1) client.sendBytes(raw("POST /wsman HTTP/1.1\nHost: t\n"));
    if (i % 3 === 2) client.sendBytes(post(utf8("<x/>")));
    silent.push(client);
    if (i % 10 === 9) h.test.advance(1_000);
    if (i % 100 === 99) {
      const newcomer = h.connect();
      assert.equal(
        h.call(newcomer, { action: actions.get, selectors: { ShellId: shellId } }).code,
        faultCode("UNEXPECTED_SELECTORS"),
      );
      newcomer.reset();
    }
  }
  assert.equal(h.call(friend, { action: actions.create, body: chosenShell() }).status, 200);
  assert.ok(silent.filter(({ closed }) => !closed).length <= 20);
  assert.ok(h.test.system.stats.actors <= h.idle.actors + 24);
  friend.reset();
  h.test.advance(130_000);
  assert.ok(silent.every(({ closed, serviceEnded }) => closed || serviceEnded));
  assertUnharmed(h);
});

Deno.test("a logon that is on its way is not cut by a sudden crowd, which is told 503", () => {
  const h = new Harness({ settings: { MaxConnections: 4 } });
  const context = initiator(h);
  const friend = h.connect();
  friend.sendBytes(negotiate(step(context, undefined)!));
  const crowd = Array.from({ length: 50 }, () => h.connect());
  const late = crowd.find(({ closed }, i) => i > 4 && !closed)!;
  late.sendBytes(post(utf8("<x/>")));
  assert.equal(late.answers[0]!.status, 503);
  friend.sendBytes(negotiate(step(context, tokenOf(friend))!));
  assert.equal(friend.answers.at(-1)!.status, 200);
  for (const client of [friend, ...crowd]) client.reset();
  assertUnharmed(h);
});

Deno.test("when everybody has logged on, one connection more gets 503 and disturbs nobody", () => {
  const h = new Harness({ settings: { MaxConnections: 3 } });
  const get = { action: actions.get, selectors: { ShellId: shellId } };
  const friends = [1, 2, 3].map(() => h.connect());
  for (const friend of friends) h.call(friend, get);
  const more = h.connect();
  more.sendBytes(h.request(get));
  assert.equal(more.answers[0]!.status, 503);
  for (const friend of friends) assert.equal(h.call(friend, get).status, 500);
  for (const client of [...friends, more]) client.reset();
  assertUnharmed(h);
});

Deno.test("a connection that trickles is ended in time, wherever it is", () => {
  for (
    const [head, limit] of [
      ["POST /wsman HTTP/1.1\nHost: t\nX-A: ", 31_000],
      [
        `POST /wsman HTTP/1.1\nHost: t\nContent-Type: ${soap}\nWSMANIDENTIFY: unauthenticated\nContent-Length: 60000\n\n`,
        31_000,
      ],
      [
        `POST /wsman HTTP/1.1\nHost: t\nContent-Type: ${soap}\nAuthorization: ${
          basic("alice")
        }\nContent-Length: 60000\n\n`,
        121_000,
      ],
    ] as const
  ) {
    const h = tight();
    const client = h.connect();
    client.sendBytes(raw(head));
    const start = h.test.clock.monotonic();
    while (!client.serviceEnded && h.test.clock.monotonic() - start < 500_000) {
      h.test.advance(1_000);
      client.sendBytes(utf8("a"));
    }
    assert.ok(h.test.clock.monotonic() - start <= limit, head);
    assert.equal(client.answers[0]!.status, 408);
    client.reset();
    assertUnharmed(h);
  }
});

Deno.test("heads that two recipients could read in two ways, or that are too large, end the connection with the right status", () => {
  const start = "POST /wsman HTTP/1.1\nHost: t\n";
  const authorized = `${start}Content-Type: ${soap}\nAuthorization: ${basic("alice")}\n`;
  const cases: [string, string, number][] = [
    ["length and chunks", `${authorized}Content-Length: 5\nTransfer-Encoding: chunked\n\n0\n\n`, 400],
    ["two lengths", `${authorized}Content-Length: 5\nContent-Length: 5\n\n12345`, 400],
    ["a list of lengths", `${authorized}Content-Length: 5, 5\n\n12345`, 400],
    ["a signed length", `${authorized}Content-Length: +5\n\n12345`, 400],
    ["an endless length", `${authorized}Content-Length: 99999999999999999999\n\n`, 413],
    ["a length over the limit", `${authorized}Content-Length: 600000\n\n`, 413],
    ["gzip", `${authorized}Transfer-Encoding: gzip, chunked\n\n`, 501],
    ["chunked twice", `${authorized}Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n\n`, 501],
    ["chunks in HTTP/1.0", `POST /wsman HTTP/1.0\nTransfer-Encoding: chunked\n\n0\n\n`, 400],
    ["an endless chunk", `${authorized}Transfer-Encoding: chunked\n\nFFFFFFFFFFFFFFF\n`, 413],
    ["too many digits", `${authorized}Transfer-Encoding: chunked\n\n${"0".repeat(40)}\n`, 400],
    ["a chunk that is longer", `${authorized}Transfer-Encoding: chunked\n\n1\nabc\n`, 400],
    ["long extensions", `${authorized}Transfer-Encoding: chunked\n\n1;${"x".repeat(5000)}\na\n`, 413],
    [
      "endless trailers",
      `${authorized}Transfer-Encoding: chunked\n\n0\n${"X: y\n".repeat(5000)}\n`,
      431,
    ],
    ["many headers", `${start}${"X: y\n".repeat(200)}\n`, 431],
    ["a large header", `${start}X: ${"y".repeat(300_000)}\n\n`, 431],
    ["a long line", `POST /${"x".repeat(20_000)} HTTP/1.1\n`, 431],
    ["a folded header", `${start}X: y\n z\n\n`, 400],
    ["a space before the colon", `${start}Content-Length : 5\n\n`, 400],
    ["two hosts", `${start}Host: u\n\n`, 400],
    ["no host", "POST /wsman HTTP/1.1\n\n", 400],
    ["HTTP/2", "PRI * HTTP/2.0\n\nSM\n\n", 505],
    ["TLS", "\x16\x03\x01\x02\x00\x01\x00", 400],
    ["another expectation", `${authorized}Expect: 200-ok\nContent-Length: 5\n\n`, 417],
    ["CONNECT", "CONNECT t:1 HTTP/1.1\nHost: t\n\n", 501],
    ["another path", `POST /wsman/../etc HTTP/1.1\nHost: t\n\n`, 404],
    ["another method", `DELETE /wsman HTTP/1.1\nHost: t\n\n`, 405],
    ["another type", `${start}Content-Type: text/html\nContent-Length: 1\n\na`, 415],
    ["compressed", `${authorized}Content-Encoding: gzip\nContent-Length: 1\n\na`, 415],
  ];
  for (const [name, text, status] of cases) {
    const h = tight();
    const client = h.connect();
    client.sendBytes(raw(text));
    assert.equal(client.answers[0]?.status, status, name);
    assert.equal(client.answers.length, 1, name);
    assert.equal(client.serviceEnded, true, name);
    client.sendBytes(concat(dialogue(h)));
    assert.equal(client.answers.length, 1, `${name}: nothing behind it is read`);
    client.reset();
    assertUnharmed(h);
  }
  const h = tight();
  const client = h.connect();
  client.sendBytes(concat([raw("POST /wsman HTTP/1.1\nHost: t\nX: "), new Uint8Array([0]), raw("\n\n")]));
  assert.equal(client.answers[0]!.status, 400);
  client.reset();
  const bare = h.connect();
  bare.sendBytes(utf8("POST /wsman HTTP/1.1\nHost: t\n\n"));
  assert.equal(bare.answers[0]!.status, 400);
  bare.reset();
  assertUnharmed(h);
});

Deno.test("nobody is asked to send a body that is not wanted", () => {
  const h = tight();
  const head =
    `POST /wsman HTTP/1.1\nHost: t\nContent-Type: ${soap}\nExpect: 100-continue\nContent-Length: 400000\n`;
  for (
    const authorization of [
      "",
      `Authorization: ${basic("alice", "wrong")}\n`,
      "Authorization: Negotiate AAAA\n",
    ]
  ) {
    const client = h.connect();
    client.sendBytes(raw(`${head}${authorization}\n`));
    assert.equal(client.answers[0]!.status, 401);
    client.reset();
  }
  assertUnharmed(h);
});

Deno.test("HTTP/1.0 is answered and closed", () => {
  const h = tight();
  const client = h.connect();
  const body = envelopeOf(h.request({ action: actions.create, body: chosenShell() }));
  client.sendBytes(concat([
    raw(
      `POST /wsman HTTP/1.0\nContent-Type: ${soap}\nAuthorization: ${
        basic("alice")
      }\nContent-Length: ${body.length}\n\n`,
    ),
    body,
  ]));
  assert.equal(client.answers[0]!.status, 200);
  assert.equal(client.serviceEnded, true);
  client.reset();
  assertUnharmed(h);
});

Deno.test("a body in chunks of one byte is read, and costs no more than a body of its size", () => {
  const h = new Harness();
  const size = 60_000;
  const head = raw(
    `POST /wsman HTTP/1.1\nHost: t\nContent-Type: ${soap}\nWSMANIDENTIFY: unauthenticated\nTransfer-Encoding: chunked\n\n`,
  );
  const piece = raw("1\na\n".repeat(1_000));
  const before = Deno.memoryUsage();
  const clients = Array.from({ length: 40 }, () => h.connect());
  for (const client of clients) {
    client.sendBytes(head);
    for (let i = 0; i < size / 1_000; i++) client.sendBytes(piece.slice());
  }
  const after = Deno.memoryUsage();
  const grown = after.heapUsed + after.external - before.heapUsed - before.external;
  // 2.4 MB in all; an array for each byte would be 300 MB.
  assert.ok(grown < 100e6, `${grown} bytes`);
  for (const client of clients) {
    client.sendBytes(raw("0\n\n"));
    assert.equal(client.answers[0]!.status, 400);
    client.reset();
  }
  assertUnharmed(h);
});

const bombs: readonly [string, string][] = [
  ["a DOCTYPE", `<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>`],
  ["an external entity", `<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>`],
  ["a billion laughs", `<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><x>&b;</x>`],
  ["an entity of nobody's", "<x>&nobody;</x>"],
  ["depth", "<a>".repeat(10_000)],
  ["depth that is closed", "<a>".repeat(10_000) + "</a>".repeat(10_000)],
  ["attributes", `<a ${Array.from({ length: 5_000 }, (_, i) => `a${i}="x"`).join(" ")}/>`],
  ["a giant attribute", `<a b="${"x".repeat(300_000)}"/>`],
  ["a giant name", `<${"n".repeat(100_000)}/>`],
  [
    "namespaces",
    Array.from(
      { length: 250 },
      (_, i) =>
        `<a${i} xmlns:p${i}="u"${Array.from({ length: 20 }, (_, j) => ` xmlns:q${i}x${j}="v"`).join("")}>`,
    ).join(""),
  ],
  ["names", Array.from({ length: 20_000 }, (_, i) => `<n${i}/>`).join("")],
  ["doubled attributes", `<a b="1" b="2"/>`],
  ["an unbound prefix", "<p:a/>"],
  ["half a tag", "<a"],
  ["nothing but text", "hello"],
  ["bytes that are no text", "\x01\x02"],
  ["a processing instruction without end", "<?x " + "y".repeat(10_000)],
  ["a comment without end", "<!-- " + "y".repeat(10_000)],
  ["SOAP 1.1", `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body/></Envelope>`],
  ["two bodies", `<s:Envelope xmlns:s="${ns.s}"><s:Body/><s:Body/></s:Envelope>`],
  ["no body", `<s:Envelope xmlns:s="${ns.s}"/>`],
];

Deno.test("XML that is malformed or a bomb is a fault, in clear and sealed, and the connection goes on", () => {
  const h = tight();
  const client = h.connect();
  const hidden = h.connect();
  const context = initiator(h);
  logOn(hidden, context);
  for (const [name, xml] of bombs) {
    client.sendBytes(post(utf8(xml), [["Authorization", basic("alice")]]));
    const answer = client.answers.at(-1)!;
    assert.equal(answer.status, 500, name);
    assert.equal(result(answer).code, faultCode("SCHEMA_VALIDATION_ERROR"), name);
    assert.ok(answer.body.length < 8_192, name);
    hidden.sendBytes(sealed(context, utf8(xml)));
    assert.equal(opened(hidden, context).code, faultCode("SCHEMA_VALIDATION_ERROR"), name);
    const stranger = h.connect();
    stranger.sendBytes(post(utf8(xml).subarray(0, 60_000), [["WSMANIDENTIFY", "unauthenticated"]]));
    assert.ok([400, 401].includes(stranger.answers[0]!.status), name);
    stranger.reset();
  }
  client.reset();
  hidden.reset();
  assertUnharmed(h);
});

Deno.test("an envelope over the limit is refused, in clear and sealed", () => {
  const h = tight({ settings: { MaxEnvelopeSizekb: 64 } });
  const big = envelopeOf(
    h.request({ action: actions.create, body: chosenShell(shellId, `<!--${"x".repeat(66_000)}-->`) }),
  );
  const client = h.connect();
  client.sendBytes(post(big, [["Authorization", basic("alice")]]));
  assert.equal(result(client.answers[0]!).code, faultCode("MAX_ENVELOPE_SIZE_EXCEEDED"));
  client.sendBytes(post(new Uint8Array(90_000), [["Authorization", basic("alice")]]));
  assert.equal(client.answers[1]!.status, 413);
  const hidden = h.connect();
  const context = initiator(h);
  logOn(hidden, context);
  hidden.sendBytes(sealed(context, big));
  assert.equal(opened(hidden, context).code, faultCode("MAX_ENVELOPE_SIZE_EXCEEDED"));
  client.reset();
  hidden.reset();
  assertUnharmed(h);
});

Deno.test("an answer never echoes more than a little of its request", () => {
  const h = tight();
  const client = h.connect();
  const send = (body: Uint8Array) => {
    client.sendBytes(post(body, [["Authorization", basic("alice")]]));
    return client.answers.at(-1)!;
  };
  const markup = `<![CDATA[${"<&>".repeat(33_000)}]]>`;
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const plain = text(envelopeOf(h.request({ action: actions.create, body: chosenShell() })));

  const id = send(utf8(plain.replace(/uuid:AAAA[^<]*/, markup)));
  assert.equal(result(id).code, faultCode("ENCODING_LIMIT"));
  assert.ok(id.body.length < 8_192);

  const wrong = send(utf8(plain.replace(/uuid:AAAA[^<]*/, markup).replace("<s:Body>", "<s:Body><s:Body>")));
  assert.ok(wrong.body.length < 8_192);

  // One long namespace that thousands of headers share.
  const blocks = "<q:a s:mustUnderstand='1'/>".repeat(5_000);
  const headers = send(
    utf8(plain.replace("<s:Header>", `<s:Header xmlns:q="${"u".repeat(200_000)}">${blocks}`)),
  );
  assert.equal(headers.status, 500);
  assert.ok(headers.body.length < 65_536, `${headers.body.length} bytes`);

  for (
    const inner of [
      `<rsp:WorkingDirectory>${markup}</rsp:WorkingDirectory>`,
      `<rsp:Environment><rsp:Variable Name="A">${markup}</rsp:Variable></rsp:Environment>`,
    ]
  ) {
    const created = send(
      envelopeOf(h.request({ action: actions.create, body: chosenShell(shellId, inner) })),
    );
    assert.equal(result(created).code, faultCode("ENCODING_LIMIT"));
    assert.ok(created.body.length < 8_192);
  }

  h.open(client, { body: chosenShell() });
  const started = h.start(client, shellId, "x".repeat(90_000) + "&lt;".repeat(60_000));
  assert.equal((h.processes.last.spec.command as { line: string }).line.length, 150_000);
  const listed = h.call(client, {
    action: actions.enumerate,
    resourceUri: `${ns.rsp}/Command`,
    body:
      `<n:Enumerate><w:OptimizeEnumeration/><w:Filter Dialect="http://schemas.dmtf.org/wbem/wsman/1/wsman/SelectorFilter">` +
      `<w:SelectorSet><w:Selector Name="ShellId">${shellId}</w:Selector></w:SelectorSet></w:Filter></n:Enumerate>`,
  });
  assert.match(listed.text, new RegExp(started));
  assert.ok(listed.text.length < 65_536);
  h.processes.onSpawn = (process) => {
    process.ended = true;
    process.events.onFailed("NotFound", `start ${"<".repeat(200_000)}: there is none`);
  };
  h.call(client, h.signal(shellId, started));
  const failed = h.call(client, h.command(shellId, "x"));
  assert.equal(failed.code, 2147942402);
  assert.ok(failed.text.length < 65_536);
  h.processes.onSpawn = (process) => process.events.onStarted(1);
  h.call(client, { action: actions.delete, selectors: { ShellId: shellId } });
  client.reset();
  assertUnharmed(h);
});

Deno.test("time-outs of a million years are no longer than Windows', and leave no shell that nobody knows of", () => {
  for (const duration of ["P1000000Y", "P999999999Y999999999M999999999DT999999999H", "PT999999999999S"]) {
    for (const element of ["IdleTimeOut", "Lifetime"]) {
      const h = tight();
      const client = h.connect();
      const created = h.call(client, {
        action: actions.create,
        body: chosenShell(shellId, `<rsp:${element}>${duration}</rsp:${element}>`),
      });
      assert.equal(created.status, 200, created.text);
      assert.match(created.text, new RegExp(`${element}>PT2147483\\.647S<`));
      // Nobody comes back for it.
      client.reset();
      h.test.advance(2_147_483_647);
      h.test.advance(60_000);
      assert.equal(h.test.system.stats.actors, h.idle.actors);
      assertUnharmed(h);
    }
  }
  const h = tight();
  const client = h.connect();
  for (const bad of ["-PT1S", "PT", "P", "1", "PT1e9S", "PTNaNS", "P9999999999Y"]) {
    const answer = h.call(client, {
      action: actions.create,
      body: chosenShell(shellId, `<rsp:Lifetime>${bad}</rsp:Lifetime>`),
    });
    assert.equal(answer.code, faultCode("SCHEMA_VALIDATION_ERROR"), bad);
  }
  assert.equal(
    h.call(client, {
      action: actions.create,
      body: chosenShell(shellId, "<rsp:Lifetime>PT0S</rsp:Lifetime>"),
    }).status,
    200,
  );
  h.test.advance(1);
  assert.equal(h.call(client, h.command(shellId, "x")).code, faultCode("UNEXPECTED_SELECTORS"));
  client.reset();
  assertUnharmed(h);
});
