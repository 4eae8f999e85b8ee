/** What happens in a run, drawn from its seed: machines, jobs, scripts, links and misfortunes. Plain data. @module */
import type { RollingTerms } from "../../actors/daemon/job_types.ts";
import type { OutputStream } from "../../actors/ports.ts";
import type { Priority } from "../../actors/scheduler/mod.ts";
import type { ConnectionPlan, LinkConditions, ToldOfBreak } from "../../runtime/transports/simulated.ts";
import type { SeededRandom } from "../helpers/virtual_clock.ts";
import { users } from "./accounts.ts";
import { type CrashPlan, effectKinds } from "./crash_points.ts";
import { Draw, drawOf } from "./draw.ts";
import type { Script } from "./processes.ts";
import { type Knobs, type ScenarioName, scenarios } from "./scenarios.ts";
import type { WindowsProfile } from "./windows_profile.ts";

/** A machine that commands are run on. */
export interface MachinePlan {
  readonly address: string;
  /** `undefined`: our own service. */
  readonly windows: WindowsProfile | undefined;
  readonly settings: Readonly<Record<string, number>>;
  /** How everybody logs on there. */
  readonly auth: "spnego" | "ntlm" | "basic" | "tls";
  readonly conditions: LinkConditions;
  /** Chances of each connection, out of 1,000. */
  readonly breaks: number;
  readonly told: ToldOfBreak | undefined;
  readonly refused: number;
  readonly unanswered: number;
}

/** One host of a job. */
export interface WorkPlan {
  readonly token: string;
  readonly address: string;
  readonly user: string;
  readonly wrongPassword: boolean;
  readonly auth: MachinePlan["auth"];
  readonly script: Script;
  readonly stdin: Uint8Array | undefined;
}

/** One command of a script. */
export interface LeaseCommandPlan extends WorkPlan {
  /** Milliseconds from the opening of its shell. */
  readonly atMs: number;
  readonly stopMs: number | undefined;
}

/** One script with a shell. */
export interface LeasePlan {
  readonly id: string;
  readonly startMs: number;
  /** Milliseconds until it closes its shell, whatever runs there; `undefined`: when its commands have ended. */
  readonly closeMs: number | undefined;
  /** Milliseconds that it takes for each output. */
  readonly sinkMs: number;
  /** Where. */
  readonly shell: WorkPlan;
  readonly commands: readonly LeaseCommandPlan[];
}

/** One job. */
export interface JobPlan {
  readonly id: string;
  readonly startMs: number;
  readonly cancelMs: number | undefined;
  readonly throttle: number;
  readonly timeoutMs: number | undefined;
  /** Milliseconds for which the sink keeps each output; 0: none. */
  readonly sinkMs: number;
  readonly hosts: readonly WorkPlan[];
  readonly priority?: Priority;
  /** Milliseconds from the end of the job before it, which is when it starts; `undefined`: `startMs` says so. */
  readonly afterMs?: number;
  /** Its machines have been there for so long that it must reach them, whatever was before. */
  readonly mustReach?: boolean;
  /** Present: its hosts are begun in batches. Durable jobs only. */
  readonly rolling?: RollingTerms;
}

/** Something that happens by itself. */
export interface EventPlan {
  readonly atMs: number;
  readonly kind:
    | "kill"
    | "powerLoss"
    | "start"
    | "hold"
    | "heal"
    | "clockJump"
    | "killClient"
    | "startClient"
    /** An orderly end, and a return. */
    | "stopClient"
    | "diskFull"
    | "diskFails"
    | "diskConflicts"
    | "diskFree"
    | "pause"
    | "resume";
  readonly address: string;
  /** Milliseconds by which a clock jumps; default an hour. */
  readonly jumpMs?: number;
  /** Of `stopClient`: milliseconds for what runs. */
  readonly drainMs?: number;
}

/** A whole run. */
export interface Plan {
  readonly scenario: ScenarioName;
  readonly seed: number;
  readonly machines: readonly MachinePlan[];
  readonly jobs: readonly JobPlan[];
  readonly leases: readonly LeasePlan[];
  readonly events: readonly EventPlan[];
  readonly slots: number;
  /** Connections that the client may have at once. */
  readonly connections: number | undefined;
  readonly limits: {
    readonly operations: number;
    readonly shells: number;
    readonly processesPerShell: number;
    readonly users: number;
  };
  readonly operationTimeoutMs: number;
  readonly cleanupTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** Present: jobs are durable. Milliseconds that a commit of their store takes. */
  readonly commitMs: readonly [least: number, most: number] | undefined;
  /** Effects at which lives of a daemon die, by life. */
  readonly crashes: readonly CrashPlan[];
  /** Nothing goes wrong by itself: every host must end as its script says. */
  readonly faultless: boolean;
  /** The same, but for deadlines and cancels: the end of every host must be known. */
  readonly known: boolean;
  /** Nothing but their turn keeps jobs from their permits. */
  readonly fair: boolean;
}

/** Address of the machine that the client runs on. */
export const clientAddress = "127.0.0.1";

/** The run of one seed. */
export function makePlan(scenario: ScenarioName, seed: number): Plan {
  const knobs: Knobs = scenarios[scenario];
  const draw = drawOf(seed, scenario);
  const operationTimeoutMs = draw.pick([2_000, 5_000, 20_000]);
  const cleanupTimeoutMs = draw.pick([3_000, 10_000]);
  const quirks = drawOf(seed, `${scenario} quirks`);
  const machines: MachinePlan[] = [];
  const count = draw.between(...knobs.machines);
  for (let i = 0; i < count; i++) {
    machines.push(machine(draw, quirks, knobs, `127.0.${1 + (i >> 7)}.${i % 128 + 1}`));
  }
  const jobs: JobPlan[] = [];
  const jobCount = draw.between(...knobs.jobs);
  for (let i = 0; i < jobCount; i++) jobs.push(job(draw, knobs, `j${i}`, machines));
  const events: EventPlan[] = [];
  if (knobs.unequal > 0) makeUnequal(drawOf(seed, `${scenario} unequal`), jobs, machines);
  if (knobs.pauses > 0) addPauses(drawOf(seed, `${scenario} pauses`), jobs);
  if (knobs.away > 0) sendAway(drawOf(seed, `${scenario} away`), jobs, machines, events);
  for (const { address } of machines) misfortunes(draw, knobs, address, events);
  if (draw.chance(knobs.clientKill)) {
    events.push({ atMs: draw.between(10, 5_000), kind: "killClient", address: clientAddress });
  }
  const later = drawOf(seed, `${scenario} later`);
  for (const { address } of machines) {
    if (!later.chance(knobs.clockJumps)) continue;
    const jumpMs = later.pick([-3_600_000, -20_000, 20_000, 86_400_000]);
    const at = later.chance(500) ? address : clientAddress;
    events.push({ atMs: later.between(0, 3_000), kind: "clockJump", address: at, jumpMs });
  }
  const killed = events.find(({ kind }) => kind === "killClient");
  if (killed !== undefined && later.chance(700)) {
    const atMs = killed.atMs + later.between(1, later.pick([100, 5_000]));
    events.push({ atMs, kind: "startClient", address: clientAddress });
  }
  // What was added later draws from a source of its own, so that the runs of known seeds stay as they were.
  const leases = leasePlans(drawOf(seed, `${scenario} leases`), knobs, machines);
  const commitMs = knobs.durable > 0
    ? makeDurable(drawOf(seed, `${scenario} durable`), jobs, events)
    : undefined;
  const crashes = knobs.durable > 0 ? makeUneasy(drawOf(seed, `${scenario} uneasy`), jobs, events) : [];
  const connections = later.chance(knobs.budget) ? later.between(3, 9) : undefined;
  const tight = draw.chance(knobs.tightQuota);
  const shells = tight ? draw.between(1, 2) : 5;
  return {
    scenario,
    seed,
    machines,
    jobs,
    leases,
    events,
    slots: Math.min(
      draw.chance(knobs.tightQuota) || knobs.unequal > 0 ? draw.between(1, 4) : 1_000,
      // As the fleet does: each piece of work needs two connections in the end.
      connections === undefined ? Infinity : connections >> 1,
    ),
    connections,
    limits: {
      // A command with input has two of them, and one is for Signal and Delete.
      operations: tight ? later.between(3, 3 * shells + 2) : 15,
      shells,
      processesPerShell: tight ? later.between(1, 4) : 15,
      users: tight ? later.between(1, 3) : 5,
    },
    operationTimeoutMs,
    cleanupTimeoutMs,
    idleTimeoutMs: draw.pick([60_000, 120_000]),
    commitMs,
    crashes,
    faultless: ["plain", "output", "stdin", "throttle", "scripts", "fair", "pauses"].includes(scenario),
    known: ["deadline", "cancel"].includes(scenario),
    fair: scenario === "fair",
  };
}

/** What becomes of one connection to `machine`. */
export function planConnection(machine: MachinePlan, random: SeededRandom): ConnectionPlan {
  const draw = new Draw(random);
  const { conditions } = machine;
  if (draw.chance(machine.refused)) return { conditions, connect: "refused" };
  if (draw.chance(machine.unanswered)) return { conditions, connect: "unanswered" };
  if (!draw.chance(machine.breaks)) return { conditions };
  return {
    conditions,
    break: {
      direction: draw.chance(500) ? "toServer" : "toClient",
      // The logon takes about 1.5 KB each way, a request about 2 KB.
      afterBytes: draw.below(draw.pick([400, 2_000, 8_000, 20_000])),
      told: machine.told ?? draw.pick(["both", "both", "client", "server", "nobody"]),
    },
  };
}

function machine(draw: Draw, quirks: Draw, knobs: Knobs, address: string): MachinePlan {
  const slow = draw.chance(knobs.slowLink);
  const least = draw.pick([0, 0, 1, 5]);
  const settings: Record<string, number> = {};
  if (draw.chance(knobs.tightQuota)) settings["MaxShellsPerUser"] = draw.between(5, 8);
  if (draw.chance(knobs.shortRunTime)) settings["MaxShellRunTime"] = draw.between(500, 3_000);
  const silent = draw.chance(knobs.silent);
  return {
    address,
    windows: draw.chance(knobs.windows) ? windows(draw, quirks, knobs) : undefined,
    settings,
    auth: draw.pick(["spnego", "spnego", "ntlm", "basic", "tls"]),
    conditions: {
      latencyMs: [least, least + draw.pick([0, 1, 10, slow ? 300 : 30])],
      bytesPerMs: slow ? draw.pick([20, 500]) : Infinity,
      chunks: draw.pick(["whole", "any", "any", "any", draw.chance(knobs.heavy) ? "any" : "tiny"]),
      windowBytes: slow ? draw.pick([16_384, 65_536]) : 262_144,
    },
    breaks: silent ? 500 : knobs.breaks,
    told: silent ? "nobody" : undefined,
    refused: knobs.refused,
    unanswered: knobs.unanswered,
  };
}

function windows(draw: Draw, quirks: Draw, knobs: Knobs): WindowsProfile {
  const old = draw.chance(400);
  return {
    old,
    noEnds: draw.chance(300),
    exitCodeOnRunning: draw.chance(300),
    faultsUnder200: draw.chance(300),
    wmiErrors: draw.chance(400),
    closesEvery: draw.chance(knobs.earlyCloses) ? draw.pick([2, 5]) : 0,
    idleMs: draw.pick([15_000, 60_000, 120_000]),
    maxShells: draw.chance(knobs.foreignQuota) ? draw.between(1, 3) : old ? 5 : 30,
    maxOperations: draw.chance(knobs.foreignQuota) ? draw.between(2, 4) : old ? 15 : 1_500,
    foreignEvery: draw.chance(knobs.foreignQuota) ? draw.pick([2, 4]) : 0,
    foreignAll: quirks.chance(400),
    abortsReceive: draw.chance(300),
    saysPending: draw.chance(200),
    busyEvery: quirks.chance(knobs.busy) ? quirks.pick([3, 10]) : 0,
    keepaliveMs: quirks.chance(knobs.keepalives) ? quirks.pick([700, 4_200]) : 0,
    chunked: quirks.chance(knobs.chunked),
    activityIds: quirks.chance(300),
    maxProcesses: old ? 15 : 25,
    configReadable: quirks.chance(600),
    foreignShells: quirks.chance(300) ? quirks.between(1, 6) : 0,
  };
}

function job(draw: Draw, knobs: Knobs, id: string, machines: readonly MachinePlan[]): JobPlan {
  const user = draw.pick(users);
  const hosts = machines.filter(() => draw.chance(850)).map((machine) =>
    work(draw, knobs, id, machine, user)
  );
  if (hosts.length === 0) hosts.push(work(draw, knobs, id, machines[0]!, user));
  const mayHang = hosts.some(({ script, stdin }) => script.hangs || (script.echoes && stdin === undefined));
  const cancels = draw.chance(knobs.cancel);
  const deadline = draw.chance(knobs.deadline);
  return {
    id,
    startMs: draw.chance(500) ? 0 : draw.between(0, 3_000),
    cancelMs: cancels ? draw.between(0, draw.pick([50, 500, 5_000])) : undefined,
    throttle: draw.chance(500) ? 32 : draw.between(1, 4),
    timeoutMs: deadline || (mayHang && !cancels)
      ? draw.between(1, draw.pick([200, 2_000, 30_000]))
      : undefined,
    sinkMs: draw.chance(knobs.slowSink) ? draw.between(1, 2_000) : 0,
    hosts,
  };
}

/** Makes the jobs after the first one small; all want to be everywhere at once. */
function makeUnequal(draw: Draw, jobs: JobPlan[], machines: readonly MachinePlan[]): void {
  for (const [index, plan] of jobs.entries()) {
    const few = index === 0 ? machines.length : draw.between(1, 5);
    const hosts = plan.hosts.filter((_, at) => index === 0 || at < few);
    const startMs = index === 0 ? 0 : draw.between(0, 300);
    const priority = index === 0 ? "normal" : draw.pick(["high", "normal", "low", "low"] as const);
    jobs[index] = {
      ...plan,
      hosts,
      startMs,
      priority,
      throttle: 1_000,
      cancelMs: undefined,
      timeoutMs: undefined,
    };
  }
}

/** Around the time after which a host without work ends its life, and closes its connections. */
function addPauses(draw: Draw, jobs: JobPlan[]): void {
  for (const [index, plan] of jobs.entries()) {
    if (index === 0) continue;
    const afterMs = draw.pick([0, 9_999, 10_000, 10_000, 10_000, 10_001, 31_000]);
    jobs[index] = { ...plan, afterMs };
  }
}

/** Longest pause of an open circuit, and what it takes to notice that a host is there again. */
const reachedMs = 320_000;

/** Sends every machine away once for a while, and spreads the jobs over the time before, meanwhile and long after. */
function sendAway(draw: Draw, jobs: JobPlan[], machines: readonly MachinePlan[], events: EventPlan[]): void {
  const goneMs = draw.between(1, 20_000);
  const backMs = goneMs + draw.between(10_000, 400_000);
  for (const { address } of machines) {
    events.push({ atMs: goneMs, kind: draw.chance(500) ? "kill" : "powerLoss", address });
    events.push({ atMs: backMs, kind: "start", address });
  }
  for (const [index, plan] of jobs.entries()) {
    const mustReach = index === jobs.length - 1;
    const startMs = mustReach ? backMs + reachedMs : draw.between(0, backMs + 30_000);
    jobs[index] = { ...plan, startMs, mustReach, cancelMs: undefined, timeoutMs: undefined };
  }
}

/** One input for all hosts of a job, since a durable job has one; lives of the daemon, pauses, and a disk that is full for a while. */
function makeDurable(draw: Draw, jobs: JobPlan[], events: EventPlan[]): [least: number, most: number] {
  for (const [index, plan] of jobs.entries()) {
    const stdin = plan.hosts[0]!.stdin;
    const hosts = plan.hosts.map((host) => ({
      ...host,
      stdin,
      script: { ...host.script, echoes: stdin !== undefined && host.script.echoes },
    }));
    jobs[index] = { ...plan, sinkMs: 0, hosts };
  }
  const address = clientAddress;
  let atMs = 0;
  for (let lives = draw.below(4); lives > 0; lives--) {
    atMs += draw.between(1, draw.pick([30, 300, 3_000]));
    events.push({ atMs, kind: "killClient", address });
    atMs += draw.between(1, draw.pick([5, 500, 5_000]));
    events.push({ atMs, kind: "startClient", address });
  }
  const between = (first: EventPlan["kind"], second: EventPlan["kind"]) => {
    const from = draw.between(1, draw.pick([100, 400, 3_000]));
    const until = from + draw.between(1, draw.pick([100, 3_000, 10_000]));
    events.push({ atMs: from, kind: first, address }, { atMs: until, kind: second, address });
  };
  if (draw.chance(300)) between("pause", "resume");
  if (draw.chance(750)) between("diskFull", "diskFree");
  const least = draw.pick([0, 1, 5]);
  return [least, least + draw.pick([0, 3, 30, 200])];
}

/**
 * Batches, jobs one after the other, other troubles of the store; and in two of three runs, instead of lives that end at some time,
 * such as end at an effect, or in order.
 */
function makeUneasy(draw: Draw, jobs: JobPlan[], events: EventPlan[]): CrashPlan[] {
  for (const [index, plan] of jobs.entries()) {
    if (!draw.chance(350)) continue;
    const batch = draw.pick([1, 2, "34%", "50%"]);
    jobs[index] = {
      ...plan,
      rolling: { batch, ...(draw.chance(600) ? { maxFailures: draw.between(1, 2) } : {}) },
    };
  }
  if (draw.chance(200)) addPauses(draw, jobs);
  const trouble = draw.pick(["diskFull", "diskFails", "diskConflicts"] as const);
  for (const [index, event] of events.entries()) {
    if (event.kind === "diskFull") events[index] = { ...event, kind: trouble };
  }
  const end = draw.pick(["time", "effect", "order"] as const);
  if (end === "time") return [];
  const others = events.filter(({ kind }) => kind !== "killClient" && kind !== "startClient");
  events.splice(0, events.length, ...others);
  if (end === "order") {
    const atMs = draw.between(1, draw.pick([100, 1_000, 5_000]));
    const drainMs = draw.pick([0, 10, 300, 3_000]);
    events.push({ atMs, kind: "stopClient", address: clientAddress, drainMs });
    return [];
  }
  return Array.from({ length: draw.between(1, 3) }, () => ({
    kind: draw.pick(effectKinds),
    nth: draw.pick([1, 1, 1, 2, 3, 5, 12]),
    backMs: draw.between(1, draw.pick([5, 500, 5_000])),
  }));
}

function leasePlans(draw: Draw, knobs: Knobs, machines: readonly MachinePlan[]): LeasePlan[] {
  const leases: LeasePlan[] = [];
  const count = draw.between(...knobs.leases);
  for (let i = 0; i < count; i++) {
    const id = `s${i}`;
    const user = draw.pick(users);
    const machine = draw.pick(machines);
    const startMs = draw.chance(500) ? 0 : draw.between(0, 3_000);
    const sinkMs = draw.chance(knobs.slowSink) ? draw.between(1, 2_000) : 0;
    const shell = work(draw, knobs, id, machine, user);
    const commands: LeaseCommandPlan[] = [];
    const commandCount = draw.between(1, draw.pick([1, 3, 6]));
    for (let j = 0; j < commandCount; j++) {
      commands.push({
        ...work(draw, knobs, `${id}c${j}`, machine, user),
        wrongPassword: shell.wrongPassword,
        atMs: draw.chance(500) ? 0 : draw.between(0, draw.pick([20, 4_000])),
        stopMs: draw.chance(knobs.cancel) ? draw.between(0, draw.pick([50, 3_000])) : undefined,
      });
    }
    const hangs = commands.some(({ script, stdin, stopMs }) =>
      stopMs === undefined && (script.hangs || (script.echoes && stdin === undefined))
    );
    const closeMs = hangs || draw.chance(knobs.cancel)
      ? draw.between(0, draw.pick([50, 2_000, 10_000]))
      : undefined;
    leases.push({ id, startMs, closeMs, sinkMs, shell, commands });
  }
  return leases;
}

function work(draw: Draw, knobs: Knobs, id: string, machine: MachinePlan, user: string): WorkPlan {
  const { address } = machine;
  const stdin = draw.chance(knobs.stdin);
  return {
    token: `${id}@${address}`,
    address,
    user,
    wrongPassword: draw.chance(knobs.wrongPassword),
    auth: machine.auth,
    script: script(draw, knobs, stdin),
    stdin: stdin ? draw.input() : undefined,
  };
}

function script(draw: Draw, knobs: Knobs, stdin: boolean): Script {
  if (knobs.quick > 0 && draw.chance(knobs.quick)) return quick(draw);
  const heavy = draw.chance(knobs.heavy);
  const writes: { stream: OutputStream; size: number; afterMs: number }[] = [];
  const count = heavy ? draw.between(10, 40) : draw.below(6);
  for (let i = 0; i < count; i++) {
    writes.push({
      stream: draw.chance(700) ? "stdout" : "stderr",
      size: heavy ? draw.between(1, 65_536) : draw.between(1, 300),
      afterMs: heavy ? draw.below(5) : draw.below(draw.pick([3, 500, 4_000])),
    });
  }
  return {
    startMs: draw.below(draw.pick([3, 200])),
    ...(draw.chance(knobs.startFails)
      ? { fails: draw.pick(["NotFound", "AccessDenied", "BadDirectory", "SpawnFailed"]) }
      : {}),
    writes,
    echoes: stdin && draw.chance(800),
    hangs: draw.chance(knobs.hangs),
    exitMs: draw.below(draw.pick([2, 300])),
    exitCode: draw.chance(700) ? 0 : draw.between(1, 255),
    dieMs: draw.below(draw.pick([1, 50])),
    readMs: draw.below(draw.pick([1, 100])),
  };
}

/** A script that says a word and ends. */
function quick(draw: Draw): Script {
  return {
    startMs: draw.below(20),
    writes: [{ stream: "stdout", size: draw.between(1, 60), afterMs: draw.below(20) }],
    echoes: false,
    hangs: false,
    exitMs: draw.below(20),
    exitCode: draw.chance(800) ? 0 : draw.between(1, 255),
    dieMs: 0,
    readMs: 0,
  };
}

function misfortunes(draw: Draw, knobs: Knobs, address: string, events: EventPlan[]): void {
  const some = () => draw.between(1, draw.pick([100, 1_000, 8_000]));
  if (draw.chance(knobs.kills)) {
    const atMs = some();
    events.push({ atMs, kind: draw.chance(700) ? "kill" : "powerLoss", address });
    if (draw.chance(700)) events.push({ atMs: atMs + some(), kind: "start", address });
  }
  if (draw.chance(knobs.holds)) {
    const atMs = some();
    events.push({ atMs, kind: "hold", address });
    if (draw.chance(800)) events.push({ atMs: atMs + some() * draw.pick([1, 10]), kind: "heal", address });
  }
  if (draw.chance(knobs.clockJumps)) events.push({ atMs: some(), kind: "clockJump", address: clientAddress });
}
