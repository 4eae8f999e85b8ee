/** The actor side of a script's shell: turns the reports of its lease into promises. @module */
import type {
  CommandEnd,
  CommandMessage,
  CommandReport,
  CommandSpec,
  FleetMessage,
  HostTarget,
  LeaseMessage,
  LeaseReport,
  LeaseSpec,
} from "../../actors/host/mod.ts";
import type { ActorRef, Behaviour, ChildSpec, Context } from "../../actors/kernel/actor.ts";
import { concat, utf8 } from "../../protocol/bytes.ts";
import { type DroverError, NetworkError, UsageError } from "../../protocol/errors.ts";
import { OutputBytes } from "./output_bytes.ts";
import { checkRun } from "./run_checks.ts";
import type { ShellRunOptions, ShellRunResult } from "./shell_run.ts";

type BridgeMessage =
  | LeaseReport
  | {
    readonly kind: "run";
    readonly id: number;
    readonly spec: CommandSpec;
    readonly waitMs: number | undefined;
    readonly collector: Collector;
  }
  | { readonly kind: "stop"; readonly id: number }
  | { readonly kind: "ended"; readonly id: number }
  | { readonly kind: "close" }
  | { readonly kind: "leaseGone" };

interface Running {
  readonly collector: ActorRef<CommandReport>;
  command: ActorRef<CommandMessage> | undefined;
  stopAsked: boolean;
}

/** See the module. Start it with {@link LeaseBridge.spec}, once. */
export class LeaseBridge implements Behaviour<BridgeMessage> {
  /** How to start it. */
  readonly spec: ChildSpec<BridgeMessage>;
  readonly #opened = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #running = new Map<number, Running>();
  readonly #collectors = new Set<Collector>();
  #lease: ActorRef<LeaseMessage> | undefined;
  /** Brings messages from outside, past the bound of the mailbox: none is lost. */
  #post: (message: BridgeMessage) => void = () => {};
  #next = 1;
  #closeAsked = false;
  #over = false;
  #shellId = "";

  /** A bridge to a shell on `target` that `fleet` is asked for. */
  constructor(fleet: ActorRef<FleetMessage>, target: HostTarget, lease: LeaseSpec) {
    this.spec = {
      start: (context) => {
        context.effect((post) => this.#post = post);
        context.watch(fleet, () => ({ kind: "leaseGone" }));
        context.send(fleet, { kind: "lease", target, owner: context.self, spec: lease });
        return this;
      },
    };
  }

  /** Id of the shell, once it is open. */
  get shellId(): string {
    return this.#shellId;
  }

  /** Resolves when the shell is open; rejects when it could not be opened. */
  get opened(): Promise<void> {
    return this.#opened.promise;
  }

  /** Resolves when the shell is gone, or was never opened. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  handle(message: BridgeMessage, context: Context<BridgeMessage>): void {
    switch (message.kind) {
      case "leaseMade":
        this.#lease = message.lease;
        context.watch(message.lease, () => ({ kind: "leaseGone" }));
        if (this.#closeAsked) context.send(message.lease, { kind: "close" });
        return;
      case "leaseOpened":
        this.#shellId = message.shellId;
        this.#opened.resolve();
        return;
      case "leaseFailed":
        this.#opened.reject(message.error);
        return;
      case "run":
        this.#run(message, context);
        return;
      case "commandStarted": {
        const running = this.#running.get(message.id);
        if (running === undefined) return;
        running.command = message.command;
        if (running.stopAsked) context.send(message.command, { kind: "stop" });
        return;
      }
      case "stop": {
        const running = this.#running.get(message.id);
        if (running === undefined) return;
        running.stopAsked = true;
        if (running.command !== undefined) context.send(running.command, { kind: "stop" });
        return;
      }
      case "ended":
        this.#running.delete(message.id);
        return;
      case "close":
        if (this.#lease !== undefined) context.send(this.#lease, { kind: "close" });
        return;
      case "leaseClosed":
      case "leaseGone":
        context.stop();
        return;
    }
  }

  /** Ends with its lease; commands whose end was not seen by then are lost. */
  stopped(): void {
    this.#over = true;
    for (const collector of this.#collectors) collector.stopped();
    this.#opened.reject(new NetworkError("ShellLost", "open shell: it was closed before it was open"));
    this.#closed.resolve();
  }

  /** Runs a command. */
  async run(command: string, args: readonly string[], options: ShellRunOptions): Promise<ShellRunResult> {
    if (this.#closeAsked || this.#over) {
      throw new UsageError("ShellClosed", "run command: the shell is closed");
    }
    checkRun("run command", { waitTimeout: options.waitTimeout });
    options.signal?.throwIfAborted();
    const stdin = typeof options.stdin === "string" ? utf8(options.stdin) : options.stdin;
    const skipCmdShell = options.skipCmdShell ?? false;
    const spec: CommandSpec = {
      command: args.length === 0 && !skipCmdShell ? command : [command, ...args],
      skipCmdShell,
      ...(stdin === undefined ? {} : { stdin }),
    };
    const id = this.#next++;
    const collector = new Collector();
    const stop = () => this.#post({ kind: "stop", id });
    options.signal?.addEventListener("abort", stop, { once: true });
    this.#collectors.add(collector);
    this.#post({ kind: "run", id, spec, waitMs: options.waitTimeout, collector });
    try {
      return await collector.result;
    } catch (error) {
      options.signal?.throwIfAborted();
      throw error;
    } finally {
      this.#collectors.delete(collector);
      options.signal?.removeEventListener("abort", stop);
    }
  }

  /** Deletes the shell with everything in it. Idempotent. */
  close(): Promise<void> {
    if (!this.#closeAsked) {
      this.#closeAsked = true;
      this.#post({ kind: "close" });
    }
    return this.#closed.promise;
  }

  #run(message: Extract<BridgeMessage, { kind: "run" }>, context: Context<BridgeMessage>): void {
    const { id, spec, waitMs } = message;
    const collector = context.spawn<CommandReport>({ start: () => message.collector });
    context.watch(collector, () => ({ kind: "ended", id }));
    this.#running.set(id, { collector, command: undefined, stopAsked: false });
    context.send(this.#lease!, { kind: "run", id, spec, waitMs, owner: collector });
  }
}

/** Collects the output of one command, and ends with it. */
class Collector implements Behaviour<CommandReport> {
  readonly #result = Promise.withResolvers<ShellRunResult>();
  readonly #stdout: Uint8Array[] = [];
  readonly #stderr: Uint8Array[] = [];

  get result(): Promise<ShellRunResult> {
    return this.#result.promise;
  }

  handle(message: CommandReport, context: Context<CommandReport>): void {
    switch (message.kind) {
      case "output":
        for (const piece of message.pieces) {
          (piece.stream === "stdout" ? this.#stdout : this.#stderr).push(piece.bytes);
        }
        context.send(message.command, { kind: "taken" });
        return;
      case "exitSeen":
        return;
      case "ended":
        if (message.end.kind === "exited") {
          this.#result.resolve({
            exitCode: message.end.exitCode,
            stdout: OutputBytes.wrap(concat(this.#stdout)),
            stderr: OutputBytes.wrap(concat(this.#stderr)),
          });
        } else this.#result.reject(errorOf(message.end));
        context.stop();
        return;
    }
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
