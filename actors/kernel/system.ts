/**
 * The front door of the kernel: starts top-level actors, runs the loop, and joins the world of promises to that of actors.
 *
 * **The loop.** Actors with work stand in one queue. Each in its turn handles a few messages and goes to the end, so that none
 * starves the others; after `maxTurn` messages without a pause the loop lets I/O proceed. Work that arrives from outside
 * starts the loop as soon as the present callback has returned, not inside it. There is one platform timer at most.
 *
 * **From outside** nothing waits: `send` says `false` when the mailbox is full. Only a question may stand in the queue of a
 * full `wait` mailbox, until its timeout. How waiting works between actors, and which waits are crashes, is told in `kernel.ts`.
 * @module
 */
import { UsageError } from "../../protocol/errors.ts";
import type { ActorName, ActorRef, AskOutcome, ChildSpec, ReplyTo, StopReason } from "./actor.ts";
import { Ask, Cell, LocalRef, Timer } from "./cell.ts";
import { type ActorInfo, inspectCell } from "./inspection.ts";
import { Kernel, type KernelPorts } from "./kernel.ts";
import { Outcome, OwnMessage, Posted, Returned } from "./mailbox.ts";
import { cellAt, snapshotOf, type SnapshotOptions, type SystemSnapshot } from "./snapshot.ts";
import { Supervisor } from "./supervisor.ts";

/** The part of an `AbortSignal` that cancels an ask. */
export interface CancelSignal {
  /** Already cancelled. */
  readonly aborted: boolean;
  /** Calls `listener` when it is cancelled. */
  addEventListener(type: "abort", listener: () => void): void;
  /** Forgets `listener`. */
  removeEventListener(type: "abort", listener: () => void): void;
}

/** Counts of a system. */
export interface SystemStats {
  /** User messages that were handled so far. */
  readonly messages: number;
  /** Actors that live. */
  readonly actors: number;
  /** Timers that are pending. */
  readonly timers: number;
}

/** Messages that one actor handles before the next has its turn. */
const ACTOR_TURN = 16;
/** Platform timers take at most 2^31 - 1 ms; a longer wait is made of several. */
const MAX_SCHEDULE = 0x7fffffff;

/** A tree of actors with its own loop and timers. */
export class ActorSystem {
  readonly #kernel: Kernel;
  readonly #supervisor: Supervisor;
  readonly #root: Cell;
  readonly #maxTurn: number;
  #messages = 0;
  /** What is left of `maxTurn` since I/O last had its chance. */
  #budget: number;
  #running = false;
  #pending: "no" | "soon" | "afterIo" = "no";
  #wakeAt = Infinity;
  #cancelWake: (() => void) | undefined;

  /** An empty system. `maxTurn`: messages handled before I/O has its chance, default 256. */
  constructor(ports: KernelPorts, options: { readonly maxTurn?: number } = {}) {
    this.#maxTurn = options.maxTurn ?? 256;
    this.#budget = this.#maxTurn;
    this.#kernel = new Kernel(ports, () => this.#kick());
    this.#supervisor = new Supervisor(this.#kernel);
    const ref = new LocalRef<unknown>(0, undefined, "", this.#kernel);
    const start = () => ({ handle() {} });
    this.#root = new Cell(ref, "", { start }, undefined, 1, "reject");
    this.#root.state = "running";
    ref.cell = this.#root;
  }

  /** Starts a top-level actor. Throws `UsageError` `SystemStopped`, `ActorNameTaken`. */
  spawn<M>(spec: ChildSpec<M>): ActorRef<M> {
    if (this.#root.state !== "running" || this.#root.stop) {
      throw new UsageError("SystemStopped", "start actor: the system was shut down");
    }
    const cell = this.#kernel.makeCell(this.#root, spec as unknown as ChildSpec<unknown>);
    this.#kernel.begin(cell);
    return cell.ref;
  }

  /** Sends from outside. `false`: the actor is gone or its mailbox is full. Messages of one caller keep their order. */
  send<M>(to: ActorRef<M>, message: M): boolean {
    this.#touch();
    return this.#kernel.deliver(undefined, this.#kernel.local(to), message) === "accepted";
  }

  /**
   * Asks from outside; always ends in exactly one outcome and never rejects. A mailbox with `reject` that is full lets the
   * question time out.
   */
  ask<M, R>(
    to: ActorRef<M>,
    question: (replyTo: ReplyTo<R>) => M,
    timeoutMs: number,
    signal?: CancelSignal,
  ): Promise<AskOutcome<R>> {
    this.#touch();
    return new Promise((resolve) => {
      const kernel = this.#kernel;
      const cancel = () => kernel.settle(ask, { kind: "cancelled" });
      const ask = new Ask(kernel.nextId(), undefined, 0, timeoutMs, (outcome) => {
        signal?.removeEventListener("abort", cancel);
        resolve(outcome as AskOutcome<R>);
      });
      if (signal?.aborted) return resolve({ kind: "cancelled" });
      const target = kernel.local(to);
      const message = question(ask);
      signal?.addEventListener("abort", cancel);
      kernel.startAsk(ask, undefined, target, message);
    });
  }

  /** Stops an actor in order, within its `shutdownMs`; it is not restarted. */
  stop(ref: ActorRef<never>): void {
    const cell = this.#kernel.resolve(ref);
    if (cell !== undefined) this.#kernel.signalStop(cell, true);
  }

  /** Kills an actor, and everything below it, without `stopping`; it is not restarted. */
  kill(ref: ActorRef<never>): void {
    const cell = this.#kernel.resolve(ref);
    if (cell !== undefined) this.#kernel.signalKill(cell, true);
  }

  /** Gives an actor a name, as `Context.register`. Throws `UsageError` `RegisteredNameTaken`. */
  register<M>(name: ActorName<M>, ref: ActorRef<M>): void {
    this.#kernel.registry.register(name.text, this.#kernel.local(ref));
  }

  /** Who has a name. */
  whereis<M>(name: ActorName<M>): ActorRef<M> | undefined {
    return this.#kernel.registry.whereis(name.text);
  }

  /** Resolves when the actor has ended for good (a restart is not an end). */
  whenStopped(ref: ActorRef<never>): Promise<StopReason> {
    const local = this.#kernel.local(ref);
    return new Promise((resolve) => {
      const cell = local.cell;
      if (cell === undefined) resolve(local.ended ?? { kind: "normal" });
      else (cell.onEnded ??= []).push(resolve);
    });
  }

  /**
   * Stops everything in reverse start order; no actor can be started any more. Resolves when all have ended. What has not
   * ended after `timeoutMs` (default: every actor has its own `shutdownMs`) is killed. Calling it again is harmless.
   */
  shutdown(timeoutMs?: number): Promise<void> {
    const root = this.#root;
    const kernel = this.#kernel;
    return new Promise((resolve) => {
      if (root.state === "ended") return resolve();
      let timer: Timer | undefined;
      if (timeoutMs !== undefined) {
        const run = () => kernel.signalKill(root, true);
        timer = kernel.startTimer(undefined, timeoutMs, "run", run);
      }
      (root.onEnded ??= []).push(() => {
        if (timer !== undefined) kernel.removeTimer(timer);
        resolve();
      });
      if (root.state !== "running") return;
      root.stop = true;
      kernel.enqueue(root);
    });
  }

  /**
   * A bounded picture, safe with any number of actors (see `snapshot.ts`); `undefined` when nothing stands at `options.path`.
   * Looks at every actor of the subtree once: about 0.3 µs each.
   */
  snapshot(options?: SnapshotOptions): SystemSnapshot | undefined {
    return snapshotOf(this.#root, this.#kernel.ports.clock.monotonic(), options);
  }

  /** A picture of the whole tree, every actor of it. Costs time and memory in proportion to their number. */
  inspect(): ActorInfo {
    return inspectCell(this.#root, this.#kernel.ports.clock.monotonic());
  }

  /** The same of the actor at a path and all below it; `undefined` when there is none. */
  inspectAt(path: string): ActorInfo | undefined {
    const cell = cellAt(this.#root, path);
    return cell && inspectCell(cell, this.#kernel.ports.clock.monotonic());
  }

  /** Counts. */
  get stats(): SystemStats {
    return {
      messages: this.#messages,
      actors: this.#kernel.actorCount,
      timers: this.#kernel.timers.size,
    };
  }

  // ---- the loop

  /** Keeps the ages of messages right when something comes from outside. */
  #touch(): void {
    if (!this.#running) this.#kernel.sliceTime = Math.floor(this.#kernel.ports.clock.monotonic());
  }

  #kick(): void {
    if (this.#running || this.#pending !== "no") return;
    const { soon, yieldToIo } = this.#kernel.ports;
    if (this.#budget <= 0) {
      this.#pending = "afterIo";
      yieldToIo(this.#turn);
    } else {
      this.#pending = "soon";
      if (soon !== undefined) soon(this.#turn);
      else Promise.resolve().then(this.#turn);
    }
  }

  readonly #turn = (): void => {
    if (this.#pending === "afterIo") this.#budget = this.#maxTurn;
    this.#pending = "no";
    this.#slice();
  };

  readonly #timerWake = (): void => {
    this.#wakeAt = Infinity;
    this.#cancelWake = undefined;
    this.#budget = this.#maxTurn;
    if (this.#pending === "no") this.#slice();
    else this.#fire();
  };

  #fire(): void {
    const now = this.#kernel.ports.clock.monotonic();
    this.#kernel.sliceTime = Math.floor(now);
    this.#kernel.fireDue(now);
  }

  #slice(): void {
    const queue = this.#kernel.runQueue;
    this.#running = true;
    this.#fire();
    while (this.#budget > 0) {
      const cell = queue.shift();
      if (cell === undefined) break;
      this.#runCell(cell);
    }
    this.#running = false;
    this.#reschedule();
    if (queue.size > 0) this.#kick();
  }

  /** One platform timer for the first of ours; it is moved only when it would ring too late, or for nothing at all. */
  #reschedule(): void {
    const { timers, ports } = this.#kernel;
    const due = timers.first?.due ?? Infinity;
    if (due < this.#wakeAt || (due === Infinity && this.#cancelWake !== undefined)) {
      this.#cancelWake?.();
      this.#cancelWake = undefined;
      this.#wakeAt = due;
      if (due === Infinity) return;
      const delay = Math.min(MAX_SCHEDULE, Math.max(0, Math.ceil(due - ports.clock.monotonic())));
      this.#cancelWake = ports.clock.schedule(delay, this.#timerWake);
    }
  }

  #runCell(cell: Cell): void {
    cell.queued = false;
    for (let used = 0; used < ACTOR_TURN && this.#budget > 0; used++) {
      if (!this.#supervisor.step(cell)) {
        if (cell.state !== "running" && cell.state !== "stopping") return;
        const mailbox = cell.mailbox;
        if (mailbox === undefined || cell.waitingOn !== undefined) return;
        if (mailbox.size === 0) return this.#kernel.spareMailbox(cell, mailbox);
        this.#handleNext(cell, mailbox.shift());
      }
      this.#budget--;
    }
    this.#kernel.enqueue(cell);
  }

  #handleNext(cell: Cell, entry: unknown): void {
    if (!(entry instanceof OwnMessage)) {
      cell.counted--;
      if (cell.waiters !== undefined) this.#kernel.admit(cell);
      this.#handle(cell, entry);
    } else if (!entry.dropped && entry.incarnation === cell.incarnation) {
      this.#handleOwn(cell, entry);
    }
  }

  #handleOwn(cell: Cell, entry: OwnMessage): void {
    if (entry instanceof Posted) this.#handle(cell, entry.message);
    else if (entry instanceof Timer) {
      if (entry.what === "message") this.#handle(cell, entry.subject);
    } else if (entry instanceof Outcome) this.#handleOutcome(cell, entry);
    else if (entry instanceof Returned) {
      const { behaviour, context } = cell;
      if (context === undefined) return;
      this.#supervisor.run(
        cell,
        "(undeliverable)",
        () => behaviour?.undeliverable?.(entry.to, entry.message, entry.reason, context),
      );
    }
  }

  /** As hot: the end of a question or of an actor that was watched. */
  #handleOutcome(cell: Cell, outcome: Outcome): void {
    const { behaviour, context } = cell;
    if (behaviour === undefined || context === undefined) return;
    const kernel = this.#kernel;
    this.#messages++;
    kernel.enter(cell);
    try {
      behaviour.handle(outcome.make(outcome.value), context);
      kernel.commit(cell);
    } catch (error) {
      kernel.rollback();
      this.#supervisor.crash(cell, error, undefined, "(outcome)");
      return;
    }
    if (cell.leaving !== undefined) this.#supervisor.leave(cell);
  }

  /** The hot path: one user message. */
  #handle(cell: Cell, message: unknown): void {
    const { behaviour, context } = cell;
    if (behaviour === undefined || context === undefined) return;
    const kernel = this.#kernel;
    this.#messages++;
    kernel.enter(cell);
    try {
      behaviour.handle(message, context);
      kernel.commit(cell);
    } catch (error) {
      kernel.rollback();
      this.#supervisor.crash(cell, error, message);
      return;
    }
    if (cell.leaving !== undefined) this.#supervisor.leave(cell);
  }
}
