/**
 * A session: the authenticated connections to one host for one account, and the queue of exchanges for them.
 * Links are opened on demand and one by one; a failure to open fails everything that waits, since it would fail alike.
 * @module
 */
import { type DroverError, NetworkError } from "../../protocol/errors.ts";
import { guidFromRandom } from "../../protocol/guid.ts";
import { RequestWriter } from "../../protocol/wsman/mod.ts";
import type { ActorRef, Behaviour, ChildSpec, Context } from "../kernel/actor.ts";
import type { Connector } from "../ports.ts";
import type { ExchangeMessage } from "./exchange.ts";
import { link, type LinkMessage, type LinkReport } from "./link.ts";
import type { HostTarget } from "./target.ts";

/** Messages that a session takes. */
export type SessionMessage =
  | ExchangeMessage
  | LinkReport
  | { readonly kind: "linkGone"; readonly link: ActorRef<LinkMessage> };

/** Links for ordinary exchanges; one more is kept for Signal and Delete, which must not wait behind a Receive. */
const maxLinks = 8;
const reservedLinks = 1;

/** A link that was idle for longer is not used again: the service may be about to close it (http.sys does after 120 s). */
const maxIdleMs = 30_000;

/** A session with `target`. */
export function session(target: HostTarget, connector: Connector): ChildSpec<SessionMessage> {
  return { name: "session", start: (context) => new Session(target, connector, context) };
}

interface LinkEntry {
  state: "opening" | "idle" | "busy";
  exchange: ExchangeMessage | undefined;
  /** Monotonic milliseconds at which it became idle. */
  idleSince: number;
}

class Session implements Behaviour<SessionMessage> {
  readonly #target: HostTarget;
  readonly #connector: Connector;
  readonly #writer: RequestWriter;
  readonly #links = new Map<ActorRef<LinkMessage>, LinkEntry>();
  readonly #urgent: ExchangeMessage[] = [];
  readonly #ordinary: ExchangeMessage[] = [];

  constructor(target: HostTarget, connector: Connector, context: Context<SessionMessage>) {
    this.#target = target;
    this.#connector = connector;
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
        this.#queue(message).push(message);
        break;
      case "linkIdle": {
        const entry = this.#links.get(message.link);
        if (entry === undefined) return;
        entry.state = "idle";
        entry.exchange = undefined;
        entry.idleSince = context.now();
        break;
      }
      case "linkRefused": {
        const entry = this.#links.get(message.link);
        this.#links.delete(message.link);
        if (entry?.exchange !== undefined) this.#queue(entry.exchange).unshift(entry.exchange);
        break;
      }
      case "linkFailed":
        this.#links.delete(message.link);
        this.#failWaiting(message.error, context);
        return;
      case "linkGone": {
        const entry = this.#links.get(message.link);
        this.#links.delete(message.link);
        // A link answers its exchange before it ends; only after its crash is there one left (a second answer is dropped).
        if (entry?.exchange !== undefined) {
          context.reply(entry.exchange.replyTo, { kind: "failed", sent: true, error: lostLink() });
        }
        break;
      }
    }
    this.#serve(context);
  }

  describe(): string {
    return `${this.#links.size} links, ${this.#urgent.length + this.#ordinary.length} waiting`;
  }

  /** Gives waiting exchanges to idle links, and opens links while some still wait. */
  #serve(context: Context<SessionMessage>): void {
    let opening = 0;
    for (const [ref, entry] of this.#links) {
      if (entry.state === "opening") opening++;
      if (entry.state !== "idle") continue;
      if (context.now() - entry.idleSince > maxIdleMs) {
        this.#links.delete(ref);
        context.send(ref, { kind: "close" });
        continue;
      }
      const next = this.#urgent.shift() ?? this.#ordinary.shift();
      if (next === undefined) return;
      this.#assign(ref, entry, next, context);
    }
    const room = maxLinks + (this.#urgent.length > 0 ? reservedLinks : 0) - this.#links.size;
    const wanted = Math.min(room, this.#urgent.length + this.#ordinary.length - opening);
    for (let i = 0; i < wanted; i++) {
      const ref = context.spawn(link(this.#target, this.#connector, context.self));
      context.watch(ref, () => ({ kind: "linkGone", link: ref }));
      this.#links.set(ref, { state: "opening", exchange: undefined, idleSince: 0 });
    }
  }

  #assign(
    ref: ActorRef<LinkMessage>,
    entry: LinkEntry,
    message: ExchangeMessage,
    context: Context<SessionMessage>,
  ): void {
    entry.state = "busy";
    entry.exchange = message;
    const envelope = this.#writer.write({
      ...message.request,
      messageId: guidFromRandom(context.random.bytes(16)),
      operationTimeoutMs: message.operationTimeoutMs,
    });
    const deadlineMs = message.operationTimeoutMs + this.#target.networkDelayMs;
    context.send(ref, { kind: "exchange", envelope, deadlineMs, replyTo: message.replyTo });
  }

  #queue(message: ExchangeMessage): ExchangeMessage[] {
    return message.urgent ? this.#urgent : this.#ordinary;
  }

  #failWaiting(error: DroverError, context: Context<SessionMessage>): void {
    for (const waiting of [...this.#urgent.splice(0), ...this.#ordinary.splice(0)]) {
      context.reply(waiting.replyTo, { kind: "failed", sent: false, error });
    }
  }
}

function lostLink(): NetworkError {
  return new NetworkError("ConnectionClosed", "use the connection: it is gone");
}
