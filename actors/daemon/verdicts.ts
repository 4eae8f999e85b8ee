/** What is said of hosts whose command was sent by a life of the daemon that has died. Never more than is proven. @module */
import type { HostError, HostResult } from "../host/mod.ts";

/** The end of a host that nobody can ask, or that knows nothing: its command may have run. */
export function notKnown(why: string): HostResult {
  return unknown(
    "DaemonRestarted",
    `run command: the daemon was restarted after it may have been sent; ${why}`,
  );
}

/**
 * The end of a command that was received on: it had a known end, but what it wrote while nobody received may be missing, so that
 * nobody may rely on its output.
 */
export function received(result: HostResult): HostResult {
  const { status, exitCode, durationMs, error } = result;
  const end = exitCode !== undefined
    ? `it ended with exit code ${exitCode}`
    : status === "timedOut"
    ? "it was stopped at its deadline"
    : status === "cancelled"
    ? "it was stopped on request"
    : undefined;
  if (end === undefined) return { ...notKnown(`its end is not known: ${describe(error)}`), durationMs };
  return {
    ...unknown(
      "OutputGap",
      `run command: ${end}, but the daemon was restarted meanwhile, and output may be missing`,
    ),
    durationMs,
  };
}

/** What a `gap` event says. */
export const gapReason = "the daemon was restarted; what was written until it asked again may be missing";

function describe(error: HostError | undefined): string {
  return error === undefined ? "nothing was said" : `${error.code}, ${error.message}`;
}

function unknown(code: string, message: string): HostResult {
  return { status: "unknown", exitCode: undefined, durationMs: 0, error: { code, message } };
}

/** The end of a host that could not even be tried. */
export function refused(error: HostError): HostResult {
  return { status: "unreachable", exitCode: undefined, durationMs: 0, error };
}

/** The end of a host where nothing was begun, and nothing will be. */
export function notStarted(state: string): HostResult {
  return refused({ code: "NotStarted", message: `run command: ${state}; nothing was sent` });
}

/** The same for a batch of a rolling job that had too many failures. The reason stands first: tables cut what is long. */
export function batchNotBegun(failures: number): HostResult {
  const hosts = failures === 1 ? "1 host" : `${failures} hosts`;
  return refused({ code: "NotStarted", message: `not begun: ${hosts} failed before; nothing was sent` });
}
