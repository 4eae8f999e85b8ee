/** Whose hosts go first, and how long they wait for that; in virtual time. */
import assert from "node:assert/strict";
import { FakeHost } from "./fake_host.ts";
import { type Collected, FakeFleet, fakeTarget } from "./run_job.ts";

/** A fleet of fake hosts with this many slots. */
function fleetOf(names: readonly string[], slots: number): FakeFleet {
  const fleet = new FakeFleet(1, { slots });
  for (const name of names) fleet.hosts.set(name, new FakeHost(fleet.test, { latencyMs: 10 }));
  return fleet;
}

/** Notes which job ends a host, in order. */
function note(order: string[], job: string, sink: Collected): void {
  sink.onEvent = (event) => {
    if (event.type === "result") order.push(`${job} ${event.status}`);
  };
}

Deno.test("with one slot, the hosts of a high job go before those of a normal one that was submitted earlier", () => {
  const names = Array.from({ length: 20 }, (_, n) => `h${n}`);
  const fleet = fleetOf(names, 1);
  const order: string[] = [];
  note(order, "normal", fleet.start(names.slice(0, 10).map((name) => fakeTarget(name)), { id: "n" }));
  fleet.test.advance(30);
  const high = fleet.start(names.slice(10).map((name) => fakeTarget(name)), { id: "h", priority: "high" });
  note(order, "high", high);
  fleet.test.settle(60_000);
  assert.equal(order.length, 20);
  // One of the normal job has begun before.
  assert.deepEqual(order.slice(0, 11).filter((who) => who === "high succeeded").length, 10, order.join(", "));
});

Deno.test("at one crowded host a high job goes before the normal and the low ones that were submitted earlier", () => {
  const fleet = fleetOf(["host"], 1_000);
  fleet.test.system.send(fleet.scheduler, {
    kind: "adjust",
    quotaKey: "alice@host",
    limits: { shells: 1 },
  });
  const order: string[] = [];
  for (const priority of ["low", "normal", "high"] as const) {
    for (let n = 0; n < 4; n++) {
      note(order, priority, fleet.start([fakeTarget("host")], { id: `${priority}${n}`, priority }));
    }
    fleet.test.advance(5);
  }
  fleet.test.settle(60_000);
  assert.deepEqual(order.slice(0, 5).map((who) => who.split(" ")[0]), [
    "low",
    "high",
    "high",
    "high",
    "high",
  ]);
  assert.equal(order.filter((who) => who.endsWith("succeeded")).length, 12);
});

Deno.test("a host whose turn does not come in time ends as unreachable, and nothing was sent to it", async () => {
  const fleet = fleetOf(["busy", "late"], 1_000);
  Object.assign(fleet.hosts.get("busy")!.options, { receives: [{ kind: "hold" }] });
  const sink = fleet.start([fakeTarget("busy"), fakeTarget("late")], { throttle: 1, waitMs: 3_000 });
  fleet.test.advance(2_999);
  assert.equal(sink.results.length, 0);
  fleet.test.advance(2);
  const [late] = sink.results;
  assert.deepEqual([late?.host, late?.status, late?.error?.code, late?.durationMs], [
    "late",
    "unreachable",
    "NotStarted",
    0,
  ]);
  assert.equal(late?.error?.message, "run command: its turn did not come within 3000 ms; nothing was sent");
  assert.equal(fleet.hosts.get("late")!.opened, 0);
  assert.equal((await fleet.permits()).waiting, 0);
  sink.cancel();
  fleet.test.settle(60_000);
  assert.deepEqual(sink.results.map(({ status }) => status), ["unreachable", "cancelled"]);
  assert.equal(sink.finishedCount, 1);
});

Deno.test("the wait ends with the first permit: a host that has begun is not given up for it", () => {
  const fleet = fleetOf(["host"], 1_000);
  Object.assign(fleet.hosts.get("host")!.options, { receives: [{ kind: "hold" }] });
  const sink = fleet.start([fakeTarget("host")], { waitMs: 100, timeoutMs: 30_000 });
  fleet.test.settle(120_000);
  assert.deepEqual(sink.results.map(({ status }) => status), ["timedOut"]);
});
