/** Remote shells for scripts: promises over the lease of one shell. @module */
import type {
  CommandEnd,
  CommandMessage,
  CommandReport,
  LeaseMessage,
  LeaseReport,
} from "../../actors/host/mod.ts";
import type { ActorRef, Behaviour } from "../../actors/kernel/actor.ts";
import type { ActorSystem } from "../../actors/kernel/system.ts";
import { concat } from "../../protocol/bytes.ts";
import { type DroverError, NetworkError, UsageError } from "../../protocol/errors.ts";
import { OutputBytes } from "./output_bytes.ts";

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
   * Runs a command and collects its output.
   *
   * @throws DroverError when its end cannot be known, or it was refused
   */
  run(command: string, args: readonly string[] = [], options: ShellRunOptions = {}): Promise<ShellRunResult> {
    return this.#bridge.run(command, args, options);
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

/** The actor side of {@link Shell}: turns reports into promises. */
export class LeaseBridge implements Behaviour<LeaseReport> {
  readonly #system: ActorSystem;
  readonly #opened = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #starting = new Map<number, (command: ActorRef<CommandMessage>) => void>();
  #lease: ActorRef<LeaseMessage> | undefined;
  #next = 1;
  #closing = false;
  shellId = "";

  /** Its reports must be sent to an actor of `system`. */
  constructor(system: ActorSystem) {
    this.#system = system;
  }

  /** Resolves when the shell is open; rejects when it could not be opened. */
  get opened(): Promise<void> {
    return this.#opened.promise;
  }

  handle(message: LeaseReport): void {
    switch (message.kind) {
      case "leaseOpened":
        this.#lease = message.lease;
        this.shellId = message.shellId;
        this.#opened.resolve();
        return;
      case "leaseFailed":
        this.#opened.reject(message.error);
        this.#closed.resolve();
        return;
      case "commandStarted":
        this.#starting.get(message.id)?.(message.command);
        this.#starting.delete(message.id);
        return;
      case "leaseClosed":
        this.#closing = true;
        this.#closed.resolve();
        return;
    }
  }

  run(command: string, args: readonly string[], options: ShellRunOptions): Promise<ShellRunResult> {
    const lease = this.#lease;
    if (lease === undefined || this.#closing) {
      return Promise.reject(new UsageError("ShellClosed", "run command: the shell is closed"));
    }
    options.signal?.throwIfAborted();
    const skipCmdShell = options.skipCmdShell ?? false;
    const stdin = typeof options.stdin === "string" ? new TextEncoder().encode(options.stdin) : options.stdin;
    const collector = new Collector(this.#system);
    const owner = this.#system.spawn<CommandReport>({ start: () => collector });
    const id = this.#next++;
    let started: ActorRef<CommandMessage> | undefined;
    const stop = () => {
      if (started !== undefined) this.#system.send(started, { kind: "stop" });
    };
    this.#starting.set(id, (ref) => {
      started = ref;
      if (options.signal?.aborted) stop();
    });
    options.signal?.addEventListener("abort", stop, { once: true });
    this.#system.send(lease, {
      kind: "run",
      id,
      owner,
      spec: {
        command: args.length === 0 ? command : [command, ...args],
        skipCmdShell,
        ...(stdin === undefined ? {} : { stdin }),
      },
    });
    return collector.result.catch((error) => {
      options.signal?.throwIfAborted();
      throw error;
    }).finally(() => {
      options.signal?.removeEventListener("abort", stop);
      this.#system.stop(owner);
    });
  }

  close(): Promise<void> {
    if (!this.#closing && this.#lease !== undefined) {
      this.#closing = true;
      this.#system.send(this.#lease, { kind: "close" });
    }
    return this.#closed.promise;
  }
}

/** Collects the output of one command. */
class Collector implements Behaviour<CommandReport> {
  readonly #system: ActorSystem;
  readonly #result = Promise.withResolvers<ShellRunResult>();
  readonly #stdout: Uint8Array[] = [];
  readonly #stderr: Uint8Array[] = [];

  constructor(system: ActorSystem) {
    this.#system = system;
  }

  get result(): Promise<ShellRunResult> {
    return this.#result.promise;
  }

  handle(message: CommandReport): void {
    if (message.kind === "output") {
      for (const piece of message.pieces) {
        (piece.stream === "stdout" ? this.#stdout : this.#stderr).push(piece.bytes);
      }
      this.#system.send(message.command, { kind: "taken" });
    } else if (message.end.kind === "exited") {
      this.#result.resolve({
        exitCode: message.end.exitCode,
        stdout: OutputBytes.wrap(concat(this.#stdout)),
        stderr: OutputBytes.wrap(concat(this.#stderr)),
      });
    } else this.#result.reject(errorOf(message.end));
  }

  stopped(): void {
    this.#result.reject(
      new NetworkError("ShellLost", "run command: the shell was closed before the command's end was seen"),
    );
  }
}

function errorOf(end: Exclude<CommandEnd, { kind: "exited" }>): DroverError {
  return end.kind === "stopped"
    ? new NetworkError("Cancelled", "run command: it was stopped on request")
    : end.error;
}
