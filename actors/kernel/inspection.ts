/** A picture of the tree of actors for logs, metrics and people. @module */
import type { Cell, CellState } from "./cell.ts";

/** One actor at the moment of the picture. */
export interface ActorInfo {
  /** Unique in its system. */
  readonly id: number;
  /** Place in the tree; `/` for the root. */
  readonly path: string;
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
  /** In start order. */
  readonly children: readonly ActorInfo[];
}

/** The picture of `cell` and of everything below it. `now`: monotonic milliseconds. */
export function inspectCell(cell: Cell, now: number): ActorInfo {
  const { mailbox } = cell;
  const waiting = cell.state === "running" && cell.waitingOn !== undefined;
  return {
    id: cell.ref.id,
    path: cell.ref.path === "" ? "/" : cell.ref.path,
    names: [...cell.names ?? []],
    state: waiting ? "waiting" : cell.state,
    mailbox: mailbox?.size ?? 0,
    capacity: cell.capacity,
    waiters: cell.waiters?.size ?? 0,
    shed: cell.shed,
    oldestMs: mailbox !== undefined && mailbox.size > 0 ? Math.max(0, now - mailbox.oldestAt) : 0,
    restarts: cell.restarts,
    doing: describe(cell),
    children: [...cell.children?.values() ?? []].map((child) => inspectCell(child, now)),
  };
}

function describe(cell: Cell): string | undefined {
  try {
    return cell.behaviour?.describe?.();
  } catch {
    return "(describe failed)";
  }
}
