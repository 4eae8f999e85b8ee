import assert from "node:assert/strict";
import { utf8 } from "../../../protocol/bytes.ts";
import { ProtocolError } from "../../../protocol/errors.ts";
import { EnvelopeReader, ns, openEnvelope, readEnvelope } from "../../../protocol/soap/mod.ts";

const open = openEnvelope("s a w");

function read(xml: string) {
  return readEnvelope(utf8(xml));
}

function assertRefused(xml: string, code: string): void {
  assert.throws(() => read(xml), (error) => error instanceof ProtocolError && error.code === code, xml);
}

Deno.test("addressing headers are read without the white space around them, the first of each counts", () => {
  const envelope = read(
    `${open}<s:Header><a:MessageID>\n uuid:1 \n</a:MessageID><a:Action> urn:a</a:Action><a:Action>urn:b</a:Action>` +
      `<w:RelatesTo>no</w:RelatesTo><a:RelatesTo>uuid.2</a:RelatesTo></s:Header><s:Body><w:X/></s:Body></s:Envelope>`,
  );
  assert.equal(envelope.action, "urn:a");
  assert.equal(envelope.messageId, "uuid:1");
  assert.equal(envelope.relatesTo, "uuid.2");
  assert.equal(envelope.headers.length, 5);
  assert.equal(envelope.content?.local, "X");
  assert.equal(envelope.content?.namespace, ns.w);
});

Deno.test("an envelope without header and with an empty body is one", () => {
  const envelope = read(`${open}<s:Body/></s:Envelope>`);
  assert.deepEqual(envelope.headers, []);
  assert.equal(envelope.content, undefined);
  assert.equal(envelope.action, undefined);
  assert.equal(envelope.messageId, undefined);
});

Deno.test("what is no SOAP 1.2 envelope is refused with a typed error", () => {
  const refused = [
    `<a/>`,
    `<Envelope/>`,
    `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body/></s:Envelope>`,
    `${open}</s:Envelope>`,
    `${open}<s:Header/></s:Envelope>`,
    `${open}<s:Body/><s:Body/></s:Envelope>`,
    `${open}<s:Header/><s:Header/><s:Body/></s:Envelope>`,
    `${open}<s:Body/><s:Header/></s:Envelope>`,
    `${open}<s:Body/><w:Body/></s:Envelope>`,
    `${open}<s:Fault/><s:Body/></s:Envelope>`,
  ];
  for (const xml of refused) assertRefused(xml, "SoapMalformed");
  assertRefused(`${open}<s:Body>`, "XmlIncomplete");
  assertRefused(`<!DOCTYPE x>${open}<s:Body/></s:Envelope>`, "XmlDoctype");
  assertRefused("", "XmlIncomplete");
});

Deno.test("an XML declaration that says UTF-16 of a UTF-8 document is overruled, others are not", () => {
  const body = `${open}<s:Body><w:X>ü</w:X></s:Body></s:Envelope>`;
  for (
    const declaration of [
      `<?xml version="1.0" encoding="utf-16"?>\r\n`,
      `<?xml version='1.0' encoding='UTF-16'?>`,
    ]
  ) {
    assert.equal(read(declaration + body).content?.text, "ü");
  }
  assert.equal(read(`<?xml version="1.0" encoding="utf-8"?>${body}`).content?.text, "ü");
  assertRefused(`<?xml version="1.0" encoding="iso-8859-1"?>${body}`, "XmlEncoding");
  assertRefused(`<?xml version="1.0" encoding="utf-16"?><?xml version="1.0"?>${body}`, "XmlMalformed");
});

Deno.test("streams of shells are decoded, the same names in other namespaces are text", () => {
  const envelope = read(
    `<s:Envelope xmlns:s="${ns.s}" xmlns:rsp="${ns.rsp}"><s:Body><rsp:Send><rsp:Stream>aGk=</rsp:Stream>` +
      `<Stream>aGk=</Stream></rsp:Send></s:Body></s:Envelope>`,
  );
  const [stream, other] = envelope.content!.children;
  assert.deepEqual(stream!.bytes, utf8("hi"));
  assert.equal(other!.bytes, undefined);
  assert.equal(other!.text, "aGk=");
});

Deno.test("an envelope reads the same however its bytes are split", () => {
  const bytes = utf8(
    `${open}<s:Header><a:Action>urn:ü</a:Action></s:Header><s:Body><w:X>€</w:X></s:Body></s:Envelope>`,
  );
  for (let at = 0; at <= bytes.length; at++) {
    const reader = new EnvelopeReader();
    reader.write(bytes.subarray(0, at));
    reader.write(bytes.subarray(at));
    const envelope = reader.end();
    assert.equal(envelope.action, "urn:ü");
    assert.equal(envelope.content?.text, "€");
  }
});

Deno.test("limits of the caller hold", () => {
  assert.throws(
    () => readEnvelope(utf8(`${open}<s:Body/></s:Envelope>`), { maxBytes: 20 }),
    (error) => error instanceof ProtocolError && error.code === "XmlTooLarge",
  );
});
