/** Security descriptors as text: the security descriptor definition language ([MS-DTYP] 2.5.1). @module */
import { UsageError } from "../errors.ts";
import { AccessRight, type Ace, type SecurityDescriptor } from "./access_check.ts";
import { parseSid, type Sid } from "./sid.ts";
import { sidAliases } from "./well_known.ts";

/** Characters of the longest text that is read: with it winrm/config still fits into the smallest envelope of a service. */
const maxSddlLength = 16_384;

/** Types of entries that are read, and in which list they may stand. */
const kinds: Readonly<Record<string, { readonly kind: Ace["kind"]; readonly list: "D" | "S" }>> = {
  A: { kind: "allow", list: "D" },
  D: { kind: "deny", list: "D" },
  AU: { kind: "audit", list: "S" },
  AL: { kind: "alarm", list: "S" },
};

const aceFlags = new Set(["CI", "OI", "NP", "IO", "ID", "SA", "FA"]);

const rights: ReadonlyMap<string, number> = new Map([
  ["GA", AccessRight.all],
  ["GX", AccessRight.execute],
  ["GW", AccessRight.write],
  ["GR", AccessRight.read],
  ["SD", 0x0001_0000],
  ["RC", 0x0002_0000],
  ["WD", 0x0004_0000],
  ["WO", 0x0008_0000],
  ["CC", 0x01],
  ["DC", 0x02],
  ["LC", 0x04],
  ["SW", 0x08],
  ["RP", 0x10],
  ["WP", 0x20],
  ["DT", 0x40],
  ["LO", 0x80],
  ["CR", 0x100],
  ["FA", 0x001f_01ff],
  ["FR", 0x0012_0089],
  ["FW", 0x0012_0116],
  ["FX", 0x0012_00a0],
  ["KA", 0x000f_003f],
  ["KR", 0x0002_0019],
  ["KW", 0x0002_0006],
  ["KX", 0x0002_0019],
]);

/**
 * Reads a descriptor: `O:`, `G:`, `D:` and `S:`, each at most once. Entries for objects, with conditions, labels and claims are not
 * read: leaving out one that refuses somebody would let them in.
 *
 * @throws UsageError `SddlMalformed`, `SddlUnsupported`
 */
export function parseSddl(text: string): SecurityDescriptor {
  if (text.length > maxSddlLength) throw malformed(`it has more than ${maxSddlLength} characters`);
  const found: { O?: Sid; G?: Sid; D?: readonly Ace[] | null; S?: readonly Ace[] | null } = {};
  let at = 0;
  while (at < text.length) {
    const part = text[at]!;
    if (text[at + 1] !== ":" || !"OGDS".includes(part)) throw malformed(`${shown(text, at)} begins no part`);
    if (Object.hasOwn(found, part)) throw malformed(`${part}: is there twice`);
    at += 2;
    const end = partEnd(text, at);
    const content = text.slice(at, end);
    if (part === "O" || part === "G") found[part] = readSid(content);
    else if (part === "D" || part === "S") found[part] = readList(content, part);
    at = end;
  }
  return { owner: found.O, group: found.G, dacl: found.D ?? undefined, sacl: found.S ?? undefined };
}

/** Where the part ends that `at` is in: no colon stands in one. */
function partEnd(text: string, at: number): number {
  const colon = text.indexOf(":", at);
  return colon === -1 ? text.length : Math.max(at, colon - 1);
}

/** The entries of a list; `null`: it is said that there is none. */
function readList(text: string, list: "D" | "S"): readonly Ace[] | null {
  const open = text.indexOf("(");
  const flags = open === -1 ? text : text.slice(0, open);
  if (flags === "NO_ACCESS_CONTROL" && open === -1) return null;
  if (!/^(?:P|AR|AI)*$/.test(flags)) throw malformed(`${shown(flags, 0)} are no flags of a list`);
  if (open === -1) return [];
  const aces: Ace[] = [];
  for (let at = open; at < text.length;) {
    const close = text.indexOf(")", at);
    if (text[at] !== "(" || close === -1) throw malformed(`${shown(text, at)} is no entry`);
    aces.push(readAce(text.slice(at + 1, close), list));
    at = close + 1;
  }
  return aces;
}

function readAce(text: string, list: "D" | "S"): Ace {
  const fields = text.split(";", 8);
  const [type = "", flags = "", mask = "", object = "", inherited = "", sid = ""] = fields;
  if (fields.length < 6) throw malformed(`(${shown(text, 0)}) has fewer than six fields`);
  const known = Object.hasOwn(kinds, type) ? kinds[type]! : undefined;
  if (known === undefined || object !== "" || inherited !== "" || fields.length > 6) {
    throw new UsageError("SddlUnsupported", `read SDDL: entries like (${shown(text, 0)}) are not known here`);
  }
  if (known.list !== list) throw malformed(`(${shown(text, 0)}) stands in the wrong list`);
  return { kind: known.kind, flags: readFlags(flags), rights: readRights(mask), sid: readSid(sid) };
}

function readFlags(text: string): readonly string[] {
  const flags = pairs(text);
  if (!flags.every((flag) => aceFlags.has(flag))) {
    throw malformed(`${shown(text, 0)} are no flags of an entry`);
  }
  return flags;
}

function readRights(text: string): number {
  if (/^0x[0-9a-f]{1,8}$/i.test(text)) return Number(text);
  let mask = 0;
  for (const word of pairs(text)) {
    const right = rights.get(word);
    if (right === undefined) throw malformed(`${shown(text, 0)} are no rights`);
    mask |= right;
  }
  return mask >>> 0;
}

function pairs(text: string): string[] {
  return text.match(/..?/gs) ?? [];
}

function readSid(text: string): Sid {
  const sid = sidAliases.get(text) ?? parseSid(text);
  if (sid !== undefined) return sid;
  throw malformed(`${shown(text, 0)} is no SID, and no alias of one that means the same everywhere`);
}

/** A piece of the text for an error. */
function shown(text: string, at: number): string {
  const piece = text.slice(at, at + 40);
  return piece === "" ? "nothing" : piece;
}

function malformed(why: string): UsageError {
  return new UsageError("SddlMalformed", `read SDDL: ${why}`);
}
