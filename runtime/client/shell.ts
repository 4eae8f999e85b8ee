/** Remote shells for scripts. @module */
import type { LeaseBridge } from "./lease_bridge.ts";
import type { OutputBytes } from "./output_bytes.ts";

/** Options of one command in a shell. */
export interface ShellRunOptions {
  /** Bytes (or text, as UTF-8) for standard input, which is closed after them. */
  readonly stdin?: Uint8Array | string;
  /** Each argument is exactly one argument of the program, without a shell between (WINRS_SKIP_CMD_SHELL). Default false. */
  readonly skipCmdShell?: boolean;
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

/** An open remote shell; `await using` deletes it. Commands may run side by side. */
export class Shell implements AsyncDisposable {
  readonly #bridge: LeaseBridge;

  /** Made by {@link FleetHost.openShell}. */
  constructor(bridge: LeaseBridge) {
    this.#bridge = bridge;
  }

  /** GUID of the shell on its host. */
  get id(): string {
    return this.#bridge.shellId;
  }

  /**
   * Runs a command and collects its output. Without `args` the text goes to the remote shell as it is; with them program and
   * arguments are quoted, so that the program gets exactly these arguments.
   *
   * @throws DroverError when its end cannot be known, or it was refused
   */
  async run(
    command: string,
    args: readonly string[] = [],
    options: ShellRunOptions = {},
  ): Promise<ShellRunResult> {
    return await this.#bridge.run(command, args, options);
  }

  /** Deletes the shell with everything in it. Idempotent. */
  close(): Promise<void> {
    return this.#bridge.close();
  }

  /** See {@link Shell.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
