/**
 * A durable job: a job whose hosts, intents, output and results are in the store, so that it goes on after its process was killed.
 *
 * The rule: before Command is sent to a host the intent is on disk, and output counts as taken once it is on disk. What has no
 * intent was never sent, and may be begun by any life. What has an intent and no result may have run: its host is asked for the
 * shell by its Name, and the command is received on to its end, but nothing is ever begun there again.
 *
 * This file stays whole: it is one state machine over the hosts of a job.
 * @module
 */
import { DeniedError, type DroverError, NetworkError } from "../../protocol/errors.ts";
import type { CreateShellOptions } from "../../protocol/shell/mod.ts";
import { ReportedFault } from "../../protocol/wsman/mod.ts";
import type { CommandMessage } from "../host/command.ts";
import { crashedResult, type HostError, type HostResult } from "../host/events.ts";
import type { Attachment, ExecutionReport, ExecutionSpec } from "../host/execution.ts";
import type { FleetMessage } from "../host/fleet.ts";
import type { InquireMessage, InquiryOutcome } from "../host/inquiry.ts";
import type { HostTarget } from "../host/target.ts";
import type {
  ActorRef,
  AskOutcome,
  Behaviour,
  ChildSpec,
  Context,
  ReplyTo,
  StopReason,
} from "../kernel/actor.ts";
import { findShellQuestion } from "./find_shell.ts";
import type { Intent, Job, JobState } from "./job_types.ts";
import type { JobStore, StoreError, StoreRecord } from "./job_store.ts";
import { Journal, type JournalMessage } from "./journal.ts";
import { Rolling } from "./rolling.ts";
import { batchNotBegun, gapReason, notKnown, notStarted, received, refused } from "./verdicts.ts";

/** A host of a durable job that has no result. */
export interface DurableHost {
  /** Place in the job. */
  readonly index: number;
  /** Where it is; `undefined`: nobody knows any more, it has left the inventory or lacks its credentials. */
  readonly target: HostTarget | undefined;
  /** Why it cannot be reached, where that is known better. */
  readonly refusal?: HostError;
  /** Present: Command may have been sent by an earlier life. */
  readonly intent: Intent | null;
  /** When its permit came in an earlier life. */
  readonly startedAt: number | null;
}

/** What to run, and how far it was. */
export interface DurableJobSpec {
  /** The job as the store has it. */
  readonly job: Job;
  /** Its standard input. */
  readonly stdin: Uint8Array | undefined;
  /** Hosts without a result, by place. */
  readonly hosts: readonly DurableHost[];
  /** Name of the shell to make for the host at this place: unique per job and host, and told to no other life. */
  readonly shellName: (index: number) => string;
  /** Hosts at once, where the job does not say. */
  readonly throttle: number;
  /** Milliseconds for a Signal or Delete, and for all clean-up of a host. */
  readonly cleanupTimeoutMs: number;
}

/**
 * What users want of a job. `cancel`: what runs is stopped, what has not begun never will. `pause`: no host begins; what runs goes on.
 * Answered when it is on disk that this was wanted, or with the error for which it could not be kept yet: then it holds for this life,
 * and perhaps for no other.
 */
export interface WishMessage {
  readonly kind: "cancel" | "pause" | "resume";
  readonly replyTo?: ReplyTo<StoreError | undefined>;
}

/** Messages that a durable job takes. */
export type DurableJobMessage =
  | ExecutionReport
  | JournalMessage
  | WishMessage
  /** The process is to end: no host begins, and when nothing runs any more this life of the job ends. */
  | { readonly kind: "drain" }
  | { readonly kind: "submit" }
  | { readonly kind: "find"; readonly slot: number }
  | { readonly kind: "found"; readonly slot: number; readonly outcome: AskOutcome<InquiryOutcome<unknown>> }
  | { readonly kind: "fleetGone" };

/** Why the actor of a job has ended. */
export type DurableJobEnd =
  /** Every host has its result in the store. */
  | "done"
  /** It was drained, or its fleet is gone: a later life goes on with it. */
  | "left";

/** Hosts handed over in one turn, so that a job of many thousands does not hold up the loop. */
const submitBatch = 256;

/** Hosts that are asked for their shells at once. */
const findWindow = 32;

/** Milliseconds before each further try to ask a host for its shell. */
const findAgainMs = [1_000, 4_000, 15_000, 30_000];

/** Milliseconds for one question, whatever happens to it. */
const questionMs = 300_000;

/** Milliseconds that a recovered command has at least, so that what it has written can be fetched. */
const leastAttachedMs = 5_000;

/** Milliseconds that one has whose standard input is lost: it may wait for input that nobody can send. */
const withoutInputMs = 60_000;

/** Time beyond a link's own deadline after which an ask is given up. */
const guardMs = 60_000;

/** Code page of streams: UTF-8. */
const utf8Codepage = 65_001;

/** A job that keeps all that happens in `store`; `ended` is called once. */
export function durableJob(
  spec: DurableJobSpec,
  fleet: ActorRef<FleetMessage>,
  store: JobStore,
  ended: (end: DurableJobEnd) => void,
): ChildSpec<DurableJobMessage> {
  return {
    label: "job",
    start: (context) => new DurableJob(spec, fleet, store, ended, context),
    // Each host sends at most its window of outputs and four more reports, and reports never wait.
    mailbox: { capacity: spec.hosts.length * 8 + 64, overflow: "wait" },
  };
}

/** Where a host stands. */
type Stage =
  /** Nothing is done for it. */
  | "waiting"
  /** It has an intent of an earlier life, and is to be asked for its shell, or is being asked. */
  | "asking"
  /** The fleet has it; it waits for its permit. */
  | "submitted"
  /** It has its permit. */
  | "started"
  /** Its intent is on its way to the store, or there. */
  | "intended"
  /** Its result is on its way to the store, or there. */
  | "ended";

class Slot {
  stage: Stage = "waiting";
  /** The fleet has work for it that has not ended. */
  live = false;
  /** It was taken back before its permit: without an intent it waits again. */
  withdrawn = false;
  /** The command of an earlier life that is received on. */
  attached = false;
  finds = 0;

  constructor(readonly host: DurableHost) {}
}

class DurableJob implements Behaviour<DurableJobMessage> {
  readonly #spec: DurableJobSpec;
  readonly #fleet: ActorRef<FleetMessage>;
  readonly #journal: Journal<DurableJobMessage>;
  readonly #store: JobStore;
  readonly #ended: (end: DurableJobEnd) => void;
  readonly #slots: readonly Slot[];
  readonly #rolling: Rolling | undefined;
  /** Below it nobody waits to be submitted. */
  #next = 0;
  /** `submit` is on its way. */
  #submitting = false;
  /** Slots that are to be asked for their shells. */
  readonly #toFind: number[] = [];
  #finding = 0;
  /** Hosts without a result. */
  #left: number;
  /** Hosts of which the fleet has something. */
  #live = 0;
  #paused: boolean;
  #cancelled: boolean;
  #draining = false;
  #state: JobState;
  /** A rolling job has had too many failures: what has not begun has its result. */
  #stopped = false;
  #done = false;
  #over = false;

  constructor(
    spec: DurableJobSpec,
    fleet: ActorRef<FleetMessage>,
    store: JobStore,
    ended: (end: DurableJobEnd) => void,
    context: Context<DurableJobMessage>,
  ) {
    const { job, hosts } = spec;
    this.#spec = spec;
    this.#fleet = fleet;
    this.#store = store;
    this.#journal = new Journal(store);
    this.#ended = ended;
    this.#slots = hosts.map((host) => new Slot(host));
    this.#left = hosts.length;
    this.#state = job.state;
    this.#paused = job.state === "paused";
    this.#cancelled = job.state === "cancelling";
    const { rolling } = job.request;
    if (rolling !== undefined) {
      const unfinished = hosts.map(({ index, intent, startedAt }) => ({
        index,
        begun: intent !== null || startedAt !== null,
      }));
      const failures = Object.values(job.counts).reduce((sum, count) => sum + count, 0) -
        job.counts.succeeded;
      this.#rolling = new Rolling(job.hosts, rolling, unfinished, failures);
    }
    context.watch(fleet, () => ({ kind: "fleetGone" }));
    if (job.state === "queued") this.#setState("running", context);
    for (const [slot, { host }] of this.#slots.entries()) {
      if (host.intent !== null) this.#recover(slot, context);
    }
    if (this.#cancelled) this.#endWaiting(notStarted(cancelledState), context);
    this.#proceed(context);
  }

  handle(message: DurableJobMessage, context: Context<DurableJobMessage>): void {
    switch (message.kind) {
      case "submit":
        this.#submitting = false;
        this.#submit(context);
        break;
      case "started":
        this.#started(message.index, context);
        break;
      case "intends":
        this.#intends(message, context);
        break;
      case "output":
        this.#output(message, context);
        break;
      case "result":
        this.#result(message.index, message.result, context);
        break;
      case "released":
        this.#released(message.index);
        break;
      case "stored":
        this.#stored(message, context);
        break;
      case "storeAgain":
        this.#journal.again(context, { kind: "state", ...this.#head(context), state: this.#state });
        break;
      case "find":
        this.#toFind.push(message.slot);
        break;
      case "found":
        this.#found(message.slot, message.outcome, context);
        break;
      case "cancel":
        this.#cancel(context);
        this.#answer(message, context);
        break;
      case "pause":
        this.#pause(context);
        this.#answer(message, context);
        break;
      case "resume":
        this.#resume(context);
        this.#answer(message, context);
        break;
      case "drain":
        this.#draining = true;
        this.#withdraw(context);
        break;
      case "fleetGone":
        // What it had not told of nobody knows: a later life asks.
        this.#draining = true;
        this.#live = 0;
        break;
    }
    this.#proceed(context);
  }

  /** Asked to end without being drained: what is known by now is kept, as far as the store takes it in time. */
  stopping(context: Context<DurableJobMessage>): boolean {
    this.#draining = true;
    this.#withdraw(context);
    this.#live = 0;
    this.#proceed(context);
    return this.#over;
  }

  stopped(reason: StopReason, context: Context<DurableJobMessage>): void {
    if (reason.kind === "crashed") this.#abandon(context);
    if (this.#over) return;
    this.#over = true;
    context.effect(() => this.#ended("left"));
  }

  describe(): string {
    const { failure } = this.#journal;
    return `${this.#state}, ${this.#left} of ${this.#spec.job.hosts} hosts left` +
      (failure === undefined ? "" : `, the store fails: ${failure.code}`);
  }

  // ---- what goes on

  /** After each message: what may begin begins, and the end is seen. */
  #proceed(context: Context<DurableJobMessage>): void {
    if (this.#over) return;
    if (!this.#draining) {
      if (this.#rolling?.stopped === true && !this.#stopped) this.#endStopped(context);
      this.#find(context);
      if (this.#mayBegin && this.#next < this.#limit && !this.#submitting) {
        this.#submitting = true;
        context.timer(0, { kind: "submit" });
      }
    }
    if (this.#left === 0 && !this.#done) {
      this.#done = true;
      this.#setState("done", context);
    }
    this.#journal.write(context);
    if ((!this.#done && !this.#draining) || this.#live > 0) return;
    // With a store that was closed nothing more can be kept.
    if (!this.#journal.empty && this.#journal.failure?.code !== "StoreClosed") return;
    this.#over = true;
    context.effect(() => this.#ended(this.#done && this.#journal.empty ? "done" : "left"));
    context.stop();
  }

  get #mayBegin(): boolean {
    return !this.#paused && !this.#cancelled && !this.#draining && this.#journal.failure === undefined;
  }

  /** Slots below it may be submitted. */
  get #limit(): number {
    if (this.#rolling === undefined) return this.#slots.length;
    const { limit } = this.#rolling;
    // Slots are few of those that the job had, in the same order.
    let end = this.#next;
    while (
      end < this.#slots.length && end < this.#next + submitBatch && this.#slots[end]!.host.index < limit
    ) {
      end++;
    }
    return end;
  }

  #submit(context: Context<DurableJobMessage>): void {
    if (!this.#mayBegin) return;
    const end = Math.min(this.#limit, this.#next + submitBatch);
    for (; this.#next < end; this.#next++) {
      const slot = this.#slots[this.#next]!;
      if (slot.stage !== "waiting" || slot.live) continue;
      const { target } = slot.host;
      if (target === undefined) {
        const { refusal } = slot.host;
        this.#end(this.#next, refusal === undefined ? notStarted(goneState) : refused(refusal), context);
      } else this.#execute(this.#next, target, undefined, context);
    }
  }

  #execute(
    index: number,
    target: HostTarget,
    attach: Attachment | undefined,
    context: Context<DurableJobMessage>,
  ): void {
    const { job: { id, request }, cleanupTimeoutMs, stdin } = this.#spec;
    const slot = this.#slots[index]!;
    const { priority, waitTimeoutMs, command } = request;
    const shell: CreateShellOptions = {
      codepage: utf8Codepage,
      ...request.shell,
      name: this.#spec.shellName(slot.host.index),
    };
    const spec: ExecutionSpec = {
      index,
      job: id,
      quotaKey: target.quotaKey,
      throttle: request.throttle ?? this.#spec.throttle,
      ...(priority === undefined ? {} : { priority }),
      ...(waitTimeoutMs === undefined || attach !== undefined ? {} : { waitMs: waitTimeoutMs }),
      shell,
      command: { command, ...(stdin === undefined || attach !== undefined ? {} : { stdin }) },
      timeoutMs: attach === undefined ? request.timeoutMs : this.#attachedMs(slot.host, context),
      times: {
        operationTimeoutMs: target.operationTimeoutMs,
        cleanupTimeoutMs,
        guardMs: target.networkDelayMs + guardMs,
      },
      ...(attach === undefined ? { intent: true } : { attach }),
    };
    slot.stage = "submitted";
    slot.withdrawn = false;
    slot.attached = attach !== undefined;
    slot.live = true;
    this.#live++;
    context.send(this.#fleet, { kind: "execute", target, job: context.self, spec });
  }

  /** Milliseconds that a command of an earlier life still has; `undefined`: as long as it takes. */
  #attachedMs({ startedAt, intent }: DurableHost, context: Context<DurableJobMessage>): number | undefined {
    const { job: { request: { timeoutMs } }, stdin } = this.#spec;
    if (timeoutMs === undefined) return stdin === undefined ? undefined : withoutInputMs;
    // The wall clock may have jumped either way.
    const left = (startedAt ?? intent!.at) + timeoutMs - context.wallNow();
    const ms = Math.max(leastAttachedMs, Math.min(timeoutMs, left));
    return stdin === undefined ? ms : Math.min(ms, withoutInputMs);
  }

  // ---- reports of executions

  #started(index: number, context: Context<DurableJobMessage>): void {
    const slot = this.#slots[index]!;
    slot.stage = "started";
    if (slot.attached) {
      this.#journal.add({ kind: "gap", ...this.#hostHead(slot, context), stream: null, reason: gapReason });
      // Only now there is somebody who can stop it.
      if (this.#cancelled) this.#sendCancel(index, context);
    } else {
      this.#journal.add({ kind: "progress", ...this.#hostHead(slot, context), phase: "connecting" });
    }
  }

  #intends(
    { index, execution, shellId, commandId }: Extract<DurableJobMessage, { kind: "intends" }>,
    context: Context<DurableJobMessage>,
  ): void {
    const slot = this.#slots[index]!;
    // Its cancel is on the way.
    if (slot.withdrawn || this.#cancelled) return;
    const { failure } = this.#journal;
    if (failure !== undefined) {
      context.send(execution, { kind: "refuse", error: notKept(failure) });
      return;
    }
    slot.stage = "intended";
    const shellName = this.#spec.shellName(slot.host.index);
    const record: StoreRecord = {
      kind: "intent",
      ...this.#hostHead(slot, context),
      shellName,
      shellId,
      commandId,
    };
    this.#journal.add(record, (error, own) => {
      if (error === undefined) own.send(execution, { kind: "proceed" });
      else own.send(execution, { kind: "refuse", error: notKept(error) });
    });
  }

  #output(
    { index, command, pieces }: Extract<DurableJobMessage, { kind: "output" }>,
    context: Context<DurableJobMessage>,
  ): void {
    const slot = this.#slots[index]!;
    const head = this.#hostHead(slot, context);
    pieces.forEach(({ stream, bytes }, at) => {
      const last = at === pieces.length - 1;
      const taken = (_error: unknown, own: Context<DurableJobMessage>) =>
        own.send<CommandMessage>(command, { kind: "taken" });
      this.#journal.add({ kind: "output", ...head, stream, data: bytes }, last ? taken : undefined);
    });
  }

  #result(index: number, result: HostResult, context: Context<DurableJobMessage>): void {
    const slot = this.#slots[index]!;
    if (slot.stage === "ended") return;
    const returned = slot.withdrawn || this.#draining;
    if (returned && slot.stage !== "intended" && !slot.attached && !this.#cancelled) {
      // Without an intent nothing was sent: it waits again once nothing of this try is left.
      slot.stage = "waiting";
      return;
    }
    this.#end(index, slot.attached ? received(result) : result, context);
  }

  #released(index: number): void {
    const slot = this.#slots[index]!;
    if (!slot.live) return;
    slot.live = false;
    this.#live--;
    if (slot.stage === "waiting") this.#next = Math.min(this.#next, index);
  }

  #end(index: number, result: HostResult, context: Context<DurableJobMessage>): void {
    const slot = this.#slots[index]!;
    if (slot.stage === "ended") return;
    slot.stage = "ended";
    this.#left--;
    this.#rolling?.ended(slot.host.index, result.status === "succeeded");
    this.#journal.add(resultRecord(this.#hostHead(slot, context), result));
  }

  // ---- what an earlier life has sent

  #recover(index: number, context: Context<DurableJobMessage>): void {
    const slot = this.#slots[index]!;
    slot.stage = "asking";
    if (slot.host.target === undefined) {
      this.#end(index, notKnown(goneState), context);
    } else this.#toFind.push(index);
  }

  #find(context: Context<DurableJobMessage>): void {
    while (this.#finding < findWindow && this.#toFind.length > 0) {
      const slot = this.#toFind.shift()!;
      const { target, intent } = this.#slots[slot]!.host;
      this.#finding++;
      this.#slots[slot]!.finds++;
      const question = findShellQuestion(intent!.shellName);
      context.ask<InquireMessage, InquiryOutcome<unknown>>(
        this.#fleet,
        (replyTo) => ({ kind: "inquire", target: target!, question, replyTo }),
        questionMs,
        (outcome) => ({ kind: "found", slot, outcome }),
      );
    }
  }

  #found(
    index: number,
    outcome: AskOutcome<InquiryOutcome<unknown>>,
    context: Context<DurableJobMessage>,
  ): void {
    this.#finding--;
    const { host, finds } = this.#slots[index]!;
    // The fleet has ended: a later life asks again.
    if (outcome.kind === "targetStopped" || this.#draining) return;
    if (outcome.kind === "answered" && outcome.value.kind === "done") {
      const shellId = outcome.value.value as string | undefined;
      if (shellId === undefined) this.#end(index, notKnown("its shell is not there any more"), context);
      else this.#attach(index, shellId, context);
      return;
    }
    const error = outcome.kind === "answered" && outcome.value.kind === "failed"
      ? outcome.value.error
      : new NetworkError("NotAnswered", "find shell: the host did not answer in time");
    if (error instanceof ReportedFault && host.intent!.shellId !== null) {
      // It does not list its shells; the one that was made may be there under its id.
      return this.#attach(index, host.intent!.shellId, context);
    }
    const pauseMs = isFinal(error) ? undefined : findAgainMs[finds - 1];
    if (pauseMs !== undefined) context.timer(pauseMs, { kind: "find", slot: index });
    else this.#end(index, notKnown(`the host cannot be asked: ${error.message}`), context);
  }

  #attach(index: number, shellId: string, context: Context<DurableJobMessage>): void {
    const { target, intent } = this.#slots[index]!.host;
    this.#execute(index, target!, { shellId, commandId: intent!.commandId }, context);
  }

  // ---- wishes of users

  #cancel(context: Context<DurableJobMessage>): void {
    if (this.#cancelled || this.#left === 0) return;
    this.#cancelled = true;
    this.#setState("cancelling", context);
    for (const [index, slot] of this.#slots.entries()) {
      // A recovered command without a permit has nobody yet who could stop it.
      if (slot.live && slot.stage !== "ended" && (!slot.attached || slot.stage !== "submitted")) {
        this.#sendCancel(index, context);
      }
    }
    this.#endWaiting(notStarted(cancelledState), context);
  }

  #pause(context: Context<DurableJobMessage>): void {
    if (this.#paused || this.#cancelled || this.#left === 0) return;
    this.#paused = true;
    this.#setState("paused", context);
    this.#withdraw(context);
  }

  #resume(context: Context<DurableJobMessage>): void {
    if (!this.#paused || this.#cancelled || this.#left === 0) return;
    this.#paused = false;
    this.#next = 0;
    this.#setState("running", context);
  }

  /** Also a wish that changes nothing is answered only when what it wants is on disk: it may be there only soon. */
  #answer({ replyTo }: WishMessage, context: Context<DurableJobMessage>): void {
    if (replyTo === undefined) return;
    this.#journal.whenKept(context, (error, own) => own.reply(replyTo, error));
  }

  /** No further host begins: those that are only submitted come back. */
  #withdraw(context: Context<DurableJobMessage>): void {
    for (const [index, slot] of this.#slots.entries()) {
      if (slot.stage !== "submitted" || slot.attached || slot.withdrawn || this.#cancelled) continue;
      slot.withdrawn = true;
      this.#sendCancel(index, context);
    }
  }

  #sendCancel(index: number, context: Context<DurableJobMessage>): void {
    const target = this.#slots[index]!.host.target!;
    context.send(this.#fleet, { kind: "cancel", target, job: context.self, index });
  }

  /** A rolling job has had too many failures. */
  #endStopped(context: Context<DurableJobMessage>): void {
    this.#stopped = true;
    const { limit, failures } = this.#rolling!;
    this.#endWaiting(batchNotBegun(failures), context, limit);
  }

  /** Gives hosts that wait, from place `from` on, their result. */
  #endWaiting(result: HostResult, context: Context<DurableJobMessage>, from = 0): void {
    for (const [index, slot] of this.#slots.entries()) {
      if (slot.stage !== "waiting" || slot.host.index < from) continue;
      this.#end(index, result, context);
    }
  }

  // ---- the store

  #stored(
    message: Extract<DurableJobMessage, { kind: "stored" }>,
    context: Context<DurableJobMessage>,
  ): void {
    const before = this.#journal.failure;
    this.#journal.stored(message, context);
    const { failure } = this.#journal;
    // Nothing begins while nothing can be kept.
    if (before === undefined && failure !== undefined) this.#withdraw(context);
    if (before !== undefined && failure === undefined) this.#next = 0;
  }

  #setState(state: JobState, context: Context<DurableJobMessage>): void {
    this.#state = state;
    this.#journal.add({ kind: "state", ...this.#head(context), state });
  }

  #head(context: Pick<Context<never>, "wallNow">): { readonly job: string; readonly at: number } {
    return { job: this.#spec.job.id, at: context.wallNow() };
  }

  #hostHead({ host: { index } }: Slot, context: Pick<Context<never>, "wallNow">) {
    return { ...this.#head(context), index };
  }

  /** A defect of our own: what was sent has no known end, and nobody waits for ever. */
  #abandon(context: Context<DurableJobMessage>): void {
    const records = [...this.#journal.rest];
    for (const [index, slot] of this.#slots.entries()) {
      if (slot.live && slot.stage !== "ended") this.#sendCancel(index, context);
      if (slot.stage === "ended") continue;
      const sent = slot.stage === "intended" || slot.host.intent !== null;
      const result = sent ? crashedResult() : { ...crashedResult(), status: "unreachable" as const };
      records.push(resultRecord(this.#hostHead(slot, context), result));
    }
    if (this.#state !== "done") records.push({ kind: "state", ...this.#head(context), state: "done" });
    context.effect(() => this.#store.append(records, () => {}));
  }
}

const goneState = "the host is not in the inventory any more, or without its credentials";
const cancelledState = "it was cancelled before its turn came";

function resultRecord(
  head: { readonly job: string; readonly at: number; readonly index: number },
  { status, exitCode, durationMs, error }: HostResult,
): StoreRecord {
  return {
    kind: "result",
    ...head,
    status,
    exitCode: exitCode ?? null,
    durationMs: Math.round(durationMs),
    error: error === undefined ? null : { code: error.code, message: error.message },
  };
}

/** The intent is not on disk. */
function notKept(error: DroverError): NetworkError {
  return new NetworkError(
    "NotStarted",
    `run command: that it is about to be sent could not be kept (${error.code}: ${error.message}); nothing was sent`,
  );
}

/** Errors that another try does not mend. */
function isFinal(error: DroverError): boolean {
  return error instanceof DeniedError || error instanceof ReportedFault || error.blame === "caller";
}
