/** What must hold after a run, whatever happened. @module */
import type { ResultEvent } from "../../actors/host/mod.ts";
import type { SimulatedNetwork } from "../../runtime/transports/simulated.ts";
import type { FarEnd } from "./drover_end.ts";
import type { ByteLog, Observer, WorkRecord } from "./observer.ts";
import type { JobPlan, Plan, WorkPlan } from "./plan.ts";

/** A job under way. */
export interface JobState {
  readonly plan: JobPlan;
  readonly results: Map<string, ResultEvent[]>;
  finished: number;
  /** Outputs that the sink has not taken, by host. */
  readonly held: Map<string, number>;
}

/** Results, statuses and output of all jobs. */
export function checkResults(
  plan: Plan,
  observer: Observer,
  jobs: readonly JobState[],
  clientDead: boolean,
): void {
  for (const state of jobs) {
    if (state.finished > 1) observer.violate(`job ${state.plan.id} ended ${state.finished} times`);
    for (const work of state.plan.hosts) {
      const record = observer.records.get(work.token)!;
      const results = state.results.get(work.token) ?? [];
      if (results.length > 1 || (results.length === 0 && !clientDead)) {
        observer.violate(`${work.token} has ${results.length} results`);
      }
      checkOutput(observer, work, record);
      const [result] = results;
      if (result === undefined) continue;
      checkStatus(observer, work, record, result);
      if (plan.known && result.status === "unknown") {
        observer.violate(`${work.token} is unknown (${result.error?.code}), but nothing went wrong`);
      }
      if (plan.faultless && state.plan.timeoutMs === undefined) {
        checkFaultless(observer, work, record, result);
      }
      if (state.plan.timeoutMs === undefined && state.plan.cancelMs === undefined) {
        checkPatience(observer, work, record, result);
      }
    }
  }
}

/** A status says no more than is proven. */
function checkStatus(observer: Observer, work: WorkPlan, record: WorkRecord, result: ResultEvent): void {
  const { status, exitCode } = result;
  const wrong = (why: string) =>
    observer.violate(`${work.token} is ${status} (${result.error?.code ?? exitCode}), but ${why}`);
  if (exitCode !== undefined && status !== "succeeded" && status !== "failed") wrong("has an exit code");
  switch (status) {
    case "succeeded":
    case "failed":
      if (exitCode === undefined) {
        if (status === "succeeded") wrong("has no exit code");
        if (record.runs > 0) wrong("its command ran");
        if (!record.refusalDelivered) wrong("no refusal was delivered");
        return;
      }
      if ((status === "succeeded") !== (exitCode === 0)) wrong("its exit code says otherwise");
      if (record.exitCode !== exitCode) wrong(`its process ended with ${record.exitCode}`);
      if (!record.doneDelivered) wrong("Done was not delivered");
      if (!record.stopSent) checkWhole(observer, work, record, status);
      return;
    case "unreachable":
      if (record.commandArrived) wrong("bytes of Command arrived");
      if (record.runs > 0) wrong("its command ran");
      return;
    case "denied":
      if (record.runs > 0) wrong("its command ran");
      return;
    case "timedOut":
    case "cancelled":
      if (!record.stopDelivered) wrong("no answer to Signal or Delete was delivered");
      return;
    case "unknown":
      return;
  }
}

/** Output is what the process wrote, from its beginning on; input is what was given. */
function checkOutput(observer: Observer, work: WorkPlan, record: WorkRecord): void {
  for (const stream of ["stdout", "stderr"] as const) {
    const at = difference(record.got[stream], record.wrote[stream]);
    if (at !== undefined) {
      observer.violate(
        `${work.token}: ${stream} differs from what was written at byte ${at} ` +
          `(got ${record.got[stream].length}, written ${record.wrote[stream].length})`,
      );
    }
  }
  const given = work.stdin ?? new Uint8Array(0);
  const read = record.read.bytes();
  if (read.length > given.length || read.some((byte, index) => byte !== given[index])) {
    observer.violate(
      `${work.token}: its process read ${read.length} bytes that are not the ${given.length} given ones`,
    );
  }
}

function checkWhole(observer: Observer, work: WorkPlan, record: WorkRecord, status: string): void {
  for (const stream of ["stdout", "stderr"] as const) {
    if (record.got[stream].length !== record.wrote[stream].length) {
      observer.violate(
        `${work.token} is ${status}, but ${stream} has ${record.got[stream].length} of ` +
          `${record.wrote[stream].length} bytes`,
      );
    }
  }
  if (work.script.echoes && record.read.length !== (work.stdin?.length ?? 0)) {
    observer.violate(`${work.token} is ${status}, but its process read only ${record.read.length} bytes`);
  }
}

/** Where nothing goes wrong, every host ends as its script says. */
function checkFaultless(observer: Observer, work: WorkPlan, record: WorkRecord, result: ResultEvent): void {
  const { fails, exitCode } = work.script;
  const expected = work.wrongPassword
    ? "denied"
    : fails === "AccessDenied"
    ? "denied or failed"
    : fails !== undefined || exitCode !== 0
    ? "failed"
    : "succeeded";
  if (record.disturbed || expected.includes(result.status)) return;
  observer.violate(
    `${work.token} is ${result.status} (${result.error?.code}: ${result.error?.message}), but should be ${expected}`,
  );
}

/** Milliseconds for which work without a deadline is tried again at least: two minutes less the longest pause. */
const patienceMs = 105_000;

/** What a quota has refused has failed only where the quota was not free for long. */
function checkPatience(observer: Observer, work: WorkPlan, record: WorkRecord, result: ResultEvent): void {
  const { status, error, durationMs } = result;
  if (status !== "failed" || error === undefined || !error.code.startsWith("ERROR_WSMAN_QUOTA")) return;
  if (record.disturbed || durationMs >= patienceMs) return;
  observer.violate(`${work.token} has failed after ${durationMs} ms: ${error.message}`);
}

/** The first byte at which `got` is not `whole`. */
function difference(got: ByteLog, whole: ByteLog): number | undefined {
  const a = got.bytes();
  const b = whole.bytes();
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return i;
  return undefined;
}

/** What is there long after a run. */
export interface EndState {
  readonly observer: Observer;
  /** `undefined`: the client was killed. */
  readonly client: { readonly actors: number; readonly timers: number } | undefined;
  readonly idle: { readonly actors: number; readonly timers: number };
  readonly network: SimulatedNetwork;
  readonly ends: readonly FarEnd[];
  /** What the scheduler says that it is doing. */
  readonly scheduler: string;
}

/** Nothing is left. */
export function checkEnd({ observer, client, idle, network, ends, scheduler }: EndState): void {
  if (client !== undefined) {
    if (client.actors > idle.actors) observer.violate(`${client.actors - idle.actors} actors are left`);
    if (client.timers > idle.timers) observer.violate(`${client.timers - idle.timers} timers are left`);
    if (!scheduler.startsWith("0 permits held, 0 requests waiting, 0 of ")) {
      observer.violate(`permits are left: ${scheduler}`);
    }
  }
  if (network.openEnds > 0) observer.violate(`${network.openEnds} ends of connections are open`);
  for (const end of ends) {
    for (const left of end.leftovers()) observer.violate(`${left} are left at ${end.address}`);
  }
  if (client === undefined) return;
  for (const shell of observer.shells.values()) {
    const record = shell.token === undefined ? undefined : observer.records.get(shell.token);
    if (shell.closed === "expired" && record?.disturbed !== true && record?.deleteRefused !== true) {
      observer.violate(`a shell of ${shell.token} was left to its idle time-out`);
    }
  }
}
