/**
 * The data of one actor and of what hangs on it: address, lanes, timers, asks, watches. No behaviour: the rules are in
 * `kernel.ts` (delivery, timers, effects) and `supervisor.ts` (life and death). Everything an idle actor does not need is
 * absent until it is first used.
 * @module
 */
import type {
  ActorRef,
  AskOutcome,
  Behaviour,
  ChildSpec,
  Context,
  Overflow,
  ReplyTo,
  StopReason,
  TimerHandle,
} from "./actor.ts";
import type { Fifo } from "./fifo.ts";
import { type Mailbox, OwnMessage } from "./mailbox.ts";
import type { RestartWindow } from "./restart_window.ts";
import type { SmallMap } from "./small_map.ts";
import type { HeapItem } from "./timer_heap.ts";

/**
 * - `new`: asked for, its parent's handler has not ended yet
 * - `starting`: `start` runs in its next turn
 * - `running`, `stopping` (asked to stop, still at work)
 * - `ending`: its behaviour is over, its children are being stopped
 * - `passive`: a life is over; the next message starts another
 * - `down`: over; its supervisor decides whether it returns
 * - `ended`: for good
 */
export type CellState =
  | "new"
  | "starting"
  | "running"
  | "stopping"
  | "ending"
  | "passive"
  | "down"
  | "ended";

/** The kernel's address of an actor. */
export class LocalRef<in M> implements ActorRef<M> {
  /** Type witness; never present. */
  declare readonly accepts?: (message: M) => void;
  /** The actor; `undefined` after its end. */
  cell: Cell | undefined;
  /** Why it ended. */
  ended: StopReason | undefined;

  readonly #parent: LocalRef<never> | undefined;
  readonly #name: string;

  /** An address in the system `home`, below `parent`. */
  constructor(readonly id: number, parent: LocalRef<never> | undefined, name: string, readonly home: object) {
    this.#parent = parent;
    this.#name = name;
  }

  /** Place in the tree; `""` for the root. Made when it is asked for: few are, and there are many actors. */
  get path(): string {
    return this.#parent === undefined ? "" : `${this.#parent.path}/${this.#name}`;
  }
}

/** What a timer is for: a message for its owner, the deadline of a question, or something that the kernel is to `run`. */
export type TimerKind = "message" | "ask" | "run";

/** A pending timer. */
export class Timer extends OwnMessage implements TimerHandle, HeapItem {
  /** Index in the heap. */
  slot = -1;
  /** Neighbours in the list of its owner's timers. */
  previous: Timer | undefined;
  /** Neighbours in the list of its owner's timers. */
  next: Timer | undefined;

  /** A timer that is due at `due`. */
  constructor(
    readonly id: number,
    readonly due: number,
    readonly owner: Cell | undefined,
    incarnation: number,
    readonly what: TimerKind,
    /** The message, the {@link Ask} or the function: no object in between, as each question has a timer. */
    readonly subject: unknown,
  ) {
    super(incarnation);
  }

  /** Ties are broken by the order of creation. */
  get order(): number {
    return this.id;
  }
}

/** A question on its way; it is its own {@link ReplyTo}. */
export class Ask implements ReplyTo<unknown> {
  /** Type witness; never present. */
  declare readonly answers?: (value: unknown) => void;
  /** It has its outcome, or nobody waits for it any more. */
  done = false;
  /** Ends it as timed out. */
  timer: Timer | undefined;
  /** Whom it asks, from the moment the question is sent. */
  target: Cell | undefined;
  /** Neighbours in the list of questions to the target. */
  previous: Ask | undefined;
  /** Neighbours in the list of questions to the target. */
  next: Ask | undefined;

  /**
   * A question by a life of `asker`, whose message `make` makes of the outcome; from outside (`undefined`) `make` takes the
   * outcome.
   */
  constructor(
    readonly id: number,
    readonly asker: Cell | undefined,
    readonly incarnation: number,
    readonly timeoutMs: number,
    readonly make: (outcome: AskOutcome<unknown>) => unknown,
  ) {}
}

/** One actor waiting for the end of another. Stands in a list of each, newest first: sets would cost 300 bytes more. */
export class Watch {
  /** Newer one of the target. */
  newerAtTarget: Watch | undefined;
  /** Older one of the target. */
  olderAtTarget: Watch | undefined;
  /** Newer one of the watcher. */
  newerOfWatcher: Watch | undefined;
  /** Older one of the watcher. */
  olderOfWatcher: Watch | undefined;

  /** `watcher` wants `make(reason)` when `target` has ended. */
  constructor(
    readonly watcher: Cell,
    readonly incarnation: number,
    readonly target: LocalRef<never>,
    readonly make: (reason: StopReason) => unknown,
  ) {}
}

/** A message that waits for room. */
export interface Waiter {
  /** Who is blocked by it; `undefined` for a question from outside. */
  readonly sender: Cell | undefined;
  /** The message. */
  readonly message: unknown;
  /** The question that it carries. */
  readonly ask: Ask | undefined;
}

/** News for a supervisor. */
export interface ChildNews {
  /** `down`: decide. `ended`: tell the behaviour. */
  readonly kind: "down" | "ended";
  /** Whose. */
  readonly child: LocalRef<never>;
  /** Why. */
  readonly reason: StopReason;
  /** What was told after it. */
  next: ChildNews | undefined;
}

/** Children that are restarted together. */
export interface RestartGroup {
  /** In start order. */
  readonly members: readonly Cell[];
  /** Who must be down before the restart; taken from the end. */
  readonly toStop: Cell[];
  /** Milliseconds between the last stop and the first start. */
  readonly delayMs: number;
  /** Members are still being stopped. */
  waiting: boolean;
}

/** How far the end of an actor is. */
export interface Ending {
  /** Why it ends. */
  readonly reason: StopReason;
  /** Children are killed instead of stopped. */
  kill: boolean;
  /** Children that have not ended, in start order; taken from the end. */
  readonly remaining: Cell[];
}

/** Bound of the user lane where a spec says nothing. */
export const DEFAULT_CAPACITY = 1024;

/** One actor. */
export class Cell {
  /** Where in its life it is. */
  state: CellState = "new";
  /** Counts the lives; what an earlier life asked for is dropped. */
  incarnation = 1;
  /** Present while it lives. */
  behaviour: Behaviour<unknown> | undefined;
  /** What its handlers get. */
  context: Context<unknown> | undefined;
  /** Takes messages at all. */
  accepting = true;
  /** Stands in the run queue. */
  queued = false;
  /** Lane 1. */
  kill = false;
  /** Lane 2. */
  stop = false;
  /** Lane 3: a list, since nearly always there is one or nothing. */
  news: ChildNews | undefined;
  /** The last of that list. */
  newest: ChildNews | undefined;
  /** Lane 4. */
  mailbox: Mailbox | undefined;
  /** Messages in lane 4 that count against the bound. */
  counted = 0;
  /** Messages that `shedOldest` dropped. */
  shed = 0;
  /** Messages that wait for room here. */
  waiters: Fifo<Waiter> | undefined;
  /** Who must make room before this actor takes its next user message; one entry per waiting message. */
  waitingOn: Cell[] | undefined;
  /** The handler has called `stop()` or `passivate()`. */
  leaving: "stop" | "passivate" | undefined;
  /** It must not return: somebody has stopped or killed it. */
  stopRequested = false;
  /** In start order. */
  children: SmallMap<string, Cell> | undefined;
  /** Head of the list of its timers. */
  timers: Timer | undefined;
  /** Head of the list of open questions to it. */
  asks: Ask | undefined;
  /** Newest of those that watch it. */
  watchers: Watch | undefined;
  /** Newest of those whom it watches. */
  watching: Watch | undefined;
  /** How often it was restarted. */
  restarts = 0;
  /** Restarts of its children. */
  window: RestartWindow | undefined;
  /** The restart that it is part of. */
  group: RestartGroup | undefined;
  /** Present while `ending`. */
  ending: Ending | undefined;
  /** Kills it when `stopping` takes too long. */
  deadline: Timer | undefined;
  /** Its names in the registry. */
  names: string[] | undefined;
  /** Called once with the reason of its end. */
  onEnded: ((reason: StopReason) => void)[] | undefined;
  /** Brings completions back to the present incarnation. */
  post: ((message: unknown) => void) | undefined;

  /** An actor that has not started. */
  constructor(
    readonly ref: LocalRef<unknown>,
    readonly name: string,
    readonly spec: ChildSpec<unknown>,
    readonly parent: Cell | undefined,
    readonly capacity: number,
    readonly overflow: Overflow,
  ) {}
}
