/** An inventory while it is being read: groups, hosts and their variables, and Ansible's precedence between them. @module */

import { inventoryError, type Place } from "./errors.ts";
import type { IgnoredVariable } from "./types.ts";
import type { Variable, Variables } from "./values.ts";

/** Most hosts that ranges and lists may make in one inventory. */
export const maxHosts = 65_536;
/** Deepest nesting of groups. */
export const maxGroupDepth = 64;

const priorityName = "ansible_group_priority";

/** A group as read. */
export interface GroupEntry {
  readonly name: string;
  readonly children: Map<string, Place>;
  readonly hosts: Set<string>;
  readonly variables: Variables;
  /** From group_vars/. */
  readonly fileVariables: Variables;
}

/** A host as read. */
export interface HostEntry {
  readonly name: string;
  readonly place: Place;
  readonly variables: Variables;
  /** From host_vars/. */
  readonly fileVariables: Variables;
}

/** Collects what the parsers find; {@link InventoryModel.finish} checks it and settles `all` and `ungrouped`. */
export class InventoryModel {
  readonly hosts = new Map<string, HostEntry>();
  readonly groups = new Map<string, GroupEntry>();
  readonly ignored: IgnoredVariable[] = [];
  /** Files that are encrypted as a whole, by the group or host whose variables they hold. */
  readonly vaultFiles = new Map<string, string>();
  readonly #depths = new Map<string, number>();
  readonly #groupsOf = new Map<string, Set<string>>();
  #finished = false;

  constructor() {
    this.group("all");
    this.group("ungrouped");
  }

  /** The group of this name, made when new. */
  group(name: string): GroupEntry {
    let entry = this.groups.get(name);
    if (entry === undefined) {
      entry = { name, children: new Map(), hosts: new Set(), variables: new Map(), fileVariables: new Map() };
      this.groups.set(name, entry);
    }
    return entry;
  }

  /** The host of this name, made when new, as a member of `group`. */
  host(name: string, group: string, place: Place): HostEntry {
    let entry = this.hosts.get(name);
    if (entry === undefined) {
      if (this.hosts.size >= maxHosts) {
        throw inventoryError("InventoryTooLarge", "read inventory", place, `more than ${maxHosts} hosts`);
      }
      entry = { name, place, variables: new Map(), fileVariables: new Map() };
      this.hosts.set(name, entry);
    }
    this.group(group).hosts.add(name);
    return entry;
  }

  /** Makes `child` a child of `parent`. */
  child(parent: string, child: string, place: Place): void {
    this.group(child);
    const children = this.group(parent).children;
    if (!children.has(child)) children.set(child, place);
  }

  /**
   * Puts groups without a parent under `all` and hosts without a group into `ungrouped`.
   * @throws UsageError InventoryCycle, InventoryTooDeep
   */
  finish(): void {
    if (this.#finished) return;
    const childNames = new Set<string>();
    for (const group of this.groups.values()) {
      for (const child of group.children.keys()) childNames.add(child);
    }
    const nowhere: Place = { file: "", line: 0 };
    const all = this.group("all");
    for (const name of this.groups.keys()) {
      if (name !== "all" && !childNames.has(name)) all.children.set(name, nowhere);
    }
    this.#measure();
    for (const group of this.groups.values()) {
      if (group.name === "all") continue;
      for (const name of this.hostsOf(group.name)) {
        let groups = this.#groupsOf.get(name);
        if (groups === undefined) this.#groupsOf.set(name, groups = new Set());
        groups.add(group.name);
      }
    }
    const ungrouped = this.group("ungrouped");
    for (const name of this.hosts.keys()) {
      const groups = this.#groupsOf.get(name);
      if (groups === undefined) {
        ungrouped.hosts.add(name);
        this.#groupsOf.set(name, new Set(["ungrouped"]));
      } else if (groups.size > 1 && groups.delete("ungrouped")) {
        ungrouped.hosts.delete(name);
      }
    }
    this.#finished = true;
  }

  /** Longest path from `all` to every group; finds cycles (also those that hang on nothing) and groups too deep. */
  #measure(): void {
    const incoming = new Map<string, number>();
    for (const group of this.groups.values()) {
      for (const child of group.children.keys()) incoming.set(child, (incoming.get(child) ?? 0) + 1);
    }
    const ready = [...this.groups.keys()].filter((name) => !incoming.has(name));
    for (const name of ready) this.#depths.set(name, 0);
    for (let name = ready.pop(); name !== undefined; name = ready.pop()) {
      const depth = (this.#depths.get(name) ?? 0) + 1;
      for (const [child, place] of this.group(name).children) {
        if (depth > maxGroupDepth) {
          throw inventoryError(
            "InventoryTooDeep",
            "read inventory",
            place,
            `group ${child} is nested deeper than ${maxGroupDepth} levels`,
          );
        }
        this.#depths.set(child, Math.max(this.#depths.get(child) ?? 0, depth));
        const left = (incoming.get(child) ?? 1) - 1;
        incoming.set(child, left);
        if (left === 0) ready.push(child);
      }
    }
    for (const group of this.groups.values()) {
      for (const [child, place] of group.children) {
        if ((incoming.get(child) ?? 0) > 0 && (incoming.get(group.name) ?? 0) > 0) {
          throw inventoryError(
            "InventoryCycle",
            "read inventory",
            place,
            `group ${child} is its own descendant`,
          );
        }
      }
    }
  }

  /** Hosts of a group and its descendants, nearest first. */
  hostsOf(name: string): string[] {
    const seen = new Set<string>([name]);
    const hosts = new Set<string>();
    // A Set is iterated in the order of insertion, also while it grows: breadth first.
    for (const group of seen) {
      const entry = this.groups.get(group);
      for (const host of entry?.hosts ?? []) hosts.add(host);
      for (const child of entry?.children.keys() ?? []) seen.add(child);
    }
    return [...hosts];
  }

  /** Groups of a host, ancestors included, without `all`, from weakest to strongest in Ansible's order. */
  groupsOf(host: string): string[] {
    const priority = (name: string) => groupPriority(this.group(name));
    return [...(this.#groupsOf.get(host) ?? [])].sort((a, b) =>
      (this.#depths.get(a) ?? 0) - (this.#depths.get(b) ?? 0) || priority(a) - priority(b) || (a < b ? -1 : 1)
    );
  }

  /**
   * The host's variables: `all`, then groups (parents before children, then `ansible_group_priority`, then name), then
   * group_vars/all, then group_vars/ of those groups, then the host's own, then host_vars/; the later wins.
   */
  variablesOf(host: HostEntry): Variables {
    const groups = this.groupsOf(host.name).map((name) => this.group(name));
    const all = this.group("all");
    const layers = [
      all.variables,
      ...groups.map((group) => group.variables),
      all.fileVariables,
      ...groups.map((group) => group.fileVariables),
      host.variables,
      host.fileVariables,
    ];
    const result: Variables = new Map();
    for (const layer of layers) for (const [name, variable] of layer) result.set(name, variable);
    // It orders groups and is no variable of their hosts.
    if (!host.variables.has(priorityName)) result.delete(priorityName);
    return result;
  }
}

function groupPriority(group: GroupEntry): number {
  const value: Variable | undefined = group.variables.get(priorityName);
  const priority = Number(value?.value ?? 1);
  return Number.isFinite(priority) ? priority : 1;
}
