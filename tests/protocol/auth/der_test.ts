import assert from "node:assert/strict";
import {
  contextTag,
  der,
  DerReader,
  DerTag,
  readOnly,
  readTaggedSequence,
} from "../../../protocol/auth/der.ts";

const hex = (text: string) => Uint8Array.fromHex(text.replace(/\s/g, ""));

Deno.test("lengths are written in their shortest form and read back", () => {
  for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536]) {
    const bytes = der(DerTag.octetString, new Uint8Array(length));
    assert.equal(readOnly(bytes, DerTag.octetString).content.length, length);
  }
  assert.deepEqual(der(0x04, new Uint8Array(128)).subarray(0, 3), hex("048180"));
});

Deno.test("what is not strict DER is refused", () => {
  const cases = {
    "empty": "",
    "head only": "04",
    "truncated length": "0482 01",
    "truncated content": "0403 0102",
    "indefinite length": "0480 0000",
    "length in a long form that is not needed": "0481 01 00",
    "leading zero in a length": "048200 80" + "00".repeat(128),
    "length of four bytes": "0484 00000001 00",
    "tag of several bytes": "1f01 00",
    "trailing bytes": "0400 00",
    "another tag": "0a0100",
  };
  for (const [name, bytes] of Object.entries(cases)) {
    assert.throws(() => readOnly(hex(bytes), DerTag.octetString), { code: "DerMalformed" }, name);
  }
});

Deno.test("members of a tagged sequence must ascend, and be few", () => {
  const member = (number: number) => der(contextTag(number), der(DerTag.octetString));
  assert.deepEqual([...readTaggedSequence(der(DerTag.sequence, member(0), member(3))).keys()], [0, 3]);
  for (const members of [[member(1), member(0)], [member(1), member(1)], [der(DerTag.octetString)]]) {
    assert.throws(() => readTaggedSequence(der(DerTag.sequence, ...members)), { code: "DerMalformed" });
  }
  const many = new DerReader(
    der(DerTag.sequence, ...Array.from({ length: 300 }, () => der(0x04))).subarray(4),
  );
  assert.throws(() => {
    while (!many.atEnd) many.next();
  }, { code: "DerMalformed" });
});
