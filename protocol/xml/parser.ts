/**
 * The streaming XML parser: byte chunks split anywhere in, events out. It checks well-formedness (XML 1.0 fifth edition)
 * and namespaces (Namespaces in XML 1.0), and refuses document types.
 *
 * What the hot loop relies on:
 * - Bytes are scanned (typed-array loads and one table look-up each), but text is *cut from a string* that the whole
 *   chunk is decoded to once: a slice costs a few nanoseconds, a decoder call hundreds. That works because the string
 *   has as many units as the chunk has bytes: a pure ASCII chunk decodes so by itself, any other is decoded as
 *   windows-1252, which maps every byte to one unit. Slices are only cut where all bytes are ASCII; text with other bytes
 *   is decoded (and validated) as UTF-8 from its bytes. A slice keeps its chunk's string alive as long as it lives.
 * - Names are found by hash in a shared cache (`names.ts`), but first the name is tried that followed the last one before,
 *   because records repeat. A name remembers the namespace it was found in and the number of that scope; scopes that
 *   repeat are found again too, so that the numbers do.
 * - No array is read beyond its end, which would make V8 compile every read of that place for the worst case.
 * - Base64 never becomes a text of its own: `indexOf` and `setFromBase64` work on slices of the chunk's string.
 * - A tag, comment, instruction or CDATA section that a chunk leaves incomplete is kept and read again once its end has
 *   arrived; the search for the end goes on where it stopped, so the work stays linear with chunks of one byte too.
 *
 * One class, because every part of it works on the same chunk, position and open elements.
 * @module
 */
import { ProtocolError, UsageError } from "../errors.ts";
import { Base64Decoder } from "./base64.ts";
import {
  AMPERSAND,
  BLANK,
  BRACKET,
  FORBIDDEN,
  isNcName,
  isXmlChar,
  LESS,
  nameByte,
  PLAIN,
  QUOTE,
  RETURN,
  textClass,
  valueClass,
  WIDE,
} from "./char_tables.ts";
import { resolveLimits, type XmlLimits } from "./limits.ts";
import { cache, cachedName, internalise, makeName, XmlName } from "./names.ts";
import { Utf16Transcoder } from "./utf16.ts";

/** One attribute. Declarations of namespaces are not among an element's attributes. */
export interface XmlAttribute {
  /** "" where the attribute has no prefix. */
  readonly namespace: string;
  /** Name without prefix. */
  readonly local: string;
  /** Normalised value (section 3.3.3, as for CDATA). */
  readonly value: string;
}

/** How an element's own text is wanted: as text, decoded from base64, or not at all (it is checked nevertheless). */
export type TextMode = "text" | "base64" | "skip";

/** Receives events. What a handler throws leaves `write`; the parser cannot be used any more then. */
export interface XmlHandler {
  /** A start tag. `attributes` is valid during the call only. Returns how the element's own text is wanted. */
  startElement(namespace: string, local: string, attributes: readonly XmlAttribute[]): TextMode;
  /** Character data; several calls may make one text. */
  text(value: string): void;
  /** Decoded bytes, for the receiver to keep; several calls may make one content. */
  base64(bytes: Uint8Array): void;
  /** An end tag, or the end of an empty element. */
  endElement(namespace: string, local: string): void;
}

/** Namespace declarations in scope: a list that only grows at its head, so that elements can keep it. */
export interface NamespaceScope {
  /** Unique in the process; 0 where nothing was declared. */
  readonly number: number;
  /** "" for the default namespace. */
  readonly prefix: string;
  /** "" where the default namespace was undeclared. */
  readonly uri: string;
  /** Declared before. */
  readonly outer: NamespaceScope | undefined;
}

/** A scope as the parser sees it: documents and records repeat their declarations, so each scope knows its last inner one. */
interface Scope extends NamespaceScope {
  readonly outer: Scope | undefined;
  /** Declarations from here to the outermost. */
  readonly length: number;
  inner: Scope | undefined;
}

/** An open element. Frames are kept and used again at the same depth, by this document and by later ones. */
class Frame {
  name: XmlName = DOCUMENT;
  uri = "";
  /** How the text around the element is wanted. */
  outerMode: TextMode = "skip";
  /** Declarations around the element. */
  outerScope: Scope = NO_DECLARATIONS;
  inner: Frame | undefined = undefined;

  constructor(readonly outer: Frame | undefined) {}

  /** The outermost of a chain, with nothing of its document in it, for another one. */
  cleared(): this {
    let depth = 0;
    for (let frame = this.inner; frame !== undefined; frame = frame.inner) {
      frame.name = DOCUMENT;
      frame.uri = "";
      frame.outerScope = NO_DECLARATIONS;
      if (++depth === MAX_SPARE_DEPTH) frame.inner = undefined;
    }
    return this;
  }
}

const XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace";
const XMLNS_NAMESPACE = "http://www.w3.org/2000/xmlns/";
const NO_DECLARATIONS: Scope = {
  number: 0,
  prefix: "xml",
  uri: XML_NAMESPACE,
  outer: { number: 0, prefix: "", uri: "", outer: undefined, length: 0, inner: undefined },
  length: 0,
  inner: undefined,
};
/** Stands before the first name of a document, and for no element. */
const DOCUMENT = new XmlName("document", new Uint8Array(0), 0);
/** Stands in the place of the frames that an ended document has given away. */
const NO_FRAME = new Frame(undefined);
const NO_ATTRIBUTES: readonly XmlAttribute[] = Object.freeze([]);
/** Longer namespace names are not remembered beyond their document. */
const MAX_KEPT_URI = 256;
/** `&#` with leading zeros may be long; nothing honest is as long as this. */
const MAX_REFERENCE = 32;
/** Deeper lists of declarations are not remembered either. */
const MAX_KEPT_SCOPES = 64;
/** Declarations in scope at a time: looking a prefix up takes as many steps. */
const MAX_SCOPES = 1024;
/** Up to this number attributes are compared pairwise. */
const PAIRWISE = 12;

const loose = new TextDecoder("utf-8", { ignoreBOM: true });
const strict = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });
const unitPerByte = new TextDecoder("windows-1252");
const predefined: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

const NOTHING = new Uint8Array(0);
/** XML 1.0, production 23. */
const declaration =
  /^xml[\t\n\r ]+version[\t\n\r ]*=[\t\n\r ]*(?:"1\.[0-9]+"|'1\.[0-9]+')(?:[\t\n\r ]+encoding[\t\n\r ]*=[\t\n\r ]*(?:"([A-Za-z][A-Za-z0-9._-]*)"|'([A-Za-z][A-Za-z0-9._-]*)'))?(?:[\t\n\r ]+standalone[\t\n\r ]*=[\t\n\r ]*(?:"(?:yes|no)"|'(?:yes|no)'))?[\t\n\r ]*$/;

let scopes = 0;

/**
 * Names and values of the start tag at hand. One pair of arrays serves all parsers, as nothing of another document is read
 * between their filling and {@link XmlParser}'s handing on of the attributes: arrays for each tag were a tenth of all that a
 * client's exchange allocated.
 */
const tagNames: XmlName[] = [];
const tagValues: string[] = [];

/** Chains of frames of documents that have ended, for the next ones: small documents are many. */
const spareFrames: Frame[] = [];
const MAX_SPARE_FRAMES = 64;
/** Deeper documents make the frames of their inner levels themselves. */
const MAX_SPARE_DEPTH = 16;

/** Looks a prefix up; undefined where it is not bound. "" is the default namespace, which is "" where there is none. */
export function resolveIn(scope: NamespaceScope, prefix: string): string | undefined {
  for (let at: NamespaceScope | undefined = scope; at !== undefined; at = at.outer) {
    if (at.prefix === prefix) return at.uri;
  }
  return undefined;
}

/** Parses one document. After an error every further call throws the same error. */
export class XmlParser {
  readonly #handler: XmlHandler;
  readonly #limits: XmlLimits;
  /** The chunk at hand. */
  #bytes: Uint8Array = NOTHING;
  /** Its text, one unit for each byte. */
  #view = "";
  /** Bytes of the document before the chunk at hand. */
  #offset = 0;
  /** Kept bytes of an incomplete construct: `#kept[0..#keptLength]`. */
  #kept: Uint8Array = NOTHING;
  #keptLength = 0;
  /** How far the end of the kept construct was looked for, and the quotation mark that is open there. */
  #searched = 0;
  #openQuote = 0;
  #depth = 0;
  #nodes = 0;
  #received = 0;
  #frame: Frame = spareFrames.pop() ?? new Frame(undefined);
  #scope: Scope = NO_DECLARATIONS;
  /** The name read last, which predicts the next. */
  #last: XmlName = DOCUMENT;
  #mode: TextMode = "skip";
  #ownNames: Map<string, XmlName> | undefined;
  /** In base64: where the next tag begins in the chunk at hand, or the chunk ends. */
  #tagAt = -1;
  #base64: Base64Decoder | undefined;
  #utf16: Utf16Transcoder | undefined;
  #asciiOnly = false;
  #began = false;
  /** Nothing but the byte order mark was read. */
  #atStart = false;
  #rootSeen = false;
  #failure: unknown = undefined;
  #failed = false;
  #ended = false;

  /** Begins a document. */
  constructor(handler: XmlHandler, limits?: Partial<XmlLimits>) {
    this.#handler = handler;
    this.#limits = resolveLimits(limits);
  }

  /**
   * Takes the next bytes of the document and delivers the events that they complete.
   *
   * @throws ProtocolError when the document is malformed, refused or exceeds a limit
   */
  write(chunk: Uint8Array): void {
    if (this.#failed) this.#refuse();
    try {
      this.#received += chunk.length;
      if (this.#received > this.#limits.maxBytes) {
        this.#fail(
          "XmlTooLarge",
          `the document is larger than the limit of ${this.#limits.maxBytes} bytes`,
          0,
        );
      }
      if (this.#utf16 !== undefined) this.#take(this.#utf16.write(chunk));
      else this.#take(chunk);
    } catch (error) {
      this.#failed = true;
      this.#failure = error;
      throw error;
    }
  }

  /**
   * Ends the document.
   *
   * @throws ProtocolError `XmlIncomplete` when something is missing
   */
  end(): void {
    if (this.#failed) this.#refuse();
    this.#failed = true;
    try {
      if (!this.#began && this.#keptLength > 0) this.#flushStart();
      if (this.#utf16 !== undefined) this.#take(this.#utf16.end());
      if (this.#keptLength > 0) {
        // What waits for its end may be wrong already, which says more than that it is incomplete.
        const bytes = this.#kept.subarray(0, this.#keptLength);
        this.#keptLength = 0;
        this.#run(bytes);
      }
      if (this.#keptLength > 0 || this.#depth > 0 || !this.#rootSeen) {
        const what = this.#depth > 0
          ? `the element ${this.#frame.name.qname} is not closed`
          : this.#keptLength > 0
          ? "a comment or instruction is not closed"
          : "there is no element";
        this.#fail("XmlIncomplete", `the document ends, yet ${what}`, this.#keptLength);
      }
    } catch (error) {
      this.#failure = error;
      throw error;
    }
    this.#ended = true;
    if (spareFrames.length < MAX_SPARE_FRAMES) spareFrames.push(this.#frame.cleared());
    this.#frame = NO_FRAME;
  }

  /** The namespace bound to `prefix` right now ("" = default), or undefined. */
  resolvePrefix(prefix: string): string | undefined {
    return resolveIn(this.#scope, prefix);
  }

  /** The declarations in scope right now; the list stays true for the element whose start tag was just delivered. */
  get scope(): NamespaceScope {
    return this.#scope;
  }

  /** Throws what ended the document. Made when asked for, because making an error costs more than a small document. */
  #refuse(): never {
    throw this.#ended ? new UsageError("XmlEnded", "write XML: the document has ended") : this.#failure;
  }

  #fail(code: string, state: string, at: number): never {
    // Positions are counted in units of the chunk's string, which are bytes.
    throw new ProtocolError(code, `read XML at byte ${this.#offset + at}: ${state}`);
  }

  // --- chunks -----------------------------------------------------------------------------------------------------

  #take(chunk: Uint8Array): void {
    let at = 0;
    if (!this.#began) {
      if (this.#keptLength === 0 && chunk.length >= 4) return this.#begin(chunk);
      // The byte order mark has up to three bytes.
      at = Math.min(4 - this.#keptLength, chunk.length);
      if (at > 0) this.#keep(chunk, 0, at);
      if (this.#keptLength < 4) return;
      const rest = at === chunk.length ? NOTHING : chunk.subarray(at);
      this.#flushStart();
      return this.#utf16 === undefined ? this.#take(rest) : this.#take(this.#utf16.write(rest));
    }
    // What was incomplete gets as much of the chunk as it needs; the rest is read where it is.
    while (this.#keptLength > 0 && at < chunk.length) {
      let to: number;
      if (this.#kept[0] === 0x3c) {
        to = chunk.indexOf(0x3e, at) + 1;
        if (to === 0) to = chunk.length;
      } else to = Math.min(chunk.length, at + MAX_REFERENCE);
      this.#keep(chunk, at, to);
      at = to;
      if (!this.#keptIsComplete()) continue;
      const bytes = this.#kept.subarray(0, this.#keptLength);
      this.#keptLength = 0;
      this.#run(bytes);
    }
    if (at < chunk.length) this.#run(at === 0 ? chunk : chunk.subarray(at));
  }

  /** Begins the document with the kept bytes, which are all of it where it has less than four. */
  #flushStart(): void {
    const bytes = this.#kept.slice(0, this.#keptLength);
    this.#keptLength = 0;
    this.#begin(bytes);
  }

  /** Appends a part of the chunk to the kept bytes (a copy: the caller may use its chunk again). */
  #keep(chunk: Uint8Array, from: number, to: number): void {
    const length = this.#keptLength + to - from;
    if (this.#kept.length < length) {
      const kept = new Uint8Array(Math.max(256, length * 2));
      if (this.#keptLength > 0) kept.set(this.#kept.subarray(0, this.#keptLength));
      this.#kept = kept;
    }
    if (this.#keptLength === 0) {
      this.#searched = 0;
      this.#openQuote = 0;
    }
    this.#kept.set(chunk.subarray(from, to), this.#keptLength);
    this.#keptLength = length;
  }

  /** Whether reading the kept bytes again gets further than before. */
  #keptIsComplete(): boolean {
    const kept = this.#kept;
    const length = this.#keptLength;
    if (kept[0] !== 0x3c || length < 9) return true;
    const second = kept[1];
    let at = this.#searched;
    if (second === 0x21 || second === 0x3f) {
      const third = kept[2];
      if (second === 0x21 && third !== 0x2d && third !== 0x5b) return true;
      // Ends in `?>`, `-->` or `]]>`.
      const [before, earliest] = second === 0x3f ? [0x3f, 3] : third === 0x2d ? [0x2d, 6] : [0x5d, 11];
      // No `indexOf`: it would search what the buffer has beyond its length too, each time a byte is added.
      for (at = Math.max(at, earliest); at < length; at++) {
        if (kept[at] === 0x3e && kept[at - 1] === before && (before === 0x3f || kept[at - 2] === before)) {
          return true;
        }
      }
      this.#searched = length;
      return false;
    }
    let quote = this.#openQuote;
    for (; at < length; at++) {
      const byte = kept[at];
      if (quote !== 0) {
        if (byte === quote) quote = 0;
      } else if (byte === 0x3e) return true;
      else if ((byte === 0x22 || byte === 0x27) && second !== 0x2f) quote = byte;
    }
    this.#openQuote = quote;
    this.#searched = at;
    const { maxAttributeLength, maxAttributes, maxNameLength } = this.#limits;
    // As much as a tag within the limits takes, with every character of its values written as an entity.
    if (length > 6 * maxAttributeLength + (maxAttributes + 1) * (maxNameLength + 16)) {
      this.#fail(
        "XmlTooLarge",
        `a tag of more than ${length} bytes exceeds the limits of attributes and names`,
        0,
      );
    }
    return false;
  }

  #begin(bytes: Uint8Array): void {
    this.#began = this.#atStart = true;
    const [first, second] = bytes;
    if ((first === 0xfe && second === 0xff) || (first === 0xff && second === 0xfe)) {
      this.#utf16 = new Utf16Transcoder(first === 0xff);
      return this.#take(this.#utf16.write(bytes.subarray(2)));
    }
    if (first === 0 || second === 0) {
      this.#fail("XmlEncoding", "UTF-16 without byte order mark, or UTF-32", 0);
    }
    if (first === 0xef && second === 0xbb && bytes[2] === 0xbf) {
      this.#offset = 3;
      bytes = bytes.subarray(3);
    }
    if (bytes.length > 0) this.#run(bytes);
  }

  /** Reads constructs until the chunk ends, and keeps what is incomplete. */
  #run(bytes: Uint8Array): void {
    this.#bytes = bytes;
    let view = loose.decode(bytes);
    if (view.length !== bytes.length) view = unitPerByte.decode(bytes);
    this.#view = view;
    this.#tagAt = -1;
    const length = bytes.length;
    let at = 0;
    while (at < length) {
      let next: number;
      if (bytes[at] !== 0x3c) {
        if (this.#mode === "text") {
          // Plain text up to the next tag, which is what most text is.
          let end = at;
          while (end < length && textClass[bytes[end]!] === PLAIN) end++;
          if (end < length && bytes[end] === 0x3c) {
            this.#handler.text(view.slice(at, end));
            at = end;
            continue;
          }
        }
        next = this.#depth === 0
          ? this.#outside(at)
          : this.#mode === "base64"
          ? this.#encoded(at)
          : this.#text(at);
        // A negative result says where the rest begins that has to wait.
        if (next < 0) {
          at = ~next;
          break;
        }
      } else {
        if (at + 1 === length) break;
        const second = bytes[at + 1]!;
        next = second === 0x2f
          ? this.#endTag(at)
          : second === 0x21
          ? this.#markup(at)
          : second === 0x3f
          ? this.#instruction(at)
          : this.#startTag(at);
        if (next < 0) break;
        this.#atStart = false;
      }
      at = next;
    }
    if (at < length) this.#keep(bytes, at, length);
    this.#offset += at;
    this.#bytes = NOTHING;
    this.#view = "";
  }

  /** The text of a range that has bytes outside of ASCII. */
  #wide(from: number, to: number): string {
    const range = this.#bytes.subarray(from, to);
    const text = loose.decode(range);
    if (this.#asciiOnly) {
      this.#fail("XmlEncoding", "a byte above 127, yet the declared encoding is US-ASCII", from);
    }
    if (text.includes("\ufffd")) {
      try {
        strict.decode(range);
      } catch {
        this.#fail("XmlEncoding", "text is not valid UTF-8", from);
      }
    }
    if (text.includes("\ufffe") || text.includes("\uffff")) {
      this.#fail("XmlMalformed", "U+FFFE or U+FFFF is not an XML character", from);
    }
    return text;
  }

  // --- character data ---------------------------------------------------------------------------------------------

  /** White space outside of the root. */
  #outside(from: number): number {
    const bytes = this.#bytes;
    let at = from;
    for (; at < bytes.length && bytes[at] !== 0x3c; at++) {
      if (!isSpace(bytes[at]!)) this.#fail("XmlMalformed", "text outside of the root element", at);
    }
    this.#atStart = false;
    return at;
  }

  /** Character data up to the next `<`. Returns its position, or ~position of what has to wait for the next chunk. */
  #text(from: number): number {
    const bytes = this.#bytes;
    const length = bytes.length;
    let at = from;
    let begin = from;
    let done = "";
    let wide = false;
    let returns = false;
    let wait = -1;
    while (true) {
      while (at < length && textClass[bytes[at]!] === PLAIN) at++;
      if (at >= length) {
        if (wide) wait = incompleteTail(bytes, begin);
        break;
      }
      const kind = textClass[bytes[at]!]!;
      if (kind === LESS) break;
      if (kind === WIDE) wide = true;
      else if (kind === RETURN) {
        if (at + 1 === length) {
          wait = at;
          break;
        }
        returns = true;
      } else if (kind === BRACKET) {
        if (at + 1 === length || (at + 2 === length && bytes[at + 1] === 0x5d)) {
          wait = at;
          break;
        }
        if (bytes[at + 1] === 0x5d && bytes[at + 2] === 0x3e) {
          this.#fail("XmlMalformed", "`]]>` in character data", at);
        }
      } else if (kind === AMPERSAND) {
        const end = this.#referenceEnd(at);
        if (end < 0) {
          wait = at;
          break;
        }
        if (at > begin) done += this.#piece(begin, at, wide, returns);
        done += this.#reference(at, end);
        wide = returns = false;
        at = begin = end + 1;
        continue;
      } else this.#fail("XmlMalformed", "a control character that XML does not allow", at);
      at++;
    }
    const end = wait < 0 ? at : wait;
    if (end > begin) {
      const piece = this.#mode === "text" || wide ? this.#piece(begin, end, wide, returns) : "";
      done = done === "" ? piece : done + piece;
    }
    if (done !== "" && this.#mode === "text") this.#handler.text(done);
    return wait < 0 ? at : ~wait;
  }

  #piece(from: number, to: number, wide: boolean, returns: boolean): string {
    const text = wide ? this.#wide(from, to) : this.#view.slice(from, to);
    return returns ? text.replace(/\r\n?/g, "\n") : text;
  }

  /** Base64 up to the next `<`. */
  #encoded(from: number): number {
    // Looked for once in a chunk: between two tags there may be as many references as a peer likes.
    if (this.#tagAt < from) {
      const found = this.#view.indexOf("<", from);
      this.#tagAt = found < 0 ? this.#bytes.length : found;
    }
    const to = this.#tagAt;
    let piece = this.#view.slice(from, to);
    const ampersand = piece.indexOf("&");
    if (ampersand === 0) {
      // A character reference to white space is the only use that this can have.
      const end = this.#referenceEnd(from);
      if (end < 0) return ~from;
      this.#decode(this.#reference(from, end), from);
      return end + 1;
    }
    if (ampersand > 0) piece = piece.slice(0, ampersand);
    this.#decode(piece, from);
    return from + piece.length;
  }

  #decode(piece: string, at: number): void {
    let bytes: Uint8Array | undefined;
    try {
      bytes = this.#base64!.push(piece);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      this.#fail("XmlBase64", "text is not valid base64", at);
    }
    if (bytes !== undefined) this.#handler.base64(bytes);
  }

  /** Position of the `;` of the reference that begins at `at`, or -1 when it is not there yet. */
  #referenceEnd(at: number): number {
    const bytes = this.#bytes;
    const limit = Math.min(bytes.length, at + MAX_REFERENCE);
    for (let end = at + 1; end < limit; end++) {
      const byte = bytes[end]!;
      if (byte === 0x3b) return end;
      if (byte !== 0x23 && nameByte[byte] === 0) {
        this.#fail("XmlEntity", "`&` does not begin a reference", at);
      }
    }
    if (limit < bytes.length || limit === at + MAX_REFERENCE) {
      this.#fail("XmlEntity", "a reference is too long", at);
    }
    return -1;
  }

  #reference(at: number, end: number): string {
    const body = this.#view.slice(at + 1, end);
    if (body.charCodeAt(0) !== 0x23) {
      const text = Object.hasOwn(predefined, body) ? predefined[body] : undefined;
      return text ?? this.#fail("XmlEntity", "an entity is not one of the five predefined ones", at);
    }
    const code = /^#x[0-9A-Fa-f]+$/.test(body)
      ? parseInt(body.slice(2), 16)
      : /^#[0-9]+$/.test(body)
      ? parseInt(body.slice(1), 10)
      : this.#fail("XmlEntity", "a character reference is malformed", at);
    if (!isXmlChar(code)) this.#fail("XmlEntity", "a reference to a character that XML does not allow", at);
    return String.fromCodePoint(code);
  }

  // --- comments, CDATA, instructions ------------------------------------------------------------------------------

  /** What begins with `<!`. */
  #markup(from: number): number {
    const bytes = this.#bytes;
    const view = this.#view;
    if (view.startsWith("<!--", from)) {
      const end = view.indexOf("--", from + 4);
      if (end < 0 || end + 2 >= bytes.length) return -1;
      if (bytes[end + 2] !== 0x3e) this.#fail("XmlMalformed", "`--` in a comment", end);
      this.#checked(from + 4, end);
      return end + 3;
    }
    if (view.startsWith("<![CDATA[", from)) {
      if (this.#depth === 0) this.#fail("XmlMalformed", "CDATA outside of the root element", from);
      const end = view.indexOf("]]>", from + 9);
      if (end < 0) return -1;
      const text = this.#checked(from + 9, end);
      if (text !== "") {
        if (this.#mode === "text") {
          this.#handler.text(text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text);
        } else if (this.#mode === "base64") this.#decode(text, from);
      }
      return end + 3;
    }
    const rest = view.slice(from, from + 9);
    if ("<!DOCTYPE".startsWith(rest.toUpperCase()) && rest.length > 2) {
      this.#fail("XmlDoctype", "a document type declaration is not accepted", from);
    }
    if (!"<!--".startsWith(rest) && !"<![CDATA[".startsWith(rest)) {
      this.#fail("XmlMalformed", "`<!` begins neither a comment nor CDATA", from);
    }
    return -1;
  }

  /** A processing instruction, or the XML declaration where the document begins. */
  #instruction(from: number): number {
    const end = this.#view.indexOf("?>", from + 2);
    if (end < 0) return -1;
    const text = this.#checked(from + 2, end);
    const target = text.split(/[\t\n\r ]/, 1)[0]!;
    if (target === "xml" && this.#atStart) this.#declaration(text, from);
    else if (!isNcName(target) || target.toLowerCase() === "xml") {
      this.#fail("XmlMalformed", "the target of a processing instruction is not allowed", from);
    }
    return end + 2;
  }

  #declaration(text: string, from: number): void {
    const parts = declaration.exec(text);
    if (parts === null) this.#fail("XmlMalformed", "the XML declaration is malformed", from);
    const encoding = (parts[1] ?? parts[2])?.toLowerCase();
    const fits = encoding === undefined ||
      (this.#utf16 ? encoding === "utf-16" : encoding === "utf-8" || encoding === "us-ascii");
    if (!fits) {
      this.#fail(
        "XmlEncoding",
        `the declared encoding ${encoding} is not supported or not that of the document`,
        from,
      );
    }
    this.#asciiOnly = encoding === "us-ascii";
  }

  /** The text of a range, all of whose characters are allowed. */
  #checked(from: number, to: number): string {
    const bytes = this.#bytes;
    let wide = false;
    for (let at = from; at < to; at++) {
      const kind = textClass[bytes[at]!]!;
      if (kind === WIDE) wide = true;
      else if (kind === FORBIDDEN) {
        this.#fail("XmlMalformed", "a control character that XML does not allow", at);
      }
    }
    return wide ? this.#wide(from, to) : this.#view.slice(from, to);
  }

  // --- tags -------------------------------------------------------------------------------------------------------

  /** The name that begins at `from`, or undefined where the chunk ends before it does. */
  #name(from: number): XmlName | undefined {
    const bytes = this.#bytes;
    const length = bytes.length;
    const last = this.#last;
    let at = from;
    const guess = cache[last.nextSlot];
    if (guess !== undefined) {
      const expected = guess.bytes;
      const size = expected.length;
      if (from + size < length) {
        let i = 0;
        while (i < size && bytes[at] === expected[i]) {
          i++;
          at++;
        }
        if (i === size && nameByte[bytes[at]!] === 0) {
          if (size > this.#limits.maxNameLength) this.#nameTooLong(from);
          this.#last = guess;
          return guess;
        }
        at = from;
      }
    }
    let hash = 0;
    let byte = 0;
    while (at < length && nameByte[byte = bytes[at]!] === 1) {
      hash = (Math.imul(hash, 31) + byte) | 0;
      at++;
    }
    if (at - from > this.#limits.maxNameLength) this.#nameTooLong(from);
    if (at >= length) return undefined;
    const name = cachedName(bytes, from, at, hash) ?? this.#newName(from, at, hash);
    last.nextSlot = name.slot;
    this.#last = name;
    return name;
  }

  #nameTooLong(at: number): never {
    this.#fail("XmlTooLarge", `a name is longer than the limit of ${this.#limits.maxNameLength} bytes`, at);
  }

  #newName(from: number, to: number, hash: number): XmlName {
    const range = this.#bytes.subarray(from, to);
    const text = range.some((byte) => byte >= 0x80) ? this.#wide(from, to) : this.#view.slice(from, to);
    const own = this.#ownNames ??= new Map();
    const seen = own.get(text);
    if (seen !== undefined) return seen;
    const name = makeName(text, range, hash);
    if (name === undefined) this.#fail("XmlMalformed", "a name is missing or not allowed", from);
    own.set(name.qname, name);
    if (own.size > this.#limits.maxNames) {
      this.#fail("XmlTooManyNames", `more names than the limit of ${this.#limits.maxNames}`, from);
    }
    return name;
  }

  #startTag(from: number): number {
    const name = this.#name(from + 1);
    if (name === undefined) return -1;
    const at = from + 1 + name.bytes.length;
    if (this.#bytes[at] !== 0x3e) return this.#restOfStartTag(name, from, at);
    this.#open(name, undefined, from, this.#scope);
    return at + 1;
  }

  /** A start tag from behind its name. */
  #restOfStartTag(name: XmlName, from: number, behind: number): number {
    const bytes = this.#bytes;
    const length = bytes.length;
    let at = behind;
    let count = 0;
    let total = 0;
    while (true) {
      const gap = at;
      while (at < length && isSpace(bytes[at]!)) at++;
      if (at >= length) return -1;
      const byte = bytes[at]!;
      if (byte === 0x3e || byte === 0x2f) break;
      if (at === gap) {
        this.#fail("XmlMalformed", "white space is missing in a tag, or a name is not allowed", at);
      }
      const attribute = this.#name(at);
      if (attribute === undefined) return -1;
      at += attribute.bytes.length;
      while (at < length && isSpace(bytes[at]!)) at++;
      if (at >= length) return -1;
      if (bytes[at] !== 0x3d) this.#fail("XmlMalformed", "an attribute has no `=`", at);
      at++;
      while (at < length && isSpace(bytes[at]!)) at++;
      if (at >= length) return -1;
      const quote = bytes[at]!;
      if (quote !== 0x22 && quote !== 0x27) {
        this.#fail("XmlMalformed", "an attribute value is not quoted", at);
      }
      at++;
      let value: string;
      // Declarations repeat in every record: the last value is compared before a new one is made.
      const guess = attribute.valueBytes;
      if (
        guess !== undefined && at + guess.length < length && bytes[at + guess.length] === quote &&
        same(guess, bytes, at)
      ) {
        value = attribute.value;
        at += guess.length + 1;
      } else {
        const valueFrom = at;
        let plain = true;
        let kind = PLAIN;
        while (at < length) {
          while (at < length && (kind = valueClass[bytes[at]!]!) === PLAIN) at++;
          if (at >= length || bytes[at] === quote) break;
          if (kind === LESS) this.#fail("XmlMalformed", "`<` in an attribute value", at);
          if (kind === FORBIDDEN) {
            this.#fail("XmlMalformed", "a control character that XML does not allow", at);
          }
          if (kind !== QUOTE) plain = false;
          at++;
        }
        if (at >= length) return -1;
        value = plain ? this.#view.slice(valueFrom, at) : this.#value(valueFrom, at);
        if (attribute.role !== "plain" && value.length <= MAX_KEPT_URI) {
          value = internalise(value);
          if (plain) {
            attribute.value = value;
            attribute.valueBytes = bytes.slice(valueFrom, at);
          }
        }
        at++;
      }
      total += value.length;
      if (total > this.#limits.maxAttributeLength) {
        this.#fail(
          "XmlTooLarge",
          `attributes of more than the limit of ${this.#limits.maxAttributeLength} characters`,
          from,
        );
      }
      if (count === this.#limits.maxAttributes) this.#tooManyAttributes(from);
      tagNames[count] = attribute;
      tagValues[count] = value;
      count++;
    }
    if (bytes[at] === 0x2f) {
      if (at + 1 >= length) return -1;
      if (bytes[at + 1] !== 0x3e) this.#fail("XmlMalformed", "`/` in a tag is not followed by `>`", at);
      this.#openWith(name, count, from);
      this.#close();
      return at + 2;
    }
    this.#openWith(name, count, from);
    return at + 1;
  }

  #tooManyAttributes(at: number): never {
    this.#fail("XmlTooManyAttributes", `more attributes than the limit of ${this.#limits.maxAttributes}`, at);
  }

  /** An attribute value with white space to normalise, references or bytes outside of ASCII. */
  #value(from: number, to: number): string {
    const bytes = this.#bytes;
    let value = "";
    let begin = from;
    let wide = false;
    const flush = (end: number) => {
      if (end > begin) value += wide ? this.#wide(begin, end) : this.#view.slice(begin, end);
      wide = false;
    };
    for (let at = from; at < to; at++) {
      const kind = valueClass[bytes[at]!]!;
      if (kind === WIDE) wide = true;
      else if (kind === AMPERSAND) {
        flush(at);
        const end = this.#referenceEnd(at);
        if (end < 0 || end >= to) this.#fail("XmlEntity", "a reference is not closed", at);
        value += this.#reference(at, end);
        at = end;
        begin = at + 1;
      } else if (kind === BLANK || kind === RETURN) {
        flush(at);
        if (kind === RETURN && bytes[at + 1] === 0x0a) at++;
        value += " ";
        begin = at + 1;
      }
    }
    flush(to);
    return value;
  }

  /** Declares, resolves and checks what a start tag with `count` attributes has, then opens the element. */
  #openWith(name: XmlName, count: number, at: number): void {
    if (count === 0) return this.#open(name, undefined, at, this.#scope);
    const outer = this.#scope;
    let declarations = 0;
    for (let i = 0; i < count; i++) {
      const attribute = tagNames[i]!;
      if (attribute.role === "plain") continue;
      declarations++;
      this.#declare(attribute, tagValues[i]!, at);
    }
    if (count <= PAIRWISE) {
      for (let i = 1; i < count; i++) {
        const qname = tagNames[i]!.qname;
        for (let k = 0; k < i; k++) if (tagNames[k]!.qname === qname) this.#duplicate(qname, at);
      }
    } else {
      const seen = new Set<string>();
      for (let i = 0; i < count; i++) {
        const { qname } = tagNames[i]!;
        if (seen.has(qname)) this.#duplicate(qname, at);
        seen.add(qname);
      }
    }
    let attributes: XmlAttribute[] | undefined;
    if (declarations < count) {
      attributes = [];
      let prefixed = 0;
      for (let i = 0; i < count; i++) {
        const attribute = tagNames[i]!;
        if (attribute.role !== "plain") continue;
        let namespace = "";
        if (attribute.prefix !== "") {
          prefixed++;
          namespace = resolveIn(this.#scope, attribute.prefix) ?? this.#unbound(attribute, at);
        }
        attributes.push({ namespace, local: attribute.local, value: tagValues[i]! });
      }
      // Names that differ as written may be equal when expanded (Namespaces in XML, section 6.3).
      if (prefixed > 1) this.#checkExpanded(attributes, at);
    }
    // Values can be long, and keep their chunk's text alive.
    tagValues.fill("", 0, count);
    this.#open(name, attributes, at, outer);
  }

  #checkExpanded(attributes: readonly XmlAttribute[], at: number): void {
    if (attributes.length > PAIRWISE) {
      const seen = new Set<string>();
      for (const { namespace, local } of attributes) {
        if (namespace === "") continue;
        const expanded = `${local} ${namespace}`;
        if (seen.has(expanded)) this.#duplicate(local, at);
        seen.add(expanded);
      }
      return;
    }
    for (let i = 1; i < attributes.length; i++) {
      const { namespace, local } = attributes[i]!;
      for (let k = 0; k < i; k++) {
        const other = attributes[k]!;
        if (other.local === local && other.namespace === namespace) this.#duplicate(local, at);
      }
    }
  }

  #duplicate(name: string, at: number): never {
    this.#fail("XmlDuplicateAttribute", `the attribute ${name} is given twice`, at);
  }

  #unbound(name: XmlName, at: number): never {
    this.#fail("XmlUnboundPrefix", `the prefix of ${name.qname} is not declared`, at);
  }

  #declare(attribute: XmlName, uri: string, at: number): void {
    const prefix = attribute.role === "prefix" ? attribute.local : "";
    const reserved = prefix === "xmlns" || uri === XMLNS_NAMESPACE ||
      (prefix === "xml") !== (uri === XML_NAMESPACE);
    if (reserved) this.#fail("XmlMalformed", "a reserved prefix or namespace is declared", at);
    if (uri === "" && prefix !== "") this.#fail("XmlMalformed", `the prefix ${prefix} is undeclared`, at);
    const outer = this.#scope;
    if (outer.length >= MAX_SCOPES) {
      this.#fail("XmlTooManyNames", `more than ${MAX_SCOPES} namespace declarations in scope`, at);
    }
    let inner = outer.inner;
    if (inner === undefined || inner.prefix !== prefix || inner.uri !== uri) {
      inner = { number: ++scopes, prefix, uri, outer, length: outer.length + 1, inner: undefined };
      if (uri.length <= MAX_KEPT_URI && prefix.length <= MAX_KEPT_URI && outer.length < MAX_KEPT_SCOPES) {
        outer.inner = inner;
      }
    }
    this.#scope = inner;
  }

  #open(name: XmlName, attributes: XmlAttribute[] | undefined, at: number, outer: Scope): void {
    const depth = this.#depth;
    if (depth === 0) {
      if (this.#rootSeen) this.#fail("XmlMalformed", "a second root element", at);
      this.#rootSeen = true;
    }
    if (depth >= this.#limits.maxDepth) {
      this.#fail(
        "XmlTooDeep",
        `${depth + 1} levels are deeper than the limit of ${this.#limits.maxDepth}`,
        at,
      );
    }
    if (++this.#nodes > this.#limits.maxNodes) {
      this.#fail("XmlTooLarge", `more elements than the limit of ${this.#limits.maxNodes}`, at);
    }
    if (this.#mode === "base64") this.#fail("XmlBase64", "an element inside of base64", at);
    const scope = this.#scope;
    let uri: string;
    if (name.scope === scope.number) uri = name.uri;
    else {
      if (name.prefix === "xmlns") this.#fail("XmlMalformed", "an element has the prefix xmlns", at);
      uri = resolveIn(scope, name.prefix) ?? this.#unbound(name, at);
      if (uri.length <= MAX_KEPT_URI) {
        name.uri = uri;
        name.scope = scope.number;
      }
    }
    const frame = this.#frame.inner ??= new Frame(this.#frame);
    frame.name = name;
    frame.uri = uri;
    frame.outerMode = this.#mode;
    frame.outerScope = outer;
    this.#frame = frame;
    this.#depth = depth + 1;
    const mode = this.#handler.startElement(uri, name.local, attributes ?? NO_ATTRIBUTES);
    this.#mode = mode;
    if (mode === "base64") (this.#base64 ??= new Base64Decoder()).reset();
  }

  #endTag(from: number): number {
    const bytes = this.#bytes;
    const length = bytes.length;
    if (this.#depth === 0) this.#fail("XmlMalformed", "an end tag without a start tag", from);
    const expected = this.#frame.name.bytes;
    const size = expected.length;
    let at = from + 2;
    // Reading beyond the end of an array would slow every later reading down here.
    const present = Math.min(size, length - at);
    for (let i = 0; i < present; i++, at++) if (bytes[at] !== expected[i]) this.#mismatch(from);
    if (at >= length) return -1;
    if (bytes[at] !== 0x3e) {
      while (at < length && isSpace(bytes[at]!)) at++;
      if (at >= length) return -1;
      if (bytes[at] !== 0x3e) this.#mismatch(from);
    }
    if (this.#mode === "base64" && !this.#base64!.finish()) {
      this.#fail("XmlBase64", "base64 ends within a group of four", from);
    }
    this.#close();
    return at + 1;
  }

  #mismatch(at: number): never {
    this.#fail("XmlMalformed", `an end tag is not that of ${this.#frame.name.qname}`, at);
  }

  #close(): void {
    const frame = this.#frame;
    this.#frame = frame.outer!;
    this.#depth--;
    this.#mode = frame.outerMode;
    this.#handler.endElement(frame.uri, frame.name.local);
    this.#scope = frame.outerScope;
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function same(expected: Uint8Array, bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < expected.length; i++) if (expected[i] !== bytes[at + i]) return false;
  return true;
}

/** Where the incomplete UTF-8 sequence begins that ends `bytes`, not before `from`; -1 where there is none. */
function incompleteTail(bytes: Uint8Array, from: number): number {
  const length = bytes.length;
  for (let back = 1; back <= 3 && length - back >= from; back++) {
    const byte = bytes[length - back]!;
    if (byte >= 0xc0) return (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) > back ? length - back : -1;
    if (byte < 0x80) return -1;
  }
  return -1;
}
