/**
 * Delivery: mailboxes and waiting, timers, asks, watches, and the carrying out of effects. Everything here leaves actors
 * marked as runnable; nothing here runs a handler. Life and death are in `supervisor.ts`, the loop in `system.ts`.
 *
 * **Waiting.** A message to a full `wait` mailbox stands in the receiver's queue of waiters, first come first served, and its
 * sender takes no further user message until it was accepted or the receiver has died; kill, stop and supervision still
 * reach the sender, and the other effects of the same handler go on. Two waits would never end and are crashes of
 * the sender instead (effects before that send have happened, later ones do not): for an ancestor (`KernelUpwardWait`: work
 * flows downwards, upwards it goes by granted credit), and for anyone who already waits, directly or over others, for the
 * sender (`KernelWaitCycle`). So every chain of waits ends at an actor that can work.
 * @module
 */
import type { Clock, RandomSource } from "../ports.ts";
import { UsageError } from "../../protocol/errors.ts";
import type { ActorRef, AskOutcome, ChildSpec, ReplyTo, StopReason } from "./actor.ts";
import { Ask, Cell, DEFAULT_CAPACITY, LocalRef, Timer, type TimerKind, type Waiter, Watch } from "./cell.ts";
import type { CrashReport } from "./crash_report.ts";
import { Effect, EffectBuffer } from "./effect_buffer.ts";
import { KernelError } from "./errors.ts";
import { Fifo } from "./fifo.ts";
import { Mailbox, Outcome, Posted, Returned } from "./mailbox.ts";
import type { Redact } from "./redaction.ts";
import { Registry } from "./registry.ts";
import { SmallMap } from "./small_map.ts";
import { TimerHeap } from "./timer_heap.ts";

/** What the kernel needs of the world. */
export interface KernelPorts {
  /** Time. */
  readonly clock: Clock;
  /** Random bytes, for actors and for the jitter of restarts. */
  readonly random: RandomSource;
  /** Runs `turn` soon, after I/O had its chance (a macrotask). Several pending calls are not made. */
  readonly yieldToIo: (turn: () => void) => void;
  /** Runs `turn` as soon as the present callback has returned; default: a microtask. */
  readonly soon?: (turn: () => void) => void;
  /** Told about every crash; default: nobody. */
  readonly onCrash?: (report: CrashReport) => void;
  /** Takes what the program knows to be secret out of the texts of crash reports, beside what the kernel finds itself. */
  readonly redact?: Redact;
}

/** Empty mailboxes that are kept for the next actors that are sent something. */
const SPARE_MAILBOXES = 1024;

/** What became of a send. */
export type Delivery = "accepted" | "waiting" | "full" | "stopped";

/** See the module. */
export class Kernel {
  /** Actors with something to do. */
  readonly runQueue: Fifo<Cell> = new Fifo();
  /** Pending timers. */
  readonly timers: TimerHeap<Timer> = new TimerHeap();
  /** Actors by name. */
  readonly registry: Registry = new Registry();
  /** Effects of the running handler. */
  readonly effects: EffectBuffer = new EffectBuffer();
  /** Whose handler is running. */
  active: Cell | undefined;
  /** Actors that have been started and have not ended. */
  actorCount = 0;
  /** Start of the present slice of work, in whole monotonic milliseconds: the age of messages is measured by it. */
  sliceTime: number;
  readonly ports: KernelPorts;
  /** Empty ones, of actors that became idle. */
  readonly #spareMailboxes: Mailbox[] = [];
  /** Called when there may be work or another first timer. */
  readonly #wake: () => void;
  #lastId = 0;
  #handlerTime: number | undefined;

  /** A kernel without actors. */
  constructor(ports: KernelPorts, wake: () => void) {
    this.ports = ports;
    this.#wake = wake;
    this.sliceTime = Math.floor(ports.clock.monotonic());
  }

  /** A number that was not given before. */
  nextId(): number {
    return ++this.#lastId;
  }

  /** Monotonic time, constant during one handler. */
  now(): number {
    if (this.active === undefined) return this.ports.clock.monotonic();
    return this.#handlerTime ??= this.ports.clock.monotonic();
  }

  /** Opens the context of `cell`. */
  enter(cell: Cell): void {
    this.active = cell;
    this.#handlerTime = undefined;
  }

  /** The cell behind a ref of this system; `undefined` after its end. */
  resolve(ref: ActorRef<never>): Cell | undefined {
    return this.local(ref).cell;
  }

  /** Checks that a ref is of this system. */
  local(ref: ActorRef<never>): LocalRef<never> {
    if (ref instanceof LocalRef && ref.home === this) return ref;
    throw new UsageError("ForeignActorRef", "use actor reference: it belongs to another actor system");
  }

  /** Makes a cell under `parent`; it starts only when it is scheduled. */
  makeCell(parent: Cell, spec: ChildSpec<unknown>): Cell {
    const id = this.nextId();
    const name = spec.name ?? nameOf(spec.label, id);
    const siblings = parent.children ??= new SmallMap();
    if (siblings.has(name)) {
      throw new UsageError(
        "ActorNameTaken",
        `start actor: ${parent.ref.path}/${name} is alive`,
      );
    }
    const { capacity, overflow } = spec.mailbox ?? { capacity: DEFAULT_CAPACITY, overflow: "wait" };
    if (!(capacity >= 1)) {
      throw new UsageError("BadMailboxCapacity", `start actor: a mailbox of ${capacity} messages takes none`);
    }
    const ref = new LocalRef<unknown>(id, parent.ref, name, this);
    const cell = new Cell(ref, name, spec, parent, capacity, overflow);
    ref.cell = cell;
    siblings.set(name, cell);
    return cell;
  }

  /** Puts an actor into the run queue. */
  enqueue(cell: Cell): void {
    if (cell.queued) return;
    cell.queued = true;
    this.runQueue.push(cell);
    this.#wake();
  }

  // ---- delivery

  /** Delivers one message. `sender` is `undefined` from outside, where only a question may wait. */
  deliver(sender: Cell | undefined, to: LocalRef<never>, message: unknown, ask?: Ask): Delivery {
    const cell = to.cell;
    if (cell === undefined || !cell.accepting) return "stopped";
    // While there is a waiter the mailbox is full: room is given to waiters the moment it arises.
    if (cell.counted >= cell.capacity) {
      if (cell.overflow === "reject") return "full";
      if (cell.overflow === "wait") {
        if (sender === undefined && ask === undefined) return "full";
        if (sender !== undefined) {
          checkWait(sender, cell);
          (sender.waitingOn ??= []).push(cell);
        }
        (cell.waiters ??= new Fifo()).push({ sender, message, ask });
        return "waiting";
      }
      cell.mailbox?.shedOldest();
      cell.counted--;
      cell.shed++;
    }
    cell.counted++;
    (cell.mailbox ??= this.#newMailbox()).push(message, this.sliceTime);
    if (!cell.queued) this.enqueue(cell);
    return "accepted";
  }

  /** Puts something that `cell` asked for itself into its lane, past the bound. */
  deliverOwn(cell: Cell, entry: Posted | Outcome | Returned | Timer): void {
    if (entry.incarnation !== cell.incarnation) return;
    (cell.mailbox ??= this.#newMailbox()).push(entry, this.sliceTime);
    this.enqueue(cell);
  }

  /** Delivers what the receiver has granted: to the life that granted it, past the bound. */
  #deliverOnCredit(sender: Cell, to: LocalRef<never>, message: unknown): void {
    const receiver = to.cell;
    if (receiver === undefined) return this.#returnTo(sender, to, message, "stopped");
    // While its life ends nothing that it has asked for is of interest any more.
    if (receiver.state === "running" || receiver.state === "stopping") {
      this.deliverOwn(receiver, new Posted(receiver.incarnation, message));
    } else this.#returnTo(sender, to, message, "stopped");
  }

  /** Lets waiting messages in, as far as there is room. */
  admit(cell: Cell): void {
    const waiters = cell.waiters;
    while (waiters !== undefined && waiters.size > 0 && cell.counted < cell.capacity) {
      const waiter = waiters.shift();
      if (waiter === undefined) return;
      this.#release(waiter, cell);
      // A question that nobody waits for any more need not be handled.
      if (waiter.sender === undefined && waiter.ask?.done === true) continue;
      cell.counted++;
      (cell.mailbox ??= this.#newMailbox()).push(waiter.message, this.sliceTime);
      this.enqueue(cell);
    }
  }

  #newMailbox(): Mailbox {
    return this.#spareMailboxes.pop() ?? new Mailbox();
  }

  /** Takes an empty mailbox from an actor that has nothing to do: idle actors need none, and there are many of them. */
  spareMailbox(cell: Cell, mailbox: Mailbox): void {
    cell.mailbox = undefined;
    if (this.#spareMailboxes.length < SPARE_MAILBOXES) this.#spareMailboxes.push(mailbox);
  }

  /** Refuses messages from now on: what is queued is dropped, what waits goes back to its senders. */
  closeMailbox(cell: Cell): void {
    cell.accepting = false;
    if (cell.mailbox?.size === 0) this.spareMailbox(cell, cell.mailbox);
    cell.mailbox = undefined;
    cell.counted = 0;
    for (let waiter = cell.waiters?.shift(); waiter !== undefined; waiter = cell.waiters?.shift()) {
      this.#release(waiter, cell);
      if (waiter.sender !== undefined) this.#returnTo(waiter.sender, cell.ref, waiter.message, "stopped");
    }
    cell.waiters = undefined;
  }

  #release(waiter: Waiter, receiver: Cell): void {
    const waitingOn = waiter.sender?.waitingOn;
    if (waiter.sender === undefined || waitingOn === undefined) return;
    waitingOn.splice(waitingOn.indexOf(receiver), 1);
    if (waitingOn.length > 0) return;
    waiter.sender.waitingOn = undefined;
    this.enqueue(waiter.sender);
  }

  #returnTo(sender: Cell, to: LocalRef<never>, message: unknown, reason: "full" | "stopped"): void {
    if (sender.behaviour?.undeliverable === undefined) return;
    this.deliverOwn(sender, new Returned(sender.incarnation, to, message, reason));
  }

  // ---- timers

  /** Starts a timer that is due `delayMs` after `now()`. */
  startTimer(owner: Cell | undefined, delayMs: number, what: TimerKind, subject: unknown): Timer {
    const due = this.now() + (delayMs > 0 ? delayMs : 0);
    return this.addTimer(new Timer(this.nextId(), due, owner, owner?.incarnation ?? 0, what, subject));
  }

  /** Takes a timer into the heap and into the list of its owner. */
  addTimer(timer: Timer): Timer {
    const owner = timer.owner;
    if (owner !== undefined) {
      timer.next = owner.timers;
      if (owner.timers !== undefined) owner.timers.previous = timer;
      owner.timers = timer;
    }
    if (timer.due < Infinity) this.timers.insert(timer);
    if (this.timers.first === timer) this.#wake();
    return timer;
  }

  /** Removes a timer; its message is not handled any more. */
  removeTimer(timer: Timer): void {
    timer.dropped = true;
    this.timers.remove(timer);
    if (timer.owner?.timers === timer) timer.owner.timers = timer.next;
    if (timer.previous !== undefined) timer.previous.next = timer.next;
    if (timer.next !== undefined) timer.next.previous = timer.previous;
    timer.previous = timer.next = undefined;
    if (this.timers.size === 0) this.#wake();
  }

  /** Fires what is due at `now`. */
  fireDue(now: number): void {
    for (let timer = this.timers.first; timer !== undefined && timer.due <= now; timer = this.timers.first) {
      this.removeTimer(timer);
      switch (timer.what) {
        case "message":
          timer.dropped = false;
          if (timer.owner !== undefined) this.deliverOwn(timer.owner, timer);
          break;
        case "ask":
          this.settle(timer.subject as Ask, { kind: "timedOut" });
          break;
        case "run":
          (timer.subject as () => void)();
      }
    }
  }

  // ---- asks

  /** Sends a question. Its one outcome follows, whatever happens. */
  startAsk(
    ask: Ask,
    sender: Cell | undefined,
    to: LocalRef<never>,
    message: unknown,
  ): void {
    const target = to.cell;
    if (ask.done) return;
    if (target === undefined || !target.accepting) return this.settle(ask, { kind: "targetStopped" });
    ask.target = target;
    ask.next = target.asks;
    if (target.asks !== undefined) target.asks.previous = ask;
    target.asks = ask;
    ask.timer = this.startTimer(sender, ask.timeoutMs, "ask", ask);
    if (this.deliver(sender, to, message, ask) === "full" && sender !== undefined) {
      this.#returnTo(sender, to, message, "full");
    }
  }

  /** Ends a question; later ends do nothing. */
  settle(ask: Ask, outcome: AskOutcome<unknown>): void {
    if (ask.done) return;
    this.dropAsk(ask);
    const { asker, make } = ask;
    if (asker === undefined) make(outcome);
    else this.deliverOwn(asker, new Outcome(ask.incarnation, make as (v: unknown) => unknown, outcome));
  }

  /** Forgets a question without an outcome: its asker is gone. */
  dropAsk(ask: Ask): void {
    ask.done = true;
    if (ask.timer !== undefined) this.removeTimer(ask.timer);
    if (ask.target?.asks === ask) ask.target.asks = ask.next;
    if (ask.previous !== undefined) ask.previous.next = ask.next;
    if (ask.next !== undefined) ask.next.previous = ask.previous;
    ask.previous = ask.next = ask.target = undefined;
  }

  // ---- watches

  /** Adds a watch, or tells at once what has already happened. */
  startWatch(watch: Watch): void {
    const target = watch.target.cell;
    if (target === undefined) {
      this.#tell(watch, watch.target.ended ?? { kind: "normal" });
      return;
    }
    const { watcher } = watch;
    watch.olderAtTarget = target.watchers;
    if (target.watchers !== undefined) target.watchers.newerAtTarget = watch;
    target.watchers = watch;
    watch.olderOfWatcher = watcher.watching;
    if (watcher.watching !== undefined) watcher.watching.newerOfWatcher = watch;
    watcher.watching = watch;
  }

  #endWatch(watch: Watch): void {
    const { watcher } = watch;
    const target = watch.target.cell;
    if (target?.watchers === watch) target.watchers = watch.olderAtTarget;
    if (watch.newerAtTarget !== undefined) watch.newerAtTarget.olderAtTarget = watch.olderAtTarget;
    if (watch.olderAtTarget !== undefined) watch.olderAtTarget.newerAtTarget = watch.newerAtTarget;
    if (watcher.watching === watch) watcher.watching = watch.olderOfWatcher;
    if (watch.newerOfWatcher !== undefined) watch.newerOfWatcher.olderOfWatcher = watch.olderOfWatcher;
    if (watch.olderOfWatcher !== undefined) watch.olderOfWatcher.newerOfWatcher = watch.newerOfWatcher;
    watch.newerAtTarget =
      watch.olderAtTarget =
      watch.newerOfWatcher =
      watch.olderOfWatcher =
        undefined;
  }

  /** Tells all watchers that `cell` has ended. */
  tellWatchers(cell: Cell, reason: StopReason): void {
    let oldest = cell.watchers;
    while (oldest?.olderAtTarget !== undefined) oldest = oldest.olderAtTarget;
    for (let watch = oldest; watch !== undefined;) {
      const next: Watch | undefined = watch.newerAtTarget;
      this.#endWatch(watch);
      this.#tell(watch, reason);
      watch = next;
    }
    cell.watchers = undefined;
  }

  #tell(watch: Watch, reason: StopReason): void {
    this.deliverOwn(
      watch.watcher,
      new Outcome(watch.incarnation, watch.make as (value: unknown) => unknown, reason),
    );
  }

  /** Ends the present life of `cell`: its timers, questions, watches and completions are dropped. */
  dropOwn(cell: Cell): void {
    cell.incarnation++;
    cell.post = undefined;
    for (let timer = cell.timers; timer !== undefined; timer = cell.timers) {
      if (timer.what === "ask") this.dropAsk(timer.subject as Ask);
      else this.removeTimer(timer);
    }
    for (let watch = cell.watching; watch !== undefined; watch = cell.watching) this.#endWatch(watch);
  }

  // ---- signals

  /** Asks an actor to stop. `forGood`: it must not be restarted. */
  signalStop(cell: Cell, forGood: boolean): void {
    if (cell.state === "ended") return;
    cell.stopRequested ||= forGood;
    if (!cell.stop) {
      cell.stop = true;
      if (cell.state === "running" && cell.deadline === undefined) {
        cell.deadline = this.startTimer(undefined, cell.spec.shutdownMs ?? 5000, "run", () => {
          cell.deadline = undefined;
          this.signalKill(cell, forGood);
        });
      }
    }
    this.enqueue(cell);
  }

  /** Kills an actor in its next turn, before everything else. */
  signalKill(cell: Cell, forGood: boolean): void {
    if (cell.state === "ended") return;
    cell.stopRequested ||= forGood;
    cell.kill = true;
    this.enqueue(cell);
  }

  // ---- effects

  /** Forgets the effects of a handler that threw. */
  rollback(): void {
    this.active = undefined;
    const effects = this.effects;
    for (let at = 0; at < effects.length; at++) {
      if (effects.kind(at) === Effect.spawn) this.#forgetNewborn(effects.first(at) as Cell);
    }
    effects.clear();
  }

  #forgetNewborn(cell: Cell): void {
    cell.parent?.children?.delete(cell.name);
    cell.state = "ended";
    cell.accepting = false;
    cell.ref.cell = undefined;
    cell.ref.ended = { kind: "killed" };
  }

  /** Carries out the effects of the handler of `cell` that has just returned. Throws what an effect throws. */
  commit(cell: Cell): void {
    this.active = undefined;
    const effects = this.effects;
    let at = 0;
    try {
      for (; at < effects.length; at++) this.#carryOut(cell, at);
    } finally {
      for (at++; at < effects.length; at++) {
        if (effects.kind(at) === Effect.spawn) this.#forgetNewborn(effects.first(at) as Cell);
      }
      effects.clear();
    }
  }

  #carryOut(cell: Cell, at: number): void {
    const effects = this.effects;
    const first = effects.first(at);
    switch (effects.kind(at)) {
      case Effect.send: {
        const to = first as LocalRef<never>;
        const message = effects.second(at);
        const delivery = this.deliver(cell, to, message);
        if (delivery === "full" || delivery === "stopped") this.#returnTo(cell, to, message, delivery);
        break;
      }
      case Effect.sendOnCredit:
        this.#deliverOnCredit(cell, first as LocalRef<never>, effects.second(at));
        break;
      case Effect.reply: {
        this.settle(first as Ask, { kind: "answered", value: effects.second(at) });
        break;
      }
      case Effect.ask: {
        this.startAsk(first as Ask, cell, effects.second(at) as LocalRef<never>, effects.third(at));
        break;
      }
      case Effect.timer:
        this.addTimer(first as Timer);
        break;
      case Effect.cancel:
        this.removeTimer(first as Timer);
        break;
      case Effect.run:
        (first as (post: (message: unknown) => void) => void)(this.#postOf(cell));
        break;
      case Effect.spawn:
        this.begin(first as Cell);
        break;
      case Effect.watch:
        this.startWatch(first as Watch);
        break;
      case Effect.stopSelf:
        cell.leaving = "stop";
        break;
      case Effect.passivate:
        cell.leaving ??= "passivate";
        break;
      case Effect.register:
        this.registry.register(first as string, effects.second(at) as LocalRef<never>);
        break;
      case Effect.unregister:
        this.registry.unregister(first as string, cell);
        break;
      case Effect.stopChild: {
        const child = (first as LocalRef<never>).cell;
        if (child !== undefined) this.signalStop(child, true);
        break;
      }
      case Effect.killChild: {
        const child = (first as LocalRef<never>).cell;
        if (child !== undefined) this.signalKill(child, true);
      }
    }
  }

  /** Lets a new actor start. */
  begin(cell: Cell): void {
    cell.state = "starting";
    this.actorCount++;
    this.enqueue(cell);
  }

  #postOf(cell: Cell): (message: unknown) => void {
    const incarnation = cell.incarnation;
    return cell.post ??= (message) => this.deliverOwn(cell, new Posted(incarnation, message));
  }

  /** The question behind a `ReplyTo` of this system. */
  question(to: ReplyTo<never>): Ask {
    if (to instanceof Ask) return to;
    throw new UsageError("ForeignReplyTo", "answer a question: the address was not made by an ask");
  }
}

/** A `/` in a label would look like a step down the tree. */
function nameOf(label: string | undefined, id: number): string {
  return label === undefined ? String(id) : `${label.replaceAll("/", "_")}-${id}`;
}

function checkWait(sender: Cell, receiver: Cell): void {
  for (let above = sender.parent; above !== undefined; above = above.parent) {
    if (above === receiver) {
      throw new KernelError(
        "KernelUpwardWait",
        `send to ${receiver.ref.path}: its mailbox is full and ${sender.ref.path}, below it, may not wait`,
      );
    }
  }
  const seen = new Set<Cell>();
  const open = [receiver];
  for (let cell = open.pop(); cell !== undefined; cell = open.pop()) {
    if (cell === sender) {
      throw new KernelError(
        "KernelWaitCycle",
        `send to ${receiver.ref.path}: its mailbox is full and it waits for ${sender.ref.path}`,
      );
    }
    if (seen.has(cell)) continue;
    seen.add(cell);
    if (cell.waitingOn !== undefined) open.push(...cell.waitingOn);
  }
}
