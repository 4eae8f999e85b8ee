import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { HmacMd5, md5 } from "../../../protocol/auth/md5.ts";
import { Rc4 } from "../../../protocol/auth/rc4.ts";

const bytes = (length: number, seed = 7) => new Uint8Array(length).map((_, i) => i * seed + (i >> 8));

/** Every length around the ends of blocks and of the pieces in which long messages are taken. */
const lengths = [
  ...Array(200).keys(),
  ...[4_096, 8_192].flatMap((end) => [-65, -64, -9, -8, -1, 0, 1].map((d) => end + d)),
];

Deno.test("MD5 is the platform's, whatever the length and however it is cut", () => {
  for (const length of lengths) {
    const data = bytes(length);
    const expected = createHash("md5").update(data).digest("hex");
    assert.equal(md5(data).toHex(), expected, `${length} bytes`);
    for (const cut of [0, 1, length >> 1, length]) {
      assert.equal(
        md5(data.subarray(0, cut), data.subarray(cut)).toHex(),
        expected,
        `${length} bytes, cut at ${cut}`,
      );
    }
  }
});

Deno.test("HMAC-MD5 is the platform's, for keys of all lengths, message after message", () => {
  for (const keyLength of [0, 1, 16, 63, 64, 65, 200]) {
    const key = bytes(keyLength, 11);
    const mac = new HmacMd5(key);
    const before = key.slice();
    for (const length of [0, 8, 16, 55, 56, 64, 100, 4_096, 70_000]) {
      const data = bytes(length, 3);
      const expected = createHmac("md5", key).update(data).digest("hex");
      const parts = [data.subarray(0, length >> 1), data.subarray(length >> 1)];
      assert.equal(
        mac.digest(parts, new Uint8Array(16)).toHex(),
        expected,
        `key ${keyLength}, message ${length}`,
      );
    }
    assert.deepEqual(key, before);
  }
});

Deno.test("RC4 is the same stream wherever its pieces begin and end", () => {
  const key = bytes(16, 5);
  // RFC 6229 section 2, key 0x0102030405, stream at 0.
  assert.equal(
    new Rc4(bytes(5, 1).map((_, i) => i + 1)).apply(new Uint8Array(16)).toHex(),
    "b2396305f03dc027ccc3524a0a1118a8",
  );
  const data = bytes(1_000);
  const whole = new Rc4(key).apply(data);
  for (const size of [1, 3, 4, 7, 64, 333]) {
    const inPieces = new Rc4(key);
    const output = new Uint8Array(1_000);
    for (let at = 0; at < data.length; at += size) {
      const end = Math.min(at + size, data.length);
      inPieces.apply(data.subarray(at, end), output.subarray(at, end));
    }
    assert.deepEqual(output, whole, `pieces of ${size}`);
  }
  const inPlace = data.slice();
  new Rc4(key).apply(inPlace, inPlace);
  assert.deepEqual(inPlace, whole);
});
