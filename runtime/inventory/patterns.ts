/**
 * Ansible's host patterns: `web*:!web07:&prod`, separated by commas or colons; `all` and `*`, names and globs of groups
 * and hosts, `~regular expression`, `group[0]`, `group[-1]`, `group[1:3]` (both ends included). Plain patterns are taken
 * first, then the `&` ones, then the `!` ones.
 * @module
 */

import { UsageError } from "../../protocol/errors.ts";
import type { Inventory, InventoryHost } from "./types.ts";

const maxPattern = 65_536;
/** What the shortest piece counts: looking at every host is work by itself. */
const leastSearched = 16;

/** How far a pattern is trusted. */
export interface PatternOptions {
  /**
   * Whether `~regular expression` may be used; default true. One that is made for it can keep the process busy for ever, so take
   * none from remote users: `false` refuses it.
   */
  readonly regularExpressions?: boolean;
  /**
   * Characters that all pieces together may have that are no host's own name, each piece counting as 16 at least; default: no bound.
   * Each of these pieces is looked for among all groups and hosts, so that a pattern of globs costs their product, while a list of
   * names costs its length.
   */
  readonly maxSearched?: number;
}

/**
 * The hosts that `pattern` selects, each once, in the order of the pattern.
 * @throws UsageError PatternUnmatched (a name or glob that nothing has), PatternMalformed, PatternRefused (`options` do not allow it)
 */
export function selectHosts(
  inventory: Inventory,
  pattern: string,
  options: PatternOptions = {},
): readonly InventoryHost[] {
  const byName = new Map(inventory.hosts.map((host) => [host.name, host]));
  const result: InventoryHost[] = [];
  for (const name of selectNames([...byName.keys()], inventory.groups, pattern, options)) {
    const host = byName.get(name);
    if (host !== undefined) result.push(host);
  }
  return result;
}

/** {@link selectHosts} on names alone. */
export function selectNames(
  hosts: readonly string[],
  groups: ReadonlyMap<string, readonly string[]>,
  pattern: string,
  options: PatternOptions = {},
): readonly string[] {
  if (pattern.length > maxPattern) {
    throw new UsageError(
      "PatternMalformed",
      `select hosts: the pattern is longer than ${maxPattern} characters`,
    );
  }
  const known = new Set(hosts);
  const terms = splitPattern(pattern, known);
  if (terms.length === 0) throw new UsageError("PatternMalformed", "select hosts: the pattern is empty");
  boundSearch(terms, known, options.maxSearched);
  const plain = terms.filter((term) => !/^[!&]/.test(term));
  const selected = new Set<string>();
  for (const term of plain.length > 0 ? plain : ["all"]) {
    for (const host of matchTerm(term, hosts, known, groups, options)) selected.add(host);
  }
  for (const sign of ["&", "!"]) {
    for (const term of terms.filter((term) => term.startsWith(sign))) {
      const matched = matchTerm(term.slice(1).trim(), hosts, known, groups, options);
      if (sign === "!") {
        for (const host of matched) selected.delete(host);
        continue;
      }
      const kept = new Set(matched);
      for (const host of selected) if (!kept.has(host)) selected.delete(host);
    }
  }
  return [...selected];
}

/** @throws UsageError PatternRefused */
function boundSearch(terms: readonly string[], known: ReadonlySet<string>, most = Infinity): void {
  let searched = 0;
  for (const term of terms) {
    const expression = term.replace(/^[!&]/, "").trim();
    if (!known.has(expression)) searched += Math.max(leastSearched, expression.length);
  }
  if (searched > most) {
    throw new UsageError(
      "PatternRefused",
      `select hosts: too many or too long globs and groups: ${most} characters together, 16 for each at least`,
    );
  }
}

/** Splits at commas; without any, at colons, which may also belong to a subscript, an IPv6 address or a host's own name. */
function splitPattern(pattern: string, hosts: ReadonlySet<string>): string[] {
  const trimmed = pattern.trim();
  if (hosts.has(trimmed)) return [trimmed];
  const parts = trimmed.includes(",")
    ? splitOutsideBrackets(trimmed, ",")
    : /^[!&]?[0-9a-fA-F]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$/.test(trimmed)
    ? [trimmed]
    : splitColons(trimmed, hosts);
  return parts.map((part) => part.trim()).filter((part) => part !== "");
}

function splitOutsideBrackets(text: string, separator: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (char === "[") depth++;
    else if (char === "]") depth = Math.max(0, depth - 1);
    else if (char === separator && depth === 0) {
      parts.push(text.slice(from, at));
      from = at + 1;
    }
  }
  parts.push(text.slice(from));
  return parts;
}

/** Colons separate, but a piece that only together with the next one is a host's name (`web01:5985`) stays whole. */
function splitColons(text: string, hosts: ReadonlySet<string>): string[] {
  const pieces = splitOutsideBrackets(text, ":");
  const parts: string[] = [];
  for (let at = 0; at < pieces.length; at++) {
    const piece = pieces[at] ?? "";
    const joined = `${piece}:${pieces[at + 1] ?? ""}`;
    if (at + 1 < pieces.length && hosts.has(joined.replace(/^\s*[!&]/, "").trim())) {
      parts.push(joined);
      at++;
    } else parts.push(piece);
  }
  return parts;
}

function matchTerm(
  term: string,
  hosts: readonly string[],
  known: ReadonlySet<string>,
  groups: ReadonlyMap<string, readonly string[]>,
  { regularExpressions = true }: PatternOptions,
): readonly string[] {
  if (known.has(term)) return [term];
  if (term === "") throw new UsageError("PatternMalformed", "select hosts: a ! or & has no pattern after it");
  const { expression, from, to } = splitSubscript(term);
  if (!regularExpressions && expression.startsWith("~")) {
    throw new UsageError(
      "PatternRefused",
      `select hosts: ${shown(term)} is a regular expression, which is not allowed here; use names and globs`,
    );
  }
  const matches = matcher(expression);
  const found = new Set<string>();
  let matched = false;
  for (const [name, members] of groups) {
    if (!matches(name)) continue;
    matched = true;
    for (const host of members) found.add(host);
  }
  // An ordinary name that is a group's does not also mean a host.
  if (!matched || /^~|[.?*\[]/.test(expression)) {
    for (const host of hosts) {
      if (!matches(host)) continue;
      matched = true;
      found.add(host);
    }
  }
  if (!matched) {
    throw new UsageError(
      "PatternUnmatched",
      `select hosts: no host or group matches ${shown(term)}`,
    );
  }
  const list = [...found];
  if (from === undefined) return list;
  const part = to === undefined ? list.slice(from, from === -1 ? undefined : from + 1) : list.slice(from, to);
  if (part.length === 0) {
    throw new UsageError(
      "PatternUnmatched",
      `select hosts: ${shown(term)} is beyond its ${list.length} hosts`,
    );
  }
  return part;
}

/** A piece of a pattern for an error's text; patterns may be as long as {@link maxPattern}. */
function shown(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}

function splitSubscript(
  term: string,
): { expression: string; from: number | undefined; to: number | undefined } {
  const match = term.startsWith("~") ? null : /^(.+)\[(?:(-?\d{1,9})|(\d{1,9}):(\d{0,9}))\]$/.exec(term);
  if (match === null) return { expression: term, from: undefined, to: undefined };
  const [, expression = "", index, from, end] = match;
  if (index !== undefined) return { expression, from: Number(index), to: undefined };
  return { expression, from: Number(from), to: end === "" ? Infinity : Number(end) + 1 };
}

function matcher(expression: string): (name: string) => boolean {
  if (expression === "all") return (name) => name === "all";
  if (expression.startsWith("~")) {
    try {
      // As Python's match(): from the beginning of the name.
      const pattern = new RegExp(`^(?:${expression.slice(1)})`, "u");
      return (name) => pattern.test(name);
    } catch {
      throw new UsageError(
        "PatternMalformed",
        `select hosts: ${shown(expression)} is not a regular expression`,
      );
    }
  }
  if (!/[*?\[]/.test(expression)) return (name) => name === expression;
  const glob = compileGlob(expression);
  return (name) => matchGlob(glob, name);
}

/** One element of a glob: any run of characters, or one character by a test. */
type GlobElement = "many" | ((char: string) => boolean);

function compileGlob(text: string): readonly GlobElement[] {
  const chars = [...text];
  const elements: GlobElement[] = [];
  for (let at = 0; at < chars.length; at++) {
    const char = chars[at] ?? "";
    if (char === "*") {
      if (elements.at(-1) !== "many") elements.push("many");
    } else if (char === "?") elements.push(() => true);
    else if (char === "[") {
      const negated = chars[at + 1] === "!";
      const start = at + (negated ? 2 : 1);
      // A bracket directly after the opening one is a member of the set.
      const close = chars.indexOf("]", start + 1);
      if (close < 0) elements.push((other) => other === "[");
      else {
        elements.push(characterSet(chars.slice(start, close), negated));
        at = close;
      }
    } else elements.push((other) => other === char);
  }
  return elements;
}

function characterSet(members: readonly string[], negated: boolean): (char: string) => boolean {
  const singles = new Set<string>();
  const tests: ((char: string) => boolean)[] = [];
  for (let at = 0; at < members.length; at++) {
    const low = members[at] ?? "";
    const high = members[at + 2];
    if (members[at + 1] === "-" && high !== undefined) {
      tests.push((char) => char >= low && char <= high);
      at += 2;
    } else singles.add(low);
  }
  return (char) => (singles.has(char) || tests.some((test) => test(char))) !== negated;
}

/** Greedy with one point to return to: linear in practice, quadratic at worst, never exponential. */
function matchGlob(glob: readonly GlobElement[], name: string): boolean {
  const chars = [...name];
  let element = 0;
  let at = 0;
  let star = -1;
  let resume = 0;
  while (at < chars.length) {
    const current = glob[element];
    if (current === "many") {
      star = element++;
      resume = at;
    } else if (current !== undefined && current(chars[at] ?? "")) {
      element++;
      at++;
    } else if (star >= 0) {
      element = star + 1;
      at = ++resume;
    } else return false;
  }
  while (glob[element] === "many") element++;
  return element === glob.length;
}
