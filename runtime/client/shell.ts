/** Remote shells for scripts. @module */
import type { LeaseBridge } from "./lease_bridge.ts";
import type { ShellRunOptions, ShellRunResult } from "./shell_run.ts";

export type { ShellRunOptions, ShellRunResult };

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
