/** `winrm/config` as a tree, for whoever wants all of it: what our client does not know of is in it as well. @module */
import { ProtocolError } from "../errors.ts";
import { type Envelope, ns } from "../soap/mod.ts";
import type { XmlElement } from "../xml/mod.ts";

/** A setting, or a group of settings. */
export type SettingValue = string | number | boolean | SettingTree;

/** Settings by name, spelt as the host spells them. */
export interface SettingTree {
  readonly [name: string]: SettingValue;
}

/** Groups within groups: Windows has three. Below that everything is text. */
const maxDepth = 8;

/**
 * Reads an answer to Get of the whole winrm/config.
 *
 * @throws ProtocolError `NotConfig`
 */
export function readSettings(envelope: Envelope): SettingTree {
  const root = envelope.body.child(ns.cfg, "Config");
  if (root === undefined) {
    throw new ProtocolError("NotConfig", "read winrm/config: the answer has no Config in it");
  }
  return treeOf(root, 1);
}

function treeOf(group: XmlElement, depth: number): SettingTree {
  return Object.fromEntries(group.children.map((child) => [child.local, valueOf(child, depth)]));
}

function valueOf(setting: XmlElement, depth: number): SettingValue {
  if (setting.firstChild !== undefined && depth < maxDepth) return treeOf(setting, depth + 1);
  const text = setting.text.trim();
  if (text === "true" || text === "false") return text === "true";
  // The largest that Windows writes is 2^32 - 1; a number with a zero in front is a name of some kind.
  return /^(?:0|[1-9]\d{0,9})$/.test(text) ? Number(text) : text;
}
