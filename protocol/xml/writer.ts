/** Writing XML: escaping, and a writer that checks names and balance. @module */
import { UsageError } from "../errors.ts";
import { forbiddenAt, isQName } from "./char_tables.ts";

const escapes: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  "\r": "&#xD;",
  '"': "&quot;",
  "\t": "&#x9;",
  "\n": "&#xA;",
};

/**
 * `text` as character data. A carriage return becomes a reference, so that no reader turns it into a line feed.
 *
 * @throws UsageError `XmlUnwritable` when XML 1.0 has no way to say a character: most control characters, lone surrogates
 */
export function escapeText(text: string): string {
  if (isPlain(text)) return text;
  checkCharacters(text);
  return /[&<>\r]/.test(text) ? text.replace(/[&<>\r]/g, (character) => escapes[character]!) : text;
}

/**
 * `text` as an attribute value between double quotes; white space is kept as it is by references.
 *
 * @throws UsageError `XmlUnwritable` as {@linkcode escapeText}
 */
export function escapeAttribute(text: string): string {
  if (isPlain(text)) return text;
  checkCharacters(text);
  return /[&<>\r"\t\n]/.test(text) ? text.replace(/[&<>\r"\t\n]/g, (character) => escapes[character]!) : text;
}

/** Longer texts are left to regular expressions, which are faster there. */
const maxPlain = 64;

/** Whether a short text has nothing but printable ASCII that needs no escape anywhere: most are ids and names. */
function isPlain(text: string): boolean {
  if (text.length > maxPlain) return false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code > 0x7e) return false;
    if (code === 0x22 || code === 0x26 || code === 0x3c || code === 0x3e) return false;
  }
  return true;
}

function checkCharacters(text: string): void {
  const at = forbiddenAt(text);
  if (at < 0) return;
  const code = text.charCodeAt(at).toString(16).toUpperCase().padStart(4, "0");
  throw new UsageError("XmlUnwritable", `write XML: U+${code} at index ${at} is not an XML character`);
}

/**
 * Writes one document or fragment: `new XmlWriter().start("a", { xmlns: "urn:x" }).element("b", "text").end().toString()`
 * is `<a xmlns="urn:x"><b>text</b></a>`.
 */
export class XmlWriter {
  #xml = "";
  readonly #open: string[] = [];

  /** Begins with nothing. */
  constructor() {}

  /**
   * Opens an element. Attributes whose value is undefined are left out; namespaces are declared as `xmlns:*` attributes.
   *
   * @throws UsageError `XmlName` on a name that is none, `XmlUnwritable` on a value that cannot be written
   */
  start(qname: string, attributes?: Readonly<Record<string, string | undefined>>): this {
    checkName(qname);
    let tag = `<${qname}`;
    if (attributes !== undefined) {
      for (const [name, value] of Object.entries(attributes)) {
        if (value === undefined) continue;
        checkName(name);
        tag += ` ${name}="${escapeAttribute(value)}"`;
      }
    }
    this.#xml += `${tag}>`;
    this.#open.push(qname);
    return this;
  }

  /**
   * Writes character data.
   *
   * @throws UsageError `XmlUnwritable`
   */
  text(value: string): this {
    this.#xml += escapeText(value);
    return this;
  }

  /** Writes what is XML already, unchecked. */
  raw(xml: string): this {
    this.#xml += xml;
    return this;
  }

  /**
   * Closes the element opened last.
   *
   * @throws UsageError `XmlUnbalanced` when none is open
   */
  end(): this {
    const qname = this.#open.pop();
    if (qname === undefined) throw new UsageError("XmlUnbalanced", "close element: none is open");
    this.#xml += `</${qname}>`;
    return this;
  }

  /** Opens an element, writes its text and closes it. */
  element(qname: string, text?: string, attributes?: Readonly<Record<string, string | undefined>>): this {
    this.start(qname, attributes);
    if (text !== undefined) this.text(text);
    return this.end();
  }

  /**
   * What was written.
   *
   * @throws UsageError `XmlUnbalanced` when an element is open
   */
  toString(): string {
    const open = this.#open.at(-1);
    if (open !== undefined) throw new UsageError("XmlUnbalanced", `finish XML: the element ${open} is open`);
    return this.#xml;
  }
}

const checked = new Set<string>();

function checkName(qname: string): void {
  if (checked.has(qname)) return;
  if (!isQName(qname)) throw new UsageError("XmlName", `write XML: ${JSON.stringify(qname)} is not a name`);
  // Names come from code, so there are few; the bound holds should they ever come from data.
  if (checked.size < 4096) checked.add(qname);
}
