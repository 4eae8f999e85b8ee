/**
 * Names of elements and attributes, found by the hash of their bytes in a cache that all parsers share.
 *
 * The cache is of fixed size, with two places for each hash: a hostile document can only make it miss, never grow. (With one
 * place, two of the forty names of a shell's answers fell on each other: both were made anew all the time.) Names are copied
 * out of the document, so none keeps a document's text alive, and internalised, so comparing them with literals is cheap.
 * @module
 */
import { isNcName } from "./char_tables.ts";

/** No binding number has this value: marks a name whose namespace is not known yet. */
const NEVER = -1;

/** What a name does as an attribute. */
export type NameRole = "plain" | "defaultNamespace" | "prefix";

/** One qualified name. */
export class XmlName {
  /** As written. */
  readonly qname: string;
  /** Before the colon, or "". */
  readonly prefix: string;
  /** After the colon, or all of it. */
  readonly local: string;
  /** As written, in UTF-8. */
  readonly bytes: Uint8Array;
  /** Of the bytes. */
  readonly hash: number;
  /** `xmlns` and `xmlns:*` declare namespaces. */
  readonly role: NameRole;
  /** Number of the namespace scope that `uri` was last found in: scope numbers are unique in the process. */
  scope: number = NEVER;
  /** The namespace of an element of this name in that scope. */
  uri = "";
  /** For declarations: the bytes of the last value, when it was plain ASCII, and the value itself. */
  valueBytes: Uint8Array | undefined = undefined;
  /** For declarations: the last value. */
  value = "";
  /** Where the cache has this name, if it has it. */
  slot: number;
  /** Where the cache has the name that was read after this one the last time: tried first, because records repeat. */
  nextSlot = 0;

  /** Takes a checked name apart. */
  constructor(qname: string, bytes: Uint8Array, hash: number) {
    const colon = qname.indexOf(":");
    this.qname = internalise(qname);
    this.prefix = internalise(colon < 0 ? "" : qname.slice(0, colon));
    this.local = internalise(colon < 0 ? qname : qname.slice(colon + 1));
    this.bytes = bytes;
    this.hash = hash;
    this.slot = slotOf(hash);
    this.role = qname === "xmlns" ? "defaultNamespace" : this.prefix === "xmlns" ? "prefix" : "plain";
  }
}

/** Names longer than this are not cached. */
const MAX_CACHED_LENGTH = 96;
const CACHE_SIZE = 2048;
/** The shared cache, by slot. */
export const cache: (XmlName | undefined)[] = new Array(CACHE_SIZE).fill(undefined);

function slotOf(hash: number): number {
  return (hash ^ (hash >>> 11)) & (CACHE_SIZE - 1);
}

/** The cached name with the bytes `from` to `to`, which hash to `hash`, or undefined. */
export function cachedName(bytes: Uint8Array, from: number, to: number, hash: number): XmlName | undefined {
  const slot = slotOf(hash);
  const name = cache[slot];
  if (name !== undefined && isName(name, bytes, from, to, hash)) return name;
  const other = cache[slot ^ 1];
  return other !== undefined && isName(other, bytes, from, to, hash) ? other : undefined;
}

function isName(name: XmlName, bytes: Uint8Array, from: number, to: number, hash: number): boolean {
  if (name.hash !== hash) return false;
  const own = name.bytes;
  const length = own.length;
  if (length !== to - from) return false;
  for (let i = 0; i < length; i++) if (own[i] !== bytes[from + i]) return false;
  return true;
}

/** Makes a name of the bytes and caches it; undefined when they are no qualified name. `qname` is their text. */
export function makeName(qname: string, bytes: Uint8Array, hash: number): XmlName | undefined {
  const colon = qname.indexOf(":");
  if (colon >= 0 ? !isNcName(qname.slice(0, colon)) || !isNcName(qname.slice(colon + 1)) : !isNcName(qname)) {
    return undefined;
  }
  const name = new XmlName(qname, bytes.slice(), hash);
  if (bytes.length <= MAX_CACHED_LENGTH) keep(name);
  return name;
}

/** The name that was in its place moves to the second one. */
function keep(name: XmlName): void {
  const before = cache[name.slot];
  if (before !== undefined) {
    before.slot ^= 1;
    cache[before.slot] = before;
  }
  cache[name.slot] = name;
}

/** The engine's one copy of a text: equal internalised texts are the same object, and keep no longer text alive. */
export function internalise(text: string): string {
  const keys: Record<string, true> = Object.create(null);
  keys[text] = true;
  return Object.keys(keys)[0]!;
}
