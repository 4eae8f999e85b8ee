/** The scenarios: how likely what is in their runs. A table of plain data. @module */

/** How likely what is; chances are out of 1,000. */
export interface Knobs {
  readonly machines: readonly [least: number, most: number];
  readonly jobs: readonly [least: number, most: number];
  readonly windows: number;
  /** Commands that write much. */
  readonly heavy: number;
  readonly stdin: number;
  readonly hangs: number;
  readonly deadline: number;
  readonly cancel: number;
  readonly slowSink: number;
  readonly slowLink: number;
  readonly wrongPassword: number;
  readonly startFails: number;
  readonly tightQuota: number;
  readonly foreignQuota: number;
  readonly earlyCloses: number;
  /** Per connection. */
  readonly breaks: number;
  readonly refused: number;
  readonly unanswered: number;
  /** Per machine. */
  readonly kills: number;
  readonly holds: number;
  readonly silent: number;
  readonly clockJumps: number;
  readonly clientKill: number;
  readonly shortRunTime: number;
  /** Scripts with a shell of their own. */
  readonly leases: readonly [least: number, most: number];
  /** What else a Windows end does: 503, keepalives, chunked answers. */
  readonly busy: number;
  readonly keepalives: number;
  readonly chunked: number;
  /** A limit of all connections. */
  readonly budget: number;
  /** Scripts that are over soon and write little. */
  readonly quick: number;
  /** The first job goes to all machines, the others to a few, for a handful of slots. */
  readonly unequal: number;
  /** Each job starts some time after the end of the one before. */
  readonly pauses: number;
  /** Machines that are away for minutes, with jobs before, meanwhile and long after. */
  readonly away: number;
  /** The client is a daemon: its jobs are in a store, and it is killed and comes back a few times. */
  readonly durable: number;
}

const quiet: Knobs = {
  machines: [1, 6],
  jobs: [1, 2],
  windows: 400,
  heavy: 50,
  stdin: 100,
  hangs: 0,
  deadline: 0,
  cancel: 0,
  slowSink: 0,
  slowLink: 100,
  wrongPassword: 0,
  startFails: 0,
  tightQuota: 0,
  foreignQuota: 0,
  earlyCloses: 0,
  breaks: 0,
  refused: 0,
  unanswered: 0,
  kills: 0,
  holds: 0,
  silent: 0,
  clockJumps: 0,
  clientKill: 0,
  shortRunTime: 0,
  leases: [0, 0],
  busy: 0,
  keepalives: 200,
  chunked: 300,
  budget: 0,
  quick: 0,
  unequal: 0,
  away: 0,
  pauses: 0,
  durable: 0,
};

/** All scenarios. */
export const scenarios = {
  plain: { ...quiet, startFails: 50, wrongPassword: 50 },
  output: { ...quiet, machines: [1, 2], heavy: 800, slowLink: 200 },
  stdin: { ...quiet, machines: [1, 3], stdin: 900 },
  deadline: { ...quiet, hangs: 500, deadline: 1000 },
  cancel: { ...quiet, hangs: 400, cancel: 1000, stdin: 200, heavy: 100 },
  throttle: { ...quiet, machines: [2, 8], jobs: [2, 5], tightQuota: 600, windows: 300 },
  cuts: {
    ...quiet,
    breaks: 250,
    refused: 50,
    hangs: 100,
    deadline: 700,
    stdin: 200,
    heavy: 100,
    earlyCloses: 200,
  },
  kills: { ...quiet, kills: 700, hangs: 200, deadline: 700, windows: 300, shortRunTime: 200 },
  silent: { ...quiet, silent: 400, unanswered: 100, holds: 300, deadline: 800, hangs: 200 },
  quota: { ...quiet, jobs: [1, 4], windows: 900, foreignQuota: 600, tightQuota: 300 },
  slowSink: { ...quiet, machines: [1, 3], slowSink: 1000, heavy: 500, cancel: 200, shortRunTime: 200 },
  mixed: {
    ...quiet,
    machines: [1, 6],
    jobs: [1, 3],
    heavy: 100,
    stdin: 200,
    hangs: 200,
    deadline: 700,
    cancel: 200,
    slowSink: 200,
    wrongPassword: 30,
    startFails: 50,
    tightQuota: 200,
    foreignQuota: 100,
    earlyCloses: 150,
    breaks: 80,
    refused: 30,
    unanswered: 20,
    kills: 150,
    holds: 100,
    silent: 80,
    clockJumps: 100,
    clientKill: 50,
    shortRunTime: 100,
    leases: [0, 1],
    busy: 50,
    budget: 100,
  },
  /** More hosts than connections. */
  budget: {
    ...quiet,
    machines: [3, 10],
    jobs: [1, 3],
    leases: [0, 1],
    budget: 1000,
    hangs: 100,
    deadline: 300,
  },
  /** The client is killed and returns. */
  restarts: {
    ...quiet,
    machines: [1, 4],
    jobs: [2, 4],
    leases: [0, 2],
    clientKill: 1000,
    hangs: 200,
    deadline: 300,
    windows: 600,
    clockJumps: 100,
  },
  /** Scripts: shells with several commands side by side, beside jobs on the same machines. */
  scripts: { ...quiet, machines: [1, 3], jobs: [0, 1], leases: [1, 3], stdin: 200, tightQuota: 400 },
  brokenScripts: {
    ...quiet,
    machines: [1, 3],
    jobs: [0, 1],
    leases: [1, 3],
    hangs: 200,
    cancel: 300,
    stdin: 200,
    breaks: 100,
    kills: 200,
    silent: 100,
    foreignQuota: 200,
    windows: 600,
    shortRunTime: 100,
    busy: 100,
  },
  /** A large job beside small ones. */
  fair: { ...quiet, machines: [8, 20], jobs: [2, 3], quick: 1000, unequal: 1000, stdin: 0 },
  /** Machines that are gone for minutes, and return. */
  away: { ...quiet, machines: [1, 3], jobs: [5, 9], quick: 1000, away: 1000, stdin: 0 },
  /** Stops whose connections break. */
  stops: { ...quiet, machines: [2, 6], jobs: [1, 3], hangs: 1000, deadline: 1000, breaks: 500, refused: 100 },
  /** Jobs one after the other, each about when the hosts of the last one have been idle for long enough. */
  pauses: { ...quiet, machines: [1, 3], jobs: [3, 5], quick: 1000, pauses: 1000 },
  /** Durable jobs, whose daemon is killed and comes back; they are paused and cancelled, and the disk is full for a while. */
  daemon: {
    ...quiet,
    machines: [1, 5],
    jobs: [1, 3],
    windows: 500,
    heavy: 150,
    stdin: 150,
    hangs: 150,
    deadline: 300,
    cancel: 200,
    slowLink: 200,
    breaks: 30,
    kills: 80,
    foreignQuota: 100,
    clockJumps: 100,
    durable: 1000,
  },
  /** Hundreds of hosts. */
  fleet: {
    ...quiet,
    machines: [200, 300],
    jobs: [1, 2],
    quick: 950,
    stdin: 20,
    refused: 10,
    breaks: 10,
    kills: 10,
    hangs: 10,
    budget: 500,
    deadline: 300,
  },
} satisfies Record<string, Knobs>;

/** Name of a scenario. */
export type ScenarioName = keyof typeof scenarios;
/** All names. */
export const scenarioNames = Object.keys(scenarios) as ScenarioName[];

/** One seed in so many has the scenario of hundreds of hosts, which takes as long as a hundred others. */
const fleetEvery = 1_000;
const common = scenarioNames.filter((name) => name !== "fleet");

/** The scenario that a seed has when none is asked for. */
export function scenarioOf(seed: number): ScenarioName {
  return seed % fleetEvery === 0 ? "fleet" : common[seed % common.length]!;
}
