/**
 * XML: the same events on every split, the same judgement as another parser (saxes), and what was read can be written and
 * read again.
 * @module
 */
import assert from "node:assert/strict";
import { SaxesParser } from "npm:saxes@6.0.0";
import { concat, utf8 } from "../../../protocol/bytes.ts";
import { ProtocolError } from "../../../protocol/errors.ts";
import {
  parseDocument,
  type TextMode,
  type XmlElement,
  XmlParser,
  XmlWriter,
} from "../../../protocol/xml/mod.ts";
import type { Target } from "../engine.ts";
import { mutateMarkup } from "../mutate_markup.ts";
import type { Random } from "../random.ts";

/** Small ones, so that they are reached. */
const limits = {
  maxDepth: 24,
  maxAttributes: 16,
  maxNameLength: 60,
  maxAttributeLength: 300,
  maxNames: 60,
  maxNodes: 150,
  maxBytes: 8_192,
};

interface Outcome {
  readonly log: string;
  readonly code: string;
  /** Kinds of events, each once. */
  readonly kinds: string;
}

function read(pieces: readonly Uint8Array[], modes: readonly TextMode[]): Outcome {
  let log = "";
  let last = "";
  let elements = 0;
  const kinds = new Set<string>();
  // Several calls may make one text, and how many depends on the split.
  const add = (kind: string, value: string): void => {
    kinds.add(kind);
    log += kind === last && (kind === "t" || kind === "b") ? value : `\n${kind}${value}`;
    last = kind;
  };
  try {
    const parser = new XmlParser({
      startElement(namespace, local, attributes) {
        const mode = modes[elements++ % modes.length]!;
        add(attributes.length > 0 ? "a" : "s", JSON.stringify([namespace, local, attributes]));
        return mode;
      },
      text: (value) => value === "" ? undefined : add("t", value),
      base64: (bytes) => add("b", bytes.toHex()),
      endElement: (namespace, local) => add("e", `${namespace} ${local}`),
    }, limits);
    for (const piece of pieces) parser.write(piece);
    parser.end();
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return {
      log,
      code: `${error.code} ${error.message.replace(/^[^:]*: /, "").replace(/\d+/g, "n")}`,
      kinds: [...kinds].join(""),
    };
  }
  return { log, code: "", kinds: [...kinds].join("") };
}

/** What saxes makes of the text: events as {@link read} logs them, or `undefined` where it is not well-formed. */
function judge(text: string): string | undefined {
  let log = "";
  let last = "";
  let failed = false;
  const add = (kind: string, value: string): void => {
    log += kind === last && kind === "t" ? value : `\n${kind}${value}`;
    last = kind;
  };
  const parser = new SaxesParser({ xmlns: true, position: false });
  parser.on("error", () => void (failed = true));
  parser.on("doctype", () => void (failed = true));
  let depth = 0;
  parser.on("opentag", (tag) => {
    depth++;
    const attributes = Object.values(tag.attributes)
      .filter(({ uri }) => uri !== "http://www.w3.org/2000/xmlns/")
      .map(({ uri, local, value }) => ({ namespace: uri, local, value }));
    add(attributes.length > 0 ? "a" : "s", JSON.stringify([tag.uri, tag.local, attributes]));
  });
  const onText = (value: string) => {
    if (depth > 0 && value !== "") add("t", value);
  };
  parser.on("text", onText);
  parser.on("cdata", onText);
  parser.on("closetag", (tag) => {
    depth--;
    add("e", `${tag.uri} ${tag.local}`);
  });
  parser.write(text).close();
  return failed ? undefined : log;
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Errors for which saxes is no judge: limits, document types, declarations of encodings; and it lets a local name begin with
 * a digit, against Namespaces in XML 1.0 section 4, and a target hold a question mark, against XML 1.0 production 17.
 */
const own =
  /^Xml(TooLarge|TooDeep|TooManyNames|Doctype|Encoding)|a reference is too long|a name is missing|the target of/;

/** saxes trims namespace names, against Namespaces in XML 1.0 section 2.3. */
const trimmed = /xmlns[^"'=]*=\s*["'][^"']*(?:\s|&)/;

function compareWithSaxes(input: Uint8Array, ours: Outcome): void {
  if (own.test(ours.code)) return;
  let text: string;
  try {
    text = strict.decode(input);
  } catch {
    assert.notEqual(ours.code, "", "what is no UTF-8 was accepted");
    return;
  }
  if (trimmed.test(text)) return;
  const theirs = judge(text);
  if (ours.code === "") assert.equal(theirs, ours.log);
  else assert.equal(theirs, undefined, `refused, yet well-formed: ${ours.code}`);
}

/** The tree as the writer writes it: each namespace under a prefix of its own. */
function rewrite(root: XmlElement): Uint8Array {
  const writer = new XmlWriter();
  const prefixes = new Map<string, string>([["", ""], ["http://www.w3.org/XML/1998/namespace", "xml"]]);
  const prefixOf = (namespace: string) => {
    let prefix = prefixes.get(namespace);
    if (prefix === undefined) prefixes.set(namespace, prefix = `n${prefixes.size}`);
    return prefix === "" ? "" : `${prefix}:`;
  };
  const collect = (element: XmlElement) => {
    prefixOf(element.namespace);
    for (const { namespace } of element.attributes) prefixOf(namespace);
    element.children.forEach(collect);
  };
  collect(root);
  const declared: Record<string, string> = {};
  for (const [uri, prefix] of prefixes) {
    if (prefix !== "" && prefix !== "xml") declared[`xmlns:${prefix}`] = uri;
  }
  const write = (element: XmlElement, attributes: Record<string, string>) => {
    for (const { namespace, local, value } of element.attributes) {
      attributes[prefixOf(namespace) + local] = value;
    }
    writer.start(prefixOf(element.namespace) + element.local, attributes).text(element.text);
    for (const child of element.children) write(child, {});
    writer.end();
  };
  write(root, declared);
  return utf8(writer.toString());
}

function flat(element: XmlElement): unknown {
  return [element.namespace, element.local, element.attributes, element.text, element.children.map(flat)];
}

const texts = [
  "<",
  ">",
  "&",
  "]]>",
  "]]",
  "-->",
  "--",
  "<!--",
  "<!-- a -->",
  "<![CDATA[",
  "<![CDATA[<&]]>",
  "<?p x?>",
  "<?xml version='1.0'?>",
  "<?xml version=\"1.0\" encoding='us-ascii'?>",
  "<!DOCTYPE a>",
  "<a>",
  "</a>",
  "<a/>",
  "<a\n>",
  "<b c='d'/>",
  " x='1' x='2'",
  " p:x='1'",
  " xmlns='u'",
  " xmlns=''",
  " xmlns:p='u'",
  " xmlns:p=''",
  " xmlns:xml='u'",
  " xmlns:q='u'",
  "<p:b>",
  "</p:b>",
  "<p:b:c/>",
  "<:a/>",
  "<xml:a/>",
  "<xmlns:a/>",
  "&amp;",
  "&lt;",
  "&quot",
  "&bad;",
  "&#0;",
  "&#xD;",
  "&#10;",
  "&#xFFFE;",
  "&#x110000;",
  "&#x1F600;",
  "&#00000000000000000000000000000000065;",
  "QUJD",
  "QQ==",
  "Q",
  "=",
  "\r\n",
  "\r",
  "\t",
  "\f",
  "\0",
  "\ufeff",
  "\ufffe",
  "é",
  "日本",
  "😀",
];
const tokens = [
  ...texts.map(utf8),
  new Uint8Array([0xed, 0xa0, 0x80]),
  new Uint8Array([0xc0, 0xbc]),
  new Uint8Array([0xf4, 0x90, 0x80, 0x80]),
  new Uint8Array([0xe2, 0x82]),
  new Uint8Array([0xff, 0xfe]),
];

function utf16(text: string, little: boolean): Uint8Array {
  const bytes = new Uint8Array(2 + text.length * 2);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0xfeff, little);
  for (let i = 0; i < text.length; i++) view.setUint16(2 + 2 * i, text.charCodeAt(i), little);
  return bytes;
}

function pickModes(random: Random): readonly TextMode[] {
  return random.below(2) === 0
    ? ["text"]
    : Array.from({ length: 1 + random.below(3) }, () => random.pick<TextMode>(["text", "base64", "skip"]));
}

/** The streaming parser and the tree. */
export const xml: Target = {
  name: "xml",
  tokens,
  seeds: () => [
    utf8("<a/>"),
    utf8(
      `<?xml version="1.0" encoding="utf-8"?>\n<!-- c --><s:E xmlns:s="u" xmlns="v"><b c="d &lt; &#10;" s:c='"'>t&amp;é]</b><?p x?></s:E>\n`,
    ),
    utf8("<r>QUJD<!-- x -->RA==</r>"),
    utf8("<r><![CDATA[ <x> ]]]]>\r\nline\rend\r\n日本😀</r>"),
    utf8('<p:r xmlns:p="u"><p:s xmlns:p="v" p:a="1"/><p:t a="\t\r\n "></p:t ></p:r>'),
    utf8("<d>".repeat(20) + "x" + "</d>".repeat(20)),
    concat([new Uint8Array([0xef, 0xbb, 0xbf]), utf8("<a>é</a>")]),
    utf16('<?xml version="1.0" encoding="utf-16"?><a b="é">😀</a>', true),
    utf16("<a>x</a>", false),
  ],
  mutate: (random, input) => mutateMarkup(random, input, texts),
  run(input, random) {
    const modes = pickModes(random);
    const whole = read([input], modes);
    const split = read(random.cut(input), modes);
    if (whole.code === "" || split.code === "") assert.deepEqual(split, whole);
    const plain = modes.every((mode) => mode === "text") ? whole : read([input], ["text"]);
    if (input[0] !== 0xff && input[0] !== 0xfe) compareWithSaxes(input, plain);
    if (plain.code === "") {
      const tree = parseDocument(input);
      assert.deepEqual(flat(parseDocument(rewrite(tree))), flat(tree));
    }
    // Which of two faults is met first may depend on the split (a tag is read whole), so the state names that of the whole.
    return `${[...new Set(modes)].sort().join()} ${[...whole.kinds].sort().join("")} ${whole.code}`;
  },
};
