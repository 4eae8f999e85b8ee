/** Credit: how a child sends upwards without waiting and without flooding. @module */
import type { ActorRef, Context } from "./actor.ts";
import { KernelError } from "./errors.ts";

/**
 * What an actor may still send to one above it, or to whoever else it works for. The receiver grants so many messages (by a
 * message of its own downwards, or by what both agree on at the start), and the sender sends no more than that. What is sent on
 * credit was asked for: it goes past the bound of the receiver's mailbox, so that spending never waits, and the grants are what
 * bounds it.
 *
 * Credit is state of one life. A restart of the sender loses what was left, and it begins with what its `start` gives itself.
 * Show {@link Credit.left} in `Behaviour.figures`.
 */
export class Credit {
  #left = 0;

  /** Credit for `granted` messages. */
  constructor(granted = 0) {
    this.grant(granted);
  }

  /** Messages that may be sent now. Look before producing, not before sending. */
  get left(): number {
    return this.#left;
  }

  /** The receiver has granted `messages` more. Throws `KernelError` `KernelBadCredit` unless it is a whole number from 0. */
  grant(messages: number): void {
    const left = this.#left + messages;
    if (!Number.isSafeInteger(left) || messages < 0) {
      throw new KernelError("KernelBadCredit", `grant credit: ${messages} is no number of messages`);
    }
    this.#left = left;
  }

  /**
   * Sends `message` to `to`, who granted it, for one of credit; a crash of the sender when none is left (`KernelCreditSpent`).
   * Order with its other messages is kept. Comes back to `undeliverable` when the receiver's life is over.
   */
  send<T>(context: Context<never>, to: ActorRef<T>, message: T): void {
    if (this.#left === 0) {
      throw new KernelError(
        "KernelCreditSpent",
        `send to ${to.path}: ${context.self.path} has no credit left`,
      );
    }
    this.#left--;
    context.sendOnCredit(to, message);
  }
}
