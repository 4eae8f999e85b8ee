import assert from "node:assert/strict";
import { utf8 } from "../../../protocol/bytes.ts";
import { readEnvelope } from "../../../protocol/soap/mod.ts";
import { readEnumeration } from "../../../protocol/wsman/mod.ts";

const read = (body: string) => {
  const { items, context } = readEnumeration(readEnvelope(utf8(
    `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" ` +
      `xmlns:n="http://schemas.xmlsoap.org/ws/2004/09/enumeration" ` +
      `xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"><s:Header/><s:Body>${body}</s:Body></s:Envelope>`,
  )));
  return [items.map(({ local }) => local), context];
};

Deno.test("pages of an enumeration are read as each version of Windows writes them", () => {
  const cases: [string, unknown][] = [
    // Optimised and finished: the context is there, and empty.
    [
      "<n:EnumerateResponse><n:EnumerationContext></n:EnumerationContext><w:Items><a/><b/></w:Items><w:EndOfSequence/></n:EnumerateResponse>",
      [["a", "b"], undefined],
    ],
    // 2008 R2: one item, the rest by Pull.
    [
      "<n:EnumerateResponse><n:EnumerationContext>uuid:1</n:EnumerationContext><w:Items><a/></w:Items></n:EnumerateResponse>",
      [["a"], "uuid:1"],
    ],
    [
      "<n:EnumerateResponse><n:EnumerationContext> uuid:1 </n:EnumerationContext></n:EnumerateResponse>",
      [[], "uuid:1"],
    ],
    [
      "<n:PullResponse><n:EnumerationContext>uuid:2</n:EnumerationContext><n:Items><a/></n:Items></n:PullResponse>",
      [["a"], "uuid:2"],
    ],
    ["<n:PullResponse><n:Items><a/></n:Items><n:EndOfSequence/></n:PullResponse>", [["a"], undefined]],
    [
      "<n:PullResponse><n:EnumerationContext>uuid:2</n:EnumerationContext><n:EndOfSequence/></n:PullResponse>",
      [[], undefined],
    ],
  ];
  for (const [body, expected] of cases) assert.deepEqual(read(body), expected, body);
  assert.throws(() => read("<other/>"), { code: "NotEnumerateResponse" });
});
