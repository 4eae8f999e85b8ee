import assert from "node:assert/strict";
import fc from "fast-check";
import { Secret } from "../../protocol/secret.ts";
import { AvId, encodeAvPairs, parseAvPairs } from "../../protocol/auth/av_pairs.ts";
import {
  basicAuthorization,
  createNegotiateAcceptor,
  createNegotiateInitiator,
  ntHash,
  parseBasic,
} from "../../protocol/auth/mod.ts";
import { contextTag, der, readTaggedSequence } from "../../protocol/auth/der.ts";
import { decodeFiletime, encodeFiletime } from "../../protocol/auth/filetime.ts";
import { encodeAuthenticate, parseAuthenticate } from "../../protocol/auth/ntlm_messages.ts";
import { NtlmSession } from "../../protocol/auth/ntlm_session.ts";
import { encodeNegTokenResp, parseSpnego } from "../../protocol/auth/spnego_tokens.ts";
import { acceptorOptions, initiatorOptions, logOn, seededBytes } from "../helpers/auth_pair.ts";

const bytes = (maxLength: number) => fc.uint8Array({ maxLength });
const key = fc.uint8Array({ minLength: 16, maxLength: 16 });
const text = (maxLength: number) => fc.string({ unit: "grapheme", maxLength });
const name = text(20).filter((value) => value !== "");

Deno.test("any user, domain and password log on, in either wrapping, and any other password does not", () => {
  fc.assert(
    fc.property(
      name,
      text(20),
      text(40),
      text(40),
      fc.constantFrom("spnego" as const, "raw" as const),
      fc.integer(),
      (username, domain, password, other, wrap, seed) => {
        const attempt = (secret: string) => {
          const credential = { username, domain, password: new Secret(secret) };
          const client = createNegotiateInitiator({
            ...initiatorOptions({ credential, random: seededBytes(seed) }),
            wrap,
          });
          const server = createNegotiateAcceptor(
            acceptorOptions({ ntHash: () => ntHash(new Secret(password)) }),
          );
          logOn(client, server);
          return server.principal;
        };
        assert.equal(attempt(password), domain === "" ? username : `${domain}\\${username}`);
        if (other !== password) assert.throws(() => attempt(other), { code: "NtlmDenied" });
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("any sequence of messages in both directions is unsealed as it was sealed", () => {
  const message = fc.record({ fromClient: fc.boolean(), plaintext: bytes(300) });
  fc.assert(fc.property(key, fc.array(message, { maxLength: 12 }), (sessionKey, messages) => {
    const client = new NtlmSession(sessionKey, "client");
    const server = new NtlmSession(sessionKey, "server");
    for (const { fromClient, plaintext } of messages) {
      const [from, to] = fromClient ? [client, server] : [server, client];
      assert.deepEqual(to.unseal(from.seal(plaintext)), plaintext);
    }
  }));
});

Deno.test("a sealed message with any one bit changed is refused", () => {
  fc.assert(
    fc.property(
      key,
      bytes(80),
      fc.nat(),
      fc.integer({ min: 0, max: 7 }),
      (sessionKey, plaintext, at, bit) => {
        const sealed = new NtlmSession(sessionKey, "client").seal(plaintext);
        sealed[at % sealed.length]! ^= 1 << bit;
        assert.throws(() => new NtlmSession(sessionKey, "server").unseal(sealed), { name: "ProtocolError" });
      },
    ),
  );
});

Deno.test("authenticate messages are read as they were written", () => {
  const fields = fc.record({
    flags: fc.nat().map((flags) => (flags | 1) >>> 0),
    lmResponse: bytes(24),
    ntResponse: bytes(200),
    domain: text(20),
    username: text(20),
    workstation: text(20),
    encryptedSessionKey: bytes(16),
  });
  fc.assert(fc.property(fields, (message) => {
    const { mic, ...read } = parseAuthenticate(encodeAuthenticate(message));
    assert.deepEqual(read, { ...message });
    assert.ok(mic === undefined || mic.every((byte) => byte === 0));
  }));
});

Deno.test("target information is read as it was written", () => {
  const free = fc.integer({ min: 1, max: 0xffff }).filter((id) =>
    id !== AvId.flags && id !== AvId.timestamp && id !== AvId.channelBindings
  );
  const pairs = fc.uniqueArray(fc.tuple(free, bytes(30)), { maxLength: 20, selector: ([id]) => id });
  fc.assert(fc.property(pairs, (list) => {
    assert.deepEqual(parseAvPairs(encodeAvPairs(new Map(list))), new Map(list));
  }));
});

Deno.test("SPNEGO responses are read as they were written", () => {
  const optional = fc.option(bytes(300), { nil: undefined });
  const state = fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined });
  fc.assert(
    fc.property(state, optional, optional, optional, (negState, mechanism, responseToken, mic) => {
      const response = { state: negState, mechanism, responseToken, mic };
      assert.deepEqual(parseSpnego(encodeNegTokenResp(response)), { kind: "response", ...response });
    }),
  );
});

Deno.test("DER members, FILETIME and Basic come back as they were", () => {
  fc.assert(fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 30 })), bytes(300), (numbers, content) => {
    const ascending = numbers.toSorted((a, b) => a - b);
    const members = ascending.map((number) => der(contextTag(number), content));
    const read = readTaggedSequence(der(0x30, ...members));
    assert.deepEqual([...read], ascending.map((number) => [number, content]));
  }));
  fc.assert(fc.property(fc.integer({ min: 0, max: 4_000_000_000_000 }), (ms) => {
    assert.equal(decodeFiletime(encodeFiletime(ms)), ms);
  }));
  const printable = text(30).filter((value) => !/\p{Cc}/u.test(value) && value.isWellFormed());
  fc.assert(fc.property(printable, printable, (user, password) => {
    if (user.includes(":")) return;
    const read = parseBasic(basicAuthorization(user, new Secret(password)).slice("Basic ".length));
    assert.deepEqual([read.username, read.password.reveal()], [user, password]);
  }));
});
