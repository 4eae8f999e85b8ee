/** The connection budget: alone, and under a fleet, in virtual time. */
import assert from "node:assert/strict";
import { type BudgetMessage, connectionBudget, type SpareMessage } from "../../../actors/host/budget.ts";
import type { ActorRef } from "../../../actors/kernel/actor.ts";
import type { Connector } from "../../../actors/ports.ts";
import { createTestSystem, type TestSystem } from "../../helpers/virtual_clock.ts";
import { fakeConnector, FakeHost, type FakeOptions } from "./fake_host.ts";
import { FakeFleet, fakeTarget } from "./run_job.ts";

/** A budget and stand-ins for links and sessions. */
class Bench {
  readonly test: TestSystem = createTestSystem();
  readonly granted: string[] = [];
  /** When each session was asked to spare a connection. */
  readonly asked: { readonly name: string; readonly at: number }[] = [];
  readonly links = new Map<string, ActorRef<"end" | "crash">>();
  readonly budget: ActorRef<BudgetMessage>;

  constructor(places: number) {
    this.budget = this.test.system.spawn(connectionBudget(places));
  }

  acquire(name: string, urgent = false): void {
    const session = this.test.system.spawn<SpareMessage>({
      start: () => ({ handle: () => void this.asked.push({ name, at: this.test.clock.monotonic() }) }),
    });
    type Message = "end" | "crash" | "granted" | "over";
    const link = this.test.system.spawn<Message>({
      start: (context) => {
        context.ask<BudgetMessage, undefined>(
          this.budget,
          (replyTo) => ({ kind: "acquire", link: context.self, session, urgent, replyTo }),
          15_000,
          (outcome) => outcome.kind === "answered" ? "granted" : "over",
        );
        return {
          handle: (message) => {
            if (message === "crash") throw new Error("crash");
            if (message === "granted") this.granted.push(name);
            else context.stop();
          },
        };
      },
    });
    this.links.set(name, link);
    this.test.run();
  }

  tell(name: string, what: "end" | "crash"): void {
    this.test.system.send(this.links.get(name)!, what);
    this.test.run();
  }

  get doing(): string {
    const lines = this.test.system.inspect().children;
    return lines.find(({ path }) => path === this.budget.path)?.doing ?? "";
  }
}

Deno.test("places go to clean-up first, then to who came first, and come back however a link ends", () => {
  const bench = new Bench(3);
  for (const name of ["a", "b", "c", "d"]) bench.acquire(name);
  assert.deepEqual(bench.granted, ["a", "b"], "the last place is for clean-up");
  bench.acquire("signal", true);
  bench.acquire("delete", true);
  assert.deepEqual(bench.granted, ["a", "b", "signal"]);
  assert.equal(bench.doing, "3 of 3 connections, 3 waiting");
  bench.tell("b", "crash");
  assert.deepEqual(bench.granted, ["a", "b", "signal", "delete"]);
  bench.tell("c", "end");
  bench.tell("signal", "end");
  assert.deepEqual(bench.granted, ["a", "b", "signal", "delete"]);
  bench.tell("a", "end");
  assert.deepEqual(bench.granted, ["a", "b", "signal", "delete", "d"], "who has ended gets none");
  bench.tell("d", "end");
  bench.tell("delete", "end");
  assert.equal(bench.doing, "0 of 3 connections, 0 waiting");
});

Deno.test("sessions are asked for idle connections while links wait, all in turn, in rounds of 100 ms, and never else", () => {
  const bench = new Bench(61);
  for (let n = 0; n < 60; n++) bench.acquire(`h${n}`);
  bench.test.advance(1_000);
  assert.equal(bench.asked.length, 0);
  bench.acquire("late");
  assert.deepEqual(bench.asked.map(({ name }) => name), Array.from({ length: 18 }, (_, n) => `h${n}`));
  bench.test.advance(350);
  const rounds = new Set(bench.asked.map(({ at }) => at));
  assert.deepEqual([...rounds], [1_000, 1_100, 1_200, 1_300]);
  assert.equal(new Set(bench.asked.map(({ name }) => name)).size, 60, "nobody is passed over");
  bench.tell("h30", "end");
  const before = bench.asked.length;
  assert.equal(bench.granted.at(-1), "late");
  bench.test.advance(60_000);
  assert.equal(bench.asked.length, before);
  assert.equal(bench.test.system.stats.timers, 0);
});

/** Counts the connections that are being opened or stand. */
class Counted {
  readonly hosts = new Map<string, FakeHost>();
  readonly run: FakeFleet;
  most = 0;
  #open = 0;

  constructor(count: number, maxConnections: number, slots: number, options: FakeOptions = {}) {
    const inner = fakeConnector(this.hosts);
    const connector: Connector = {
      connect: (target, events) => {
        let counted = true;
        this.most = Math.max(this.most, ++this.#open);
        const close = () => {
          if (counted) this.#open--;
          counted = false;
        };
        const connection = inner.connect(target, {
          onOpen: (facts) => events.onOpen(facts),
          onData: (bytes) => events.onData(bytes),
          onEnd: () => events.onEnd(),
          onDrain: () => events.onDrain(),
          onClosed: (error) => {
            close();
            events.onClosed(error);
          },
        });
        return {
          write: (bytes) => connection.write(bytes),
          resume: () => connection.resume(),
          end: () => connection.end(),
          abort: () => {
            close();
            connection.abort();
          },
        };
      },
    };
    this.run = new FakeFleet(1, { connector, maxConnections, slots });
    for (let n = 0; n < count; n++) this.hosts.set(`h${n}`, new FakeHost(this.run.test, options));
  }

  get targets() {
    return [...this.hosts.keys()].map((name) => fakeTarget(name));
  }
}

Deno.test("300 hosts over 10 connections: never more than that, and all succeed", () => {
  const counted = new Counted(300, 10, 4, { latencyMs: 5 });
  const sink = counted.run.start(counted.targets, { throttle: 75 });
  counted.run.test.settle(600_000);
  assert.equal(sink.results.filter(({ status }) => status === "succeeded").length, 300);
  assert.equal(counted.most, 9, "and one for clean-up, which idle connections have done here");
  assert.deepEqual(counted.run.test.crashes, []);
  assert.equal(counted.run.test.system.stats.actors, 3, "fleet, scheduler and budget");
  assert.equal(counted.run.test.system.stats.timers, 0);
});

Deno.test("commands that hold their connections do not starve what follows: a stop reaches all of them", () => {
  const counted = new Counted(20, 10, 4, { receives: [{ kind: "hold" }] });
  const sink = counted.run.start(counted.targets, { throttle: 75, timeoutMs: 1_000 });
  counted.run.test.settle(600_000);
  assert.deepEqual([...new Set(sink.results.map(({ status }) => status))], ["timedOut"]);
  assert.equal(sink.results.length, 20);
  for (const host of counted.hosts.values()) assert.equal(host.shells.size, 0);
});

Deno.test("who gets no place in time is told so; the host's circuit does not count it", () => {
  const counted = new Counted(2, 2, 100, { receives: [{ kind: "hold" }] });
  const { run } = counted;
  const [busy, other] = counted.targets;
  run.start([busy!], { id: "long" });
  run.test.advance(1_000);
  for (let n = 0; n < 7; n++) {
    const sink = run.start([other!], { id: `late${n}` });
    run.test.advance(15_100);
    assert.deepEqual([sink.results[0]?.status, sink.results[0]?.error?.code], [
      "unreachable",
      "TooManyConnections",
    ]);
  }
});
