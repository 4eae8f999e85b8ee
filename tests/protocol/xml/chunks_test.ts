import assert from "node:assert/strict";
import { type Event, eventsOf, type Modes } from "./events.ts";

const modes: Modes = (_, local) => local === "B" ? "base64" : local === "S" ? "skip" : "text";
const documents = [
  `\ufeff<?xml version="1.0" encoding="UTF-8"?>\r\n<!-- c > -- --><a/>`.replace("> -- ", "> - "),
  `<?xml version="1.0"?><s:E xmlns:s="urn:s" xmlns="urn:d" a="1&#10;2>" s:b='é "x"'><x> a&amp;b\r\nc é€😀 <![CDATA[<&>]]>]] ></x></s:E>`,
  `<r><B>QUJD\r\n RE&#xD;VG</B><B>QUJDRA==</B><B/><B>  </B><B>QQ<!-- x -->==</B></r>`,
  `<r>\r\r\n\r<S>a&lt;]]é</S>]]<?pi a>b??><!--a-b>--><e q="]]>"  /><日本 é="ü">&#x1F600;</日本>]</r><?x ?>\n<!-- -->`,
];

function outcome(chunks: Iterable<Uint8Array>): Event[] | string {
  try {
    return eventsOf(chunks, modes);
  } catch (error) {
    return (error as { code: string }).code;
  }
}

function* inPieces(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  // A buffer that is used again, as a socket's is: the parser must not rely on a chunk after `write`.
  const buffer = new Uint8Array(size);
  for (let at = 0; at < bytes.length; at += size) {
    const part = bytes.subarray(at, at + size);
    buffer.set(part);
    yield buffer.subarray(0, part.length);
    buffer.fill(0x21);
  }
}

Deno.test("every split into two chunks, and pieces of every size, give the same events", () => {
  for (const document of documents) {
    const bytes = new TextEncoder().encode(document);
    const expected = outcome([bytes]);
    assert.ok(Array.isArray(expected), `${expected}`);
    for (let at = 0; at <= bytes.length; at++) {
      assert.deepEqual(outcome([bytes.subarray(0, at), bytes.subarray(at)]), expected, `split at ${at}`);
    }
    for (let size = 1; size < 40; size++) {
      assert.deepEqual(outcome(inPieces(bytes, size)), expected, `size ${size}`);
    }
  }
});

Deno.test("every split of a malformed document ends in the same error", () => {
  for (
    const document of [
      "<a>&bad;</a>",
      "<a><b></a>",
      "<a b='1' b='2'/>",
      "<!DOCTYPE a>",
      "<a>]]></a>",
      "<a></aa>",
      "<aa></a>",
      "<a><!-- -- --></a>",
      "<a/><b/>",
      "<a>\u0001</a>",
      "<a b='<'/>",
      "<B>QUJ</B>",
      "<p:a/>",
      "<a><![CDATX[]]></a>",
      "<a>",
    ]
  ) {
    const bytes = new TextEncoder().encode(document);
    const expected = outcome([bytes]);
    assert.equal(typeof expected, "string", document);
    for (let at = 0; at <= bytes.length; at++) {
      assert.equal(
        outcome([bytes.subarray(0, at), bytes.subarray(at)]),
        expected,
        `${document} split at ${at}`,
      );
    }
    assert.equal(outcome(inPieces(bytes, 1)), expected, document);
  }
});

Deno.test("every truncation is incomplete, never accepted", () => {
  const bytes = new TextEncoder().encode(documents[1]!);
  for (let at = 0; at < bytes.length; at++) {
    const result = outcome([bytes.subarray(0, at)]);
    assert.ok(result === "XmlIncomplete" || result === "XmlEncoding", `${at}: ${JSON.stringify(result)}`);
  }
});
