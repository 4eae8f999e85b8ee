/** Stopping at every moment of a command's life, by its deadline or on request, in virtual time. */
import assert from "node:assert/strict";
import { FakeHost, type FakeOptions, type Operation } from "./fake_host.ts";
import { judge } from "./judge.ts";
import { FakeFleet, fakeTarget } from "./run_job.ts";

const dialogues: readonly { readonly name: string; readonly options: FakeOptions }[] = [
  { name: "ends by itself", options: { latencyMs: 5 } },
  { name: "runs on", options: { latencyMs: 5, receives: [{ kind: "output", text: "a" }, { kind: "hold" }] } },
  {
    name: "runs on and says Done when signalled",
    options: { latencyMs: 5, receives: [{ kind: "hold" }], signalledExitCode: 137 },
  },
];

for (const { name, options } of dialogues) {
  for (const stop of ["timedOut", "cancelled"] as const) {
    Deno.test(`a command that ${name} is ${stop} at any moment: true result, nothing left`, () => {
      const seen = new Set<string>();
      for (const ntlm of [false, true]) {
        for (let ms = 0; ms <= 130; ms++) {
          const run = new FakeFleet(ms + 1);
          const host = new FakeHost(run.test, { ...options, ntlm });
          run.hosts.set("host", host);
          const target = fakeTarget("host", ntlm, host);
          const sink = run.start([target], stop === "timedOut" ? { timeoutMs: ms } : {});
          if (stop === "cancelled") {
            run.test.advance(ms);
            // It arrives twice under `deno task`.
            sink.cancel();
            sink.cancel();
          }
          run.test.settle(60_000);
          const what = `${name}, ${stop} after ${ms} ms`;
          seen.add(judge(run, sink, host, stop, what));
          assert.equal(host.shells.size, 0, `${what}: the shell is deleted`);
          assert.equal(host.commands.size, 0, `${what}: no command runs on`);
          assert.equal(run.test.system.stats.timers, 0, what);
        }
      }
      assert.ok(seen.has(stop));
      assert.ok(!seen.has("unknown") && !seen.has("denied"));
    });
  }
}

Deno.test("a stop is believed only when Signal or Delete was confirmed", () => {
  // Which of the two requests are never answered, and what may be said then.
  const cases: readonly (readonly [Operation[], string])[] = [
    [[], "cancelled"],
    [["Signal"], "cancelled"],
    [["Delete"], "cancelled"],
    [["Signal", "Delete"], "unknown"],
  ];
  for (const [mute, expected] of cases) {
    const run = new FakeFleet();
    const host = new FakeHost(run.test, {
      receives: [{ kind: "hold" }],
      answer: (operation) => mute.includes(operation) ? undefined : "default",
    });
    run.hosts.set("host", host);
    const sink = run.start([fakeTarget("host")]);
    run.test.advance(500);
    sink.cancel();
    run.test.advance(11_000);
    assert.equal(sink.results.length, 1);
    assert.equal(sink.results[0]!.status, expected, mute.join());
    assert.ok(
      host.requests.some((request) => request.operation === "Delete"),
      "Delete is sent although Signal is mute",
    );
    run.test.settle(4 * 3_600_000);
    judge(run, sink, host, "cancelled", mute.join());
  }
});

Deno.test("a stop before the host has answered the logon says so: who was waited for, how long, that nothing was sent", () => {
  for (const timeoutMs of [5_000, undefined]) {
    const run = new FakeFleet();
    const cut = { direction: "request", at: 0, how: "silent", after: "silent" } as const;
    const host = new FakeHost(run.test, { cut, ntlm: true });
    run.hosts.set("host", host);
    const sink = run.start([fakeTarget("host", true, host)], timeoutMs === undefined ? {} : { timeoutMs });
    run.test.advance(5_000);
    if (timeoutMs === undefined) sink.cancel();
    run.test.settle(60_000);
    const { status, error } = sink.results[0]!;
    assert.deepEqual([status, error?.code], ["unreachable", "NotSent"]);
    const stop = timeoutMs === undefined ? "on request" : "at its deadline of 5000 ms";
    assert.equal(
      error?.message,
      `run command: it was stopped ${stop}, while the host had no connection ready for it; it was not sent`,
    );
  }
});

Deno.test("Done that was seen while stopping counts when nothing else is confirmed", () => {
  const run = new FakeFleet();
  const host = new FakeHost(run.test, {
    receives: [{ kind: "output", text: "x" }, { kind: "output", text: "y", exitCode: 3 }],
    answer: (operation) => ["Signal", "Delete"].includes(operation) ? undefined : "default",
    latencyMs: 50,
  });
  run.hosts.set("host", host);
  const sink = run.start([fakeTarget("host")]);
  sink.onEvent = (event) => {
    if (event.type === "output") sink.cancel();
  };
  run.test.settle(60_000);
  assert.equal(sink.results[0]!.status, "failed");
  assert.equal(sink.results[0]!.exitCode, 3);
});

Deno.test("cancelling reaches hosts that wait for their permit, and 1,000 hosts never exceed the throttle", async () => {
  const run = new FakeFleet();
  const targets = Array.from({ length: 1000 }, (_, index) => fakeTarget(`h${index}`));
  for (const { name } of targets) {
    run.hosts.set(name, new FakeHost(run.test, { receives: [{ kind: "hold" }] }));
  }
  const sink = run.start(targets, { throttle: 40 });
  let active = 0;
  let most = 0;
  sink.onEvent = (event) => {
    if (event.type === "progress") most = Math.max(most, ++active);
    if (event.type === "result" && event.durationMs > 0) active--;
  };
  run.test.advance(1000);
  assert.equal(active, 40);
  sink.cancel();
  run.test.settle(60_000);
  assert.equal(most, 40);
  assert.equal(sink.results.length, 1000);
  assert.equal(sink.results.filter((result) => result.status === "cancelled").length, 40);
  assert.equal(sink.results.filter((result) => result.status === "unreachable").length, 960);
  assert.equal(sink.finishedCount, 1);
  for (const host of run.hosts.values()) assert.equal(host.shells.size, 0);
  const { held, waiting } = await run.permits();
  assert.deepEqual({ held, waiting }, { held: 0, waiting: 0 });
  assert.deepEqual(run.test.crashes, []);
});

Deno.test("1,000 hosts all succeed within their throttle", async () => {
  const run = new FakeFleet();
  const targets = Array.from({ length: 1000 }, (_, index) => fakeTarget(`h${index}`));
  for (const { name } of targets) run.hosts.set(name, new FakeHost(run.test));
  const sink = run.start(targets, { throttle: 64 });
  run.test.settle(600_000);
  assert.equal(sink.results.filter((result) => result.status === "succeeded").length, 1000);
  assert.equal(run.test.system.stats.actors, 2);
  assert.equal((await run.permits()).held, 0);
  assert.deepEqual(run.test.crashes, []);
});
