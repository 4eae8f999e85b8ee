import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import {
  encodeCredentials,
  encodeTsRequest,
  incrementedKey,
  keyHash,
  parseCredentials,
  parseTsRequest,
  subjectPublicKeyOf,
} from "../../../protocol/auth/credssp_tokens.ts";
import { ProtocolError } from "../../../protocol/errors.ts";
import { Secret } from "../../../protocol/secret.ts";

const hex = (text: string) => Uint8Array.fromHex(text.replaceAll(" ", ""));

Deno.test("a first message is the DER that [MS-CSSP] 2.2.1 describes, byte for byte", () => {
  assert.deepEqual(
    encodeTsRequest({ version: 6, negoToken: hex("4e 54") }),
    hex("30 11 a0 03 02 01 06 a1 0a 30 08 30 06 a0 04 04 02 4e 54"),
  );
});

Deno.test("what is written is read again, every member alone and all together", () => {
  const all = {
    version: 6,
    negoToken: hex("01"),
    authInfo: hex("0203"),
    pubKeyAuth: hex("04"),
    errorCode: 0xc000006d,
    clientNonce: new Uint8Array(32).fill(7),
  };
  const none = {
    negoToken: undefined,
    authInfo: undefined,
    pubKeyAuth: undefined,
    errorCode: undefined,
    clientNonce: undefined,
  };
  assert.deepEqual(parseTsRequest(encodeTsRequest(all)), all);
  for (const key of Object.keys(none) as (keyof typeof none)[]) {
    const one = { version: 2, ...none, [key]: all[key] };
    assert.deepEqual(parseTsRequest(encodeTsRequest(one)), one);
  }
});

Deno.test("an NTSTATUS is read with a sign and without, as Windows and others write it", () => {
  assert.equal(parseTsRequest(hex("30 0d a0 03 02 01 06 a4 06 02 04 c0 00 00 6d")).errorCode, 0xc000006d);
  assert.equal(parseTsRequest(hex("30 0e a0 03 02 01 06 a4 07 02 05 00 c0 00 00 6d")).errorCode, 0xc000006d);
});

Deno.test("credentials are UTF-16LE inside two frames, and are read again", () => {
  const bytes = encodeCredentials({ domain: "D", username: "u", password: new Secret("pé") });
  assert.deepEqual(
    bytes,
    hex("30 1f a0 03 02 01 01 a1 18 04 16 30 14 a0 04 04 02 44 00 a1 04 04 02 75 00 a2 06 04 04 70 00 e9 00"),
  );
  const { domain, username, password } = parseCredentials(bytes);
  assert.deepEqual([domain, username, password.reveal()], ["D", "u", "pé"]);
});

Deno.test("each direction and each nonce has a hash of its own, as MS-CSSP 3.1.5 computes it", async () => {
  const nonce = new Uint8Array(32).fill(1);
  const key = hex("30 03 02 01 05");
  const text = new TextEncoder().encode("CredSSP Client-To-Server Binding Hash\0");
  const expected = await crypto.subtle.digest("SHA-256", Uint8Array.of(...text, ...nonce, ...key));
  assert.deepEqual(keyHash("Client-To-Server", nonce, key), new Uint8Array(expected));
  assert.notDeepEqual(keyHash("Server-To-Client", nonce, key), new Uint8Array(expected));
  assert.deepEqual(incrementedKey(hex("ff 01")), hex("00 01"));
});

Deno.test("the key inside a SubjectPublicKeyInfo of RSA is its RSAPublicKey, of an elliptic curve its point", () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey;
  const spki = new Uint8Array(rsa.export({ type: "spki", format: "der" }));
  assert.deepEqual(subjectPublicKeyOf(spki), new Uint8Array(rsa.export({ type: "pkcs1", format: "der" })));
  const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey;
  const point = subjectPublicKeyOf(new Uint8Array(ec.export({ type: "spki", format: "der" })));
  assert.equal(point[0], 4);
  assert.equal(point.length, 65);
  assert.ok(createPublicKey(rsa.export({ type: "spki", format: "pem" })));
});

Deno.test("malformed messages are typed errors at every cut, and none is longer than its limit", () => {
  const whole = encodeTsRequest({ version: 6, negoToken: hex("01"), clientNonce: new Uint8Array(32) });
  for (let end = 0; end < whole.length; end++) {
    assert.throws(() => parseTsRequest(whole.subarray(0, end)), ProtocolError);
  }
  for (
    const [text, code] of [
      ["30 05 a0 03 02 01 01", "CredSspMalformed"],
      ["30 04 a1 02 30 00", "CredSspMalformed"],
      ["30 0b a0 03 02 01 06 a5 04 04 02 01 02", "CredSspMalformed"],
      ["30 09 a0 03 02 01 06 a1 02 30 00", "DerMalformed"],
    ] as const
  ) assert.throws(() => parseTsRequest(hex(text)), { code });
  assert.throws(() => parseTsRequest(new Uint8Array(300_000)), { code: "CredSspMalformed" });
});
