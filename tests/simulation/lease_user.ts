/** A script in a simulation: it opens one shell, runs commands in it side by side, stops some, and closes it. @module */
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
import type { DroverError } from "../../protocol/errors.ts";

/** One command of the script. */
export interface LeaseCommand {
  readonly spec: CommandSpec;
  /** Milliseconds from the opening of the shell. */
  readonly atMs: number;
  /** Milliseconds from its start until it is told to stop; `undefined`: never. */
  readonly stopMs: number | undefined;
}

/** What the script sees. Each command has one of `ended` and `lost`, before `finished`. */
export interface LeaseEvents {
  output(
    index: number,
    pieces: Extract<CommandReport, { kind: "output" }>["pieces"],
    taken: () => void,
  ): void;
  ended(index: number, end: CommandEnd): void;
  /** Its end was not seen, and never will be; `error`: why there was no shell. */
  lost(index: number, started: boolean, error: DroverError | undefined): void;
  finished(): void;
}

type UserMessage =
  | LeaseReport
  | { readonly kind: "start" | "stop" | "over"; readonly index: number }
  | { readonly kind: "closeNow" }
  | { readonly kind: "leaseGone" };

/** A script that leases a shell from `fleet`; `closeMs`: milliseconds until it closes it, whatever runs in it. */
export function leaseUser(
  options: {
    readonly target: HostTarget;
    readonly lease: LeaseSpec;
    readonly commands: readonly LeaseCommand[];
    readonly closeMs: number | undefined;
  },
  fleet: ActorRef<FleetMessage>,
  events: LeaseEvents,
): ChildSpec<UserMessage> {
  return {
    start: (context) => {
      context.watch(fleet, () => ({ kind: "leaseGone" }));
      const { target, lease, closeMs } = options;
      context.send(fleet, { kind: "lease", target, owner: context.self, spec: lease });
      if (closeMs !== undefined) context.timer(closeMs, { kind: "closeNow" });
      return new LeaseUser(options.commands, closeMs === undefined, events);
    },
  };
}

class LeaseUser implements Behaviour<UserMessage> {
  readonly #commands: readonly LeaseCommand[];
  readonly #closesWhenDone: boolean;
  readonly #events: LeaseEvents;
  #lease: ActorRef<LeaseMessage> | undefined;
  #closeAsked = false;
  #error: DroverError | undefined;
  readonly #started = new Map<number, ActorRef<CommandMessage> | undefined>();
  readonly #stopAsked = new Set<number>();
  readonly #over = new Set<number>();

  constructor(commands: readonly LeaseCommand[], closesWhenDone: boolean, events: LeaseEvents) {
    this.#commands = commands;
    this.#closesWhenDone = closesWhenDone;
    this.#events = events;
  }

  handle(message: UserMessage, context: Context<UserMessage>): void {
    switch (message.kind) {
      case "leaseMade":
        this.#lease = message.lease;
        context.watch(message.lease, () => ({ kind: "leaseGone" }));
        if (this.#closeAsked) context.send(message.lease, { kind: "close" });
        return;
      case "leaseOpened":
        this.#commands.forEach(({ atMs }, index) => context.timer(atMs, { kind: "start", index }));
        return;
      case "leaseFailed":
        this.#error = message.error;
        return;
      case "start":
        this.#start(message.index, context);
        return;
      case "commandStarted":
        this.#started.set(message.id, message.command);
        if (this.#stopAsked.has(message.id)) context.send(message.command, { kind: "stop" });
        return;
      case "stop": {
        this.#stopAsked.add(message.index);
        const command = this.#started.get(message.index);
        if (command !== undefined) context.send(command, { kind: "stop" });
        return;
      }
      case "over":
        this.#over.add(message.index);
        if (this.#closesWhenDone && this.#over.size === this.#commands.length) this.#close(context);
        return;
      case "closeNow":
        this.#close(context);
        return;
      case "leaseClosed":
      case "leaseGone":
        context.stop();
        return;
    }
  }

  stopped(): void {
    this.#commands.forEach((_, index) => {
      if (!this.#over.has(index)) this.#events.lost(index, this.#started.has(index), this.#error);
    });
    this.#events.finished();
  }

  #start(index: number, context: Context<UserMessage>): void {
    const command = this.#commands[index];
    if (this.#closeAsked || this.#lease === undefined || command === undefined) return;
    this.#started.set(index, undefined);
    const collector = context.spawn<CollectorMessage>({
      start: () =>
        new Collector(index, this.#events, (own) => own.send(context.self, { kind: "over", index })),
    });
    context.send(this.#lease, { kind: "run", id: index, spec: command.spec, owner: collector });
    if (command.stopMs !== undefined) context.timer(command.stopMs, { kind: "stop", index });
  }

  #close(context: Context<UserMessage>): void {
    if (this.#closeAsked) return;
    this.#closeAsked = true;
    if (this.#lease !== undefined) context.send(this.#lease, { kind: "close" });
  }
}

type CollectorMessage = CommandReport | {
  readonly kind: "take";
  readonly command: ActorRef<CommandMessage>;
};

/** Takes what one command says, and ends with it. */
class Collector implements Behaviour<CollectorMessage> {
  readonly #index: number;
  readonly #events: LeaseEvents;
  readonly #tell: (context: Context<CollectorMessage>) => void;

  constructor(index: number, events: LeaseEvents, tell: (context: Context<CollectorMessage>) => void) {
    this.#index = index;
    this.#events = events;
    this.#tell = tell;
  }

  handle(message: CollectorMessage, context: Context<CollectorMessage>): void {
    switch (message.kind) {
      case "output": {
        const { command, pieces } = message;
        context.effect((post) =>
          this.#events.output(this.#index, pieces, () => post({ kind: "take", command }))
        );
        return;
      }
      case "take":
        context.send(message.command, { kind: "taken" });
        return;
      case "exitSeen":
        return;
      case "ended":
        context.effect(() => this.#events.ended(this.#index, message.end));
        this.#tell(context);
        context.stop();
        return;
    }
  }
}
