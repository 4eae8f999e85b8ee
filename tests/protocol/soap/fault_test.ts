import assert from "node:assert/strict";
import { utf8 } from "../../../protocol/bytes.ts";
import { ns, readEnvelope, readFault } from "../../../protocol/soap/mod.ts";

function fault(content: string, header = "") {
  return readFault(readEnvelope(utf8(
    `<s:Envelope xmlns:s="${ns.s}" xmlns:w="${ns.w}"><s:Header>${header}</s:Header><s:Body>${content}</s:Body></s:Envelope>`,
  )));
}

Deno.test("a body without Fault holds none", () => {
  assert.equal(fault(""), undefined);
  assert.equal(fault("<Fault/>"), undefined);
});

Deno.test("the most specific subcode counts, with its prefix resolved where it stands", () => {
  const read = fault(
    `<s:Fault><s:Code><s:Value> s:Sender </s:Value><s:Subcode><s:Value>w:A</s:Value><s:Subcode>` +
      `<s:Value xmlns:q="urn:q">q:B</s:Value></s:Subcode></s:Subcode></s:Code><s:Reason>` +
      `<s:Text xml:lang="it">  nessuno  </s:Text><s:Text xml:lang="en">none</s:Text></s:Reason></s:Fault>`,
  );
  assert.equal(read?.code, "Sender");
  assert.deepEqual(read?.subcode, { namespace: "urn:q", local: "B" });
  assert.equal(read?.reason, "nessuno");
  assert.equal(read?.detail, undefined);
});

Deno.test("an empty fault is one, and prefixes that are not bound leave the local name", () => {
  assert.deepEqual(fault(`<s:Fault/>`), {
    code: "Unknown",
    subcode: undefined,
    reason: "",
    detail: undefined,
    notUnderstood: [],
  });
  const read = fault(
    `<s:Fault><s:Code><s:Value>Sender</s:Value><s:Subcode><s:Value>zz:DestinationUnreachable</s:Value></s:Subcode>` +
      `</s:Code></s:Fault>`,
  );
  assert.equal(read?.code, "Sender");
  assert.deepEqual(read?.subcode, { namespace: "", local: "DestinationUnreachable" });
});

Deno.test("headers that were not understood are named", () => {
  const read = fault(
    `<s:Fault><s:Code><s:Value>s:MustUnderstand</s:Value></s:Code></s:Fault>`,
    `<s:NotUnderstood qname="w:ResourceUri"/><s:NotUnderstood qname="q:X" xmlns:q="urn:q"/><s:NotUnderstood/>`,
  );
  assert.deepEqual(read?.notUnderstood, [
    { namespace: ns.w, local: "ResourceUri" },
    { namespace: "urn:q", local: "X" },
    { namespace: "", local: "" },
  ]);
});
