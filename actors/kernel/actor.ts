/**
 * What an actor is: a behaviour with typed messages, handled synchronously, one at a time.
 *
 * A handler changes only its own state and asks *effects* of its {@link Context}; they happen, in order, after the
 * handler has returned, and not at all when it throws.
 * @module
 */
import type { RandomSource } from "../ports.ts";

/** Address of an actor that takes messages of type `M`. Stays valid (and harmless) after the actor's end. */
export interface ActorRef<in M> {
  /** Unique in its system. */
  readonly id: number;
  /** Place in the tree, e.g. `/fleet/web01/session`. */
  readonly path: string;
  /** Type witness; never present. */
  readonly accepts?: (message: M) => void;
}

/** A name in the registry of a system, for an actor that takes messages of type `M`. */
export interface ActorName<in M> {
  /** Unique among the names of living actors. */
  readonly text: string;
  /** Type witness; never present. */
  readonly accepts?: (message: M) => void;
}

/** Why an actor ended. */
export type StopReason =
  | { readonly kind: "normal" }
  | { readonly kind: "shutdown" }
  | { readonly kind: "killed" }
  /** Only a life has ended: told to `stopped`, never to watchers. */
  | { readonly kind: "passivated" }
  | { readonly kind: "crashed"; readonly error: unknown };

/** Outcome of an ask; it always comes. */
export type AskOutcome<R> =
  | { readonly kind: "answered"; readonly value: R }
  | { readonly kind: "timedOut" }
  | { readonly kind: "cancelled" }
  | { readonly kind: "targetStopped" };

/** Answers one ask; further calls, and calls after the asker's end, do nothing. Replies never wait. */
export interface ReplyTo<in R> {
  /** Sends the answer. */
  readonly id: number;
  /** Type witness; never present. */
  readonly answers?: (value: R) => void;
}

/** A pending timer. */
export interface TimerHandle {
  /** Unique in its system. */
  readonly id: number;
}

/** What a bounded user mailbox does when it is full. */
export type Overflow = "wait" | "reject" | "shedOldest";

/** How a child is started and supervised: data, as in OTP. */
export interface ChildSpec<M> {
  /** Name, unique among its living siblings; where it is omitted, `label` and a number. */
  readonly name?: string;
  /** What to call an actor that has no name of its own: kind or purpose, e.g. the host's name (a `/` becomes `_`); default only a number. */
  readonly label?: string;
  /** Makes the behaviour; called again on every restart. Effects asked here happen before the first message. */
  start(context: Context<M>): Behaviour<M>;
  /** Bound of the user lane; default 1024 messages, `wait`. */
  readonly mailbox?: { readonly capacity: number; readonly overflow: Overflow };
  /** When to restart: always, after a crash, never (default). */
  readonly restart?: "permanent" | "transient" | "temporary";
  /** Milliseconds that `stopping` may take before the actor is killed; default 5,000. */
  readonly shutdownMs?: number;
  /** How this actor supervises its own children; default one-for-one, at most 3 restarts in 5 seconds. */
  readonly supervision?: Supervision;
}

/** How children are restarted. */
export interface Supervision {
  /** Which siblings are restarted with a crashed child. */
  readonly strategy: "oneForOne" | "oneForAll" | "restForOne";
  /** More restarts than this within `windowMs` escalate: the supervisor itself crashes. */
  readonly maxRestarts: number;
  /** Sliding window, in milliseconds. */
  readonly windowMs: number;
  /** Delay before the first restart in a window, doubled for each further one up to `maxBackoffMs`, with jitter. Default 0. */
  readonly backoffMs?: number;
  /** Default 30,000. */
  readonly maxBackoffMs?: number;
}

/** The behaviour of one actor. Only `handle` is required. */
export interface Behaviour<M> {
  /** Handles one message. Throwing is a crash: the supervisor decides. */
  handle(message: M, context: Context<M>): void;
  /**
   * Asked to stop. Return `true` (the default without this method) to end at once, or `false` to go on handling
   * messages (to close what is open) until `context.stop()` or `shutdownMs`.
   */
  stopping?(context: Context<M>): boolean;
  /** Called once at the very end, after children were stopped; only `send`, `reply` and `effect` work here. */
  stopped?(reason: StopReason, context: Context<M>): void;
  /** A child ended and will not be restarted. */
  childEnded?(child: ActorRef<never>, reason: StopReason, context: Context<M>): void;
  /** A message that this actor sent could not be queued (mailbox `reject`) or its receiver is gone. Default: dropped. */
  undeliverable?(
    to: ActorRef<never>,
    message: unknown,
    reason: "full" | "stopped",
    context: Context<M>,
  ): void;
  /** Short text for inspection: what this actor is doing now. No secrets. */
  describe?(): string;
  /** A few numbers for inspection and metrics, by name: credit left, permits held. */
  figures?(): Readonly<Record<string, number>>;
}

/** What an actor may ask for. Valid only inside its own handlers. */
export interface Context<M> {
  /** This actor. */
  readonly self: ActorRef<M>;
  /** Monotonic milliseconds: constant during one handler. */
  now(): number;
  /** Wall clock milliseconds since 1970. */
  wallNow(): number;
  /** Random bytes. */
  readonly random: RandomSource;
  /** Sends to a mailbox. When it is full and waits, this actor takes no further user message until it was accepted. */
  send<T>(to: ActorRef<T>, message: T): void;
  /** Sends, past the receiver's bound and without waiting, what the receiver has granted: called by `Credit`, which counts. */
  sendOnCredit<T>(to: ActorRef<T>, message: T): void;
  /** Starts a child. */
  spawn<C>(spec: ChildSpec<C>): ActorRef<C>;
  /** Stops a child (in order, within its `shutdownMs`), or without an argument this actor, after this handler. */
  stop(child?: ActorRef<never>): void;
  /** Kills a child at once, without `stopping`. */
  kill(child: ActorRef<never>): void;
  /** Sends `makeMessage(reason)` to this actor once `ref` has ended (at once if it already has); past the mailbox bound. */
  watch(ref: ActorRef<never>, makeMessage: (reason: StopReason) => M): void;
  /** Sends `message` to this actor after `delayMs`; past the mailbox bound. */
  timer(delayMs: number, message: M): TimerHandle;
  /** Cancels a timer: its message will not be handled any more, even if it was due. */
  cancel(timer: TimerHandle): void;
  /**
   * Runs `run` after the handler. `post` brings messages back, at any later time, past the mailbox bound: completions of
   * what the actor itself has asked for never wait. After the actor's end (or restart) `post` does nothing.
   */
  effect(run: (post: (message: M) => void) => void): void;
  /** Sends a question; exactly one outcome comes back as a message, past the mailbox bound. */
  ask<T, R>(
    to: ActorRef<T>,
    question: (replyTo: ReplyTo<R>) => T,
    timeoutMs: number,
    makeMessage: (outcome: AskOutcome<R>) => M,
  ): void;
  /**
   * Gives an actor a name, from then to its end for good (restarts and passive times do not matter); an actor may have
   * several. A crash of this actor (`RegisteredNameTaken`) when another one has it. Nothing happens when `ref` has ended.
   */
  register<T>(name: ActorName<T>, ref: ActorRef<T>): void;
  /** Takes a name from this actor; nothing happens when it has not got it. */
  unregister(name: ActorName<M>): void;
  /** Who has a name now; what this handler registers is not seen yet. */
  whereis<T>(name: ActorName<T>): ActorRef<T> | undefined;
  /**
   * Ends this life after the handler, unless a message waits already: children stop, timers, questions, watches and later
   * completions are dropped, `stopped` is called. Address, names, place and mailbox stay, and so do those that watch; the
   * next message calls `start` again. No message is lost. See also `passivating`.
   */
  passivate(): void;
  /** Answers a question. */
  reply<R>(to: ReplyTo<R>, value: R): void;
}
