/**
 * Tokens of NTLM, SPNEGO and Basic: typed errors only, what was read can be written and read again, and a dialogue with one
 * changed token fails or ends well with nothing changed that matters.
 * @module
 */
import assert from "node:assert/strict";
import { encodeAvPairs, parseAvPairs } from "../../../protocol/auth/av_pairs.ts";
import { der, DerReader } from "../../../protocol/auth/der.ts";
import { createNegotiateAcceptor, createNegotiateInitiator, parseBasic } from "../../../protocol/auth/mod.ts";
import {
  encodeAuthenticate,
  encodeChallenge,
  parseAuthenticate,
  parseChallenge,
  parseClientBlob,
  parseNegotiate,
} from "../../../protocol/auth/ntlm_messages.ts";
import {
  encodeMechanismList,
  encodeNegTokenInit,
  encodeNegTokenResp,
  parseSpnego,
} from "../../../protocol/auth/spnego_tokens.ts";
import { utf8 } from "../../../protocol/bytes.ts";
import { DroverError } from "../../../protocol/errors.ts";
import { acceptorOptions, initiatorOptions, logOn } from "../../helpers/auth_pair.ts";
import { latin1, type Target } from "../engine.ts";
import { mutateBytes } from "../mutate.ts";

/** Every token of a dialogue. */
function tokensOf(wrap: "spnego" | "raw"): Uint8Array[] {
  const tokens: Uint8Array[] = [];
  logOn(
    createNegotiateInitiator({ ...initiatorOptions(), wrap }),
    createNegotiateAcceptor(acceptorOptions()),
    (token) => {
      tokens.push(token.slice());
      return token;
    },
  );
  return tokens;
}

const pieces = [
  utf8("NTLMSSP\0"),
  new Uint8Array(4),
  new Uint8Array([0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]),
  new Uint8Array([1, 0, 4, 0, 65, 0, 66, 0]),
  new Uint8Array([7, 0, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8]),
  new Uint8Array([0xa1, 0x03, 0x30, 0x01, 0x00]),
  new Uint8Array([0x30, 0x80]),
  new Uint8Array([0x30, 0x84, 0, 0, 0, 1]),
  new Uint8Array([0x30, 0x82, 0x00, 0x01]),
  new Uint8Array([0x06, 0x06, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x02]),
  new Uint8Array([0xa0, 0x03, 0x0a, 0x01, 0x02]),
  new Uint8Array([0x04, 0x00]),
  new Uint8Array([0x3d, 0xd8]),
];

/** Runs `use`; what became of it in few words. */
function outcomeOf(use: () => unknown): string {
  try {
    use();
    return "accepted";
  } catch (error) {
    if (!(error instanceof DroverError)) throw error;
    assert.match(error.message, /^[a-zA-Z ]+: /);
    return `${error.code} ${error.message.replace(/\d+|0x[0-9a-f]+/g, "n")}`;
  }
}

type Reader = (bytes: Uint8Array) => unknown;

const readers: Readonly<Record<string, Reader>> = {
  negotiate: parseNegotiate,
  challenge(bytes) {
    const message = parseChallenge(bytes);
    if (message.targetInfo === undefined) return;
    const again = parseChallenge(
      encodeChallenge({ ...message, targetInfo: encodeAvPairs(message.targetInfo) }),
    );
    // A name that is no UTF-16 is shown with U+FFFD, so it does not come back as it was.
    assert.deepEqual(again, message);
  },
  authenticate(bytes) {
    const message = parseAuthenticate(bytes);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    assert.equal(message.lmResponse.length, view.getUint16(12, true), "a field has not its length");
    assert.equal(message.ntResponse.length, view.getUint16(20, true), "a field has not its length");
    assert.equal(message.encryptedSessionKey.length, view.getUint16(52, true), "a field has not its length");
    assert.deepEqual(parseAuthenticate(encodeAuthenticate(message)), { ...message, mic: new Uint8Array(16) });
  },
  blob: parseClientBlob,
  pairs(bytes) {
    const found = parseAvPairs(bytes);
    let total = 0;
    for (const value of found.values()) total += 4 + value.length;
    assert.ok(total + 4 <= bytes.length, "pairs hold more than their list");
    assert.deepEqual(parseAvPairs(encodeAvPairs(found)), found);
  },
  der(bytes) {
    // DER has one way to say a thing: what was read is written with the same bytes.
    const reader = new DerReader(bytes);
    while (!reader.atEnd) {
      const element = reader.next();
      assert.deepEqual(der(element.tag, element.content), element.whole);
    }
  },
  spnego(bytes) {
    const token = parseSpnego(bytes);
    if (token.kind === "response") {
      assert.deepEqual(parseSpnego(encodeNegTokenResp(token)), token);
      return;
    }
    assert.deepEqual(encodeMechanismList(token.mechanisms), token.mechanismList);
    if (token.mechanismToken === undefined || token.mic !== undefined) return;
    assert.deepEqual(parseSpnego(encodeNegTokenInit(token.mechanismList, token.mechanismToken)), token);
  },
  basic: (bytes) => parseBasic(bytes.toBase64()),
  basicText: (bytes) => parseBasic(latin1(bytes)),
};
const entries = Object.entries(readers);

/** Every reader of a token, on every input. */
export const ntlm: Target = {
  name: "ntlm",
  tokens: pieces,
  seeds: () => {
    const raw = tokensOf("raw");
    const challenge = parseChallenge(raw[1]!);
    return [
      ...raw,
      ...tokensOf("spnego"),
      parseAuthenticate(raw[2]!).ntResponse.subarray(16),
      encodeAvPairs(challenge.targetInfo!),
      utf8("alice:secret"),
      utf8("YWxpY2U6c2VjcmV0"),
    ];
  },
  run(input) {
    return entries.map(([name, read]) => `${name} ${outcomeOf(() => read(input))}`).join("; ");
  },
};

/** A dialogue in which the input says how one token is changed: its first byte which, the rest becomes the token. */
export const dialogue: Target = {
  name: "dialogue",
  tokens: pieces,
  seeds: () => [
    ...tokensOf("raw").map((token, leg) => Uint8Array.of(leg, ...token)),
    ...tokensOf("spnego").map((token, leg) => Uint8Array.of(8 + leg, ...token)),
  ],
  mutate(random, input) {
    const token = mutateBytes(random, input.subarray(1), pieces, () => input.subarray(1));
    return Uint8Array.of(input[0] ?? 0, ...token);
  },
  run(input) {
    const which = input[0] ?? 0;
    const wrap = which & 8 ? "spnego" : "raw";
    const leg = (which & 7) % (wrap === "spnego" ? 4 : 3);
    const client = createNegotiateInitiator({ ...initiatorOptions(), wrap });
    const server = createNegotiateAcceptor(acceptorOptions());
    const token = input.subarray(1);
    let same = true;
    const outcome = outcomeOf(() =>
      logOn(client, server, (own, at) => {
        if (at !== leg) return own;
        same = own.length === token.length && own.every((byte, i) => byte === token[i]);
        return token;
      })
    );
    if (outcome === "accepted" && leg < 3) {
      // A change that went unnoticed may touch only what the frame of SPNEGO adds, never who is logged on.
      assert.equal(server.principal, "DOM\\alice");
      assert.ok(same || wrap === "spnego", "a change to a bare NTLM message went unnoticed");
      const sealed = client.seal(utf8("ping"));
      assert.deepEqual(server.unseal(sealed), utf8("ping"));
    }
    return `${wrap} ${leg} ${same} ${outcome}`;
  },
};
