/**
 * A job: one command on a selection of hosts. It hands each host to the fleet, passes events on to its sink, and ends when
 * every host has its one result and nothing that was opened for it is left.
 * @module
 */
import type { ActorRef, Behaviour, ChildSpec, Context, StopReason } from "../kernel/actor.ts";
import type { CommandMessage, CommandSpec, CommandTimes } from "./command.ts";
import type { CreateShellOptions } from "../../protocol/shell/mod.ts";
import { crashedResult, type HostResult, type RunEvent, type RunSink } from "./events.ts";
import type { ExecutionReport } from "./execution.ts";
import type { FleetMessage } from "./fleet.ts";
import type { PermitTerms } from "./permit.ts";
import type { HostTarget } from "./target.ts";

/** What to run where. */
export interface JobSpec extends Pick<PermitTerms, "priority" | "waitMs"> {
  /** Key of the job; part of the names of its shells. */
  readonly id: string;
  /** Hosts, each with its command: quoting differs from target to target. */
  readonly hosts: readonly { readonly target: HostTarget; readonly command: CommandSpec }[];
  /** The shell to make on each host; its name is the job's. */
  readonly shell: CreateShellOptions;
  /** Hosts that may be active at once. */
  readonly throttle: number;
  /** Milliseconds for each host from its permit to its end; `undefined`: no deadline. */
  readonly timeoutMs: number | undefined;
  /** Milliseconds for the answer to a Signal or Delete, and for all of a host's clean-up. */
  readonly cleanupTimeoutMs: number;
}

/** Messages that a job takes. */
export type JobMessage =
  | ExecutionReport
  | { readonly kind: "submit" }
  | { readonly kind: "taken"; readonly command: ActorRef<CommandMessage> }
  | { readonly kind: "cancel" }
  | { readonly kind: "fleetGone" };

/** Hosts handed over in one turn, so that a job of many thousands does not hold up the loop. */
const submitBatch = 256;

/** Time beyond a link's own deadline after which an ask is given up; the link always answers first unless it crashed. */
const guardMs = 60_000;

/** A job that hands its hosts to `fleet` and its events to `sink`. */
export function job(spec: JobSpec, fleet: ActorRef<FleetMessage>, sink: RunSink): ChildSpec<JobMessage> {
  return {
    label: "job",
    start: (context) => new Job(spec, fleet, sink, context),
    // Each host sends at most its window of outputs and three more reports, and reports never wait.
    mailbox: { capacity: spec.hosts.length * 8 + 64, overflow: "wait" },
  };
}

class Job implements Behaviour<JobMessage> {
  readonly #spec: JobSpec;
  readonly #fleet: ActorRef<FleetMessage>;
  readonly #sink: RunSink;
  /** By host: whether its result was delivered, and whether nothing of it is left. */
  readonly #finished: boolean[];
  readonly #released: boolean[];
  #submitted = 0;
  #left: number;
  #cancelled = false;
  #ended = false;

  constructor(spec: JobSpec, fleet: ActorRef<FleetMessage>, sink: RunSink, context: Context<JobMessage>) {
    this.#spec = spec;
    this.#fleet = fleet;
    this.#sink = sink;
    this.#left = spec.hosts.length;
    this.#finished = new Array<boolean>(spec.hosts.length).fill(false);
    this.#released = new Array<boolean>(spec.hosts.length).fill(false);
    context.watch(fleet, () => ({ kind: "fleetGone" }));
    context.effect((post) => sink.began?.(() => post({ kind: "cancel" })));
    this.#next(context);
    this.#endIfDone(context);
  }

  handle(message: JobMessage, context: Context<JobMessage>): void {
    switch (message.kind) {
      case "submit":
        this.#submit(context);
        return;
      case "started":
        this.#deliver([{ type: "progress", host: this.#name(message.index), phase: "connecting" }], context);
        return;
      case "output": {
        const host = this.#name(message.index);
        const events = message.pieces.map((piece): RunEvent => ({
          type: "output",
          host,
          stream: piece.stream,
          data: piece.bytes,
        }));
        const { command } = message;
        context.effect((post) => this.#sink.deliver(events, () => post({ kind: "taken", command })));
        return;
      }
      case "result":
        this.#result(message.index, message.result, context);
        return;
      case "released":
        if (this.#released[message.index]) return;
        this.#released[message.index] = true;
        this.#left--;
        this.#endIfDone(context);
        return;
      case "taken":
        context.send(message.command, { kind: "taken" });
        return;
      case "cancel":
        this.#cancel(context);
        return;
      case "fleetGone":
        this.#abandon(context);
        context.stop();
        return;
    }
  }

  /** Whatever ends it: every host has its result, and whoever listens hears of the end. */
  stopped(_reason: StopReason, context: Context<JobMessage>): void {
    this.#abandon(context);
  }

  describe(): string {
    return `${this.#left} of ${this.#spec.hosts.length} hosts left`;
  }

  #submit(context: Context<JobMessage>): void {
    const { hosts, shell, id, priority, waitMs } = this.#spec;
    const terms = {
      ...(priority === undefined ? {} : { priority }),
      ...(waitMs === undefined ? {} : { waitMs }),
    };
    const end = Math.min(hosts.length, this.#submitted + submitBatch);
    for (; this.#submitted < end; this.#submitted++) {
      const { target, command } = hosts[this.#submitted]!;
      const times: CommandTimes = {
        operationTimeoutMs: target.operationTimeoutMs,
        cleanupTimeoutMs: this.#spec.cleanupTimeoutMs,
        guardMs: target.networkDelayMs + guardMs,
      };
      context.send(this.#fleet, {
        kind: "execute",
        target,
        job: context.self,
        spec: {
          index: this.#submitted,
          job: id,
          quotaKey: target.quotaKey,
          throttle: this.#spec.throttle,
          ...terms,
          // Each has a Name of its own, also where two of them are one host: what is lost is looked for by it.
          shell: { ...shell, name: `${shell.name ?? `drover-${id}`}.${this.#submitted}` },
          command,
          timeoutMs: this.#spec.timeoutMs,
          times,
        },
      });
    }
    this.#next(context);
  }

  #next(context: Context<JobMessage>): void {
    if (this.#submitted < this.#spec.hosts.length) context.timer(0, { kind: "submit" });
  }

  #deliver(events: readonly RunEvent[], context: Pick<Context<JobMessage>, "effect">): void {
    context.effect(() => this.#sink.deliver(events, () => {}));
  }

  #result(index: number, result: HostResult, context: Context<JobMessage>): void {
    if (this.#finished[index]) return;
    this.#finished[index] = true;
    this.#deliver([{ type: "result", host: this.#name(index), ...result }], context);
  }

  #cancel(context: Context<JobMessage>): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    for (let index = 0; index < this.#submitted; index++) {
      if (this.#finished[index]) continue;
      const target = this.#spec.hosts[index]!.target;
      context.send(this.#fleet, { kind: "cancel", target, job: context.self, index });
    }
    // What was not handed over yet never will be.
    const unsubmitted = this.#spec.hosts.length - this.#submitted;
    for (let index = this.#submitted; index < this.#spec.hosts.length; index++) {
      const error = {
        code: "NotStarted",
        message: "run command: it was cancelled before its turn came; nothing was sent",
      };
      this.#result(index, { status: "unreachable", exitCode: undefined, durationMs: 0, error }, context);
    }
    this.#submitted = this.#spec.hosts.length;
    this.#left -= unsubmitted;
    this.#endIfDone(context);
  }

  #endIfDone(context: Context<JobMessage>): void {
    if (this.#left > 0 || this.#ended) return;
    this.#ended = true;
    context.effect(() => this.#sink.finished());
    context.stop();
  }

  #abandon(context: Context<JobMessage>): void {
    if (this.#ended) return;
    this.#ended = true;
    for (let index = 0; index < this.#finished.length; index++) this.#result(index, crashedResult(), context);
    context.effect(() => this.#sink.finished());
  }

  #name(index: number): string {
    return this.#spec.hosts[index]!.target.name;
  }
}
