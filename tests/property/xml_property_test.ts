import assert from "node:assert/strict";
import fc from "fast-check";
import { ProtocolError } from "../../protocol/errors.ts";
import {
  parseDocument,
  type TextMode,
  type XmlElement,
  XmlParser,
  XmlWriter,
} from "../../protocol/xml/mod.ts";

interface Tree {
  readonly prefix: string;
  readonly local: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly text: string;
  readonly children: readonly Tree[];
}

const uris: Readonly<Record<string, string>> = {
  "": "urn:default",
  p: "urn:p",
  q: "urn:q?a&b",
  r: "urn:r\u00e9",
};
const name = fc.oneof(
  fc.constantFrom("a", "b", "Stream", "x-y.z", "_1", "é", "日本", "\u{10000}"),
  fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_.-]{0,8}$/),
).filter((local) => !/^xml/i.test(local));
const allowed = fc.oneof(
  fc.constantFrom(..."&<>]\r\n\t \"'é€"),
  fc.integer({ min: 0x20, max: 0xd7ff }).map((code) => String.fromCodePoint(code)),
  fc.integer({ min: 0x10000, max: 0x10ffff }).map((code) => String.fromCodePoint(code)),
);
const text = fc.oneof(
  fc.array(allowed, { maxLength: 30 }).map((characters) => characters.join("")),
  fc.string({ unit: "grapheme-ascii", maxLength: 40 }),
);
const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.record({
    prefix: fc.constantFrom(...Object.keys(uris)),
    local: name,
    attributes: fc.dictionary(
      fc.tuple(fc.constantFrom("", "p:", "q:"), name).map((parts) => parts.join("")),
      text,
      {
        maxKeys: 5,
      },
    ),
    text,
    children: fc.oneof({ depthSize: "small" }, fc.constant([]), fc.array(tie("tree"), { maxLength: 4 })),
  }),
}));

function write(writer: XmlWriter, node: Tree, declarations?: Record<string, string>): XmlWriter {
  const qname = node.prefix === "" ? node.local : `${node.prefix}:${node.local}`;
  writer.start(qname, { ...declarations, ...node.attributes }).text(node.text);
  for (const child of node.children) write(writer, child);
  return writer.end();
}

const declarations = Object.fromEntries(
  Object.entries(uris).map(([prefix, uri]) => [prefix === "" ? "xmlns" : `xmlns:${prefix}`, uri]),
);

function compare(read: XmlElement, written: Tree): void {
  assert.equal(read.namespace, uris[written.prefix]);
  assert.equal(read.local, written.local);
  assert.equal(read.text, written.text);
  const names = Object.keys(written.attributes);
  assert.equal(read.attributes.length, names.length);
  for (const qname of names) {
    const [prefix, local] = qname.includes(":") ? qname.split(":") as [string, string] : ["", qname];
    assert.equal(read.attribute(prefix === "" ? "" : uris[prefix]!, local), written.attributes[qname]);
  }
  assert.equal(read.children.length, written.children.length);
  read.children.forEach((child, i) => compare(child, written.children[i]!));
}

function pieces(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end));
}

Deno.test("what the writer writes, the reader gives back", () => {
  fc.assert(fc.property(tree, (node) => {
    const xml = write(new XmlWriter(), node, declarations).toString();
    compare(parseDocument(new TextEncoder().encode(xml)), node);
  }));
});

/** The events of chunks as one text, or the code of the typed error. */
function outcome(chunks: readonly Uint8Array[], modes: readonly TextMode[]): string {
  let log = "";
  let elements = 0;
  let last = "";
  const add = (kind: string, value: string): void => {
    log += kind === last && kind !== "e" ? value : `\n${kind}:${value}`;
    last = kind;
  };
  try {
    const parser = new XmlParser({
      startElement(namespace, local, attributes) {
        last = "";
        add("s", JSON.stringify([namespace, local, attributes]));
        last = "";
        return modes[elements++ % modes.length]!;
      },
      text: (value) => add("t", value),
      base64: (bytes) => add("b", bytes.toHex()),
      endElement: (namespace, local) => add("e", `${namespace} ${local}`),
    }, { maxDepth: 20, maxAttributes: 10, maxNameLength: 30, maxAttributeLength: 200 });
    for (const chunk of chunks) parser.write(chunk);
    parser.end();
  } catch (error) {
    assert.ok(error instanceof ProtocolError, String(error));
    return error.code;
  }
  return log;
}

/** Of two faults in a document a split decides which is met first. */
function sameButForWhichError(split: string, whole: string): void {
  if (!whole.startsWith("Xml") || !split.startsWith("Xml")) assert.equal(split, whole);
}

const modes = fc.array(fc.constantFrom<TextMode>("text", "base64", "skip"), { minLength: 1, maxLength: 4 });
const cuts = fc.array(fc.nat(), { maxLength: 8 });

/** Fragments of markup in any order: most are malformed, in every way that one can think of. */
const soup = fc.array(
  fc.oneof(
    fc.constantFrom(..."<>/&;=\"' \r\n]![-?xa:1#é"),
    fc.constantFrom(
      "<a>",
      "</a>",
      "<a/>",
      "<p:b xmlns:p='u'>",
      "</p:b>",
      "<!--",
      "-->",
      "<![CDATA[",
      "]]>",
      "<?p ",
      "?>",
      "<?xml version='1.0'?>",
      "<!DOCTYPE a>",
      "&amp;",
      "&#x41;",
      "&#xD;",
      "QUJD",
      "QQ==",
      " b='c'",
      "\ufeff",
      "日本",
      "😀",
    ),
  ),
  { maxLength: 30 },
).map((parts) => parts.join(""));

Deno.test("any mixture of markup ends in events or a typed error, the same for every split", () => {
  fc.assert(
    fc.property(soup, fc.boolean(), modes, cuts, (markup, wrap, wanted, at) => {
      const bytes = new TextEncoder().encode(wrap ? `<a>${markup}</a>` : markup);
      sameButForWhichError(outcome(pieces(bytes, at), wanted), outcome([bytes], wanted));
    }),
    { numRuns: 2000 },
  );
});

Deno.test("mutated documents end in events or a typed error, the same for every split but for which error", () => {
  const mutation = fc.record({
    at: fc.nat(),
    remove: fc.nat({ max: 6 }),
    insert: fc.uint8Array({ maxLength: 4 }),
  });
  fc.assert(
    fc.property(
      tree,
      fc.array(mutation, { minLength: 1, maxLength: 3 }),
      modes,
      cuts,
      (node, mutations, wanted, at) => {
        let bytes: Uint8Array = new TextEncoder().encode(
          write(new XmlWriter(), node, declarations).toString(),
        );
        for (const { at, remove, insert } of mutations) {
          const from = at % (bytes.length + 1);
          bytes = Uint8Array.of(...bytes.subarray(0, from), ...insert, ...bytes.subarray(from + remove));
        }
        const whole = outcome([bytes], wanted);
        const split = outcome(pieces(bytes, at), wanted);
        if (whole !== split) {
          assert.ok(
            whole.startsWith("Xml") && split.startsWith("Xml"),
            `${whole} / ${split}`,
          );
        }
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("random bytes end in a typed error", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), cuts, (bytes, at) => {
    assert.ok(outcome(pieces(bytes, at), ["text"]).startsWith("Xml"));
  }));
});

Deno.test("base64 with white space and splits anywhere decodes to the bytes encoded", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 100 }),
      fc.array(fc.tuple(fc.nat(), fc.constantFrom(" ", "\r\n", "\t"))),
      cuts,
      (
        content,
        blanks,
        at,
      ) => {
        let encoded = content.toBase64();
        for (const [where, blank] of blanks) {
          const cut = where % (encoded.length + 1);
          encoded = encoded.slice(0, cut) + blank + encoded.slice(cut);
        }
        const bytes = new TextEncoder().encode(`<a>${encoded}</a>`);
        const expected = `\ns:["","a",[]]${content.length === 0 ? "" : `\nb:${content.toHex()}`}\ne: a`;
        assert.equal(outcome(pieces(bytes, at), ["base64"]), expected);
      },
    ),
  );
});
