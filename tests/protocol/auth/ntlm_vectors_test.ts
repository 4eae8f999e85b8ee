// The values of [MS-NLMP] 4.2.1 and 4.2.4.
import assert from "node:assert/strict";
import { Secret } from "../../../protocol/secret.ts";
import { AvId, encodeAvPairs, parseAvPairs } from "../../../protocol/auth/av_pairs.ts";
import { decodeFiletime, encodeFiletime } from "../../../protocol/auth/filetime.ts";
import {
  directionKeys,
  ntHash,
  ntowfV2,
  proveV2,
  rc4Once,
  utf16le,
} from "../../../protocol/auth/ntlm_crypto.ts";
import {
  encodeChallenge,
  encodeClientBlob,
  parseAuthenticate,
  parseChallenge,
  parseClientBlob,
} from "../../../protocol/auth/ntlm_messages.ts";
import { NtlmSession } from "../../../protocol/auth/ntlm_session.ts";
import { Rc4 } from "../../../protocol/auth/rc4.ts";

const hex = (text: string) => Uint8Array.fromHex(text.replace(/\s/g, ""));

const serverChallenge = hex("0123456789abcdef");
const randomSessionKey = new Uint8Array(16).fill(0x55);
const clientChallenge = new Uint8Array(8).fill(0xaa);
const targetInfo = hex(`
  02000c0044006f006d00610069006e00
  01000c005300650072007600650072000000 0000`);
const challengeMessage = hex(`
  4e544c4d53535000020000000c000c0038000000 33828ae2 0123456789abcdef
  0000000000000000 24002400 44000000 060070170000000f 530065007200760065007200
  02000c0044006f006d00610069006e00 01000c00530065007200760065007200 00000000`);
const authenticateMessage = hex(`
  4e544c4d5353500003000000 180018006c000000 5400540084000000 0c000c0048000000 0800080054000000
  100010005c000000 10001000d8000000 358288e2 0501280a0000000f
  44006f006d00610069006e00 5500730065007200 43004f004d0050005500540045005200
  86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa
  68cd0ab851e51c96aabc927bebef6a1c 0101000000000000 0000000000000000 aaaaaaaaaaaaaaaa 00000000
  02000c0044006f006d00610069006e00 01000c00530065007200760065007200 00000000 00000000
  c5dad2544fc9799094ce1ce90bc9d03e`);

Deno.test("NTLMv2 keys and responses are those of the specification", () => {
  const hash = ntHash(new Secret("Password"));
  assert.deepEqual(hash, hex("a4f49c406510bdcab6824ee7c30fd852"));
  const responseKey = ntowfV2(hash, "User", "Domain");
  assert.deepEqual(responseKey, hex("0c868a403bfd7a93a3001ef22ef02e3f"));
  const blob = encodeClientBlob(new Uint8Array(8), clientChallenge, targetInfo);
  const { proof, keyExchangeKey } = proveV2(responseKey, serverChallenge, blob);
  assert.deepEqual(proof, hex("68cd0ab851e51c96aabc927bebef6a1c"));
  assert.deepEqual(keyExchangeKey, hex("8de40ccadbc14a82f15cb0ad0de95ca3"));
  assert.deepEqual(rc4Once(keyExchangeKey, randomSessionKey), hex("c5dad2544fc9799094ce1ce90bc9d03e"));
});

Deno.test("signing and sealing are those of the specification", () => {
  const { signKey, sealKey } = directionKeys(randomSessionKey, "client");
  assert.deepEqual(sealKey, hex("59f600973cc4960a25480a7c196e4c58"));
  assert.deepEqual(signKey, hex("4788dc861b4782f35d43fd98fe1a2d39"));
  const sealed = new NtlmSession(randomSessionKey, "client").seal(utf16le("Plaintext"));
  assert.deepEqual(
    sealed,
    hex("10000000 01000000 7fb38ec5c55d4976 00000000 54e50165bf1936dc996020c1811b0f06fb5f"),
  );
  assert.deepEqual(new NtlmSession(randomSessionKey, "server").unseal(sealed), utf16le("Plaintext"));
});

Deno.test("the messages of the specification are read", () => {
  const challenge = parseChallenge(challengeMessage);
  assert.equal(challenge.targetName, "Server");
  assert.deepEqual(challenge.serverChallenge, serverChallenge);
  assert.deepEqual([...challenge.targetInfo!.keys()], [AvId.nbDomainName, AvId.nbComputerName]);
  const message = parseAuthenticate(authenticateMessage);
  assert.deepEqual([message.domain, message.username, message.workstation], ["Domain", "User", "COMPUTER"]);
  assert.equal(message.mic, undefined);
  assert.deepEqual(message.encryptedSessionKey, hex("c5dad2544fc9799094ce1ce90bc9d03e"));
  assert.deepEqual(parseClientBlob(message.ntResponse.subarray(16)).clientChallenge, clientChallenge);
});

Deno.test("a challenge is written as in the specification, but for the version", () => {
  const written = encodeChallenge({
    flags: 0xe28a8233,
    targetName: "Server",
    serverChallenge,
    targetInfo: encodeAvPairs(parseAvPairs(targetInfo)),
  });
  written.set(challengeMessage.subarray(48, 56), 48);
  assert.deepEqual(written, challengeMessage);
});

Deno.test("FILETIME counts from 1601", () => {
  assert.deepEqual(encodeFiletime(0), hex("00803ed5deb19d01"));
  assert.equal(decodeFiletime(encodeFiletime(1_700_000_000_123)), 1_700_000_000_123);
});

Deno.test("RC4 gives the known key streams and rewinds", () => {
  const cipher = new Rc4(new TextEncoder().encode("Wiki"));
  assert.deepEqual(cipher.apply(new TextEncoder().encode("pedia")), hex("1021bf0420"));
  cipher.rewind();
  assert.deepEqual(cipher.apply(new TextEncoder().encode("pedia")), hex("1021bf0420"));
});
