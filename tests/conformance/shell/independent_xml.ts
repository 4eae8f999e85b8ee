/** A second opinion on envelopes: a tree built by saxes, an XML reader that shares no code with ours. @module */
import { type SaxesAttributeNS, SaxesParser } from "npm:saxes@^6.0.0";

/** One element as saxes reads it. */
export interface Node {
  readonly uri: string;
  readonly local: string;
  readonly attributes: readonly { readonly uri: string; readonly local: string; readonly value: string }[];
  readonly children: Node[];
  /** Own text. */
  text: string;
  /** Namespace of a prefix at this element. */
  readonly resolve: (prefix: string) => string | undefined;
}

/** UTF-16 where a byte order mark says so, else UTF-8; trailing NULs are a recorded client's padding. */
export function decodeText(bytes: Uint8Array): string {
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe
    ? "utf-16le"
    : bytes[0] === 0xfe && bytes[1] === 0xff
    ? "utf-16be"
    : "utf-8";
  return new TextDecoder(encoding, { fatal: true }).decode(bytes).replace(/\0+$/, "");
}

/** Reads a document; throws whatever saxes finds wrong with it. */
export function independentTree(text: string): Node {
  const parser = new SaxesParser({ xmlns: true });
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("doctype", () => {
    throw new Error("document type");
  });
  let root: Node | undefined;
  const open: Node[] = [];
  const scopes: Map<string, string>[] = [];
  parser.on("opentag", (tag) => {
    const scope = new Map(scopes.at(-1) ?? []);
    for (const [prefix, uri] of Object.entries(tag.ns ?? {})) scope.set(prefix, uri.trim());
    scopes.push(scope);
    const node: Node = {
      uri: tag.uri.trim(),
      local: tag.local,
      attributes: (Object.values(tag.attributes) as SaxesAttributeNS[])
        .filter((attribute) => attribute.uri !== "http://www.w3.org/2000/xmlns/")
        .map(({ uri, local, value }) => ({ uri, local, value })),
      children: [],
      text: "",
      resolve: (prefix) => scope.get(prefix),
    };
    open.at(-1)?.children.push(node);
    root ??= node;
    open.push(node);
  });
  const add = (value: string): void => {
    const top = open.at(-1);
    if (top !== undefined) top.text += value;
  };
  parser.on("text", add);
  parser.on("cdata", add);
  parser.on("closetag", () => {
    open.pop();
    scopes.pop();
  });
  parser.write(text).close();
  return root!;
}

/** First child of that local name and, where given, namespace. */
export function child(node: Node | undefined, local: string, uri?: string): Node | undefined {
  return node?.children.find((at) => at.local === local && (uri === undefined || at.uri === uri));
}

/** All children of that local name. */
export function childrenOf(node: Node | undefined, local: string): Node[] {
  return node?.children.filter((at) => at.local === local) ?? [];
}

/** First descendant of that local name, in document order. */
export function descendant(node: Node | undefined, local: string): Node | undefined {
  for (const at of node?.children ?? []) {
    if (at.local === local) return at;
    const deeper = descendant(at, local);
    if (deeper !== undefined) return deeper;
  }
  return undefined;
}

/** Value of an attribute; without `uri`, one that has no namespace. */
export function attribute(node: Node | undefined, local: string, uri = ""): string | undefined {
  return node?.attributes.find((at) => at.local === local && at.uri === uri)?.value;
}

/** Trimmed own text. */
export function trimmed(node: Node | undefined): string | undefined {
  return node?.text.trim();
}
