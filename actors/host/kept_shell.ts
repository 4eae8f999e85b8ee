/** How a permit comes back when its work is over. @module */
import type { CreateShellOptions } from "../../protocol/shell/mod.ts";
import type { PermitGrant, SchedulerMessage } from "../scheduler/mod.ts";

/** IdleTimeout of Windows' own configuration, after which it deletes a shell that nobody uses. */
const defaultIdleTimeoutMs = 7_200_000;

/** Longest time that what was sent may still be under way (RFC 9293 section 3.4.1): it may arrive after its link was given up. */
const maximumSegmentLifetimeMs = 120_000;

/** Milliseconds after the last word of ours to `shell` when the service has deleted it for certain, as nobody used it. */
export function keptMs(shell: CreateShellOptions): number {
  return (shell.idleTimeoutMs ?? defaultIdleTimeoutMs) + maximumSegmentLifetimeMs;
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
  return shellLeft ? { kind: "keepShell", permit, keepMs: keptMs(shell) } : { kind: "release", permit };
}
