/**
 * YAML as Ansible reads it, with the line of every entry. The library parses the text; scalars are resolved by PyYAML's
 * rules, `!vault` and `!unsafe` are marked, merge keys are merged, aliases are followed with a budget.
 * @module
 */

// Named whole, unlike other packages: mod.ts reaches it, and scripts in other folders do not have our import map.
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "npm:yaml@^2.9.1";
import { inventoryError } from "./errors.ts";
import { VaultText } from "./types.ts";
import { resolvePlainScalar, UnsafeText } from "./values.ts";

/** A node with the line that it starts on (for an entry of a mapping: the line of its key). */
export interface Located {
  readonly line: number;
  readonly value: LocatedMap | readonly Located[] | string | number | bigint | boolean | null | object;
}

/** A mapping; the last of equal keys counts, as in Ansible. */
export type LocatedMap = Map<string, Located>;

/** Nodes that may be visited through aliases, in all: a bomb of nested aliases stops here. */
const maxAliasedNodes = 200_000;
const maxDepth = 200;
const action = "read inventory";

/**
 * Parses one YAML document; `undefined` for an empty one.
 * @throws UsageError InventoryMalformed
 */
export function readYaml(text: string, file: string): Located | undefined {
  const lines = new LineCounter();
  let root: Node | null;
  let anchors: (name: string, before: number) => Node | undefined;
  try {
    const document = parseDocument(text, {
      version: "1.1",
      schema: "failsafe",
      merge: false,
      uniqueKeys: false,
      keepSourceTokens: false,
      prettyErrors: false,
      logLevel: "silent",
      lineCounter: lines,
    });
    const first = document.errors[0];
    if (first !== undefined) {
      const line = lines.linePos(first.pos[0]).line;
      throw inventoryError("InventoryMalformed", action, { file, line }, firstLine(first.message));
    }
    root = document.contents as Node | null;
    const index = root === null ? new Map<string, Node[]>() : collectAnchors(root);
    anchors = (name, before) =>
      index.get(name)?.findLast((node) => (node.range?.[0] ?? Number.POSITIVE_INFINITY) < before);
  } catch (error) {
    if (error instanceof RangeError) {
      throw inventoryError("InventoryMalformed", action, { file, line: 0 }, "nested too deeply");
    }
    throw error;
  }
  if (root === null) return undefined;
  return new Converter(file, lines, anchors).convert(root, 0, false);
}

function firstLine(message: string): string {
  return (message.split("\n", 1)[0] ?? "").replace(/[.:]$/, "");
}

/** Anchored nodes by name in the order of the text: an alias means the last one before it. */
function collectAnchors(root: Node): Map<string, Node[]> {
  const found = new Map<string, Node[]>();
  const pending: unknown[] = [root];
  while (pending.length > 0) {
    const node = pending.pop();
    if (isAlias(node)) continue;
    if (isScalar(node) || isMap(node) || isSeq(node)) {
      if (node.anchor !== undefined) {
        const list = found.get(node.anchor) ?? [];
        list.push(node as Node);
        found.set(node.anchor, list);
      }
    }
    if (isMap(node)) { for (const pair of node.items) pending.push(pair.key, pair.value); }
    else if (isSeq(node)) pending.push(...node.items.map((item) => item));
  }
  for (const list of found.values()) list.sort((a, b) => (a.range?.[0] ?? 0) - (b.range?.[0] ?? 0));
  return found;
}

class Converter {
  #aliased = 0;
  readonly #open = new Set<Node>();

  constructor(
    readonly file: string,
    readonly lines: LineCounter,
    readonly anchors: (name: string, before: number) => Node | undefined,
  ) {}

  convert(node: unknown, depth: number, aliased: boolean): Located {
    const line = this.#line(node);
    if (depth > maxDepth) this.#fail(line, `nested deeper than ${maxDepth} levels`);
    if (aliased && ++this.#aliased > maxAliasedNodes) {
      this.#fail(line, `aliases repeat more than ${maxAliasedNodes} nodes`);
    }
    if (isAlias(node)) {
      const target = this.anchors(node.source, node.range?.[0] ?? Number.POSITIVE_INFINITY);
      if (target === undefined) this.#fail(line, `alias *${node.source} has no anchor`);
      if (this.#open.has(target)) this.#fail(line, `alias *${node.source} contains itself`);
      return { line, value: this.convert(target, depth + 1, true).value };
    }
    if (isScalar(node)) return { line, value: this.#scalar(node.tag, node.value, node.type) };
    if (isSeq(node)) {
      this.#open.add(node as Node);
      const value = node.items.map((item) => this.convert(item, depth + 1, aliased));
      this.#open.delete(node as Node);
      return { line, value };
    }
    if (isMap(node)) {
      this.#open.add(node as Node);
      const value = this.#map(node.items, depth, aliased);
      this.#open.delete(node as Node);
      return { line, value };
    }
    return { line, value: null };
  }

  #map(items: readonly { key: unknown; value: unknown }[], depth: number, aliased: boolean): LocatedMap {
    const own: LocatedMap = new Map();
    const merged: LocatedMap = new Map();
    for (const { key, value } of items) {
      const line = this.#line(key);
      if (isScalar(key) && key.type === "PLAIN" && key.value === "<<") {
        const source = this.convert(value, depth + 1, aliased).value;
        for (const one of Array.isArray(source) ? source.map((item: Located) => item.value) : [source]) {
          if (!(one instanceof Map)) this.#fail(line, "the merge key << needs a mapping");
          // Of several merged mappings the earlier one wins.
          for (const [name, item] of one as LocatedMap) if (!merged.has(name)) merged.set(name, item);
        }
        continue;
      }
      const name = isAlias(key)
        ? this.convert(key, depth + 1, aliased).value
        : isScalar(key)
        ? key.value
        : key;
      if (name !== null && typeof name === "object") this.#fail(line, "a key must be a scalar");
      own.set(String(name ?? ""), { line, value: this.convert(value, depth + 1, aliased).value });
    }
    for (const [name, item] of merged) if (!own.has(name)) own.set(name, item);
    return own;
  }

  #scalar(tag: string | undefined, value: unknown, type: string | undefined): Located["value"] {
    const source = typeof value === "string" ? value : "";
    if (tag === "!vault" || tag === "!vault-encrypted") return new VaultText();
    if (tag === "!unsafe") return new UnsafeText(source);
    if (tag !== undefined && tag.endsWith(":str")) return source;
    if (type === "PLAIN" || (tag !== undefined && /:(int|bool|float|null)$/.test(tag))) {
      return resolvePlainScalar(source) as Located["value"];
    }
    return source;
  }

  #line(node: unknown): number {
    const range = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range : undefined;
    return range ? this.lines.linePos(range[0]).line : 0;
  }

  #fail(line: number, state: string): never {
    throw inventoryError("InventoryMalformed", action, { file: this.file, line }, state);
  }
}

/** The node as variable value: nested entries without their lines. */
export function withoutLines(node: Located): unknown {
  const { value } = node;
  if (Array.isArray(value)) return value.map((item: Located) => withoutLines(item));
  if (value instanceof Map) {
    return new Map([...(value as LocatedMap)].map(([key, item]) => [key, withoutLines(item)]));
  }
  return value;
}
