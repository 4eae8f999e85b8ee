/** What every implementation in the XML benchmark does, and what it is held to. @module */

/** The namespace and name of the element whose text is base64 to decode. */
export const STREAM = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell Stream";

/**
 * Receives what an implementation read. `light` is cheap enough to be kept while time is measured (counts and lengths);
 * `full` hashes every character, and is checked before.
 */
export class Fold {
  elements = 0;
  nameUnits = 0;
  textUnits = 0;
  bytes = 0;
  #hash = 0x811c9dc5;
  constructor(readonly full: boolean) {}
  start(namespace: string, local: string): void {
    this.elements++;
    this.nameUnits += namespace.length + 3 * local.length;
    if (this.full) this.#string(`\u0001${namespace}\u0002${local}\u0003`);
  }
  text(value: string): void {
    this.textUnits += value.length;
    if (this.full) this.#string(value);
  }
  binary(bytes: Uint8Array): void {
    this.bytes += bytes.length;
    if (this.full) for (const byte of bytes) this.#unit(byte);
  }
  end(): void {
    if (this.full) this.#unit(4);
  }
  get digest(): string {
    return `${this.elements} ${this.nameUnits} ${this.textUnits} ${this.bytes} ${(this.#hash >>> 0).toString(16)}`;
  }
  #string(value: string): void {
    for (let i = 0; i < value.length; i++) this.#unit(value.charCodeAt(i));
  }
  #unit(value: number): void {
    this.#hash = Math.imul(this.#hash ^ value, 0x01000193);
  }
}

/** One implementation. `aware`: resolves namespaces itself; `checks`: refuses documents that are not well-formed. */
export interface Peer {
  readonly name: string;
  readonly kind: "javascript" | "wasm";
  readonly streams: boolean;
  readonly aware: boolean;
  readonly checks: boolean;
  /** Reads one document. */
  parse(chunks: readonly Uint8Array[], fold: Fold): void;
}

/** The namespace resolver for implementations that have none. */
export class Scopes {
  #stack: Map<string, string>[] = [new Map([["", ""], ["xml", "http://www.w3.org/XML/1998/namespace"]])];
  /** Opens an element; `declarations` are its xmlns attributes, undefined where it has none. */
  open(declarations: Iterable<readonly [string, string]> | undefined): void {
    let scope = this.#stack[this.#stack.length - 1]!;
    if (declarations !== undefined) {
      let own: Map<string, string> | undefined;
      for (const [name, value] of declarations) {
        if (!name.startsWith("xmlns")) continue;
        own ??= new Map(scope);
        own.set(name === "xmlns" ? "" : name.slice(6), value);
      }
      scope = own ?? scope;
    }
    this.#stack.push(scope);
  }
  close(): void {
    this.#stack.pop();
  }
  resolve(qname: string): [string, string] {
    const colon = qname.indexOf(":");
    const scope = this.#stack[this.#stack.length - 1]!;
    const namespace = scope.get(colon < 0 ? "" : qname.slice(0, colon));
    if (namespace === undefined) throw new Error(`unbound prefix in ${qname}`);
    return [namespace, colon < 0 ? qname : qname.slice(colon + 1)];
  }
}

/** Folds text as text or, inside of a Stream, as the bytes that it encodes. For events that come with the name. */
export class TextFold {
  #streams: boolean[] = [];
  #pending = "";
  constructor(readonly fold: Fold) {}
  start(namespace: string, local: string): void {
    this.fold.start(namespace, local);
    this.#streams.push(local === "Stream" && `${namespace} ${local}` === STREAM);
  }
  text(value: string): void {
    if (this.#streams[this.#streams.length - 1]) this.#pending += value;
    else this.fold.text(value);
  }
  end(): void {
    if (this.#streams.pop() && this.#pending !== "") {
      this.fold.binary(Uint8Array.fromBase64(this.#pending));
      this.#pending = "";
    }
    this.fold.end();
  }
}

const entities: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** The five entities and decimal references, for implementations that leave them. */
export function resolveEntities(text: string): string {
  return text.includes("&")
    ? text.replace(/&(#?\w+);/g, (all, name: string) => entities[name] ?? (name[0] === "#" ? String.fromCodePoint(Number(name.slice(1))) : all))
    : text;
}

/** One text out of chunks, for implementations that take a string. */
export function asText(chunks: readonly Uint8Array[]): string {
  const decoder = new TextDecoder();
  if (chunks.length === 1) return decoder.decode(chunks[0]!);
  let text = "";
  for (const chunk of chunks) text += decoder.decode(chunk, { stream: true });
  return text + decoder.decode();
}

/** Calls `write` with the text of each chunk. */
export function eachText(chunks: readonly Uint8Array[], write: (text: string) => void): void {
  const decoder = new TextDecoder();
  if (chunks.length === 1) return write(decoder.decode(chunks[0]!));
  for (const chunk of chunks) write(decoder.decode(chunk, { stream: true }));
}
