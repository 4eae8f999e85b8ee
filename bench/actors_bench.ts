/**
 * Suite `actors`: messages per second and the latency of a question, of our kernel and of two libraries of actors from npm,
 * in turns in this process; memory of idle actors, each figure from a process of its own; and what a decision of the
 * scheduler costs while 10,000 hosts wait.
 *
 * The libraries promise different things. XState calls the receiver inside `send`, on the sender's stack: no turns, no bound
 * of a mailbox, no loop that lets I/O proceed. nact queues each message in a task of its own. Ours is measured as it
 * runs in the product: bounded mailboxes, effects after the handler, turns between actors, yields to I/O.
 * @module
 */
import { cpuUsage } from "node:process";
import { fileURLToPath } from "node:url";
import { Scheduler } from "../actors/scheduler/scheduler.ts";
import type { ActorPeer } from "./peers/actors/contract.ts";

const quick = Deno.args.includes("--quick");
/** Seconds that one measurement should last, and how many are made (their median counts). */
const seconds = quick ? 0.25 : 1;
const rounds = quick ? 3 : 5;

const peers = ["drover", "xstate", "nact"] as const;
const cases = ["pingPong", "fanIn", "ring", "ask"] as const;
type Case = (typeof cases)[number];

/** Bytes per host. */
const activeTarget = 6 * 1024;
const passivatedTarget = 1024;
/** Microseconds. */
const decisionTarget = 5;

function report(name: string, impl: string, figures: string): void {
  console.log(`BENCH suite=actors case=${name} impl=${impl} ${figures}`);
}

/** A count that every case can divide. */
const whole = (count: number) => Math.max(10_000, Math.round(count / 10_000) * 10_000);

async function secondsOf(peer: ActorPeer, name: Case, count: number): Promise<number> {
  const start = performance.now();
  await peer[name](count);
  return (performance.now() - start) / 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

async function messages(): Promise<void> {
  const loaded = new Map<string, ActorPeer>();
  for (const name of peers) {
    const { peer }: { peer: ActorPeer } = await import(`./peers/actors/${name}.ts`);
    loaded.set(name, peer);
  }
  for (const name of cases) {
    const counts = new Map<string, number>();
    for (const [impl, peer] of loaded) {
      // Compiled by this, and then measured for how many fill the time.
      await secondsOf(peer, name, 50_000);
      const taken = await secondsOf(peer, name, 50_000);
      counts.set(impl, whole(Math.min(5_000_000, 50_000 / taken * seconds)));
    }
    const rates = new Map<string, number[]>();
    for (let round = 0; round < rounds; round++) {
      for (const [impl, peer] of loaded) {
        const count = counts.get(impl)!;
        const rate = count / await secondsOf(peer, name, count);
        rates.set(impl, [...rates.get(impl) ?? [], rate]);
      }
    }
    const ours = median(rates.get("drover")!);
    for (const impl of peers) {
      const rate = median(rates.get(impl)!);
      const figure = name === "ask" ? `us=${(1e6 / rate).toFixed(2)}` : `msgs=${rate.toFixed(0)}`;
      report(name, impl, `${figure} target=measured`);
    }
    for (const impl of peers.slice(1)) {
      report(name, `drover/${impl}`, `ratio=${(ours / median(rates.get(impl)!)).toFixed(2)} target=measured`);
    }
  }
}

/** Runs a script that prints one line of JSON. */
async function inProcess(script: string, ...args: string[]): Promise<Record<string, number>> {
  const path = fileURLToPath(new URL(`peers/actors/${script}`, import.meta.url));
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--v8-flags=--expose-gc", path, ...args],
    stdin: "null",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr).trim());
  return JSON.parse(new TextDecoder().decode(stdout));
}

async function memory(): Promise<void> {
  const idle = quick ? 20_000 : 100_000;
  for (const [impl, kind] of [...peers.map((impl) => [impl, "idle"]), ["drover", "passive"]]) {
    const { rss, heap } = await inProcess("idle_memory.ts", impl!, String(idle), kind!);
    report(`${kind}${idle}`, impl!, `rss=${rss!.toFixed(0)} heap=${heap!.toFixed(0)} target=measured`);
  }
  for (const count of quick ? [10_000] : [10_000, 100_000]) {
    const figures = await inProcess("hosts_memory.ts", String(count));
    const line = (kind: string, target: number) => {
      const rss = figures[`${kind}Rss`]!;
      const met = rss <= target ? "yes" : "no";
      const heap = figures[`${kind}Heap`]!.toFixed(0);
      const untrimmed = figures[`${kind}Untrimmed`]!.toFixed(0);
      report(
        `hosts${count}-${kind}`,
        "drover",
        `rss=${rss.toFixed(0)} untrimmed=${untrimmed} heap=${heap} target=${target} met=${met}`,
      );
    };
    line("active", activeTarget);
    line("passivated", passivatedTarget);
  }
}

/**
 * Microseconds to give one permit back, to decide who gets it, and to take in the next request, with 10,000 hosts waiting: of
 * processor time, since others have their share of the machine; by the clock beside it.
 */
function decisions(): void {
  const waiting = 10_000;
  const slots = 1_000;
  for (const jobs of [1, 10]) {
    const scheduler = new Scheduler({ slots });
    let id = 0;
    const held: number[] = [];
    const ask = () => {
      id++;
      const grant = scheduler.acquire({
        id,
        job: `job${id % jobs}`,
        quotaKey: `host${id % (waiting + slots)}`,
      });
      if (grant !== "queued") held.push(grant.id);
    };
    while (id < waiting + slots) ask();
    let at = 0;
    const turn = () => {
      scheduler.release(held[at++]!);
      for (const grant of scheduler.next()) held.push(grant.id);
      ask();
    };
    const figures: number[] = [];
    const clock: number[] = [];
    const turns = quick ? 20_000 : 50_000;
    for (let round = 0; round < rounds + 1; round++) {
      const start = performance.now();
      const before = cpuUsage();
      for (let i = 0; i < turns; i++) turn();
      const { user, system } = cpuUsage(before);
      // The first round only warms up.
      if (round === 0) continue;
      figures.push((user + system) / turns);
      clock.push((performance.now() - start) * 1000 / turns);
    }
    const info = scheduler.inspect();
    if (info.waiting !== waiting || info.held !== slots) throw new Error("decisions: the load did not stay");
    const us = median(figures);
    const met = us < decisionTarget ? "yes" : "no";
    report(
      `decision-jobs${jobs}`,
      "drover",
      `us=${us.toFixed(2)} clock_us=${median(clock).toFixed(2)} target=${decisionTarget} met=${met}`,
    );
  }
}

decisions();
await messages();
await memory();
