/** What a service says of its refusal, read from outside of the library (RFC 4120 section 5.9.1, RFC 4121 section 4.1). */
import assert from "node:assert/strict";
import { kerberosOids, readKerberosError } from "../../../protocol/auth/mod.ts";
import { contextTag, der, DerTag } from "../../../protocol/auth/der.ts";
import { concat, utf8 } from "../../../protocol/bytes.ts";

const integer = (...octets: number[]) => der(0x02, Uint8Array.from(octets));
const time = (text: string) => der(0x18, utf8(text));
const member = (number: number, content: Uint8Array) => der(contextTag(number), content);

/** A KRB-ERROR with these members for stime and error-code. */
function token(stime: Uint8Array, code: Uint8Array, id = [3, 0]): Uint8Array {
  const error = der(
    0x7e,
    der(
      DerTag.sequence,
      member(0, integer(5)),
      member(1, integer(30)),
      member(4, stime),
      member(5, integer(1)),
      member(6, code),
      member(9, der(0x1b, utf8("REALM"))),
    ),
  );
  const oid = der(DerTag.objectIdentifier, kerberosOids[0]!);
  return der(DerTag.application0, oid, Uint8Array.from(id), error);
}

Deno.test("code and clock of a refusal are read", () => {
  assert.deepEqual(readKerberosError(token(time("20261121182630Z"), integer(37))), {
    code: 37,
    serverTime: Date.UTC(2026, 10, 21, 18, 26, 30),
  });
  assert.equal(readKerberosError(token(time("20261121182630Z"), integer(1, 44)))?.code, 300);
});

Deno.test("what is no refusal, or none that can be read, is none", () => {
  const good = token(time("20261121182630Z"), integer(37));
  for (
    const bad of [
      new Uint8Array(0),
      utf8("NTLMSSP\0"),
      token(time("20261121182630Z"), integer(37), [2, 0]),
      token(time("yesterday"), integer(37)),
      token(time("20261121182630Z"), integer()),
      token(time("20261121182630Z"), integer(1, 2, 3, 4, 5)),
      token(integer(1), integer(37)),
      concat([good, Uint8Array.of(0)]),
    ]
  ) {
    assert.equal(readKerberosError(bad), undefined);
  }
  for (let length = 0; length < good.length; length++) {
    assert.equal(readKerberosError(good.subarray(0, length)), undefined);
  }
});
