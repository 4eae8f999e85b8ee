/** An actor that gives its state up when it was idle for a while, and is started again by its next message. @module */
import type { ActorRef, Behaviour, ChildSpec, Context, StopReason } from "./actor.ts";

/** A behaviour that can say whether the end of its life would lose something. */
export interface PassivatingBehaviour<M> extends Behaviour<M> {
  /** Something is under way (an open question, a child at work): not now. Asked after each `idleMs` without a message. */
  busy?(): boolean;
}

/** A {@link ChildSpec} whose behaviour can be busy. */
export interface PassivatingSpec<M> extends ChildSpec<M> {
  /** Makes the behaviour: at first, on every restart, and whenever a message ends a passive time. */
  start(context: Context<M>): PassivatingBehaviour<M>;
}

/** The actor's own message: look whether it is idle. */
class IdleCheck {}

/**
 * `spec`, passivated after `idleMs` milliseconds without a message of any kind (completions and its own timers
 * included). No message is lost by it: see `Context.passivate`. At most one timer, none while passive.
 */
export function passivating<M>(spec: PassivatingSpec<M>, idleMs: number): ChildSpec<M> {
  const start = (context: Context<M | IdleCheck>) => new Passivating(spec.start(context), idleMs, context);
  return { ...spec, start: start as unknown as ChildSpec<M>["start"] };
}

class Passivating<M> implements Behaviour<M | IdleCheck> {
  readonly #inner: PassivatingBehaviour<M>;
  readonly #idleMs: number;
  #last: number;

  constructor(inner: PassivatingBehaviour<M>, idleMs: number, context: Context<M | IdleCheck>) {
    this.#inner = inner;
    this.#idleMs = idleMs;
    this.#last = context.now();
    context.timer(idleMs, new IdleCheck());
  }

  handle(message: M | IdleCheck, context: Context<M | IdleCheck>): void {
    if (message instanceof IdleCheck) return this.#check(message, context);
    this.#last = context.now();
    this.#inner.handle(message, context);
  }

  stopping(context: Context<M | IdleCheck>): boolean {
    return this.#inner.stopping?.(context) ?? true;
  }

  stopped(reason: StopReason, context: Context<M | IdleCheck>): void {
    this.#inner.stopped?.(reason, context);
  }

  childEnded(child: ActorRef<never>, reason: StopReason, context: Context<M | IdleCheck>): void {
    this.#last = context.now();
    this.#inner.childEnded?.(child, reason, context);
  }

  undeliverable(
    to: ActorRef<never>,
    message: unknown,
    reason: "full" | "stopped",
    context: Context<M | IdleCheck>,
  ): void {
    this.#inner.undeliverable?.(to, message, reason, context);
  }

  describe(): string {
    return this.#inner.describe?.() ?? "";
  }

  figures(): Readonly<Record<string, number>> {
    return this.#inner.figures?.() ?? {};
  }

  #check(check: IdleCheck, context: Context<M | IdleCheck>): void {
    const rest = this.#last + this.#idleMs - context.now();
    // Also when it asks to be passivated: a message may have come first, and then it lives on.
    context.timer(rest > 0 ? rest : this.#idleMs, check);
    if (rest <= 0 && this.#inner.busy?.() !== true) context.passivate();
  }
}
