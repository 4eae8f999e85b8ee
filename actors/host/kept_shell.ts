/** How a permit comes back when its work is over. @module */
import type { CreateShellOptions } from "../../protocol/shell/mod.ts";
import type { PermitGrant, SchedulerMessage } from "../scheduler/mod.ts";

/** IdleTimeout of Windows' own configuration, after which it deletes a shell that nobody uses. */
const defaultIdleTimeoutMs = 7_200_000;

/** Milliseconds without activity after which the service deletes `shell`. */
export function idleTimeoutOf(shell: CreateShellOptions): number {
  return shell.idleTimeoutMs ?? defaultIdleTimeoutMs;
}

/**
 * Gives `permit` back. `shellLeft`: nobody has said that its shell is gone; it stays counted at its host for as long as the
 * service may keep it. No slot is held: other hosts go on.
 */
export function returned(
  permit: PermitGrant,
  shell: CreateShellOptions,
  shellLeft: boolean,
): SchedulerMessage {
  return shellLeft
    ? { kind: "keepShell", permit, keepMs: idleTimeoutOf(shell) }
    : { kind: "release", permit };
}
