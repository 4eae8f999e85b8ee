import assert from "node:assert/strict";
import { utf8 } from "../../../protocol/bytes.ts";
import { ProtocolError } from "../../../protocol/errors.ts";
import {
  type Identity,
  isIdentify,
  ns,
  readEnvelope,
  readIdentifyResponse,
  writeIdentify,
  writeIdentifyResponse,
} from "../../../protocol/soap/mod.ts";

const identity: Identity = {
  protocolVersion: ns.w,
  productVendor: `A & B <"x">`,
  productVersion: "OS: 0.0.0 SP: 0.0 Stack: 3.0",
  securityProfiles: ["http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/http/basic", "urn:ü"],
};

Deno.test("an Identify request is known as one, other bodies are not", () => {
  assert.ok(isIdentify(readEnvelope(writeIdentify())));
  assert.ok(!isIdentify(readEnvelope(writeIdentifyResponse(identity))));
  assert.ok(!isIdentify(readEnvelope(utf8(`<s:Envelope xmlns:s="${ns.s}"><s:Body/></s:Envelope>`))));
});

Deno.test("what the service says of itself arrives", () => {
  assert.deepEqual(readIdentifyResponse(readEnvelope(writeIdentifyResponse(identity))), identity);
  const bare = { ...identity, securityProfiles: [] };
  assert.deepEqual(readIdentifyResponse(readEnvelope(writeIdentifyResponse(bare))), bare);
});

Deno.test("the answer is read whatever namespace it is in, parts may be missing", () => {
  const xml =
    `<s:Envelope xmlns:s="${ns.s}"><s:Body><s:IdentifyResponse><s:ProductVendor> v </s:ProductVendor>` +
    `</s:IdentifyResponse></s:Body></s:Envelope>`;
  assert.deepEqual(readIdentifyResponse(readEnvelope(utf8(xml))), {
    protocolVersion: "",
    productVendor: "v",
    productVersion: "",
    securityProfiles: [],
  });
});

Deno.test("another answer is no identity", () => {
  for (const content of ["", "<x/>"]) {
    const xml = `<s:Envelope xmlns:s="${ns.s}"><s:Body>${content}</s:Body></s:Envelope>`;
    assert.throws(
      () => readIdentifyResponse(readEnvelope(utf8(xml))),
      (error) => error instanceof ProtocolError && error.code === "NotIdentifyResponse",
    );
  }
});
