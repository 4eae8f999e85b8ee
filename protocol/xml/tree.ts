/** Documents as small immutable trees. @module */
import { concat } from "../bytes.ts";
import { ProtocolError } from "../errors.ts";
import { defaultXmlLimits, type XmlLimits } from "./limits.ts";
import {
  type NamespaceScope,
  resolveIn,
  type TextMode,
  type XmlAttribute,
  type XmlHandler,
  XmlParser,
} from "./parser.ts";

/** One element of a document that was read. */
export class XmlElement {
  /** Own text, all pieces together ("" where it was decoded as base64). */
  readonly text: string = "";
  /** Decoded content, where the element was read as base64. */
  readonly bytes: Uint8Array | undefined = undefined;
  readonly #scope: NamespaceScope;
  // Children are linked: most elements have none or a few, and an array would take more room than they do.
  #first: XmlElement | undefined = undefined;
  #next: XmlElement | undefined = undefined;

  /** Made by {@linkcode DocumentParser}. */
  constructor(
    /** Namespace name, "" where there is none. */
    readonly namespace: string,
    /** Name without prefix. */
    readonly local: string,
    /** Attributes in order, without namespace declarations. */
    readonly attributes: readonly XmlAttribute[],
    scope: NamespaceScope,
  ) {
    this.#scope = scope;
  }

  /** Puts `child` behind `previous`, the last of `parent` so far. Only {@linkcode DocumentParser} does. */
  static append(parent: XmlElement, previous: XmlElement | undefined, child: XmlElement): void {
    if (previous === undefined) parent.#first = child;
    else previous.#next = child;
  }

  /** Child elements in order, as a new array. */
  get children(): readonly XmlElement[] {
    const children: XmlElement[] = [];
    for (let child = this.#first; child !== undefined; child = child.#next) children.push(child);
    return children;
  }

  /** The first child element. */
  get firstChild(): XmlElement | undefined {
    return this.#first;
  }

  /** The next child element of its parent. */
  get nextSibling(): XmlElement | undefined {
    return this.#next;
  }

  /** The first child of that name. */
  child(namespace: string, local: string): XmlElement | undefined {
    for (let child = this.#first; child !== undefined; child = child.#next) {
      if (child.local === local && child.namespace === namespace) return child;
    }
    return undefined;
  }

  /** All children of that name, in order. */
  childrenNamed(namespace: string, local: string): XmlElement[] {
    return this.children.filter((child) => child.local === local && child.namespace === namespace);
  }

  /** The value of that attribute. */
  attribute(namespace: string, local: string): string | undefined {
    for (const attribute of this.attributes) {
      if (attribute.local === local && attribute.namespace === namespace) return attribute.value;
    }
    return undefined;
  }

  /** The namespace that `prefix` ("" = default) is bound to here, for names inside of text such as `s:Sender`. */
  resolvePrefix(prefix: string): string | undefined {
    return resolveIn(this.#scope, prefix);
  }
}

/** An element while it is read. */
type Growing = { -readonly [K in "text" | "bytes"]: XmlElement[K] };

/** How a document is read. */
export interface DocumentOptions {
  /** Limits that differ from the defaults. */
  readonly limits?: Partial<XmlLimits>;
  /** Says which elements' text is base64 to decode. Default: none. */
  readonly binary?: (namespace: string, local: string) => boolean;
}

class TreeBuilder implements XmlHandler {
  root: XmlElement | undefined;
  /** Set before the first event. */
  parser: XmlParser | undefined;
  readonly #open: XmlElement[] = [];
  readonly #binary: DocumentOptions["binary"];
  readonly #maxTextLength: number;
  #current: XmlElement | undefined;
  /** The child of the current element that has ended last. */
  #previous: XmlElement | undefined;
  /** Pieces of the element that is being decoded; elements inside of base64 are refused, so there is at most one. */
  #pieces: Uint8Array[] | undefined;

  constructor(maxTextLength: number, binary: DocumentOptions["binary"]) {
    this.#maxTextLength = maxTextLength;
    this.#binary = binary;
  }

  startElement(namespace: string, local: string, attributes: readonly XmlAttribute[]): TextMode {
    const element = new XmlElement(namespace, local, attributes, this.parser!.scope);
    const parent = this.#current;
    if (parent === undefined) this.root = element;
    else {
      XmlElement.append(parent, this.#previous, element);
      this.#open.push(parent);
    }
    this.#current = element;
    this.#previous = undefined;
    if (this.#binary === undefined || !this.#binary(namespace, local)) return "text";
    this.#pieces = [];
    return "base64";
  }

  text(value: string): void {
    const growing = this.#current as unknown as Growing;
    if (growing.text.length + value.length > this.#maxTextLength) {
      throw new ProtocolError(
        "XmlTooLarge",
        `read element: its text is longer than the limit of ${this.#maxTextLength} characters`,
      );
    }
    growing.text = growing.text === "" ? value : growing.text + value;
  }

  base64(bytes: Uint8Array): void {
    this.#pieces!.push(bytes);
  }

  endElement(): void {
    if (this.#pieces !== undefined) {
      (this.#current as unknown as Growing).bytes = concat(this.#pieces);
      this.#pieces = undefined;
    }
    this.#previous = this.#current;
    this.#current = this.#open.pop();
  }
}

/** Reads one document from chunks split anywhere into a tree. */
export class DocumentParser {
  readonly #builder: TreeBuilder;
  readonly #parser: XmlParser;

  /** Begins a document. */
  constructor(options?: DocumentOptions) {
    const limits = options?.limits;
    this.#builder = new TreeBuilder(limits?.maxTextLength ?? defaultXmlLimits.maxTextLength, options?.binary);
    this.#parser = this.#builder.parser = new XmlParser(this.#builder, limits);
  }

  /**
   * Takes the next bytes.
   *
   * @throws ProtocolError when the document is malformed, refused or exceeds a limit
   */
  write(chunk: Uint8Array): void {
    this.#parser.write(chunk);
  }

  /**
   * The root of the complete document.
   *
   * @throws ProtocolError `XmlIncomplete` when something is missing
   */
  end(): XmlElement {
    this.#parser.end();
    return this.#builder.root!;
  }
}

/**
 * Reads a whole document.
 *
 * @throws ProtocolError when it is malformed, refused or exceeds a limit
 */
export function parseDocument(bytes: Uint8Array, options?: DocumentOptions): XmlElement {
  const parser = new DocumentParser(options);
  parser.write(bytes);
  return parser.end();
}
