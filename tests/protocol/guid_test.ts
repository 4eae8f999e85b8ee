import assert from "node:assert/strict";
import { UsageError } from "../../protocol/errors.ts";
import { guidFromRandom, isGuid } from "../../protocol/guid.ts";

Deno.test("random bytes become a version 4 GUID in upper case", () => {
  assert.equal(guidFromRandom(new Uint8Array(16)), "00000000-0000-4000-8000-000000000000");
  assert.equal(guidFromRandom(new Uint8Array(20).fill(0xff)), "FFFFFFFF-FFFF-4FFF-BFFF-FFFFFFFFFFFF");
  const bytes = Uint8Array.from({ length: 16 }, (_, i) => i);
  assert.equal(guidFromRandom(bytes), "00010203-0405-4607-8809-0A0B0C0D0E0F");
  assert.throws(() => guidFromRandom(new Uint8Array(15)), (error) => error instanceof UsageError);
});

Deno.test("GUIDs are known in any case, with a pair of braces or none", () => {
  const guid = "6F9619FF-8B86-D011-B42D-00CF4FC964FF";
  for (const text of [guid, guid.toLowerCase(), `{${guid}}`]) assert.ok(isGuid(text), text);
  const wrong = [
    "",
    `{${guid}`,
    `${guid}}`,
    guid.replace("F", "G"),
    guid.replaceAll("-", ""),
    ` ${guid}`,
    `${guid}\n`,
    `uuid:${guid}`,
    guid + "0",
  ];
  for (const text of wrong) assert.ok(!isGuid(text), text);
});
