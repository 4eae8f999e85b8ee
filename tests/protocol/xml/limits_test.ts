import assert from "node:assert/strict";
import { UsageError } from "../../../protocol/errors.ts";
import { defaultXmlLimits, parseDocument, XmlParser } from "../../../protocol/xml/mod.ts";
import { bytesOf, eventsOf, refusal } from "./events.ts";

Deno.test("depth: the limit is accepted, one more is not", () => {
  const nested = (depth: number): string => "<a>".repeat(depth) + "</a>".repeat(depth);
  assert.equal(refusal(nested(256)), "accepted");
  assert.equal(refusal(nested(257)), "XmlTooDeep");
  assert.equal(refusal("<a>".repeat(1_000_000)), "XmlTooDeep");
  assert.equal(refusal(nested(3), { maxDepth: 2 }), "XmlTooDeep");
});

Deno.test("attributes: number, names and lengths are limited", () => {
  const attributes = (count: number): string => Array.from({ length: count }, (_, i) => `a${i}=''`).join(" ");
  assert.equal(refusal(`<a ${attributes(256)}/>`), "accepted");
  assert.equal(refusal(`<a ${attributes(257)}/>`), "XmlTooManyAttributes");
  assert.equal(refusal(`<a ${attributes(50_000)}/>`), "XmlTooManyAttributes");
  assert.equal(refusal(`<a b="${"x".repeat(262144)}"/>`), "accepted");
  assert.equal(refusal(`<a b="${"x".repeat(200000)}" c="${"x".repeat(62145)}"/>`), "XmlTooLarge");
  assert.equal(refusal(`<${"n".repeat(1024)}/>`), "accepted");
  assert.equal(refusal(`<${"n".repeat(1025)}/>`), "XmlTooLarge");
  assert.equal(refusal(`<a ${"n".repeat(1025)}='1'/>`), "XmlTooLarge");
  assert.equal(refusal("<abcdef/>"), "accepted");
  assert.equal(refusal("<abcdef/>", { maxNameLength: 5 }), "XmlTooLarge");
});

Deno.test("a giant attribute value that never ends is refused before the document's limit", () => {
  const parser = new XmlParser({ startElement: () => "text", text() {}, base64() {}, endElement() {} });
  parser.write(bytesOf("<a b='"));
  const chunk = bytesOf("x".repeat(65536));
  assert.throws(() => {
    for (let i = 0; i < 1000; i++) parser.write(chunk);
  }, { code: "XmlTooLarge" });
});

Deno.test("distinct names are limited", () => {
  const many = (count: number, tag: string): string =>
    `<a>${Array.from({ length: count }, (_, i) => `<${tag}${i}/>`).join("")}</a>`;
  assert.equal(refusal(many(4000, "few")), "accepted");
  assert.equal(refusal(many(20_000, "bomb")), "XmlTooManyNames");
  assert.equal(refusal(`<a>${"<again/>".repeat(20_000)}</a>`), "accepted");
});

Deno.test("size, elements and text are limited", () => {
  const document = `<a>${"<b/>".repeat(100)}</a>`;
  assert.equal(refusal(document, { maxNodes: 100 }), "XmlTooLarge");
  assert.equal(refusal(document, { maxNodes: 101 }), "accepted");
  assert.equal(refusal(document, { maxBytes: 406 }), "XmlTooLarge");
  assert.equal(refusal(document, { maxBytes: 407 }), "accepted");
  const limits = { maxTextLength: 5 };
  assert.equal(parseDocument(bytesOf("<a>123<b>12345</b>45</a>"), { limits }).text, "12345");
  assert.throws(() => parseDocument(bytesOf("<a>123<b/>456</a>"), { limits }), { code: "XmlTooLarge" });
});

Deno.test("limits must be numbers from 0 up", () => {
  assert.throws(() => eventsOf([], undefined, { maxDepth: -1 }), UsageError);
  assert.throws(() => eventsOf([], undefined, { maxBytes: NaN }), UsageError);
  assert.equal(defaultXmlLimits.maxBytes, 64 * 1024 * 1024);
});

Deno.test("a long tag, comment, CDATA section or text in chunks of one byte takes linear work", () => {
  // Quadratic work would be 10^9 steps here: the test would not end in the time that a test has.
  const long = "x".repeat(30_000);
  for (
    const document of [
      `<a b="${long}"/>`,
      `<a><!--${long}--></a>`,
      `<a><![CDATA[${long}]]></a>`,
      `<a>${long}</a>`,
      `<a>${"<!-- > -->".repeat(3000)}</a>`,
      `<a b="${">".repeat(30_000)}"/>`,
    ]
  ) {
    const bytes = bytesOf(document);
    assert.deepEqual(eventsOf(Array.from(bytes, (_, i) => bytes.subarray(i, i + 1))).at(-1), { end: "a" });
  }
});

Deno.test("namespace declarations in scope are limited, those of siblings do not add up", () => {
  const declarations = (from: number): string =>
    Array.from({ length: 200 }, (_, i) => `xmlns:p${from + i}='u'`).join(" ");
  const levels = Array.from({ length: 6 }, (_, level) => `<a ${declarations(level * 200)}>`);
  assert.equal(refusal(levels.join("") + "</a>".repeat(6)), "XmlTooManyNames");
  assert.equal(refusal(`<r>${levels.map((tag) => `${tag}</a>`).join("")}</r>`), "accepted");
});
