import assert from "node:assert/strict";
import { ProtocolError, UsageError } from "../../../protocol/errors.ts";
import { XmlParser } from "../../../protocol/xml/mod.ts";
import { bytesOf, eventsOf, refusal, textOf } from "./events.ts";

function refuses(code: string, documents: readonly (string | Uint8Array)[]): void {
  for (const document of documents) {
    assert.equal(refusal(document), code, typeof document === "string" ? document : document.toHex());
  }
}

const attributesOf = (document: string): readonly string[] => {
  const first = eventsOf([bytesOf(document)])[0]!;
  return "attributes" in first ? first.attributes : [];
};

Deno.test("elements, attributes and text are delivered in order with their namespaces", () => {
  const document =
    `<?xml version="1.0"?><s:a xmlns:s="urn:s" xmlns="urn:d" p="1" s:p='2'>x<b/>y<c xmlns="">z</c></s:a>`;
  assert.deepEqual(eventsOf([bytesOf(document)]), [
    { start: "{urn:s}a", attributes: ["p=1", "{urn:s}p=2"] },
    { text: "x" },
    { start: "{urn:d}b", attributes: [] },
    { end: "{urn:d}b" },
    { text: "y" },
    { start: "c", attributes: [] },
    { text: "z" },
    { end: "c" },
    { end: "{urn:s}a" },
  ]);
});

Deno.test("predefined entities and character references are resolved", () => {
  assert.equal(
    textOf("<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x42;&#x0000043;&#x1F600;&#xD;</a>"),
    "<>&\"'ABC\u{1F600}\r",
  );
  assert.deepEqual(attributesOf('<a b="&lt;&#10;&#9;&quot;é&amp;"/>'), ['b=<\n\t"é&']);
});

Deno.test("other entities and references to forbidden characters are refused", () => {
  refuses("XmlEntity", [
    "<a>&nbsp;</a>",
    "<a>&toString;</a>",
    "<a>&lt</a>",
    "<a>& </a>",
    "<a>&;</a>",
    "<a>&#;</a>",
    "<a>&#x;</a>",
    "<a>&#xZ;</a>",
    "<a>&#X41;</a>",
    "<a>&#0;</a>",
    "<a>&#8;</a>",
    "<a>&#xD800;</a>",
    "<a>&#xFFFE;</a>",
    "<a>&#x110000;</a>",
    "<a>&#99999999999999999999999;</a>",
    `<a>&${"x".repeat(100)};</a>`,
    "<a b='&x;'/>",
    "<a b='&amp'/>",
    "<a b='&'/>",
  ]);
});

Deno.test("a document type is refused whatever is in it", () => {
  refuses("XmlDoctype", [
    "<!DOCTYPE a><a/>",
    '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
    "<a><!DOCTYPE a></a>",
    "<!doctype html><a/>",
  ]);
});

Deno.test("line ends are normalised in text and CDATA, white space in attribute values", () => {
  assert.equal(textOf("<a>1\r\n2\r3\n4\r\r\n5<![CDATA[\r\n6\r7]]></a>"), "1\n2\n3\n4\n\n5\n6\n7");
  assert.deepEqual(attributesOf("<a b='1\r\n2\r3\n4\t5'/>"), ["b=1 2 3 4 5"]);
});

Deno.test("CDATA is text and marks in it mean nothing", () => {
  assert.equal(textOf("<a>1<![CDATA[<b>&amp;]] > ]>]]>2<![CDATA[]]></a>"), "1<b>&amp;]] > ]>2");
});

Deno.test("comments and instructions are skipped", () => {
  assert.equal(
    textOf("<!-- <x> --><?p <x ?><a>1<!---->2<?q?>3<!-- - -- é --><?r é?></a>".replace("- -- é", "- é")),
    "123",
  );
  refuses("XmlMalformed", [
    "<a><!-- -- --></a>",
    "<a><!-- ---></a>",
    "<a><!-- \u0001 --></a>",
    "<a><?xml x?></a>",
    "<a><?XML x?></a>",
    "<a><? x?></a>",
    "<a><?p:q x?></a>",
    "<a><?1 x?></a>",
    " <?xml version='1.0'?><a/>",
    "<!-- --><?xml version='1.0'?><a/>",
    "<a><!x></a>",
    "<a><![cdata[x]]></a>",
  ]);
});

Deno.test("the declaration is checked, and its encoding against the document's", () => {
  for (
    const fine of [
      `<?xml version="1.0"?><a/>`,
      `<?xml version='1.0' encoding='UTF-8' standalone='yes' ?><a/>`,
      `<?xml version="1.1" encoding="utf-8"?><a/>`,
      `<?xml version="1.0" encoding="us-ascii"?><a/>`,
    ]
  ) assert.equal(refusal(fine), "accepted", fine);
  refuses("XmlMalformed", [
    `<?xml?><a/>`,
    `<?xml version="2.0"?><a/>`,
    `<?xml encoding="utf-8"?><a/>`,
    `<?xml version="1.0" standalone="maybe"?><a/>`,
    `<?xml version="1.0" standalone="yes" encoding="utf-8"?><a/>`,
    `<?xml version="1.0"encoding="utf-8"?><a/>`,
  ]);
  refuses("XmlEncoding", [
    `<?xml version="1.0" encoding="utf-16"?><a/>`,
    `<?xml version="1.0" encoding="iso-8859-1"?><a/>`,
    `<?xml version="1.0" encoding="us-ascii"?><a>é</a>`,
  ]);
});

Deno.test("UTF-8 is validated wherever it stands", () => {
  const raw = (before: string, bytes: readonly number[], after: string): Uint8Array =>
    Uint8Array.of(...bytesOf(before), ...bytes, ...bytesOf(after));
  for (
    const bytes of [[0xc0, 0x80], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0x80], [
      0xc3,
    ], [
      0xff,
    ], [0xf0, 0x9f, 0x98]]
  ) {
    for (
      const [before, after] of [
        ["<a>", "</a>"],
        ["<a>x", "<b/></a>"],
        ["<a b='", "'/>"],
        ["<a b='&lt;", "x'/>"],
        [
          "<a><!--",
          "--></a>",
        ],
        ["<a><![CDATA[", "]]></a>"],
        ["<a><?p ", "?></a>"],
        ["<a", "/>"],
        ["<a>&amp;", "&amp;</a>"],
      ]
    ) assert.equal(refusal(raw(before!, bytes, after!)), "XmlEncoding", `${before}${bytes}${after}`);
  }
  assert.equal(refusal(raw("<a>", [0xc3], "</a>"), {}, () => "skip"), "XmlEncoding");
  assert.equal(textOf("\ufeff<a>é€😀\ufeff\ufffd</a>"), "é€😀\ufeff\ufffd");
});

Deno.test("UTF-16 with a byte order mark is read in both byte orders, split anywhere", () => {
  const text = `<?xml version="1.0" encoding="UTF-16"?><a b="é">€😀</a>`;
  for (const little of [true, false]) {
    const bytes = new Uint8Array(2 + text.length * 2);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, 0xfeff, little);
    for (let i = 0; i < text.length; i++) view.setUint16(2 + i * 2, text.charCodeAt(i), little);
    const expected = [{ start: "a", attributes: ["b=é"] }, { text: "€😀" }, { end: "a" }];
    for (let at = 0; at <= bytes.length; at++) {
      assert.deepEqual(eventsOf([bytes.subarray(0, at), bytes.subarray(at)]), expected);
    }
    refuses("XmlEncoding", [bytes.subarray(2), bytes.subarray(0, bytes.length - 1)]);
    view.setUint16(bytes.length - 10, 0xd800, little);
    refuses("XmlEncoding", [bytes]);
  }
});

Deno.test("characters that XML does not allow are refused everywhere", () => {
  for (const bad of ["\u0000", "\u0001", "\u000b", "\u001f", "\ufffe", "\uffff"]) {
    refuses("XmlMalformed", [
      `<a>${bad}</a>`,
      `<a>x<b>y${bad}</b></a>`,
      `<a b="${bad}"/>`,
      `<a><!--${bad}--></a>`,
      `<a><![CDATA[${bad}]]></a>`,
      `<a><?p ${bad}?></a>`,
    ]);
  }
});

Deno.test("tags must be well-formed and nested", () => {
  refuses("XmlMalformed", [
    "<a></b>",
    "<a></aa>",
    "<aa></a>",
    "<a><b></a></b>",
    "<s:a xmlns:s='u' xmlns:t='u'></t:a>",
    "<a></a >x",
    "<a></a b='1'>",
    "<a></ a>",
    "< a/>",
    "<a b/>",
    "<a b=1/>",
    "<a b='1'c='2'/>",
    "<a b='<'/>",
    "<a / >",
    "<a =''/>",
    "<a 'x'/>",
    "<a b=''''/>",
    "</a>",
    "<a/></a>",
    "<a/><b/>",
    "<a/>x",
    "x<a/>",
    "<a/>&amp;",
    "<![CDATA[x]]><a/>",
    "<a>]]></a>",
    "<a>x]]]></a>",
    "<>",
    "<a><></></a>",
  ]);
  refuses("XmlIncomplete", [
    "",
    " ",
    "<",
    "<a",
    "<a>",
    "<a>x",
    "<a b='",
    "<a></a",
    "<!--",
    "<a/><!-- x",
    "<?p",
    "<a>&am",
    "<a>]]",
  ]);
  for (
    const fine of [
      "<a\n b = '1'\tc\r=\n\"2\" />",
      "<a></a\n>",
      " <a/> \r\n",
      "<a>]] ] > ]>x></a>",
      "<a b='>'/>",
    ]
  ) {
    assert.equal(refusal(fine), "accepted", fine);
  }
});

Deno.test("names are those of XML 1.0, fifth edition", () => {
  for (const fine of ["_", "a-b.c1", "é", "日本", "\u{10000}x", "a\u0301", "x·"]) {
    assert.equal(refusal(`<${fine}/>`), "accepted", fine);
    assert.equal(refusal(`<a ${fine}='1'/>`), "accepted", fine);
  }
  refuses("XmlMalformed", [
    "<1/>",
    "<-a/>",
    "<.a/>",
    "<\u0301/>",
    "<·/>",
    "<a\u00d7/>",
    "<a$/>",
    "<a 1='x'/>",
    "<\u037e/>",
  ]);
});

Deno.test("namespaces: unbound prefixes, reserved ones, undeclared ones", () => {
  refuses("XmlUnboundPrefix", ["<p:a/>", "<a p:b='1'/>", "<a><b xmlns:p='u'/><p:c/></a>"]);
  refuses("XmlMalformed", [
    "<a xmlns:p=''/>",
    "<a xmlns:xmlns='u'/>",
    "<a xmlns:xml='u'/>",
    "<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>",
    "<a xmlns:p='http://www.w3.org/2000/xmlns/'/>",
    "<a xmlns='http://www.w3.org/XML/1998/namespace'/>",
    "<xmlns:a/>",
    "<a xmlns:='u'/>",
    "<:a/>",
    "<a:/>",
    "<a:b:c xmlns:a='u'/>",
    "<a:1 xmlns:a='u'/>",
  ]);
  assert.deepEqual(attributesOf("<a xml:lang='en' xmlns:xml='http://www.w3.org/XML/1998/namespace'/>"), [
    "{http://www.w3.org/XML/1998/namespace}lang=en",
  ]);
  // Inner declarations hold for the element itself and end with it; siblings are independent of each other.
  const document =
    "<p:a xmlns:p='1'><p:a xmlns:p='2'/><p:a/><p:a xmlns:p='3'><p:a/></p:a><p:a xmlns:p='2'/></p:a>";
  const starts = eventsOf([bytesOf(document)]).flatMap((event) => "start" in event ? [event.start] : []);
  assert.deepEqual(starts, ["{1}a", "{2}a", "{1}a", "{3}a", "{3}a", "{2}a"]);
});

Deno.test("documents do not see each other's declarations", () => {
  assert.equal(refusal("<p:a xmlns:p='urn:1'><p:b/></p:a>"), "accepted");
  assert.equal(refusal("<p:a/>"), "XmlUnboundPrefix");
  assert.equal(refusal("<x><p:b/></x>"), "XmlUnboundPrefix");
  const events = eventsOf([bytesOf("<p:a xmlns:p='urn:2'/>")]);
  assert.deepEqual(events[0], { start: "{urn:2}a", attributes: [] });
});

Deno.test("an attribute is given once, by its name as written and as expanded", () => {
  const many = Array.from({ length: 40 }, (_, i) => `a${i}='1'`).join(" ");
  refuses("XmlDuplicateAttribute", [
    "<a b='1' b='1'/>",
    "<a xmlns='u' xmlns='u'/>",
    "<a xmlns:p='u' xmlns:p='v'/>",
    "<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>",
    `<a ${many} a7='2'/>`,
    `<a xmlns:p='u' xmlns:q='u' ${many} p:b='1' q:b='2'/>`,
  ]);
  assert.equal(refusal(`<a xmlns:p='u' xmlns='u' b='0' p:b='1' ${many}/>`), "accepted");
});

Deno.test("base64 is decoded with white space anywhere, across CDATA, comments and references", () => {
  const base64 = (content: string): string => {
    const events = eventsOf([bytesOf(`<a>${content}</a>`)], () => "base64");
    return events.flatMap((event) => "bytes" in event ? [event.bytes] : []).join("");
  };
  assert.equal(base64("QUJDRA=="), "41424344");
  assert.equal(base64(" Q U\r\nJ\tDR<!-- x -->A<![CDATA[=]]>&#xD;&#10;=\n"), "41424344");
  assert.equal(base64(""), "");
  assert.equal(base64("\n "), "");
  for (
    const bad of [
      "Q",
      "QU",
      "QUJ",
      "Q===",
      "QUJD*",
      "QQ==QQ==",
      "QQ==<!---->Q",
      "é",
      "QUJD&lt;",
      "QU-_",
      "=",
      "QUJD\f",
      "QUJD\f QUJD",
    ]
  ) {
    assert.equal(refusal(`<a>${bad}</a>`, {}, () => "base64"), "XmlBase64", bad);
  }
  assert.equal(refusal("<a>QUJD<b/></a>", {}, () => "base64"), "XmlBase64");
});

Deno.test("the text of skipped elements is checked, yet not delivered", () => {
  const modes = (_: string, local: string) => local === "s" ? "skip" as const : "text" as const;
  const events = eventsOf([bytesOf("<a>1<s>2&amp;é<![CDATA[3]]><b>4</b>5</s>6</a>")], modes);
  assert.deepEqual(events.flatMap((event) => "text" in event ? [event.text] : []), ["1", "4", "6"]);
  for (const bad of ["<s>&x;</s>", "<s>]]></s>", "<s>\u0001</s>"]) {
    assert.notEqual(refusal(bad, {}, modes), "accepted", bad);
  }
});

Deno.test("errors name the byte, and stay", () => {
  const parser = new XmlParser({ startElement: () => "text", text() {}, base64() {}, endElement() {} });
  parser.write(bytesOf("<a>é"));
  const expected = (error: unknown) =>
    error instanceof ProtocolError && error.code === "XmlMalformed" && error.message.includes("at byte 8:");
  assert.throws(() => parser.write(bytesOf("xyz</b>")), expected);
  assert.throws(() => parser.write(bytesOf("</a>")), expected);
  assert.throws(() => parser.end(), expected);
});

Deno.test("nothing can be written after the end", () => {
  const parser = new XmlParser({ startElement: () => "text", text() {}, base64() {}, endElement() {} });
  parser.write(bytesOf("<a/>"));
  parser.end();
  assert.throws(() => parser.write(bytesOf(" ")), UsageError);
  assert.throws(() => parser.end(), UsageError);
});

Deno.test("prefixes are resolved while an element is open", () => {
  const seen: (string | undefined)[] = [];
  const parser = new XmlParser({
    startElement() {
      seen.push(parser.resolvePrefix("p"), parser.resolvePrefix(""));
      return "text";
    },
    text() {},
    base64() {},
    endElement() {
      seen.push(parser.resolvePrefix("p"));
    },
  });
  parser.write(bytesOf("<a xmlns='d'><b xmlns:p='u'/></a>"));
  parser.end();
  assert.deepEqual(seen, [undefined, "d", "u", "d", "u", undefined]);
});
