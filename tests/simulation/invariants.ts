/** What must hold after a run, whatever happened. @module */
import type { ResultEvent } from "../../actors/host/mod.ts";
import type { Priority } from "../../actors/scheduler/mod.ts";
import type { SimulatedNetwork } from "../../runtime/transports/simulated.ts";
import type { FarEnd } from "./drover_end.ts";
import type { Observer } from "./observer.ts";
import type { ByteLog, WorkRecord } from "./records.ts";
import type { JobPlan, Plan, WorkPlan } from "./plan.ts";

/** A job under way. */
export interface JobState {
  readonly plan: JobPlan;
  /** Its hosts are the commands of a script, which tries again what it likes. */
  readonly script: boolean;
  readonly results: Map<string, ResultEvent[]>;
  finished: number;
  /** Hosts that have got their permits. */
  granted: number;
  /** Outputs that the sink has not taken, by host. */
  readonly held: Map<string, number>;
  /** The client that it was given to is gone. */
  readonly dead: () => boolean;
}

/** Results, statuses and output of all jobs. */
export function checkResults(
  plan: Plan,
  observer: Observer,
  jobs: readonly JobState[],
): void {
  for (const state of jobs) {
    const { id } = state.plan;
    observer.check(
      "a job ends once, in time",
      state.finished <= 1,
      () => `${id} ended ${state.finished} times`,
    );
    for (const work of state.plan.hosts) {
      const record = observer.records.get(work.token)!;
      const results = state.results.get(work.token) ?? [];
      observer.check(
        "one result per host",
        results.length === 1 || (results.length === 0 && state.dead()),
        () => `${work.token} has ${results.length} results`,
      );
      checkOutput(observer, work, record);
      const [result] = results;
      if (result === undefined) continue;
      checkStatus(observer, work, record, result);
      if (plan.known) {
        observer.check(
          "nothing goes wrong where nothing is broken",
          result.status !== "unknown",
          () => `${work.token} is unknown (${result.error?.code})`,
        );
      }
      if (plan.faultless && state.plan.timeoutMs === undefined && state.plan.cancelMs === undefined) {
        checkFaultless(observer, work, record, result);
      }
      if (state.plan.mustReach === true) {
        observer.check(
          "a host that returns is reached again",
          result.exitCode === work.script.exitCode,
          () => `${work.token} is ${result.status} (${result.error?.code}: ${result.error?.message})`,
        );
      }
      if (!state.script && state.plan.timeoutMs === undefined && state.plan.cancelMs === undefined) {
        checkPatience(observer, work, record, result);
      }
    }
  }
}

/** Order in which the hosts of all jobs got their permits. */
export interface Grant {
  readonly job: string;
  /** Jobs that had begun and still waited for some then. */
  readonly waiting: readonly string[];
}

/** Permits of each priority in one round, as actors/README.md promises. */
const shares = { high: 16, normal: 4, low: 1 };

/** Jobs take turns: while one waits, another gets no more permits than its share says, and all slots to begin with. */
export function checkFairness(
  slots: number,
  observer: Observer,
  jobs: readonly JobState[],
  grants: readonly Grant[],
): void {
  for (const { plan: { id, hosts, priority = "normal" } } of jobs) {
    for (const { plan: other } of jobs) {
      if (other.id === id) continue;
      const most = mostPassed(id, hosts.length, priority, other.priority ?? "normal", jobs) + slots;
      const passed = grants.filter(({ job, waiting }) => job === other.id && waiting.includes(id)).length;
      observer.check(
        "small jobs are not stuck behind large ones",
        passed <= most,
        () => `${id} of ${hosts.length} hosts has let ${passed} of ${other.id} pass, ${most} at most`,
      );
    }
  }
}

/** Permits of a job of priority `other` while one of `priority` waits for its own `count`, beside the slots that it may have before. */
function mostPassed(
  id: string,
  count: number,
  priority: Priority,
  other: Priority,
  jobs: readonly JobState[],
): number {
  if (priority === other) return count + 1;
  const beside = jobs.filter(({ plan }) => plan.id !== id && (plan.priority ?? "normal") === priority).length;
  // Those of its own priority share what a round has for it; at one host, another may have had its turn.
  const rounds = Math.ceil(count * (1 + beside) / shares[priority]) + Math.min(beside, 1);
  return rounds * shares[other] + count;
}

/** A status says no more than is proven. */
function checkStatus(observer: Observer, work: WorkPlan, record: WorkRecord, result: ResultEvent): void {
  const { status, exitCode } = result;
  const known = record.known ?? { done: false, stop: false, refusal: false };
  const claim = (holds: boolean, otherwise: string) =>
    observer.check(
      "a status is proven",
      holds,
      () => `${work.token} is ${status} (${result.error?.code ?? exitCode}), but ${otherwise}`,
    );
  claim(exitCode === undefined || status === "succeeded" || status === "failed", "has an exit code");
  switch (status) {
    case "succeeded":
    case "failed":
      if (exitCode === undefined) {
        claim(status !== "succeeded", "has no exit code");
        claim(record.runs === 0, "its command ran");
        claim(known.refusal || record.shell.refusalDelivered, "no refusal was delivered");
        return;
      }
      claim((status === "succeeded") === (exitCode === 0), "its exit code says otherwise");
      claim(record.exitCode === exitCode, `its process ended with ${record.exitCode}`);
      claim(known.done, "Done was not delivered");
      if (!record.stopSent) checkWhole(observer, work, record, status);
      return;
    case "unreachable":
      claim(!record.commandArrived, "bytes of Command arrived");
      claim(record.runs === 0, "its command ran");
      return;
    case "denied":
      claim(record.runs === 0, "its command ran");
      return;
    case "timedOut":
    case "cancelled":
      claim(known.stop, "no answer to Signal or Delete was delivered");
      return;
    case "unknown":
      return;
  }
}

/** Output is what the process wrote, from its beginning on; input is what was given. */
function checkOutput(observer: Observer, work: WorkPlan, record: WorkRecord): void {
  for (const stream of ["stdout", "stderr"] as const) {
    const at = difference(record.got[stream], record.wrote[stream]);
    observer.check(
      "output is what was written, in order",
      at === undefined,
      () =>
        `${work.token}: ${stream} differs at byte ${at} ` +
        `(got ${record.got[stream].length}, written ${record.wrote[stream].length})`,
    );
  }
  const given = work.stdin ?? new Uint8Array(0);
  const read = record.read.bytes();
  observer.check(
    "input is what was given",
    read.length <= given.length && read.every((byte, index) => byte === given[index]),
    () => `${work.token}: its process read ${read.length} bytes that are not the ${given.length} given ones`,
  );
}

function checkWhole(observer: Observer, work: WorkPlan, record: WorkRecord, status: string): void {
  for (const stream of ["stdout", "stderr"] as const) {
    const { length } = record.got[stream];
    const whole = record.wrote[stream].length;
    observer.check(
      "a proven end has the whole output",
      length === whole,
      () => `${work.token} is ${status}, but ${stream} has ${length} of ${whole} bytes`,
    );
  }
  // One that was killed leaves what it has not read.
  if (!work.script.echoes || record.killed) return;
  observer.check(
    "input is what was given",
    record.read.length === (work.stdin?.length ?? 0),
    () => `${work.token} is ${status}, but its process read only ${record.read.length} bytes`,
  );
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
  if (record.disturbed) return;
  observer.check(
    "nothing goes wrong where nothing is broken",
    expected.includes(result.status),
    () =>
      `${work.token} is ${result.status} (${result.error?.code}: ${result.error?.message}), but should be ${expected}`,
  );
}

/** Milliseconds for which work without a deadline is tried again at least: two minutes less the longest pause. */
const patienceMs = 105_000;

/** What a quota has refused has failed only where the quota was not free for long. */
function checkPatience(observer: Observer, work: WorkPlan, record: WorkRecord, result: ResultEvent): void {
  const { status, error, durationMs } = result;
  if (status !== "failed" || error === undefined || !error.code.startsWith("ERROR_WSMAN_QUOTA")) return;
  if (record.disturbed) return;
  observer.check(
    "what a quota refuses is tried for long",
    durationMs >= patienceMs,
    () => `${work.token} has failed after ${durationMs} ms: ${error.message}`,
  );
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
  /** What the budget of connections says; empty: there is none. */
  readonly budget: string;
}

/** Nothing is left. */
export function checkEnd({ observer, client, idle, network, ends, scheduler, budget }: EndState): void {
  if (client !== undefined) {
    const actors = client.actors - idle.actors;
    const timers = client.timers - idle.timers;
    observer.check("no actor is left", actors <= 0, () => `${actors} at the client`);
    observer.check("no timer is left", timers <= 0, () => `${timers} at the client`);
    const none = scheduler.startsWith("0 permits held, 0 requests waiting, 0 of ");
    observer.check("no permit is left", none, () => scheduler);
    const noPlace = budget === "" || (budget.startsWith("0 of ") && budget.endsWith(" 0 waiting"));
    observer.check("no connection is left", noPlace, () => budget);
  }
  observer.check("no connection is left", network.openEnds === 0, () => `${network.openEnds} ends are open`);
  for (const end of ends) {
    const left = end.leftovers();
    observer.check(
      "no process or shell is left at a far end",
      left.length === 0,
      () => `${left.join(", ")} at ${end.address}`,
    );
  }
  if (client === undefined) return;
  for (const shell of observer.shells.values()) {
    const record = shell.token === undefined ? undefined : observer.records.get(shell.token);
    if (record?.disturbed === true || record?.refusedInside === true || !shell.known) continue;
    observer.check(
      "no shell is left to its idle time-out",
      shell.closed !== "expired",
      () => `a shell of ${shell.token}`,
    );
  }
}
