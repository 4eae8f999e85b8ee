/** What an actor library does for the `actors` suite. Each run ends when its last message was handled. @module */

/** One library. */
export interface ActorPeer {
  /** Two actors, `count` messages altogether. */
  pingPong(count: number): Promise<void>;
  /** 100 actors that send `count` messages altogether to one, each in bursts of 100. */
  fanIn(count: number): Promise<void>;
  /** 1,000 actors in a ring, one token, `count` messages altogether. */
  ring(count: number): Promise<void>;
  /** `count` questions from outside, one after the other, each with a time-out where the library knows one. */
  ask(count: number): Promise<void>;
  /** `count` actors that have handled one message each and have nothing to do; the result keeps them alive. */
  idle(count: number): Promise<unknown>;
  /** The same actors, passivated: their next message starts them again. Where the library can. */
  passive?(count: number): Promise<unknown>;
}

/** Senders of `fanIn`. */
export const senders = 100;
/** Messages that a sender of `fanIn` sends in one go. */
export const burst = 100;
/** Actors of `ring`. */
export const ringSize = 1_000;
