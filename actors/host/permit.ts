/** What work on a host asks of the scheduler, and tells it. @module */
import type { DroverError } from "../../protocol/errors.ts";
import type { CreateShellOptions } from "../../protocol/shell/mod.ts";
import type { ReportedFault } from "../../protocol/wsman/mod.ts";
import type { WorkPlace } from "../ports.ts";
import type { ActorRef, Context } from "../kernel/actor.ts";
import type { PermitCost, PermitGrant, Priority, SchedulerMessage } from "../scheduler/mod.ts";
import { returned } from "./kept_shell.ts";
import { quotaFault, Tries } from "./retry.ts";

/** For whom, where, and how urgently work asks for its permits. */
export interface PermitTerms {
  /** Key of the job, for the scheduler's fairness. */
  readonly job: string;
  /** Key of host and user, for the scheduler's quotas. */
  readonly quotaKey: string;
  /** Hosts (or shells) of this job that may be active at once. */
  readonly throttle: number;
  /** How urgent it is beside other jobs; default `normal`. */
  readonly priority?: Priority;
  /** Milliseconds that it may wait for its first permit; default: as long as it takes. */
  readonly waitMs?: number;
}

/** What a shell and its commands know of permits. */
export interface ShellQuota extends Pick<PermitTerms, "job" | "quotaKey" | "priority"> {
  readonly scheduler: ActorRef<SchedulerMessage>;
  /** For whom the work is, for who observes it; absent: for no host of a job. */
  readonly place?: WorkPlace;
  /** Operations that the permit of the shell has for all that is done in it; 0: each command asks for its own permit. */
  readonly operations: 0 | 1 | 2;
}

/** Operations of a command that may be open at once beside its Signal: Receive, and with standard input Send. */
export function operationsOf(stdin: Uint8Array | undefined): 1 | 2 {
  return stdin === undefined ? 1 : 2;
}

/** The answer to a request for a permit; `overdue`: it has waited for as long as it may. */
export interface PermitAnswer {
  readonly kind: "permit";
  readonly permit: PermitGrant | undefined;
  readonly overdue: boolean;
}

/** Completions of a {@link WorkPermit}, for the actor that has it. */
export type PermitMessage =
  | PermitAnswer
  /** Time for another try of what a quota has refused, or for no more. */
  | { readonly kind: "again" }
  | { readonly kind: "noMoreTries" };

/** The permit of one shell with all that is done in it: asked for, given back between tries, and given back at the end. */
export class WorkPermit {
  readonly #scheduler: ActorRef<SchedulerMessage>;
  readonly #terms: PermitTerms;
  readonly #cost: PermitCost;
  #grant: PermitGrant | undefined;
  /** There since a quota has refused the work for the first time. */
  #tries: Tries | undefined;

  /** Asks for nothing yet. */
  constructor(scheduler: ActorRef<SchedulerMessage>, terms: PermitTerms, cost: PermitCost) {
    this.#scheduler = scheduler;
    this.#terms = terms;
    this.#cost = cost;
  }

  /** Whether it is held. */
  get held(): boolean {
    return this.#grant !== undefined;
  }

  /** The last refusal, if a quota has refused the work. */
  get refusal(): ReportedFault | undefined {
    return this.#tries?.refusal;
  }

  /** Asks in the name of the asking actor; when that ends, the permit goes back by itself. */
  ask(context: Context<PermitMessage>): void {
    const { waitMs, ...terms } = this.#terms;
    askPermit(this.#scheduler, { ...terms, cost: this.#cost }, context, {
      // Later tries have their own end.
      waitMs: this.#tries === undefined ? waitMs : undefined,
      owner: context.self,
    });
  }

  /** It was granted. */
  take(permit: PermitGrant): void {
    this.#grant = permit;
  }

  /**
   * Whether what `error` refused may be tried again, because it is the refusal of a quota. `deadline`: monotonic milliseconds of
   * the work's own end; without one, the tries have an end of theirs.
   */
  mayTryAgain(error: DroverError, deadline: number | undefined, context: Context<PermitMessage>): boolean {
    const refusal = quotaFault(error);
    if (refusal === undefined) return false;
    if (this.#tries === undefined) {
      this.#tries = new Tries(refusal, context.now(), deadline);
      if (deadline === undefined) {
        context.timer(this.#tries.until - context.now(), { kind: "noMoreTries" });
      }
    } else this.#tries.refusal = refusal;
    return true;
  }

  /** Gives the permit back, so that others go on, and lets `again` come after a pause. `false`: that would be too late. */
  tryLater(context: Context<PermitMessage>): boolean {
    const pause = this.#tries?.pause(context.now(), context.random);
    if (pause === undefined) return false;
    this.#release(context);
    context.timer(pause, { kind: "again" });
    return true;
  }

  /** The shell is open, and nothing else: what is done in it asks for its own operations. */
  returnOperations(context: Context<PermitMessage>): void {
    if (this.#grant === undefined) return;
    context.send(this.#scheduler, { kind: "returnOperations", permit: this.#grant });
  }

  /** Gives it back. `shellLeft`: the service may still have the shell, whose place is then kept for its time. */
  giveBack(shell: CreateShellOptions, shellLeft: boolean, context: Context<PermitMessage>): void {
    if (this.#grant === undefined) return;
    context.send(this.#scheduler, returned(this.#grant, shell, shellLeft));
    this.#grant = undefined;
  }

  /** Asks no longer. */
  withdraw(context: Context<PermitMessage>): void {
    context.send(this.#scheduler, { kind: "cancel", id: context.self.id });
  }

  #release(context: Context<PermitMessage>): void {
    if (this.#grant !== undefined) {
      context.send(this.#scheduler, { kind: "release", permit: this.#grant });
    }
    this.#grant = undefined;
  }
}

/** Who waits how long. */
interface Waiting {
  readonly waitMs: number | undefined;
  /** When it ends, the permit goes back by itself. */
  readonly owner: ActorRef<never>;
}

/** Asks for a permit under the number of the asking actor, which has one at most. */
export function askPermit(
  scheduler: ActorRef<SchedulerMessage>,
  terms: Omit<PermitTerms, "waitMs"> & { readonly cost: PermitCost },
  context: Context<PermitAnswer>,
  { waitMs, owner }: Waiting,
): void {
  context.ask<SchedulerMessage, PermitGrant | undefined>(
    scheduler,
    (replyTo) => ({
      kind: "acquire",
      request: { id: context.self.id, ...terms },
      replyTo,
      owner: { ref: owner },
      ...(waitMs === undefined ? {} : { waitMs }),
    }),
    Infinity,
    (outcome) => {
      const permit = outcome.kind === "answered" ? outcome.value : undefined;
      return { kind: "permit", permit, overdue: outcome.kind === "answered" && permit === undefined };
    },
  );
}

/**
 * Asks for an operation for a Signal or Delete beside those that its permit has. `message` comes when there is one, and after
 * `waitMs` in any case: better a quota fault than something that nobody ends.
 */
export function askCleanup<M>(
  { scheduler, job, quotaKey }: ShellQuota,
  waitMs: number,
  context: Context<M>,
  message: M,
): void {
  context.ask<SchedulerMessage, PermitGrant | undefined>(
    scheduler,
    (replyTo) => ({
      kind: "acquire",
      request: { id: -context.self.id, job, quotaKey, cleanup: true },
      replyTo,
      owner: { ref: context.self },
      waitMs,
    }),
    Infinity,
    () => message,
  );
}

/** Gives back what {@link askCleanup} has asked for, granted or not. */
export function returnCleanup(
  { scheduler }: ShellQuota,
  context: Pick<Context<never>, "send" | "self">,
): void {
  context.send(scheduler, { kind: "cancel", id: -context.self.id });
}

/** Lets the scheduler learn from a quota fault (`shellId`: where it came), and from signs that the service has too much to do. */
export function learn(
  error: DroverError,
  { scheduler, quotaKey }: ShellQuota,
  shellId: string | undefined,
  context: Pick<Context<never>, "send">,
): void {
  const code = quotaFault(error)?.faultCode;
  if (code !== undefined) {
    const shell = shellId === undefined ? {} : { shell: shellId };
    context.send(scheduler, { kind: "quotaFault", quotaKey, code, ...shell });
  } else if (error.code === "Http503" || error.code === "ConnectionReset") {
    context.send(scheduler, { kind: "overload", quotaKey });
  }
}
