/**
 * A session: the authenticated connections to one host for one account, and the queues of exchanges for them.
 *
 * Links are opened on demand, but only one while none stands: where it fails, others would fail alike. It is tried again a few
 * times; then everything that waits fails, and the host's circuit breaker counts. An exchange is written once at most: only
 * one that never reached a link's connection is given to another.
 * @module
 */
import { DeniedError, type DroverError, NetworkError, ProtocolError } from "../../protocol/errors.ts";
import { guidFromRandom } from "../../protocol/guid.ts";
import { RequestWriter } from "../../protocol/wsman/mod.ts";
import type { ActorRef, Behaviour, ChildSpec, Context, ReplyTo } from "../kernel/actor.ts";
import { SmallMap } from "../kernel/small_map.ts";
import type { Connector, ExchangeObserver } from "../ports.ts";
import {
  approached,
  type Circuit,
  circuitFigures,
  circuitOpen,
  closedCircuit,
  describeCircuit,
  failed,
} from "./breaker.ts";
import type { BudgetMessage, SpareMessage } from "./budget.ts";
import { asDroverError } from "./client_http.ts";
import { ConnectTries, defaultConnectRetries, isAbsence } from "./connect_tries.ts";
import type { ExchangeMessage, SessionRequest } from "./exchange.ts";
import { link, type LinkMessage, type LinkReport } from "./link.ts";
import type { LogonUsed } from "./logon.ts";
import type { HostTarget } from "./target.ts";

/** Messages that a session takes. */
export type SessionMessage =
  | SessionRequest
  | LinkReport
  | SpareMessage
  /** What is known about the host's circuit. */
  | { readonly kind: "circuit"; readonly replyTo: ReplyTo<Circuit> }
  | { readonly kind: "linkGone"; readonly link: ActorRef<LinkMessage> }
  | { readonly kind: "sweep" }
  | { readonly kind: "reopen" };

/** Links that may be busy with Receives: more than one shell of any Windows version may have processes. */
const maxPolls = 32;
/** Links for Receives and all other ordinary exchanges. */
const maxLinks = maxPolls + 4;
/** Links that are kept for Signal and Delete beyond these. */
const reservedLinks = 1;

/** A link that was idle for longer is not used again: the service may be about to close it (http.sys does after 120 s). */
const maxIdleMs = 30_000;

/** Milliseconds that an exchange may wait for a link; less than its asker waits, so that it is never sent for nobody. */
const maxWaitMs = 40_000;
const sweepMs = 5_000;

/** Milliseconds without a further try after a link could not be opened while another one stands, or seems to. */
const reopenMs = 500;

/** A link that was idle for less is not closed for others: whoever uses it is between two exchanges. */
const spareIdleMs = 100;

/** Links that an exchange may be given to. A link that dies before it has written anything hands the exchange back. */
const maxAssignments = 3;

/** What a session is made with, beside its target. */
export interface SessionOptions {
  readonly connector: Connector;
  /** Where its links ask for places; `undefined`: they need none. */
  readonly budget?: ActorRef<BudgetMessage> | undefined;
  /** Told of every exchange; `undefined`: nobody is. */
  readonly observer?: ExchangeObserver | undefined;
  /** What an earlier session has learnt about the host; default: nothing bad. */
  readonly circuit?: Circuit | undefined;
}

/** A session with `target`. */
export function session(target: HostTarget, options: SessionOptions): ChildSpec<SessionMessage> {
  return {
    name: "session",
    start: (context) => new Session(target, options, context),
    // Links are children, and children must never wait for their parent.
    mailbox: { capacity: 65_536, overflow: "wait" },
  };
}

interface Waiting {
  readonly message: ExchangeMessage;
  readonly since: number;
  assignments: number;
  /** A Receive of a command that has ended meanwhile. */
  unwanted?: true;
}

interface LinkEntry {
  state: "opening" | "idle" | "busy" | "closed";
  exchange: Waiting | undefined;
  /** Monotonic milliseconds at which it became idle. */
  idleSince: number;
}

class Session implements Behaviour<SessionMessage> {
  readonly #target: HostTarget;
  readonly #connector: Connector;
  readonly #budget: ActorRef<BudgetMessage> | undefined;
  readonly #observer: ExchangeObserver | undefined;
  readonly #writer: RequestWriter;
  readonly #links = new SmallMap<ActorRef<LinkMessage>, LinkEntry>();
  /** Links that said that they are closed, until they are gone: an exchange may be on its way back from them. */
  readonly #closing = new SmallMap<ActorRef<LinkMessage>, LinkEntry>();
  readonly #urgent: Waiting[] = [];
  readonly #ordinary: Waiting[] = [];
  readonly #polls: Waiting[] = [];
  #polling = 0;
  #sweeping = false;
  #paused = false;
  #circuit: Circuit;
  /** What the last logon was with. */
  #logon: LogonUsed | undefined;
  /** There while no link stands and one is to be opened. */
  #tries: ConnectTries | undefined;

  constructor(target: HostTarget, options: SessionOptions, context: Context<SessionMessage>) {
    this.#target = target;
    this.#connector = options.connector;
    this.#budget = options.budget;
    this.#observer = options.observer;
    this.#circuit = options.circuit ?? closedCircuit;
    this.#writer = new RequestWriter({
      to: target.url,
      maxEnvelopeSize: target.maxEnvelopeSize,
      locale: target.locale,
      sessionId: guidFromRandom(context.random.bytes(16)),
    });
  }

  handle(message: SessionMessage, context: Context<SessionMessage>): void {
    switch (message.kind) {
      case "exchange":
        if (this.#circuit.kind !== "closed" && this.#refuse(message, context)) return;
        this.#queue(message).push({ message, since: context.now(), assignments: 0 });
        break;
      case "withdraw":
        this.#withdraw(message.owner, context);
        return;
      case "linkIdle": {
        const entry = this.#links.get(message.link);
        if (entry === undefined) return;
        if (entry.state === "opening") this.#established();
        this.#logon = message.logon;
        this.#free(entry);
        entry.state = "idle";
        entry.idleSince = context.now();
        break;
      }
      case "linkClosed":
        this.#retire(message.link, context);
        break;
      case "linkRefused":
        this.#takeBack(message.link, message.logonEnded === true, context);
        break;
      case "linkFailed":
        this.#retire(message.link, context);
        // While others stand, what waits can wait for them; they ask for work when they are idle.
        if (!this.#anyEstablished()) this.#notOpened(message.error, context);
        else this.#pause(context);
        return;
      case "reopen":
        this.#paused = false;
        if (this.#waitingCount === 0) this.#tries = undefined;
        break;
      case "spare":
        this.#spare(context);
        return;
      case "circuit":
        context.reply(message.replyTo, this.#circuit);
        return;
      case "linkGone":
        this.#linkGone(message.link, context);
        break;
      case "sweep":
        this.#sweeping = false;
        this.#failOverdue(context);
        break;
    }
    this.#serve(context);
  }

  describe(): string {
    const circuit = describeCircuit(this.#circuit);
    const logon = this.#logon === undefined ? "" : `, ${this.#logon.mechanism}`;
    return `${this.#links.size} links, ${this.#waitingCount} waiting${logon}${
      circuit === "" ? "" : `, ${circuit}`
    }`;
  }

  figures(): Readonly<Record<string, number>> {
    return {
      links: this.#links.size,
      exchangesWaiting: this.#waitingCount,
      ...circuitFigures(this.#circuit),
    };
  }

  get #connectRetries(): number {
    return this.#target.connectRetries ?? defaultConnectRetries;
  }

  get #waitingCount(): number {
    return this.#urgent.length + this.#ordinary.length + this.#polls.length;
  }

  /** Gives waiting exchanges to idle links, and opens links while some still wait. */
  #serve(context: Context<SessionMessage>): void {
    if (this.#waitingCount === 0) return;
    let opening = 0;
    for (const [ref, entry] of this.#links) {
      if (entry.state === "opening") opening++;
      if (entry.state !== "idle") continue;
      if (context.now() - entry.idleSince > maxIdleMs) {
        this.#retire(ref, context);
        continue;
      }
      const next = this.#next();
      if (next === undefined) break;
      this.#assign(ref, entry, next, context);
    }
    const polls = Math.min(this.#polls.length, maxPolls - this.#polling);
    if (this.#paused) return this.#sweepLater(context);
    const wanted = this.#urgent.length + this.#ordinary.length + polls - opening;
    const room = maxLinks + (this.#urgent.length > 0 ? reservedLinks : 0) - this.#links.size;
    if (wanted > 0) {
      const most = this.#anyEstablished() ? room : 1 - opening;
      for (let i = Math.min(wanted, most); i > 0; i--) this.#open(context);
    }
    this.#sweepLater(context);
  }

  #sweepLater(context: Context<SessionMessage>): void {
    if (this.#waitingCount === 0 || this.#sweeping) return;
    this.#sweeping = true;
    context.timer(sweepMs, { kind: "sweep" });
  }

  /** Else a host that refuses connections beside one that still stands would be asked again without end. */
  #pause(context: Context<SessionMessage>, pauseMs = reopenMs): void {
    if (this.#paused) return;
    this.#paused = true;
    context.timer(pauseMs, { kind: "reopen" });
  }

  #next(): Waiting | undefined {
    const next = this.#urgent.shift() ?? this.#ordinary.shift();
    if (next !== undefined || this.#polling >= maxPolls) return next;
    return this.#polls.shift();
  }

  #open(context: Context<SessionMessage>): void {
    if (!this.#anyEstablished()) {
      this.#tries ??= new ConnectTries(this.#connectRetries, context.now());
    }
    const urgent = this.#urgent.length > 0;
    const place = this.#budget === undefined
      ? undefined
      : { budget: this.#budget, session: context.self, urgent };
    const ref = context.spawn(link(this.#target, this.#connector, context.self, place));
    context.watch(ref, () => ({ kind: "linkGone", link: ref }));
    this.#links.set(ref, { state: "opening", exchange: undefined, idleSince: 0 });
  }

  #established(): void {
    this.#tries = undefined;
    this.#circuit = closedCircuit;
  }

  /** Nothing of what waits was written: there may be another try. Then all of it fails, since it would fail alike. */
  #notOpened(error: DroverError, context: Context<SessionMessage>): void {
    const now = context.now();
    if (isAbsence(error)) {
      const times = { now, wallNow: context.wallNow() };
      this.#circuit = failed(this.#circuit, error, this.#connectRetries, times, context.random);
    } else if (error instanceof DeniedError || error instanceof ProtocolError) this.#circuit = closedCircuit;
    const tries = this.#tries;
    const pause = tries?.failed(error, now, context.random);
    if (pause !== undefined && this.#circuit.kind === "closed" && this.#waitingCount > 0) {
      this.#pause(context, pause);
      return;
    }
    this.#tries = undefined;
    this.#failWaiting(tries?.last ?? error, context);
  }

  /**
   * Refuses work while the circuit is open. Signal and Delete go through: a try too many costs less than a shell that stays. So does
   * who waits for the host's return. Work that comes while a probe is under way waits for its outcome.
   */
  #refuse(message: ExchangeMessage, context: Context<SessionMessage>): boolean {
    if (message.priority === "urgent" || message.probe === true) return false;
    this.#circuit = approached(this.#circuit, context.now());
    if (this.#circuit.kind !== "open") return false;
    context.reply(message.replyTo, { kind: "failed", sent: false, error: circuitOpen(this.#circuit) });
    return true;
  }

  /** Others wait for the place of a connection that has nothing to do here, or waits for what nobody wants any more. */
  #spare(context: Context<SessionMessage>): void {
    if (this.#waitingCount > 0) return;
    for (const [ref, { state, idleSince, exchange }] of this.#links) {
      const idle = state === "idle" && context.now() - idleSince >= spareIdleMs;
      if (idle || exchange?.unwanted === true) return this.#retire(ref, context);
    }
  }

  #assign(
    ref: ActorRef<LinkMessage>,
    entry: LinkEntry,
    waiting: Waiting,
    context: Context<SessionMessage>,
  ): void {
    const { message } = waiting;
    let envelope: Uint8Array;
    try {
      envelope = this.#writer.write({
        ...message.request,
        messageId: guidFromRandom(context.random.bytes(16)),
        operationTimeoutMs: message.operationTimeoutMs,
      });
    } catch (error) {
      // Text that XML cannot say.
      const typed = asDroverError(error, "BadRequest", "write request");
      context.reply(message.replyTo, { kind: "failed", sent: false, error: typed });
      return;
    }
    entry.state = "busy";
    entry.exchange = waiting;
    waiting.assignments++;
    if (message.priority === "poll") this.#polling++;
    const deadlineMs = message.operationTimeoutMs + this.#target.networkDelayMs;
    const observed = this.#observer === undefined ? undefined : {
      observer: this.#observer,
      operation: message.request.action.slice(message.request.action.lastIndexOf("/") + 1),
      place: message.place,
      waitedMs: context.now() - waiting.since,
    };
    // A 401 says that a request was not processed; what starts work is not sent twice all the same.
    const mayRepeat = ({ urgent: "always", poll: "whenTold", ordinary: "never" } as const)[message.priority];
    context.send(ref, {
      kind: "exchange",
      envelope,
      deadlineMs,
      mayRepeat,
      replyTo: message.replyTo,
      observed,
    });
  }

  /** The link is done with its exchange. */
  #free(entry: LinkEntry): void {
    if (entry.exchange?.message.priority === "poll") this.#polling--;
    entry.exchange = undefined;
  }

  /** Uses a link no more. What it may still hold comes back as `linkRefused`, before it takes `close`. */
  #retire(ref: ActorRef<LinkMessage>, context: Context<SessionMessage>): void {
    const entry = this.#links.get(ref);
    if (entry === undefined) return;
    this.#links.delete(ref);
    if (entry.exchange?.message.priority === "poll") this.#polling--;
    entry.state = "closed";
    this.#closing.set(ref, entry);
    context.send(ref, { kind: "close" });
  }

  #takeBack(ref: ActorRef<LinkMessage>, logonEnded: boolean, context: Context<SessionMessage>): void {
    const waiting = this.#closing.get(ref)?.exchange;
    this.#closing.delete(ref);
    if (waiting === undefined) return;
    // Links that were opened together end together: each of them is a link less, so that this comes to an end.
    if (logonEnded && waiting.assignments < maxAssignments) waiting.assignments--;
    if (waiting.assignments < maxAssignments) this.#queue(waiting.message).unshift(waiting);
    else context.reply(waiting.message.replyTo, { kind: "failed", sent: false, error: lostLink() });
  }

  /** A link that dies before it has written its exchange hands it back: that one is not given to another either. */
  #withdraw(owner: ActorRef<never>, context: Context<SessionMessage>): void {
    for (const queue of [this.#ordinary, this.#polls]) {
      for (let i = queue.length - 1; i >= 0; i--) {
        if (queue[i]!.message.owner !== owner) continue;
        const [{ message }] = queue.splice(i, 1) as [Waiting];
        const error = this.#tries?.last ?? withdrawn();
        context.reply(message.replyTo, { kind: "failed", sent: false, error });
      }
    }
    for (const links of [this.#links, this.#closing]) {
      for (const { exchange } of links.values()) {
        if (exchange?.message.owner === owner && exchange.message.priority !== "urgent") {
          exchange.assignments = maxAssignments;
          if (exchange.message.priority === "poll") exchange.unwanted = true;
        }
      }
    }
  }

  #linkGone(ref: ActorRef<LinkMessage>, context: Context<SessionMessage>): void {
    const entry = this.#links.get(ref);
    this.#links.delete(ref);
    this.#closing.delete(ref);
    if (entry === undefined) return;
    // It said nothing before its end: it crashed, and nobody knows what it had written.
    if (entry.exchange !== undefined) {
      context.reply(entry.exchange.message.replyTo, { kind: "failed", sent: true, error: lostLink() });
      this.#free(entry);
    } else if (entry.state === "opening" && !this.#anyEstablished()) {
      this.#tries = undefined;
      this.#failWaiting(lostLink(), context);
    }
  }

  #queue(message: ExchangeMessage): Waiting[] {
    if (message.priority === "urgent") return this.#urgent;
    return message.priority === "poll" ? this.#polls : this.#ordinary;
  }

  #anyEstablished(): boolean {
    for (const entry of this.#links.values()) if (entry.state !== "opening") return true;
    return false;
  }

  #failWaiting(error: DroverError, context: Context<SessionMessage>): void {
    for (const queue of [this.#urgent, this.#ordinary, this.#polls]) {
      for (const { message } of queue.splice(0)) {
        context.reply(message.replyTo, { kind: "failed", sent: false, error });
      }
    }
  }

  #failOverdue(context: Context<SessionMessage>): void {
    const now = context.now();
    for (const queue of [this.#urgent, this.#ordinary, this.#polls]) {
      while (queue.length > 0 && queue[0]!.since + maxWaitMs <= now) {
        const { message } = queue.shift()!;
        context.reply(message.replyTo, { kind: "failed", sent: false, error: noLink() });
      }
    }
  }
}

function lostLink(): NetworkError {
  return new NetworkError("ConnectionClosed", "use the connection: it is gone");
}

function withdrawn(): NetworkError {
  return new NetworkError("NotSent", "send request: it was not wanted any more before a connection stood");
}

function noLink(): NetworkError {
  return new NetworkError("NoConnection", `send request: no connection became free within ${maxWaitMs} ms`);
}
