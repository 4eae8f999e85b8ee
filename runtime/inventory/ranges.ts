/** Host patterns of inventories: `web[01:50].example.com`, `db-[a:f]`, steps, several ranges, `host:port`. @module */

import { inventoryError, type Place } from "./errors.ts";
import { maxHosts } from "./model.ts";

/** The names that a pattern stands for, and its port. */
export interface ExpandedHosts {
  readonly names: readonly string[];
  readonly port: number | undefined;
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const action = "expand host pattern";

/**
 * Splits `:port` off and expands the ranges.
 * @throws UsageError InventoryRange (malformed), InventoryTooLarge (more than 65,536 names), InventoryHost (bad port)
 */
export function expandHostPattern(pattern: string, place: Place): ExpandedHosts {
  const { host, port } = splitPort(pattern, place);
  if (!host.includes("[")) return { names: [host], port };
  const names: string[] = [];
  expand("", host, names, place);
  return { names, port };
}

function splitPort(pattern: string, place: Place): { host: string; port: number | undefined } {
  const bracketed = /^\[([^\[\]]*:[^\[\]]*)\](?::(\d+))?$/.exec(pattern);
  // [::1]:5985 is an address in brackets; [1:3] alone is a range.
  if (bracketed !== null && looksLikeIpv6(bracketed[1] ?? "")) {
    return { host: bracketed[1] ?? "", port: parsePort(bracketed[2], place) };
  }
  const plain = /^((?:[^:\[\]]|\[[^\]]*\])+):(\d+)$/.exec(pattern);
  if (plain !== null) return { host: plain[1] ?? "", port: parsePort(plain[2], place) };
  if (pattern.endsWith(":") && !looksLikeIpv6(pattern)) {
    throw inventoryError(
      "InventoryHost",
      action,
      place,
      `${JSON.stringify(pattern)} ends in a colon without a port`,
    );
  }
  return { host: pattern, port: undefined };
}

/** Whether the text can only be an IPv6 address: hexadecimal digits with at least two colons. */
export function looksLikeIpv6(text: string): boolean {
  return /^[0-9a-fA-F:.]*(?:%[\w.-]+)?$/.test(text) && (text.match(/:/g)?.length ?? 0) >= 2;
}

/** A port from 1 to 65535. @throws UsageError InventoryHost */
export function parsePort(text: string | undefined, place: Place): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535) {
    throw inventoryError(
      "InventoryHost",
      action,
      place,
      `port ${text.slice(0, 20)} is not between 1 and 65535`,
    );
  }
  return port;
}

function expand(head: string, rest: string, names: string[], place: Place): void {
  const open = rest.indexOf("[");
  if (open < 0) {
    if (names.length >= maxHosts) {
      throw inventoryError("InventoryTooLarge", action, place, `more than ${maxHosts} hosts`);
    }
    names.push(head + rest);
    return;
  }
  const close = rest.indexOf("]", open);
  if (close < 0) fail("a bracket is not closed", place);
  const before = head + rest.slice(0, open);
  const after = rest.slice(close + 1);
  for (const item of rangeItems(rest.slice(open + 1, close), place)) {
    expand(before + item, after, names, place);
  }
}

function* rangeItems(range: string, place: Place): Generator<string> {
  const bounds = range.split(":");
  const [begin = "", end = "", stepText = "1"] = bounds;
  if (bounds.length < 2 || bounds.length > 3) fail(`[${range}] is not begin:end or begin:end:step`, place);
  if (end === "") fail(`[${range}] has no end`, place);
  const step = Number(stepText);
  if (!/^\d{1,9}$/.test(stepText) || step < 1) {
    fail(`[${range}] has a step that is no positive number`, place);
  }
  const first = begin.length === 1 ? letters.indexOf(begin) : -1;
  const last = end.length === 1 ? letters.indexOf(end) : -1;
  if (first >= 0 && last >= 0) {
    if (first > last) fail(`[${range}] begins after its end`, place);
    for (let at = first; at <= last; at += step) yield letters.charAt(at);
    return;
  }
  const from = begin === "" ? "0" : begin;
  if (!/^\d{1,15}$/.test(from) || !/^\d{1,15}$/.test(end)) {
    fail(`[${range}] is no range of numbers or letters`, place);
  }
  const padded = from.length > 1 && from.startsWith("0");
  if (padded && from.length !== end.length) fail(`[${range}] has bounds of different lengths`, place);
  if (Number(from) > Number(end)) fail(`[${range}] begins after its end`, place);
  for (let at = Number(from); at <= Number(end); at += step) {
    yield padded ? String(at).padStart(from.length, "0") : String(at);
  }
}

function fail(state: string, place: Place): never {
  throw inventoryError("InventoryRange", action, place, state);
}
