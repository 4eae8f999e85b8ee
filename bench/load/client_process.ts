/**
 * The client of the steady load: takes the path of a {@link LoadJob}, prints a {@link ClientCounts} every second, ends its work
 * and then itself when its input ends.
 * @module
 */
import { Fleet, type Inventory } from "../../mod.ts";
import { ActorSystem } from "../../actors/kernel/system.ts";
import { loadInventory } from "../../runtime/inventory/mod.ts";
import { activities, type Activity, type Cast } from "./activities.ts";
import { printLine } from "./lines.ts";

/** What to do. */
export interface LoadJob {
  /** Path of an inventory with all hosts. */
  readonly inventory: string;
  /** Names of the hosts that work. */
  readonly hosts: readonly string[];
  /** Names of those that do not, by what happens there. */
  readonly dropped: { readonly command: string; readonly receive: string };
  readonly gone: string;
  /** Activities at once. */
  readonly workers: number;
  /** Mean pause of a worker between two of them. */
  readonly pauseMs: number;
}

/** What a client has open, and what it has done so far. */
export interface ClientCounts {
  readonly client_actors: number;
  readonly client_timers: number;
  readonly client_permits: number;
  readonly client_heap_mb: number;
  /** `false` after its work has ended. */
  readonly working: boolean;
  /** Actors above those of fleets without any host. */
  readonly actors_above_start: number;
  readonly done: Readonly<Record<string, number>>;
  readonly errors: number;
}

/** Of the errors so many are told in full. */
const toldErrors = 20;

const job: LoadJob = JSON.parse(Deno.readTextFileSync(Deno.args[0]!));
const systems = observeSystems();
const password = Deno.env.get("LOAD_PASSWORD")!;
const inventory: Inventory = loadInventory(job.inventory);
const open = (auth: "negotiate" | "basic", secret = password) =>
  new Fleet({
    inventory,
    user: "load",
    password: secret,
    auth,
    onCrash: ({ path, error }) => failed("crash", `${path}: ${String(error)}`),
  });
const fleets = [open("negotiate"), open("basic")];
const strangers = open("negotiate", `not ${password}`);
const cast: Cast = {
  fleets,
  strangers,
  dropped: { fleet: fleets[1]!, ...job.dropped },
  gone: job.gone,
  hosts: job.hosts,
  random: Math.random,
};

const done: Record<string, number> = Object.fromEntries(activities.map(({ name }) => [name, 0]));
let errors = 0;
let working = true;
let stopping = false;

// Fleets have started what is their own.
await new Promise((resolve) => setTimeout(resolve, 200));
/** Without any host. */
const fewestActors = sumOf(({ stats }) => stats.actors);
const timer = setInterval(() => printLine(counts()), 1_000);
const workers = Array.from({ length: job.workers }, work);
for await (const _ of Deno.stdin.readable);
stopping = true;
await Promise.all(workers);
working = false;
await settled();
clearInterval(timer);
tellLeft();
printLine(counts());
await Promise.all([...fleets, strangers].map((fleet) => fleet.close()));

async function work(): Promise<void> {
  while (!stopping) {
    const activity = choose();
    try {
      await activity.run(cast);
      done[activity.name]!++;
    } catch (error) {
      failed(activity.name, error instanceof Error ? `${error.name}: ${error.message}` : String(error));
    }
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 2 * job.pauseMs));
  }
}

function choose(): Activity {
  let left = Math.random() * activities.reduce((sum, { weight }) => sum + weight, 0);
  return activities.find(({ weight }) => (left -= weight) < 0) ?? activities[0]!;
}

function failed(name: string, text: string): void {
  if (errors++ < toldErrors) console.error(`${new Date().toISOString()} ${name}: ${text}`);
}

/** When all idle hosts have been retired, or after a minute. */
async function settled(): Promise<void> {
  for (let second = 0; second < 60 && counts().client_actors > fewestActors; second++) {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

/** Names the actors of hosts that are still there. */
function tellLeft(): void {
  const left = sumOf(({ stats }) => stats.actors) - fewestActors;
  if (left <= 0) return;
  for (const system of systems) {
    for (const { path, doing } of system.snapshot()?.actors ?? []) {
      console.error(`left: ${path} ${doing ?? ""}`);
    }
  }
}

function counts(): ClientCounts {
  const actors = sumOf(({ stats }) => stats.actors);
  return {
    client_actors: actors,
    client_timers: sumOf(({ stats }) => stats.timers),
    client_permits: sumOf(permitsOf),
    client_heap_mb: Deno.memoryUsage().heapUsed / 1024 / 1024,
    working,
    actors_above_start: actors - fewestActors,
    done,
    errors,
  };
}

function sumOf(count: (system: ActorSystem) => number): number {
  return [...systems].reduce((sum, system) => sum + count(system), 0);
}

function permitsOf(system: ActorSystem): number {
  return system.snapshot({ path: "/scheduler", limit: 1 })?.actors[0]?.figures?.["held"] ?? Number.NaN;
}

/** The actor systems that are made from now on: a fleet keeps its own to itself. */
function observeSystems(): ReadonlySet<ActorSystem> {
  const systems = new Set<ActorSystem>();
  const { spawn } = ActorSystem.prototype;
  ActorSystem.prototype.spawn = function (this: ActorSystem, ...args: Parameters<typeof spawn>) {
    systems.add(this);
    return spawn.apply(this, args);
  } as typeof spawn;
  return systems;
}
