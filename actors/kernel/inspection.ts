/** A picture of the tree of actors for logs, metrics and people. @module */
import type { Cell, CellState } from "./cell.ts";

/** One actor at the moment of the picture. */
export interface ActorInfo {
  /** Unique in its system. */
  readonly id: number;
  /** Place in the tree; `/` for the root. */
  readonly path: string;
  /** The label of its specification, as it is. */
  readonly label: string | undefined;
  /** Its names in the registry. */
  readonly names: readonly string[];
  /** `waiting`: it runs, but takes no user message until a message of its own was accepted. */
  readonly state: CellState | "waiting";
  /** Messages in the user lane. */
  readonly mailbox: number;
  /** Bound of the user lane. */
  readonly capacity: number;
  /** Messages that wait for room in the mailbox. */
  readonly waiters: number;
  /** Messages that were dropped to make room. */
  readonly shed: number;
  /** Milliseconds since the oldest message in the user lane was queued; 0 when there is none. */
  readonly oldestMs: number;
  /** How often it was restarted. */
  readonly restarts: number;
  /** What it says that it is doing. */
  readonly doing: string | undefined;
  /** Numbers that it tells, e.g. credit left. */
  readonly figures: Readonly<Record<string, number>> | undefined;
  /** In start order. */
  readonly children: readonly ActorInfo[];
}

/** The picture of `cell` and of everything below it, without a bound. `now`: monotonic milliseconds. */
export function inspectCell(cell: Cell, now: number): ActorInfo {
  return {
    id: cell.ref.id,
    path: cell.ref.path === "" ? "/" : cell.ref.path,
    label: cell.spec.label,
    names: [...cell.names ?? []],
    state: stateOf(cell),
    mailbox: cell.mailbox?.size ?? 0,
    capacity: cell.capacity,
    waiters: cell.waiters?.size ?? 0,
    shed: cell.shed,
    oldestMs: oldestMs(cell, now),
    restarts: cell.restarts,
    doing: describeCell(cell),
    figures: figuresOf(cell),
    children: [...cell.children?.values() ?? []].map((child) => inspectCell(child, now)),
  };
}

/** The state as others are told it. */
export function stateOf(cell: Cell): CellState | "waiting" {
  return cell.state === "running" && cell.waitingOn !== undefined ? "waiting" : cell.state;
}

/** Milliseconds since the oldest message in the user lane was queued; 0 when there is none. */
export function oldestMs(cell: Cell, now: number): number {
  const { mailbox } = cell;
  return mailbox !== undefined && mailbox.size > 0 ? Math.max(0, now - mailbox.oldestAt) : 0;
}

/** What an actor says that it is doing; a `describe` that throws spoils only its own line. */
export function describeCell(cell: Cell): string | undefined {
  try {
    return cell.behaviour?.describe?.();
  } catch {
    return "(describe failed)";
  }
}

/** The first `limit` numbers that an actor tells; none when its `figures` throws. */
export function figuresOf(cell: Cell, limit = Infinity): Readonly<Record<string, number>> | undefined {
  try {
    const figures = cell.behaviour?.figures?.();
    return figures === undefined ? undefined : Object.fromEntries(Object.entries(figures).slice(0, limit));
  } catch {
    return undefined;
  }
}
