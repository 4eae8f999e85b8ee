// Headers in any order and with any white space mean the same; faults with any text arrive as themselves.
import assert from "node:assert/strict";
import fc from "fast-check";
import { formatDuration, parseDuration } from "../../protocol/duration.ts";
import { guidFromRandom, isGuid } from "../../protocol/guid.ts";
import { openEnvelope, readEnvelope } from "../../protocol/soap/mod.ts";
import {
  faultName,
  readRequestHeaders,
  reportedFault,
  writeFault,
  WsmanFaultError,
} from "../../protocol/wsman/mod.ts";
import { escapeText } from "../../protocol/xml/mod.ts";
import { word } from "../helpers/shell_arbitraries.ts";

const space = fc.string({ unit: fc.constantFrom(" ", "\n", "\t"), maxLength: 3 });

Deno.test("headers mean the same in any order, with any white space around their values", () => {
  const order = fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6], { minLength: 7 });
  fc.assert(fc.property(
    order,
    space,
    word,
    fc.integer({ min: 8192, max: 2 ** 31 }),
    fc.integer({ min: 0, max: 2 ** 31 }),
    (turn, pad, value, size, time) => {
      const padded = (content: string) => pad + escapeText(content) + pad;
      const blocks = [
        `<a:Action s:mustUnderstand="true">${padded(value)}</a:Action>`,
        `<a:MessageID>${padded(value)}</a:MessageID>`,
        `<w:ResourceURI>${padded(value)}</w:ResourceURI>`,
        `<w:SelectorSet>${pad}<w:Selector Name="ShellId">${padded(value)}</w:Selector>${pad}</w:SelectorSet>`,
        `<w:OperationTimeout>${padded(formatDuration(time))}</w:OperationTimeout>`,
        `<w:MaxEnvelopeSize a:mustUnderstand="true">${padded(String(size))}</w:MaxEnvelopeSize>`,
        `<p:Unknown s:mustUnderstand="false"><p:Deep/></p:Unknown>`,
      ];
      const header = turn.map((index) => blocks[index]).join(pad);
      const read = readRequestHeaders(readEnvelope(
        new TextEncoder().encode(
          `${
            openEnvelope("s a w p")
          }${pad}<s:Header>${header}</s:Header>${pad}<s:Body>${pad}</s:Body></s:Envelope>`,
        ),
      ));
      assert.deepEqual(
        [read.action, read.messageId, read.resourceUri, read.selectors.get("ShellId")],
        [value, value, value, value],
      );
      assert.deepEqual([read.operationTimeoutMs, read.maxEnvelopeSize], [time, size]);
    },
  ));
});

Deno.test("a fault of the operating system arrives with its number, whatever its text is", () => {
  fc.assert(fc.property(
    fc.integer({ min: 0, max: 0xffff_ffff }),
    fc.string({ unit: "binary" }),
    fc.string({ unit: "binary" }),
    fc.option(word, { nil: undefined }),
    (code, reason, machine, relatesTo) => {
      const fault = WsmanFaultError.win32(code, reason);
      const envelope = readEnvelope(writeFault(fault, { messageId: "uuid:1", relatesTo, machine }));
      const reported = reportedFault(envelope);
      assert.equal(reported?.faultCode, code);
      assert.equal(reported?.fault.code, fault.soapCode);
      assert.equal(`w:${reported?.fault.subcode?.local}`, fault.subcode);
      assert.equal(reported?.code, faultName(code) ?? `WSManFault:${code}`);
      assert.equal(envelope.relatesTo, relatesTo);
    },
  ));
});

Deno.test("durations come back to the millisecond", () => {
  fc.assert(fc.property(fc.nat(), (time) => assert.equal(parseDuration(formatDuration(time)), time)));
});

Deno.test("random bytes make GUIDs", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (random) => {
    const guid = guidFromRandom(random);
    assert.ok(isGuid(guid));
    assert.match(guid, /^[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}$/);
  }));
});
