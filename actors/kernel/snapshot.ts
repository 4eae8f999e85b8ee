/**
 * A bounded picture of a tree of any size, for a terminal, a log or a dashboard: sums over everything, and the lines of a
 * limited number of actors. It looks at every actor once and makes objects and texts for the chosen ones only.
 * @module
 */
import type { Cell } from "./cell.ts";
import { describeCell, figuresOf, oldestMs, stateOf } from "./inspection.ts";

/** Which part of the tree is to be seen, and how much of it. */
export interface SnapshotOptions {
  /** The subtree below this path, e.g. `/fleet`; default the whole tree. A name that has a `/` in it is not found. */
  readonly path?: string;
  /** Lines at most (1 to 1,000); default 200. */
  readonly limit?: number;
  /** Whether the numbers that actors tell are summed up (`totals.figures`); default false: it asks every actor. */
  readonly sums?: boolean;
}

/** Sums over all actors of a picture, those without a line included. */
export interface SnapshotTotals {
  /** Actors. */
  readonly actors: number;
  /** How many are in which state; see {@link ActorLine.state}. */
  readonly states: Readonly<Record<string, number>>;
  /** Messages in mailboxes. */
  readonly messages: number;
  /** Messages that wait for room in a mailbox. */
  readonly waiters: number;
  /** Messages that were dropped to make room. */
  readonly shed: number;
  /** Restarts of those that live. */
  readonly restarts: number;
  /** The longest mailbox. */
  readonly deepestMailbox: number;
  /** Milliseconds since the oldest message of all was queued. */
  readonly oldestMs: number;
  /** Sums of the numbers that they tell, by name; only where they were asked for. */
  readonly figures?: Readonly<Record<string, number>>;
}

/** One actor. */
export interface ActorLine {
  /** Unique in its process. */
  readonly id: number;
  /** Place in the tree; `/` for the root. */
  readonly path: string;
  /** `running`; `waiting` (for room in a mailbox); `new`, `starting`, `stopping`, `ending`, `passive`, `down`. */
  readonly state: string;
  /** Messages in its mailbox. */
  readonly mailbox: number;
  /** Bound of the mailbox. */
  readonly capacity: number;
  /** Messages that wait for room in the mailbox. */
  readonly waiters: number;
  /** Messages that were dropped to make room. */
  readonly shed: number;
  /** Milliseconds since the oldest message in the mailbox was queued. */
  readonly oldestMs: number;
  /** How often it was restarted. */
  readonly restarts: number;
  /** Its names in the registry. */
  readonly names: readonly string[];
  /** What it says that it is doing; at most 500 characters. */
  readonly doing?: string;
  /** Numbers that it tells. */
  readonly figures?: Readonly<Record<string, number>>;
  /** Its living children. */
  readonly children: number;
  /** Actors below it, at any depth, that have no line. */
  readonly hidden: number;
}

/** A picture of a tree of actors at one moment. */
export interface SystemSnapshot {
  /** What it shows: this actor and all below it. */
  readonly path: string;
  /** Sums over all of them. */
  readonly totals: SnapshotTotals;
  /**
   * All of them where the limit allows, else those with the deepest mailboxes and the oldest messages, then those furthest down
   * the tree (whoever works has children), each with the actors above it. Parents stand before their children, siblings in
   * start order.
   */
  readonly actors: readonly ActorLine[];
}

const DEFAULT_LIMIT = 200;
const MAX_LIMIT = 1_000;
const MAX_TEXT = 500;
const MAX_FIGURES = 32;

/** The picture of `root` or of what `options.path` names below it; `undefined` when there is no such actor. */
export function snapshotOf(
  root: Cell,
  now: number,
  options: SnapshotOptions = {},
): SystemSnapshot | undefined {
  const top = cellAt(root, options.path ?? "/");
  if (top === undefined) return undefined;
  const limit = Math.min(MAX_LIMIT, Math.max(1, Math.floor(options.limit ?? DEFAULT_LIMIT) || 1));
  const cells = breadthFirst(top);
  const chosen = choose(cells, top, limit, now);
  return {
    path: pathOf(top),
    totals: totalsOf(cells, now, options.sums === true),
    actors: linesOf(top, cells, chosen, now),
  };
}

/** The actor at a path below `root`. */
export function cellAt(root: Cell, path: string): Cell | undefined {
  let cell: Cell | undefined = root;
  for (const name of path.split("/")) if (name !== "") cell = cell?.children?.get(name);
  return cell;
}

/** `top` and all below it, parents before children. Grows while it is walked over, so that depth needs no stack. */
function breadthFirst(top: Cell): Cell[] {
  const cells = [top];
  for (const cell of cells) {
    if (cell.children !== undefined) { for (const child of cell.children.values()) cells.push(child); }
  }
  return cells;
}

function totalsOf(cells: readonly Cell[], now: number, sums: boolean): SnapshotTotals {
  const states: Record<string, number> = {};
  let [messages, waiters, shed, restarts, deepestMailbox, oldest] = [0, 0, 0, 0, 0, 0];
  for (const cell of cells) {
    const state = stateOf(cell);
    states[state] = (states[state] ?? 0) + 1;
    const depth = cell.mailbox?.size ?? 0;
    messages += depth;
    waiters += cell.waiters?.size ?? 0;
    shed += cell.shed;
    restarts += cell.restarts;
    deepestMailbox = Math.max(deepestMailbox, depth);
    oldest = Math.max(oldest, oldestMs(cell, now));
  }
  return {
    actors: cells.length,
    states,
    messages,
    waiters,
    shed,
    restarts,
    deepestMailbox,
    oldestMs: oldest,
    ...(sums ? { figures: sumsOf(cells) } : {}),
  };
}

function sumsOf(cells: readonly Cell[]): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const cell of cells) {
    for (const [name, value] of Object.entries(figuresOf(cell, MAX_FIGURES) ?? {})) {
      sums[name] = (sums[name] ?? 0) + value;
    }
  }
  return sums;
}

/** Who gets a line: at most `limit`, and with everyone the actors above him. */
function choose(cells: readonly Cell[], top: Cell, limit: number, now: number): ReadonlySet<Cell> {
  if (cells.length <= limit) return new Set(cells);
  const chosen = new Set<Cell>([top]);
  const busy = cells.filter((cell) => (cell.mailbox?.size ?? 0) > 0 || cell.waiters !== undefined);
  const deepest = largest(busy, limit, (cell) => (cell.mailbox?.size ?? 0) + (cell.waiters?.size ?? 0));
  const oldest = largest(busy, limit, (cell) => oldestMs(cell, now));
  for (let at = 0; at < Math.max(deepest.length, oldest.length) && chosen.size < limit; at++) {
    add(deepest[at], chosen, limit);
    add(oldest[at], chosen, limit);
  }
  for (let at = cells.length - 1; at > 0 && chosen.size < limit; at--) add(cells[at], chosen, limit);
  return chosen;
}

/** Adds an actor with all above it, if they fit together. */
function add(cell: Cell | undefined, chosen: Set<Cell>, limit: number): void {
  const chain: Cell[] = [];
  for (let at = cell; at !== undefined && !chosen.has(at); at = at.parent) {
    chain.push(at);
    if (chosen.size + chain.length > limit) return;
  }
  for (const one of chain) chosen.add(one);
}

/** The `count` cells with the largest `size`, largest first; among equals the earlier ones. */
function largest(cells: readonly Cell[], count: number, size: (cell: Cell) => number): Cell[] {
  const sizes: number[] = [];
  const kept: Cell[] = [];
  for (const cell of cells) {
    const own = size(cell);
    if (kept.length === count && own <= (sizes[count - 1] ?? 0)) continue;
    let at = kept.length;
    while (at > 0 && (sizes[at - 1] ?? 0) < own) at--;
    sizes.splice(at, 0, own);
    kept.splice(at, 0, cell);
    if (kept.length > count) {
      sizes.pop();
      kept.pop();
    }
  }
  return kept;
}

/** The lines of the chosen, in the order of the tree. */
function linesOf(top: Cell, cells: readonly Cell[], chosen: ReadonlySet<Cell>, now: number): ActorLine[] {
  const hidden = hiddenBelow(top, cells, chosen);
  const lines: ActorLine[] = [];
  const open = [top];
  for (let cell = open.pop(); cell !== undefined; cell = open.pop()) {
    lines.push(lineOf(cell, hidden.get(cell) ?? 0, now));
    if (cell.children === undefined) continue;
    const shown = [...cell.children.values()].filter((child) => chosen.has(child));
    open.push(...shown.reverse());
  }
  return lines;
}

/** How many without a line are below each actor that has one. */
function hiddenBelow(
  top: Cell,
  cells: readonly Cell[],
  chosen: ReadonlySet<Cell>,
): ReadonlyMap<Cell, number> {
  const hidden = new Map<Cell, number>();
  const count = (parent: Cell | undefined, number: number) => {
    for (let at = parent; at !== undefined && number > 0; at = at === top ? undefined : at.parent) {
      if (chosen.has(at)) hidden.set(at, (hidden.get(at) ?? 0) + number);
    }
  };
  // Siblings stand together.
  let parent: Cell | undefined;
  let siblings = 0;
  for (const cell of cells) {
    if (chosen.has(cell)) continue;
    if (cell.parent === parent) siblings++;
    else {
      count(parent, siblings);
      parent = cell.parent;
      siblings = 1;
    }
  }
  count(parent, siblings);
  return hidden;
}

function lineOf(cell: Cell, hidden: number, now: number): ActorLine {
  const doing = describeCell(cell);
  const figures = figuresOf(cell, MAX_FIGURES);
  return {
    id: cell.ref.id,
    path: pathOf(cell),
    state: stateOf(cell),
    mailbox: cell.mailbox?.size ?? 0,
    capacity: cell.capacity,
    waiters: cell.waiters?.size ?? 0,
    shed: cell.shed,
    oldestMs: oldestMs(cell, now),
    restarts: cell.restarts,
    names: [...cell.names ?? []],
    ...(doing === undefined ? {} : { doing: doing.slice(0, MAX_TEXT) }),
    ...(figures === undefined ? {} : { figures }),
    children: cell.children?.size ?? 0,
    hidden,
  };
}

function pathOf(cell: Cell): string {
  return cell.ref.path === "" ? "/" : cell.ref.path;
}
