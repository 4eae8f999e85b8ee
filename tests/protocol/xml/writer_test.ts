import assert from "node:assert/strict";
import { UsageError } from "../../../protocol/errors.ts";
import { escapeAttribute, escapeText, XmlWriter } from "../../../protocol/xml/mod.ts";

Deno.test("elements, attributes and text are written", () => {
  const xml = new XmlWriter()
    .start("s:a", { "xmlns:s": "urn:s", id: "1", absent: undefined, quoted: '"<&>\t\n' })
    .element("b", "x < y").element("c").element("d", "", { e: "f" }).text("t\r").raw("<z/>").end().toString();
  assert.equal(
    xml,
    '<s:a xmlns:s="urn:s" id="1" quoted="&quot;&lt;&amp;&gt;&#x9;&#xA;"><b>x &lt; y</b><c></c><d e="f"></d>t&#xD;<z/></s:a>',
  );
});

Deno.test("text is escaped so that a reader gives it back", () => {
  assert.equal(escapeText("a&b<c>d\re\"'\n\t"), "a&amp;b&lt;c&gt;d&#xD;e\"'\n\t");
  assert.equal(escapeAttribute("'\r"), "'&#xD;");
  assert.equal(escapeText("é😀"), "é😀");
});

Deno.test("what XML cannot say is refused", () => {
  for (const bad of ["\u0000", "a\u001b", "\ud800", "\udc00x", "\ufffe", "\uffff"]) {
    assert.throws(() => escapeText(bad), { code: "XmlUnwritable" });
    assert.throws(() => new XmlWriter().start("a", { b: bad }), { code: "XmlUnwritable" });
  }
});

Deno.test("names and balance are checked", () => {
  for (const bad of ["", "1a", "a b", "a:b:c", ":a", "a:", "a>"]) {
    assert.throws(() => new XmlWriter().start(bad), { code: "XmlName" });
    assert.throws(() => new XmlWriter().start("a", { [bad]: "1" }), { code: "XmlName" });
  }
  assert.throws(() => new XmlWriter().end(), UsageError);
  assert.throws(() => new XmlWriter().start("a").toString(), { code: "XmlUnbalanced" });
});
