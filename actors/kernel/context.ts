/** What handlers see: every method writes into the effect buffer, and only while a handler of this actor runs. @module */
import type { RandomSource } from "../ports.ts";
import { UsageError } from "../../protocol/errors.ts";
import type {
  ActorName,
  ActorRef,
  AskOutcome,
  ChildSpec,
  Context,
  ReplyTo,
  StopReason,
  TimerHandle,
} from "./actor.ts";
import { Ask, type Cell, type LocalRef, Timer, Watch } from "./cell.ts";
import { Effect } from "./effect_buffer.ts";
import type { Kernel } from "./kernel.ts";

/** The context of one actor. */
export class CellContext implements Context<unknown> {
  readonly #kernel: Kernel;
  readonly #cell: Cell;

  /** The context of `cell`. */
  constructor(kernel: Kernel, cell: Cell) {
    this.#kernel = kernel;
    this.#cell = cell;
  }

  get self(): ActorRef<unknown> {
    return this.#cell.ref;
  }

  get random(): RandomSource {
    return this.#kernel.ports.random;
  }

  now(): number {
    return this.#inside().now();
  }

  wallNow(): number {
    return this.#inside().ports.clock.now();
  }

  send<T>(to: ActorRef<T>, message: T): void {
    const kernel = this.#inside();
    kernel.effects.push(Effect.send, kernel.local(to), message);
  }

  sendOnCredit<T>(to: ActorRef<T>, message: T): void {
    const kernel = this.#inside();
    kernel.effects.push(Effect.sendOnCredit, kernel.local(to), message);
  }

  reply<R>(to: ReplyTo<R>, value: R): void {
    const kernel = this.#inside();
    kernel.effects.push(Effect.reply, kernel.question(to), value);
  }

  effect(run: (post: (message: unknown) => void) => void): void {
    this.#inside().effects.push(Effect.run, run);
  }

  spawn<C>(spec: ChildSpec<C>): ActorRef<C> {
    const kernel = this.#alive();
    const child = kernel.makeCell(this.#cell, spec as unknown as ChildSpec<unknown>);
    kernel.effects.push(Effect.spawn, child);
    return child.ref;
  }

  stop(child?: ActorRef<never>): void {
    const kernel = this.#alive();
    if (child === undefined) kernel.effects.push(Effect.stopSelf);
    else kernel.effects.push(Effect.stopChild, this.#child(child));
  }

  kill(child: ActorRef<never>): void {
    this.#alive().effects.push(Effect.killChild, this.#child(child));
  }

  watch(ref: ActorRef<never>, makeMessage: (reason: StopReason) => unknown): void {
    const kernel = this.#alive();
    kernel.effects.push(
      Effect.watch,
      new Watch(this.#cell, this.#cell.incarnation, kernel.local(ref), makeMessage),
    );
  }

  timer(delayMs: number, message: unknown): TimerHandle {
    const kernel = this.#alive();
    const due = kernel.now() + (delayMs > 0 ? delayMs : 0);
    const timer = new Timer(kernel.nextId(), due, this.#cell, this.#cell.incarnation, "message", message);
    kernel.effects.push(Effect.timer, timer);
    return timer;
  }

  cancel(timer: TimerHandle): void {
    const kernel = this.#alive();
    if (!(timer instanceof Timer) || timer.owner !== this.#cell) {
      throw new UsageError("ForeignTimer", `cancel timer: it does not belong to ${this.#cell.ref.path}`);
    }
    kernel.effects.push(Effect.cancel, timer);
  }

  ask<T, R>(
    to: ActorRef<T>,
    question: (replyTo: ReplyTo<R>) => T,
    timeoutMs: number,
    makeMessage: (outcome: AskOutcome<R>) => unknown,
  ): void {
    const kernel = this.#alive();
    const cell = this.#cell;
    const make = makeMessage as (outcome: AskOutcome<unknown>) => unknown;
    const ask = new Ask(kernel.nextId(), cell, cell.incarnation, timeoutMs, make);
    kernel.effects.push(Effect.ask, ask, kernel.local(to), question(ask));
  }

  register<T>(name: ActorName<T>, ref: ActorRef<T>): void {
    const kernel = this.#alive();
    kernel.effects.push(Effect.register, name.text, kernel.local(ref));
  }

  unregister(name: ActorName<never>): void {
    this.#alive().effects.push(Effect.unregister, name.text);
  }

  whereis<T>(name: ActorName<T>): ActorRef<T> | undefined {
    return this.#inside().registry.whereis(name.text);
  }

  passivate(): void {
    this.#alive().effects.push(Effect.passivate);
  }

  #inside(): Kernel {
    if (this.#kernel.active === this.#cell) return this.#kernel;
    throw new UsageError(
      "ContextOutsideHandler",
      `use context of ${this.#cell.ref.path}: it is valid only inside its own handlers`,
    );
  }

  /** Everything but `send`, `reply` and `effect` needs an actor that goes on living. */
  #alive(): Kernel {
    if (this.#cell.state !== "ending") return this.#inside();
    throw new UsageError(
      "ContextAfterEnd",
      `use context of ${this.#cell.ref.path}: in stopped() only send, reply and effect work`,
    );
  }

  #child(ref: ActorRef<never>): LocalRef<never> {
    const local = this.#kernel.local(ref);
    if (local.cell === undefined || local.cell.parent === this.#cell) return local;
    throw new UsageError("NotAChild", `stop ${local.path}: it is not a child of ${this.#cell.ref.path}`);
  }
}
