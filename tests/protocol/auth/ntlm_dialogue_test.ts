import assert from "node:assert/strict";
import { utf8 } from "../../../protocol/bytes.ts";
import { Secret } from "../../../protocol/secret.ts";
import { AvId, encodeAvPairs } from "../../../protocol/auth/av_pairs.ts";
import {
  createNtlmAcceptor,
  createNtlmInitiator,
  ntHash,
  ReflectionGuard,
  splitUserName,
} from "../../../protocol/auth/mod.ts";
import { ntowfV2, proveV2 } from "../../../protocol/auth/ntlm_crypto.ts";
import { NtlmSession } from "../../../protocol/auth/ntlm_session.ts";
import {
  encodeAuthenticate,
  encodeChallenge,
  encodeClientBlob,
  parseAuthenticate,
  parseChallenge,
  parseClientBlob,
} from "../../../protocol/auth/ntlm_messages.ts";
import {
  acceptorOptions,
  failureOf,
  initiatorOptions,
  logOn,
  seededBytes,
  stepNow,
  time,
  tokenOf,
} from "../../helpers/auth_pair.ts";

Deno.test("a right password logs on, and both sides exchange sealed messages", () => {
  const client = createNtlmInitiator(initiatorOptions());
  const server = createNtlmAcceptor(acceptorOptions());
  assert.equal(logOn(client, server), 3);
  assert.ok(client.established && server.established && server.canSeal);
  assert.equal(server.principal, "DOM\\alice");
  assert.equal(server.mechanism, "NTLM");
  for (const text of ["", "hello", "x".repeat(10_000)]) {
    assert.deepEqual(server.unseal(client.seal(utf8(text))), utf8(text));
    assert.deepEqual(client.unseal(server.seal(utf8(text))), utf8(text));
  }
});

Deno.test("a wrong password and an unknown account fail alike", () => {
  const errors = [
    { username: "alice", domain: "DOM", password: new Secret("wrong") },
    { username: "mallory", domain: "DOM", password: new Secret("Passw0rd!") },
  ].map((credential) => {
    const server = createNtlmAcceptor(acceptorOptions());
    try {
      logOn(createNtlmInitiator(initiatorOptions({ credential })), server);
    } catch (error) {
      assert.ok(error instanceof Error && !server.established && server.principal === undefined);
      return String(error);
    }
    throw new Error("logged on");
  });
  assert.equal(errors[0], errors[1]);
  assert.match(errors[0]!, /user name or the password is wrong/);
});

Deno.test("an account without a known hash is refused even with an all-zero hash", () => {
  // The acceptor computes with zeros for accounts that do not exist: nobody may log on by that.
  const server = createNtlmAcceptor(acceptorOptions({ ntHash: () => undefined }));
  const client = createNtlmInitiator(initiatorOptions());
  const negotiate = tokenOf(stepNow(client));
  const challenge = parseChallenge(tokenOf(stepNow(server, negotiate)));
  const blob = encodeClientBlob(new Uint8Array(8), new Uint8Array(8), encodeAvPairs(challenge.targetInfo!));
  const { proof } = proveV2(ntowfV2(new Uint8Array(16), "alice", "DOM"), challenge.serverChallenge, blob);
  const forged = encodeAuthenticate({
    flags: challenge.flags,
    lmResponse: new Uint8Array(24),
    ntResponse: new Uint8Array([...proof, ...blob]),
    domain: "DOM",
    username: "alice",
    workstation: "",
    encryptedSessionKey: new Uint8Array(16),
  });
  assert.equal(failureOf(stepNow(server, forged)), "NtlmDenied");
});

Deno.test("the client's message names its target, carries the channel binding and no LM response", () => {
  const binding = new Uint8Array(16).fill(7);
  const client = createNtlmInitiator(initiatorOptions({ channelBinding: binding, workstation: "PC" }));
  const server = createNtlmAcceptor(acceptorOptions());
  let authenticate = new Uint8Array();
  logOn(client, server, (token, leg) => {
    if (leg === 2) authenticate = token.slice();
    return token;
  });
  const message = parseAuthenticate(authenticate);
  assert.equal(message.workstation, "PC");
  assert.deepEqual(message.lmResponse, new Uint8Array(24));
  const { targetInfo } = parseClientBlob(message.ntResponse.subarray(16));
  assert.deepEqual(targetInfo.get(AvId.channelBindings), binding);
  assert.equal(new TextDecoder("utf-16le").decode(targetInfo.get(AvId.targetName)), "HTTP/web01");
  assert.deepEqual(server.channelBinding, binding);
});

Deno.test("without a channel binding the acceptor reports none", () => {
  const server = createNtlmAcceptor(acceptorOptions());
  logOn(createNtlmInitiator(initiatorOptions()), server);
  assert.equal(server.channelBinding, undefined);
});

Deno.test("a bit that changes on the way in any of the three messages is noticed", () => {
  const offsets: readonly (readonly [leg: number, at: number])[] = [
    [0, 12], // flags of negotiate
    [0, 33], // its version
    [1, 20], // flags of challenge
    [1, 26], // the challenge itself
    [1, 49], // its version
    [2, 60], // flags of authenticate
    [2, 73], // the MIC
    [2, 100], // names
  ];
  for (const [where, at] of offsets) {
    const client = createNtlmInitiator(initiatorOptions());
    const server = createNtlmAcceptor(acceptorOptions());
    assert.throws(
      () =>
        logOn(client, server, (token, leg) => {
          const changed = token.slice();
          if (leg === where) changed[at]! ^= 0x10;
          return changed;
        }),
      { name: /ProtocolError|DeniedError/ },
      `${where} ${at}`,
    );
    assert.equal(server.established, false);
  }
});

Deno.test("a recorded authenticate message does not log on a second time", () => {
  const recorded: Uint8Array[] = [];
  logOn(createNtlmInitiator(initiatorOptions()), createNtlmAcceptor(acceptorOptions()), (token) => {
    recorded.push(token);
    return token;
  });
  const server = createNtlmAcceptor(acceptorOptions({ random: seededBytes(99) }));
  tokenOf(stepNow(server, recorded[0]));
  assert.equal(failureOf(stepNow(server, recorded[2])), "NtlmDenied");
});

Deno.test("steps out of order fail, and a failed context stays failed", () => {
  const server = createNtlmAcceptor(acceptorOptions());
  const client = createNtlmInitiator(initiatorOptions());
  logOn(client, server);
  assert.equal(failureOf(stepNow(server, new Uint8Array(40))), "ContextOver");
  const early = createNtlmInitiator(initiatorOptions());
  assert.equal(failureOf(stepNow(early, new Uint8Array(40))), "NtlmOutOfOrder");
  assert.equal(failureOf(stepNow(early)), "ContextOver");
  assert.throws(() => early.seal(utf8("x")), { code: "NotSealing" });
  assert.equal(failureOf(stepNow(createNtlmAcceptor(acceptorOptions()))), "NtlmOutOfOrder");
});

Deno.test("after dispose nothing is sealed any more", () => {
  const server = createNtlmAcceptor(acceptorOptions());
  logOn(createNtlmInitiator(initiatorOptions()), server);
  server.dispose();
  server.dispose();
  assert.throws(() => server.seal(utf8("x")), { code: "NotSealing" });
  assert.equal(server.established, false);
});

Deno.test("our own challenge is refused when it is reflected, and forgotten afterwards", () => {
  const guard = new ReflectionGuard();
  const server = createNtlmAcceptor(acceptorOptions({ guard }));
  const client = createNtlmInitiator(initiatorOptions({ guard }));
  const challenge = tokenOf(stepNow(server, tokenOf(stepNow(client))));
  assert.equal(failureOf(stepNow(client, challenge)), "NtlmReflection");
  assert.equal(guard.size, 1);
  server.dispose();
  assert.equal(guard.size, 0);
});

Deno.test("a challenge that the guard no longer remembers is not accepted either", () => {
  let now = time;
  const guard = new ReflectionGuard({ lifetimeMs: 60_000 });
  const server = createNtlmAcceptor(acceptorOptions({ guard, now: () => now }));
  const client = createNtlmInitiator(initiatorOptions());
  const authenticate = tokenOf(stepNow(client, tokenOf(stepNow(server, tokenOf(stepNow(client))))));
  now += 60_001;
  assert.equal(failureOf(stepNow(server, authenticate)), "NtlmExpired");
});

Deno.test("the guard forgets the oldest challenges when it is full", () => {
  const guard = new ReflectionGuard({ capacity: 2, lifetimeMs: 1_000 });
  const challenges = [1, 2, 3].map((seed) => seededBytes(seed)(8));
  for (const challenge of challenges) guard.issued(challenge, time);
  assert.deepEqual(challenges.map((challenge) => guard.isOurs(challenge, time)), [false, true, true]);
  guard.issued(seededBytes(4)(8), time + 1_000);
  assert.equal(guard.size, 1);
});

Deno.test("a response from another time is refused", () => {
  let now = time;
  const server = createNtlmAcceptor(acceptorOptions({ now: () => now }));
  const client = createNtlmInitiator(initiatorOptions());
  const authenticate = tokenOf(stepNow(client, tokenOf(stepNow(server, tokenOf(stepNow(client))))));
  now += 36 * 3_600_000 + 1;
  assert.equal(failureOf(stepNow(server, authenticate)), "NtlmExpired");
});

Deno.test("a server that does not agree to sealing, signing, key exchange, 128 bits or Unicode is refused", () => {
  for (const flag of [0x1, 0x10, 0x20, 0x80000, 0x800000, 0x20000000, 0x40000000]) {
    const client = createNtlmInitiator(initiatorOptions());
    const challenge = tokenOf(stepNow(createNtlmAcceptor(acceptorOptions()), tokenOf(stepNow(client))))
      .slice();
    const view = new DataView(challenge.buffer);
    view.setUint32(20, view.getUint32(20, true) & ~flag, true);
    assert.equal(failureOf(stepNow(client, challenge)), "NtlmDowngrade", flag.toString(16));
  }
});

Deno.test("a client that does not offer Unicode, extended session security or 128 bits is refused", () => {
  for (
    const [flag, code] of [[0x1, "NtlmUnicodeRequired"], [0x80000, "NtlmDowngrade"], [
      0x20000000,
      "NtlmDowngrade",
    ]] as const
  ) {
    const negotiate = tokenOf(stepNow(createNtlmInitiator(initiatorOptions()))).slice();
    const view = new DataView(negotiate.buffer);
    view.setUint32(12, view.getUint32(12, true) & ~flag, true);
    assert.equal(failureOf(stepNow(createNtlmAcceptor(acceptorOptions()), negotiate)), code);
  }
});

Deno.test("a server without a timestamp gets a response with MIC and the client's own time", () => {
  const client = createNtlmInitiator(initiatorOptions());
  tokenOf(stepNow(client));
  const text = new TextEncoder().encode("W\0");
  const challenge = encodeChallenge({
    flags: 0xe28a8235,
    targetName: "W",
    serverChallenge: new Uint8Array(8),
    targetInfo: encodeAvPairs(new Map([[AvId.nbComputerName, text], [AvId.nbDomainName, text]])),
  });
  const message = parseAuthenticate(tokenOf(stepNow(client, challenge)));
  assert.ok(message.mic?.some((byte) => byte !== 0));
  assert.deepEqual(message.lmResponse, new Uint8Array(24));
});

/** What a client without MIC, signing and key exchange sends, as Azure/go-ntlmssp does. */
function bareLogon(requireMic: boolean) {
  const server = createNtlmAcceptor(acceptorOptions({ requireMic }));
  const negotiate = new Uint8Array(40);
  negotiate.set(utf8("NTLMSSP\0"));
  negotiate[8] = 1;
  new DataView(negotiate.buffer).setUint32(12, 0xa0880001, true);
  const challenge = parseChallenge(tokenOf(stepNow(server, negotiate)));
  const info = challenge.targetInfo!;
  const blob = encodeClientBlob(info.get(AvId.timestamp)!, new Uint8Array(8), encodeAvPairs(info));
  const responseKey = ntowfV2(ntHash(new Secret("Passw0rd!")), "alice", "DOM");
  const { proof } = proveV2(responseKey, challenge.serverChallenge, blob);
  const authenticate = encodeAuthenticate({
    flags: challenge.flags,
    lmResponse: new Uint8Array(0),
    ntResponse: new Uint8Array([...proof, ...blob]),
    domain: "DOM",
    username: "alice",
    workstation: "",
    encryptedSessionKey: new Uint8Array(0),
  });
  return { server, outcome: stepNow(server, authenticate) };
}

Deno.test("a client without MIC is refused, unless the service says otherwise; then nothing can be sealed", () => {
  assert.equal(failureOf(bareLogon(true).outcome), "NtlmMic");
  const { server, outcome } = bareLogon(false);
  assert.equal(outcome.kind, "done");
  assert.equal(server.canSeal, false);
  assert.throws(() => server.seal(utf8("x")), { code: "NotSealing" });
  assert.throws(() => server.unseal(new Uint8Array(40)), { code: "SealUnexpected" });
});

Deno.test("anonymous logons and NTLMv1 responses are refused", () => {
  const attempt = (change: Partial<Parameters<typeof encodeAuthenticate>[0]>) => {
    const server = createNtlmAcceptor(acceptorOptions());
    const { flags } = parseChallenge(
      tokenOf(stepNow(server, tokenOf(stepNow(createNtlmInitiator(initiatorOptions()))))),
    );
    return failureOf(stepNow(
      server,
      encodeAuthenticate({
        flags,
        lmResponse: new Uint8Array(24),
        ntResponse: new Uint8Array(24),
        domain: "DOM",
        username: "alice",
        workstation: "",
        encryptedSessionKey: new Uint8Array(16),
        ...change,
      }),
    ));
  };
  assert.equal(attempt({}), "NtlmVersion1");
  assert.equal(attempt({ username: "", ntResponse: new Uint8Array(0) }), "NtlmAnonymous");
  assert.equal(attempt({ flags: 0xe28a8a35 }), "NtlmAnonymous");
});

Deno.test("a sealed message that is changed, cut, replayed or out of order is refused, and then all that follow", () => {
  const pair = () => {
    const client = createNtlmInitiator(initiatorOptions());
    const server = createNtlmAcceptor(acceptorOptions());
    logOn(client, server);
    return { client, server };
  };
  const changes: ((sealed: Uint8Array) => Uint8Array)[] = [
    (sealed) => sealed.map((byte, i) => i === 25 ? byte ^ 1 : byte),
    (sealed) => sealed.map((byte, i) => i === 8 ? byte ^ 1 : byte),
    (sealed) => sealed.map((byte, i) => i === 16 ? byte ^ 1 : byte),
    (sealed) => sealed.map((byte, i) => i === 0 ? 12 : byte),
    (sealed) => sealed.subarray(0, -1),
    (sealed) => sealed.subarray(0, 19),
  ];
  for (const change of changes) {
    const { client, server } = pair();
    assert.throws(() => server.unseal(change(client.seal(utf8("message")))), { name: "ProtocolError" });
    assert.throws(() => server.unseal(client.seal(utf8("next"))), { code: "SealBroken" });
  }
  const replay = pair();
  const once = replay.client.seal(utf8("message"));
  replay.server.unseal(once);
  assert.throws(() => replay.server.unseal(once), { code: "SealBroken" });
  const order = pair();
  order.client.seal(utf8("first"));
  assert.throws(() => order.server.unseal(order.client.seal(utf8("second"))), { code: "SealBroken" });
});

Deno.test("messages of many lengths that are in hand at the same time do not touch each other", () => {
  const key = new Uint8Array(16).fill(9);
  const [client, server] = [new NtlmSession(key, "client"), new NtlmSession(key, "server")];
  const plaintexts = Array.from({ length: 200 }, (_, i) => new Uint8Array(17 * i).fill(i));
  const opened = plaintexts.map((text) => client.seal(text)).map((sealed) => server.unseal(sealed));
  assert.deepEqual(opened, plaintexts);
});

Deno.test("sequence numbers do not begin anew: the session ends with the last one, on both sides", () => {
  const key = new Uint8Array(16).fill(5);
  const [client, server] = (["client", "server"] as const).map((role) =>
    new NtlmSession(key, role, true, 0xffff_fffe)
  ) as [NtlmSession, NtlmSession];
  const last = [client.seal(utf8("one")), client.seal(utf8("two"))];
  // The number stands at the end of the signature ([MS-NLMP] 2.2.2.9.2).
  assert.deepEqual(last.map((sealed) => sealed.subarray(16, 20).toHex()), ["feffffff", "ffffffff"]);
  assert.deepEqual(last.map((sealed) => server.unseal(sealed)), [utf8("one"), utf8("two")]);
  assert.throws(() => client.seal(utf8("three")), { code: "NtlmSequenceExhausted", name: "ProtocolError" });
  // What begins anew with 0 is not taken from a peer either.
  const fresh = new NtlmSession(key, "client");
  assert.throws(() => server.unseal(fresh.seal(utf8("three"))), { code: "NtlmSequenceExhausted" });
});

Deno.test("overlapping, truncated and misplaced fields are refused", () => {
  const server = createNtlmAcceptor(acceptorOptions());
  const client = createNtlmInitiator(initiatorOptions());
  const authenticate = tokenOf(stepNow(client, tokenOf(stepNow(server, tokenOf(stepNow(client))))));
  const withField = (at: number, length: number, offset: number) => {
    const changed = authenticate.slice();
    const view = new DataView(changed.buffer);
    view.setUint16(at, length, true);
    view.setUint32(at + 4, offset, true);
    return () => parseAuthenticate(changed);
  };
  const malformed = { code: "NtlmMalformed" };
  assert.throws(withField(36, 10, 88), malformed, "user over domain");
  assert.throws(withField(36, 10, 8), malformed, "inside the header");
  assert.throws(withField(36, 10, authenticate.length - 9), malformed, "beyond the end");
  assert.throws(withField(36, 10, 0xffff_fff8), malformed, "wraps around");
  assert.throws(withField(36, 9, 94), malformed, "odd name");
  for (let length = 0; length < authenticate.length; length++) {
    assert.throws(() => parseAuthenticate(authenticate.subarray(0, length)), malformed);
  }
  assert.throws(() => parseAuthenticate(new Uint8Array(20_000)), malformed);
});

Deno.test("user names are split as Windows does", () => {
  assert.deepEqual(splitUserName("DOM\\alice"), { username: "alice", domain: "DOM" });
  assert.deepEqual(splitUserName("alice@dom.example"), { username: "alice@dom.example", domain: "" });
  assert.deepEqual(splitUserName("alice"), { username: "alice", domain: "" });
});

Deno.test("no error and no context shows the password", () => {
  const password = new Secret("hunter2-hunter2");
  const client = createNtlmInitiator(
    initiatorOptions({ credential: { username: "alice", domain: "DOM", password } }),
  );
  assert.ok(!Deno.inspect(client, { depth: 9, showHidden: true }).includes("hunter2"));
  try {
    logOn(client, createNtlmAcceptor(acceptorOptions()));
    assert.fail();
  } catch (error) {
    assert.ok(!Deno.inspect(error).includes("hunter2"));
  }
});
