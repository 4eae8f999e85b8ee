import assert from "node:assert/strict";
import { ByteWriter } from "../../protocol/byte_writer.ts";
import { concat, utf8 } from "../../protocol/bytes.ts";

Deno.test("messages keep their bytes while others are written, whatever their sizes", () => {
  const writer = new ByteWriter();
  const written: { message: Uint8Array; expected: Uint8Array }[] = [];
  const texts = ["", "a", "grüße", "\u{1f600}", "x".repeat(4096), "é".repeat(5000), "y".repeat(300_000)];
  for (let round = 0; round < 40; round++) {
    for (const text of texts) {
      const bytes = new Uint8Array(round * 97).fill(round);
      written.push({
        message: writer.join(bytes, text, `-${round}-`),
        expected: concat([bytes, utf8(text), utf8(`-${round}-`)]),
      });
    }
  }
  for (const { message, expected } of written) assert.deepEqual(message, expected);
});

Deno.test("a message ends where its last part ends, though room for the worst case was taken", () => {
  const writer = new ByteWriter();
  assert.equal(writer.join("abc").length, 3);
  assert.equal(writer.join(new Uint8Array(60_000), "ab").length, 60_002);
  assert.deepEqual(writer.join(), new Uint8Array(0));
});
