import assert from "node:assert/strict";
import { DocumentParser, parseDocument } from "../../../protocol/xml/mod.ts";
import { bytesOf } from "./events.ts";

const document = bytesOf(
  `<s:F xmlns:s="urn:s" xmlns:d="urn:d" id="1" d:id="2">a<d:x>1</d:x>b<d:y/><d:x>2</d:x>` +
    `<s:Value xmlns:q="urn:q">q:Sender</s:Value><d:Bin>QUJD</d:Bin><d:Bin></d:Bin></s:F>`,
);
const binary = (namespace: string, local: string): boolean => namespace === "urn:d" && local === "Bin";

Deno.test("a tree has names, attributes, children and own text", () => {
  const root = parseDocument(document, { binary });
  assert.equal(root.namespace, "urn:s");
  assert.equal(root.local, "F");
  assert.equal(root.text, "ab");
  assert.equal(root.bytes, undefined);
  assert.equal(root.attribute("", "id"), "1");
  assert.equal(root.attribute("urn:d", "id"), "2");
  assert.equal(root.attribute("urn:s", "id"), undefined);
  assert.equal(root.child("urn:d", "x")?.text, "1");
  assert.equal(root.child("urn:s", "x"), undefined);
  assert.deepEqual(root.childrenNamed("urn:d", "x").map((child) => child.text), ["1", "2"]);
  assert.deepEqual(root.children.map((child) => child.local), ["x", "y", "x", "Value", "Bin", "Bin"]);
});

Deno.test("elements named binary are decoded", () => {
  const [full, empty] = parseDocument(document, { binary }).childrenNamed("urn:d", "Bin");
  assert.deepEqual(full!.bytes, bytesOf("ABC"));
  assert.equal(full!.text, "");
  assert.deepEqual(empty!.bytes, new Uint8Array(0));
  assert.equal(parseDocument(document).child("urn:d", "Bin")!.bytes, undefined);
  assert.equal(parseDocument(document).child("urn:d", "Bin")!.text, "QUJD");
});

Deno.test("prefixes in content are resolved where the element stands", () => {
  const root = parseDocument(document);
  assert.equal(root.resolvePrefix("q"), undefined);
  assert.equal(root.child("urn:s", "Value")!.resolvePrefix("q"), "urn:q");
  assert.equal(root.child("urn:s", "Value")!.resolvePrefix("s"), "urn:s");
  assert.equal(root.resolvePrefix("xml"), "http://www.w3.org/XML/1998/namespace");
  assert.equal(root.resolvePrefix(""), "");
});

Deno.test("a tree is read from chunks, and an incomplete one is an error", () => {
  const parser = new DocumentParser({ binary });
  for (const byte of document) parser.write(Uint8Array.of(byte));
  assert.deepEqual(parser.end().childrenNamed("urn:d", "Bin")[0]!.bytes, bytesOf("ABC"));
  assert.throws(() => parseDocument(document.subarray(0, 50)), { code: "XmlIncomplete" });
});
