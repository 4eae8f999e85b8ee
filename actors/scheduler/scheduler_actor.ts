/**
 * The actor around {@link Scheduler}. It sends nothing but answers, and news to a watcher that must not let it wait, so whoever
 * waits for room in its mailbox waits for something that works.
 *
 * An asker that ends without giving its permit back must be noticed by whoever knows that the work on the host is over: the
 * scheduler does not guess. With `owner`, it gives back by itself what that actor holds or waits for when it ends,
 * after `keepMs` (the shell's IdleTimeout, where a shell may be left behind).
 * @module
 */
import type { ActorRef, Behaviour, ChildSpec, Context, ReplyTo, TimerHandle } from "../kernel/actor.ts";
import { type CrowdedMessage, Crowding } from "./crowding.ts";
import type { HostLimits } from "./limits.ts";
import {
  type LearntLimits,
  type PermitGrant,
  type PermitRequest,
  Scheduler,
  type SchedulerInfo,
  type SchedulerOptions,
} from "./scheduler.ts";

/** Who holds a permit, and what follows from its end. */
export interface PermitOwner {
  /** When it has ended, the permit is given back. */
  readonly ref: ActorRef<never>;
  /** Milliseconds after its end; default 0. */
  readonly keepMs?: number;
}

/** Messages that the scheduler takes. */
export type SchedulerMessage =
  /**
   * Answered with the grant when its turn has come, with `undefined` when it was cancelled, `waitMs` is over, or a request
   * with this `id` waits or is held already.
   */
  | {
    readonly kind: "acquire";
    readonly request: PermitRequest;
    readonly replyTo: ReplyTo<PermitGrant | undefined>;
    readonly owner?: PermitOwner;
    /** Milliseconds that it may wait; default: no limit. */
    readonly waitMs?: number;
  }
  /** Withdraws a request; a permit that was already granted to it is given back. */
  | { readonly kind: "cancel"; readonly id: number }
  /** Gives a permit back, `afterMs` from now (after a lost link: when the shell's IdleTimeout is over). Once is enough. */
  | { readonly kind: "release"; readonly permit: PermitGrant; readonly afterMs?: number }
  /** Gives a permit back but for its shell, which the service may have for `keepMs` more. */
  | { readonly kind: "keepShell"; readonly permit: PermitGrant; readonly keepMs: number }
  /** Gives the operations of a permit back, and nothing else. */
  | { readonly kind: "returnOperations"; readonly permit: PermitGrant }
  /** The service at a key refused with this WSManFault code; `shell`: as in `processOf`. */
  | { readonly kind: "quotaFault"; readonly quotaKey: string; readonly code: number; readonly shell?: string }
  /** The service at a key answered HTTP 503, or reset a connection. */
  | { readonly kind: "overload"; readonly quotaKey: string }
  /** Limits of a key were learnt: what waits and fits now goes at once. */
  | { readonly kind: "adjust"; readonly quotaKey: string; readonly limits: Partial<HostLimits> }
  /** Changes the global throttle. */
  | { readonly kind: "slots"; readonly slots: number }
  /**
   * From now on `watcher` (only the last one) is told of crowded keys, of each at most once in ten minutes: where a quota fault
   * came, or requests wait for limits of which nothing was learnt. Its mailbox must shed or reject what is too much, not wait.
   */
  | { readonly kind: "watchCrowding"; readonly watcher: ActorRef<CrowdedMessage> }
  /** Asks for the keys at which a service may still have shells of ours (`keepShell`). */
  | { readonly kind: "keysOfKeptShells"; readonly replyTo: ReplyTo<readonly string[]> }
  /** Asks for the limits that hold at a key now. */
  | { readonly kind: "limitsOf"; readonly quotaKey: string; readonly replyTo: ReplyTo<HostLimits> }
  /** Asks for counts. */
  | { readonly kind: "inspect"; readonly replyTo: ReplyTo<SchedulerInfo> }
  /** From itself: time to try more at a key. */
  | { readonly kind: "raise"; readonly quotaKey: string }
  /** From itself: a request has waited for long enough. */
  | { readonly kind: "expired"; readonly id: number }
  /** From itself: the actor with this number has ended. */
  | { readonly kind: "ownerEnded"; readonly ownerId: number };

/** Options of the actor. */
export interface SchedulerActorOptions extends SchedulerOptions {
  /** Milliseconds between the last quota fault or overload and the first step up, and between steps; default 60,000. */
  readonly raiseMs?: number;
}

/** The scheduler as an actor. */
export function scheduler(options: SchedulerActorOptions = {}): ChildSpec<SchedulerMessage> {
  return {
    name: "scheduler",
    mailbox: { capacity: 16_384, overflow: "wait" },
    start: () => new SchedulerActor(options),
  };
}

interface Waiting {
  readonly replyTo: ReplyTo<PermitGrant | undefined>;
  readonly expiry: TimerHandle | undefined;
}

class SchedulerActor implements Behaviour<SchedulerMessage> {
  readonly #scheduler: Scheduler;
  readonly #raiseMs: number;
  readonly #waiting = new Map<number, Waiting>();
  /** What each owner waits for or holds (`id` to `keepMs`); kept, even when empty, until it ends, so that it is watched once. */
  readonly #owners = new Map<number, Map<number, number>>();
  readonly #ownerOf = new Map<number, number>();
  /** Keys that have a `raise` on its way. */
  readonly #raising = new Map<string, TimerHandle>();
  readonly #crowding = new Crowding();
  #watcher: ActorRef<CrowdedMessage> | undefined;

  constructor(options: SchedulerActorOptions) {
    this.#scheduler = new Scheduler(options);
    this.#raiseMs = options.raiseMs ?? 60_000;
  }

  handle(message: SchedulerMessage, context: Context<SchedulerMessage>): void {
    switch (message.kind) {
      case "acquire":
        this.#acquire(message, context);
        break;
      case "cancel":
        this.#withdraw(message.id, context);
        break;
      case "release":
        if ((message.afterMs ?? 0) > 0) {
          context.timer(message.afterMs ?? 0, { kind: "release", permit: message.permit });
        } else this.#release(message.permit.id);
        break;
      case "keepShell": {
        const { permit, keepMs } = message;
        if (!this.#scheduler.keepShell(permit.id)) this.#release(permit.id);
        else {
          this.#disown(permit.id);
          context.timer(keepMs, { kind: "release", permit });
        }
        break;
      }
      case "returnOperations":
        this.#scheduler.returnOperations(message.permit.id);
        break;
      case "expired":
        this.#withdraw(message.id, context);
        break;
      case "quotaFault":
        if (this.#scheduler.onQuotaFault(message.quotaKey, message.code, message.shell)) {
          this.#raiseLater(message.quotaKey, context);
        }
        break;
      case "overload":
        this.#scheduler.onOverload(message.quotaKey);
        this.#raiseLater(message.quotaKey, context);
        break;
      case "adjust":
        this.#scheduler.adjust(message.quotaKey, message.limits);
        break;
      case "slots":
        this.#scheduler.setSlots(message.slots);
        break;
      case "watchCrowding":
        this.#watcher = message.watcher;
        break;
      case "keysOfKeptShells":
        context.reply(message.replyTo, this.#scheduler.keysOfKeptShells());
        break;
      case "limitsOf":
        context.reply(message.replyTo, this.#scheduler.limitsOf(message.quotaKey));
        break;
      case "inspect":
        context.reply(message.replyTo, this.#scheduler.inspect());
        break;
      case "raise":
        this.#raising.delete(message.quotaKey);
        if (this.#scheduler.raise(message.quotaKey)) this.#raiseLater(message.quotaKey, context);
        break;
      case "ownerEnded":
        this.#ownerEnded(message.ownerId, context);
    }
    for (const grant of this.#scheduler.next()) this.#answer(grant.id, grant, context);
    for (const quotaKey of this.#scheduler.crowded()) this.#tellCrowded(quotaKey, context);
  }

  describe(): string {
    const { held, waiting, slotsUsed, slots } = this.#scheduler.inspect();
    return `${held} permits held, ${waiting} requests waiting, ${slotsUsed} of ${slots} slots in use` +
      describeLearnt(this.#scheduler.learnt(shownLimits));
  }

  figures(): Readonly<Record<string, number>> {
    const { held, waiting, slotsUsed, slots } = this.#scheduler.inspect();
    return { held, waiting, slotsUsed, slots, limitsLearnt: this.#scheduler.learnt(0).count };
  }

  #acquire(
    message: Extract<SchedulerMessage, { kind: "acquire" }>,
    context: Context<SchedulerMessage>,
  ): void {
    const { request, replyTo, owner, waitMs } = message;
    const { id } = request;
    if (this.#scheduler.knows(id)) return context.reply(replyTo, undefined);
    if (owner !== undefined) this.#own(id, owner, context);
    const outcome = this.#scheduler.acquire(request);
    if (outcome !== "queued") return context.reply(replyTo, outcome);
    const expiry = waitMs === undefined ? undefined : context.timer(waitMs, { kind: "expired", id });
    this.#waiting.set(id, { replyTo, expiry });
  }

  #own(id: number, owner: PermitOwner, context: Context<SchedulerMessage>): void {
    const ownerId = owner.ref.id;
    let owned = this.#owners.get(ownerId);
    if (owned === undefined) {
      this.#owners.set(ownerId, owned = new Map());
      context.watch(owner.ref, () => ({ kind: "ownerEnded", ownerId }));
    }
    owned.set(id, owner.keepMs ?? 0);
    this.#ownerOf.set(id, ownerId);
  }

  #disown(id: number): void {
    const ownerId = this.#ownerOf.get(id);
    if (ownerId === undefined) return;
    this.#ownerOf.delete(id);
    this.#owners.get(ownerId)?.delete(id);
  }

  #ownerEnded(ownerId: number, context: Context<SchedulerMessage>): void {
    const owned = this.#owners.get(ownerId) ?? [];
    this.#owners.delete(ownerId);
    for (const [id, keepMs] of owned) {
      this.#ownerOf.delete(id);
      if (keepMs <= 0 || this.#waiting.has(id)) this.#withdraw(id, context);
      else context.timer(keepMs, { kind: "release", permit: { id } });
    }
  }

  #withdraw(id: number, context: Context<SchedulerMessage>): void {
    if (!this.#cancel(id)) this.#release(id);
    this.#answer(id, undefined, context);
  }

  #cancel(id: number): boolean {
    if (!this.#scheduler.cancel(id)) return false;
    this.#disown(id);
    return true;
  }

  #release(id: number): void {
    if (this.#scheduler.release(id)) this.#disown(id);
  }

  #answer(id: number, grant: PermitGrant | undefined, context: Context<SchedulerMessage>): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    if (waiting.expiry !== undefined) context.cancel(waiting.expiry);
    context.reply(waiting.replyTo, grant);
  }

  #tellCrowded(quotaKey: string, context: Context<SchedulerMessage>): void {
    if (this.#watcher === undefined || !this.#crowding.due(quotaKey, context.now())) return;
    context.send(this.#watcher, { kind: "crowded", quotaKey });
  }

  #raiseLater(quotaKey: string, context: Context<SchedulerMessage>): void {
    const before = this.#raising.get(quotaKey);
    if (before !== undefined) context.cancel(before);
    this.#raising.set(quotaKey, context.timer(this.#raiseMs, { kind: "raise", quotaKey }));
  }
}

/** Keys whose limits are told in inspection. */
const shownLimits = 3;

function describeLearnt({ count, first }: LearntLimits): string {
  if (count === 0) return "";
  const some = first.map(({ quotaKey, limits, lowered }) =>
    `${quotaKey} ${limits.operations} operations ${limits.shells} shells${lowered ? " (lowered)" : ""}`
  );
  const more = count > first.length ? `, and ${count - first.length} more` : "";
  return `; limits learnt: ${some.join(", ")}${more}`;
}
