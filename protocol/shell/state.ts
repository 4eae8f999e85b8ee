/**
 * Life of a shell and of a command ([MS-WSMV] 3.1.1, 3.2.1), as tables that the client and the service share.
 * @module
 */
import { UsageError } from "../errors.ts";

/** Where a shell is in its life. */
export type ShellState = "closed" | "creating" | "open" | "deleting" | "deleted" | "lost";
/** What happens to a shell. */
export type ShellStep =
  | "create"
  | "created"
  | "refused"
  | "delete"
  | "deletedConfirmed"
  | "gone"
  | "linkLost";

/** Allowed steps of a shell. `lost`: nobody can say whether the service still has it. */
export const shellTransitions: Readonly<
  Record<ShellState, Partial<Readonly<Record<ShellStep, ShellState>>>>
> = {
  closed: { create: "creating" },
  creating: { created: "open", refused: "deleted", linkLost: "lost", delete: "deleting" },
  open: { delete: "deleting", gone: "deleted", linkLost: "lost" },
  deleting: { deletedConfirmed: "deleted", gone: "deleted", linkLost: "lost", refused: "lost" },
  deleted: {},
  lost: { delete: "deleting", gone: "deleted", linkLost: "lost" },
};

/** Where a command is in its life. `sent`: it may run; `ended`: its end is known; `lost`: its end will never be known. */
export type CommandState = "idle" | "sent" | "running" | "stopping" | "done" | "ended" | "lost";
/** What happens to a command. */
export type CommandStep =
  | "send"
  | "accepted"
  | "refused"
  | "exited"
  | "stop"
  | "signalled"
  | "gone"
  | "linkLost";

/** Allowed steps of a command. */
export const commandTransitions: Readonly<
  Record<CommandState, Partial<Readonly<Record<CommandStep, CommandState>>>>
> = {
  idle: { send: "sent", refused: "ended" },
  sent: { accepted: "running", refused: "ended", linkLost: "lost" },
  running: { exited: "done", stop: "stopping", gone: "lost", linkLost: "lost" },
  stopping: { signalled: "ended", exited: "done", gone: "ended", linkLost: "lost" },
  done: { signalled: "ended", gone: "ended", linkLost: "ended" },
  ended: {},
  lost: { signalled: "ended", stop: "stopping", linkLost: "lost", gone: "lost" },
};

/**
 * The state after `step`.
 *
 * @throws UsageError `IllegalTransition`; the caller's state is unchanged then
 */
export function advance<State extends string, Step extends string>(
  table: Readonly<Record<State, Partial<Readonly<Record<Step, State>>>>>,
  state: State,
  step: Step,
): State {
  const next = Object.hasOwn(table[state], step) ? table[state][step] : undefined;
  if (next === undefined) {
    throw new UsageError("IllegalTransition", `advance state: ${step} is not allowed in ${state}`);
  }
  return next;
}
