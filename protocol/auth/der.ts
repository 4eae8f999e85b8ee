/** Strict DER (ITU-T X.690) as far as SPNEGO needs it: definite lengths in their shortest form, single-byte tags. @module */
import { ProtocolError } from "../errors.ts";

/** Tags that SPNEGO uses. */
export const DerTag = {
  octetString: 0x04,
  objectIdentifier: 0x06,
  enumerated: 0x0a,
  sequence: 0x30,
  /** `[APPLICATION 0]`, constructed: the GSS-API frame of a first token (RFC 2743 section 3.1). */
  application0: 0x60,
} as const;

/** The tag of `[number]`, constructed. */
export function contextTag(number: number): number {
  return 0xa0 | number;
}

/** One element: its tag, its content, and the bytes of the whole of it. */
export interface DerElement {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly whole: Uint8Array;
}

/** Members of what has no limit of its own. */
const maxElements = 256;

/** Reads elements one after another. Everything that is not DER throws `ProtocolError` (`DerMalformed`). */
export class DerReader {
  readonly #bytes: Uint8Array;
  readonly #most: number;
  #at = 0;
  #count = 0;

  /** Reads from `bytes`, which it does not copy, at most `most` elements. */
  constructor(bytes: Uint8Array, most = maxElements) {
    this.#bytes = bytes;
    this.#most = most;
  }

  /** Whether everything was read. */
  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** The next element, of any tag. */
  next(): DerElement {
    if (++this.#count > this.#most) throw malformed(`there are more than ${this.#most} elements in a row`);
    const bytes = this.#bytes;
    const from = this.#at;
    const tag = bytes[from];
    const first = bytes[from + 1];
    if (tag === undefined || first === undefined) throw malformed("it ends inside an element's head");
    if ((tag & 0x1f) === 0x1f) throw malformed("tags of several bytes are not supported");
    let at = from + 2;
    let length = first;
    if (first >= 0x80) {
      const octets = first & 0x7f;
      if (octets === 0 || octets > 3) throw malformed("a length is indefinite or beyond the limit");
      if (at + octets > bytes.length) throw malformed("it ends inside an element's head");
      length = 0;
      for (let i = 0; i < octets; i++) length = length * 256 + bytes[at++]!;
      if (length < 0x80 || length < 256 ** (octets - 1)) {
        throw malformed("a length is not in its shortest form");
      }
    }
    if (at + length > bytes.length) throw malformed(`an element of ${length} bytes goes beyond the end`);
    this.#at = at + length;
    return { tag, content: bytes.subarray(at, this.#at), whole: bytes.subarray(from, this.#at) };
  }

  /** The next element, which must have this tag. */
  expect(tag: number): DerElement {
    const element = this.next();
    if (element.tag !== tag) {
      throw malformed(`tag 0x${element.tag.toString(16)} stands where 0x${tag.toString(16)} must`);
    }
    return element;
  }

  /** Throws unless everything was read. */
  end(): void {
    if (!this.atEnd) throw malformed("bytes follow the last element");
  }
}

/** The only element of `bytes`, which must have this tag. */
export function readOnly(bytes: Uint8Array, tag: number): DerElement {
  const reader = new DerReader(bytes);
  const element = reader.expect(tag);
  reader.end();
  return element;
}

/** The elements of a SEQUENCE whose members are `[n]`, by n; they must come in ascending order. */
export function readTaggedSequence(bytes: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const reader = new DerReader(readOnly(bytes, DerTag.sequence).content);
  const members = new Map<number, Uint8Array>();
  for (let last = -1; !reader.atEnd;) {
    const { tag, content } = reader.next();
    const number = tag & 0x1f;
    if ((tag & 0xe0) !== 0xa0 || number <= last) throw malformed(`tag 0x${tag.toString(16)} is out of place`);
    members.set(number, content);
    last = number;
  }
  return members;
}

/** What elements are made of: bytes as they are, and further elements. */
export type DerContent = Uint8Array | DerPart;

/** An element inside another one, which is not written before that is: no bytes are copied from one to the next. */
export class DerPart {
  readonly #tag: number;
  readonly #content: readonly DerContent[];
  /** Bytes of the content. */
  readonly #inside: number;
  /** Bytes in which the length is told behind its first one. */
  readonly #octets: number;
  /** Bytes of the whole element. */
  readonly length: number;

  /** See {@link part}. */
  constructor(tag: number, content: readonly DerContent[]) {
    let inside = 0;
    for (const { length } of content) inside += length;
    this.#tag = tag;
    this.#content = content;
    this.#inside = inside;
    this.#octets = inside < 0x80
      ? 0
      : inside < 0x100
      ? 1
      : inside < 0x1_0000
      ? 2
      : inside < 0x100_0000
      ? 3
      : 4;
    this.length = 2 + this.#octets + inside;
  }

  /** Writes the element into `bytes` at `at`. */
  write(bytes: Uint8Array, at: number): void {
    const octets = this.#octets;
    bytes[at++] = this.#tag;
    bytes[at++] = octets === 0 ? this.#inside : 0x80 | octets;
    for (let i = octets - 1; i >= 0; i--) bytes[at++] = this.#inside >>> 8 * i;
    for (const piece of this.#content) {
      if (piece instanceof DerPart) piece.write(bytes, at);
      else bytes.set(piece, at);
      at += piece.length;
    }
  }
}

/** An element for another one. */
export function part(tag: number, ...content: readonly DerContent[]): DerPart {
  return new DerPart(tag, content);
}

/** The bytes of one element. */
export function der(tag: number, ...content: readonly DerContent[]): Uint8Array {
  const element = new DerPart(tag, content);
  const bytes = new Uint8Array(element.length);
  element.write(bytes, 0);
  return bytes;
}

function malformed(why: string): ProtocolError {
  return new ProtocolError("DerMalformed", `read DER: ${why}`);
}
