/** What a script gives to and gets from one command in its shell. @module */
import type { OutputBytes } from "./output_bytes.ts";

/** Options of one command in a shell. */
export interface ShellRunOptions {
  /** Bytes (or text, as UTF-8) for standard input, which is closed after them. */
  readonly stdin?: Uint8Array | string;
  /** Each argument is exactly one argument of the program, without a shell between (WINRS_SKIP_CMD_SHELL). Default false. */
  readonly skipCmdShell?: boolean;
  /**
   * Milliseconds that it may wait for its turn (commands that run in the shell already, operations of the user), then `NotStarted`
   * is thrown and nothing was sent; default: as long as it takes.
   */
  readonly waitTimeout?: number;
  /** Cancels the command: it is signalled, and the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What a command left behind. */
export interface ShellRunResult {
  /** Its exit code. */
  readonly exitCode: number;
  /** All of its standard output. */
  readonly stdout: OutputBytes;
  /** All of its standard error. */
  readonly stderr: OutputBytes;
}
