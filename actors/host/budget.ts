/**
 * The connection budget: how many connections all hosts of a fleet may have at once, since each is an open file of this process
 * and the system allows only so many.
 *
 * A link asks for a place before it connects, and has it until it ends, however it ends. When none is free it waits: clean-up
 * first, then first come, first served. One place is for clean-up alone: long Receives of a script's commands side by side could
 * hold all others for longer than a Delete may wait. Meanwhile the sessions that have places are asked to close connections that have
 * nothing to do. No message of an exchange comes by here.
 * @module
 */
import type { ActorRef, Behaviour, ChildSpec, Context, ReplyTo } from "../kernel/actor.ts";

/** What a budget tells a session that has places, while others wait: close a connection that has nothing to do. */
export interface SpareMessage {
  readonly kind: "spare";
}

/** Messages that a budget takes. */
export type BudgetMessage =
  /** Asks for a place. The answer comes when there is one; who waits no more ends. */
  | {
    readonly kind: "acquire";
    readonly link: ActorRef<never>;
    readonly session: ActorRef<SpareMessage>;
    /** For Signal or Delete. */
    readonly urgent: boolean;
    readonly replyTo: ReplyTo<undefined>;
  }
  | { readonly kind: "linkGone"; readonly link: ActorRef<never> }
  | { readonly kind: "look" };

/** Least milliseconds between two rounds of asking sessions for idle connections. */
const roundMs = 100;
/** Sessions that are asked in one round: twice as many as links wait, and a few. */
const askedBeside = 16;

/** Places that only Signal and Delete may take. */
const reservedPlaces = 1;

/** A budget of `places` connections, at least two. */
export function connectionBudget(places: number): ChildSpec<BudgetMessage> {
  return {
    name: "budget",
    start: () => new ConnectionBudget(places),
    // Many thousands of links may ask in one instant.
    mailbox: { capacity: 65_536, overflow: "wait" },
  };
}

type Acquire = Extract<BudgetMessage, { kind: "acquire" }>;

class ConnectionBudget implements Behaviour<BudgetMessage> {
  readonly #places: number;
  /** Links that have a place, with their sessions; who was asked last stands last. */
  readonly #holders = new Map<ActorRef<never>, ActorRef<SpareMessage>>();
  /** Links that wait, in the order in which they came. */
  readonly #urgent = new Map<ActorRef<never>, Acquire>();
  readonly #ordinary = new Map<ActorRef<never>, Acquire>();
  #lastRound = -Infinity;
  #looking = false;

  constructor(places: number) {
    this.#places = places;
  }

  handle(message: BudgetMessage, context: Context<BudgetMessage>): void {
    switch (message.kind) {
      case "acquire": {
        const { link, urgent } = message;
        context.watch(link, () => ({ kind: "linkGone", link }));
        (urgent ? this.#urgent : this.#ordinary).set(link, message);
        this.#grant(context);
        if (this.#waiting > 0) this.#look(context);
        return;
      }
      case "linkGone":
        this.#urgent.delete(message.link);
        this.#ordinary.delete(message.link);
        this.#holders.delete(message.link);
        this.#grant(context);
        return;
      case "look":
        this.#looking = false;
        if (this.#waiting > 0) this.#look(context);
        return;
    }
  }

  describe(): string {
    return `${this.#holders.size} of ${this.#places} connections, ${this.#waiting} waiting`;
  }

  get #waiting(): number {
    return this.#urgent.size + this.#ordinary.size;
  }

  #grant(context: Context<BudgetMessage>): void {
    for (const queue of [this.#urgent, this.#ordinary]) {
      const places = queue === this.#urgent ? this.#places : this.#places - reservedPlaces;
      for (const [link, { session, replyTo }] of queue) {
        if (this.#holders.size >= places) return;
        queue.delete(link);
        this.#holders.set(link, session);
        context.reply(replyTo, undefined);
      }
    }
  }

  /** Asks some sessions, those first that were not asked for longest, and looks again while links wait. */
  #look(context: Context<BudgetMessage>): void {
    if (this.#looking) return;
    this.#looking = true;
    const rest = this.#lastRound + roundMs - context.now();
    context.timer(rest > 0 ? rest : roundMs, { kind: "look" });
    if (rest > 0) return;
    this.#lastRound = context.now();
    let left = Math.min(this.#holders.size, this.#waiting * 2 + askedBeside);
    for (const [link, session] of this.#holders) {
      if (left-- <= 0) return;
      // To the end, where this round does not come any more.
      this.#holders.delete(link);
      this.#holders.set(link, session);
      context.send(session, { kind: "spare" });
    }
  }
}
