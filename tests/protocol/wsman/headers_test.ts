import assert from "node:assert/strict";
import { utf8 } from "../../../protocol/bytes.ts";
import { ns, openEnvelope, readEnvelope } from "../../../protocol/soap/mod.ts";
import { faultCode, readRequestHeaders, WsmanFaultError } from "../../../protocol/wsman/mod.ts";

const open = openEnvelope("s a w p rsp n");
const action = "<a:Action>urn:a</a:Action>";
const messageId = "<a:MessageID>uuid:1</a:MessageID>";

function headers(blocks: string) {
  return readRequestHeaders(
    readEnvelope(utf8(`${open}<s:Header>${blocks}</s:Header><s:Body/></s:Envelope>`)),
  );
}

function refused(blocks: string): WsmanFaultError {
  try {
    headers(blocks);
  } catch (error) {
    if (error instanceof WsmanFaultError) return error;
    throw error;
  }
  return assert.fail(`accepted: ${blocks}`);
}

function assertFault(blocks: string, shortName: string): void {
  assert.equal(refused(blocks).faultCode, faultCode(shortName), blocks);
}

Deno.test("only Action and MessageID have to be there", () => {
  assert.deepEqual(headers(action + messageId), {
    action: "urn:a",
    messageId: "uuid:1",
    resourceUri: "",
    selectors: new Map(),
    options: [],
    operationTimeoutMs: undefined,
    maxEnvelopeSize: undefined,
    replyTo: undefined,
    locale: undefined,
    dataLocale: undefined,
  });
  assertFault(action, "MESSAGE_INFORMATION_HEADER_REQUIRED");
  assertFault(messageId, "MESSAGE_INFORMATION_HEADER_REQUIRED");
  assertFault(action + "<a:MessageID>  </a:MessageID>", "MESSAGE_INFORMATION_HEADER_REQUIRED");
});

Deno.test("headers mean the same in every order", () => {
  const blocks = [
    `<a:To>http://host:5985/wsman</a:To>`,
    `<w:ResourceURI s:mustUnderstand="true">\n urn:r \n</w:ResourceURI>`,
    `<a:ReplyTo><a:Address s:mustUnderstand="true"> urn:anonymous </a:Address></a:ReplyTo>`,
    action,
    messageId,
    `<w:MaxEnvelopeSize s:mustUnderstand="true">153600</w:MaxEnvelopeSize>`,
    `<w:Locale xml:lang="de-DE" s:mustUnderstand="false"/>`,
    `<p:DataLocale xml:lang="it-IT" s:mustUnderstand="false"/>`,
    `<p:SessionId s:mustUnderstand="false">uuid:2</p:SessionId>`,
    `<p:OperationID s:mustUnderstand="true">uuid:3</p:OperationID><p:SequenceId>1</p:SequenceId>`,
    `<w:OperationTimeout>PT60.000S</w:OperationTimeout>`,
    `<w:SelectorSet><w:Selector Name="ShellId">\n uuid:4 </w:Selector><w:Selector Name="x">2</w:Selector></w:SelectorSet>`,
    `<w:OptionSet s:mustUnderstand="true"><w:Option Name="A" MustComply="true">TRUE</w:Option>` +
    `<w:Option Name="B" MustComply="0"> b </w:Option></w:OptionSet>`,
    `<other xmlns="urn:other">ignored</other>`,
  ];
  const expected = {
    action: "urn:a",
    messageId: "uuid:1",
    resourceUri: "urn:r",
    selectors: new Map([["ShellId", "uuid:4"], ["x", "2"]]),
    options: [
      { name: "A", value: "TRUE", mustComply: true },
      { name: "B", value: " b ", mustComply: false },
    ],
    operationTimeoutMs: 60_000,
    maxEnvelopeSize: 153_600,
    replyTo: "urn:anonymous",
    locale: "de-DE",
    dataLocale: "it-IT",
  };
  for (let turn = 0; turn < blocks.length; turn++) {
    assert.deepEqual(headers([...blocks.slice(turn), ...blocks.slice(0, turn)].join("")), expected);
  }
  assert.deepEqual(headers(blocks.toReversed().join("")), expected);
});

Deno.test("a header that must be understood and is not makes a MustUnderstand fault that names it", () => {
  for (const value of ["true", "1", " true "]) {
    const fault = refused(
      `${action}${messageId}<w:ResourceUri s:mustUnderstand="${value}"/><q:X xmlns:q="urn:q" s:mustUnderstand="1"/>`,
    );
    assert.equal(fault.soapCode, "MustUnderstand");
    assert.equal(fault.faultCode, undefined);
    assert.deepEqual(fault.notUnderstood, [
      { namespace: ns.w, local: "ResourceUri" },
      { namespace: "urn:q", local: "X" },
    ]);
  }
  const ignored =
    `<w:ResourceUri s:mustUnderstand="false"/><w:Y s:mustUnderstand="0"/><w:Z mustUnderstand="true"/>` +
    `<w:Z a:mustUnderstand="true"/>`;
  assert.equal(headers(action + messageId + ignored).resourceUri, "");
});

Deno.test("what would change the answer and is not supported is not understood", () => {
  for (const name of ["w:FragmentTransfer", "w:RequestEPR", "w:RequestTotalItemsCountEstimate"]) {
    assert.equal(
      refused(`${action}${messageId}<${name} s:mustUnderstand="true"/>`).soapCode,
      "MustUnderstand",
    );
  }
  for (const flag of ["", ` s:mustUnderstand="false"`, ` s:mustUnderstand="true"`]) {
    const fault = refused(`${action}${messageId}<rsp:CompressionType${flag}>xpress</rsp:CompressionType>`);
    assert.deepEqual(fault.notUnderstood, [{ namespace: ns.rsp, local: "CompressionType" }]);
  }
});

Deno.test("a MaxEnvelopeSize below 8192 is an encoding limit, no number is against the schema", () => {
  const size = (text: string) => `${action}${messageId}<w:MaxEnvelopeSize>${text}</w:MaxEnvelopeSize>`;
  assert.equal(headers(size("8192")).maxEnvelopeSize, 8192);
  assert.equal(headers(size("\n51200\n")).maxEnvelopeSize, 51_200);
  for (const text of ["8191", "0"]) assertFault(size(text), "ENCODING_LIMIT");
  for (const text of ["", "-1", "1e9", "0x2000", "8192.5", "9".repeat(40)]) {
    assertFault(size(text), "SCHEMA_VALIDATION_ERROR");
  }
});

Deno.test("bad time-outs, doubled or nameless selectors and endless message ids have their own faults", () => {
  assertFault(`${action}${messageId}<w:OperationTimeout>60</w:OperationTimeout>`, "INVALID_TIMEOUT_HEADER");
  const selectors = (xml: string) => `${action}${messageId}<w:SelectorSet>${xml}</w:SelectorSet>`;
  assertFault(
    selectors(`<w:Selector Name="a">1</w:Selector><w:Selector Name="a">2</w:Selector>`),
    "INVALID_SELECTORS",
  );
  assertFault(selectors(`<w:Selector>1</w:Selector>`), "INVALID_SELECTORS");
  assertFault(`${action}<a:MessageID>${"&amp;".repeat(1025)}</a:MessageID>`, "ENCODING_LIMIT");
  assert.equal(headers(`${action}<a:MessageID>${"&amp;".repeat(1024)}</a:MessageID>`).messageId.length, 1024);
});
