/** The circuit breaker of a host at work, in virtual time: `tests/property/breaker_property_test.ts` has its law. */
import assert from "node:assert/strict";
import type { LeaseMessage, LeaseReport } from "../../../actors/host/mod.ts";
import type { ActorRef } from "../../../actors/kernel/actor.ts";
import type { InquireMessage, InquiryOutcome, Question } from "../../../actors/host/inquiry.ts";
import { deleteShell } from "../../../protocol/shell/mod.ts";
import { type Cut, FakeHost } from "./fake_host.ts";
import { FakeFleet, fakeTarget } from "./run_job.ts";

const target = { ...fakeTarget("host"), connectRetries: 0 };

function openCircuit(): { run: FakeFleet; host: FakeHost } {
  const run = new FakeFleet();
  const host = new FakeHost(run.test, { refuse: true });
  run.hosts.set("host", host);
  for (let n = 0; n < 5; n++) {
    const sink = run.start([target], { id: `job${n}` });
    run.test.advance(10);
    assert.equal(sink.results[0]?.error?.code, "ConnectRefused", `failure ${n}`);
  }
  return { run, host };
}

/** One piece of work: its code, and how many connections it asked for. */
function work({ run, host }: { run: FakeFleet; host: FakeHost }, ms = 10): [code: string, tries: number] {
  const before = host.opened;
  const sink = run.start([target], { id: `later${run.test.clock.monotonic()}` });
  run.test.advance(ms);
  const [result] = sink.results;
  return [result?.error?.code ?? result?.status ?? "none", host.opened - before];
}

const doing = (run: FakeFleet): string => JSON.stringify(run.test.system.inspect());

Deno.test("after five failures in a row work fails at once, with the time of the next try and the reason", () => {
  const both = openCircuit();
  const sink = both.run.start([target], { id: "refused" });
  both.run.test.advance(0);
  const [result] = sink.results;
  assert.equal(result?.status, "unreachable");
  assert.equal(result?.error?.code, "CircuitOpen");
  assert.match(
    result?.error?.message ?? "",
    /^connect: not tried before 2023-11-14T22:13:\d\d\.\d{3}Z, for the last 5 tries have failed: connect: nothing listens there/,
  );
  assert.equal(both.host.opened, 5);
  assert.match(doing(both.run), /circuit open until 2023-11-14T22:13/);
});

Deno.test("when its time is over one probe goes through: failure opens it for longer, success closes it", () => {
  const both = openCircuit();
  const { run, host } = both;
  assert.deepEqual(work(both), ["CircuitOpen", 0]);
  run.test.advance(5_000);
  assert.deepEqual(work(both), ["ConnectRefused", 1]);
  assert.deepEqual(work(both), ["CircuitOpen", 0]);
  run.test.advance(4_900);
  assert.deepEqual(work(both), ["CircuitOpen", 0], "twice as long");
  run.test.advance(5_100);
  Object.assign(host.options, { refuse: false });
  assert.deepEqual(work(both, 100), ["succeeded", 1]);
  Object.assign(host.options, { refuse: true });
  for (const connection of host.connections) connection.close(undefined);
  run.test.advance(1);
  for (let n = 0; n < 4; n++) {
    assert.deepEqual(work(both), ["ConnectRefused", 1], `failure ${n} of the next row`);
  }
});

Deno.test("work that comes while the probe is under way waits for it: one connection tries the way for all", () => {
  const both = openCircuit();
  const { run, host } = both;
  run.test.advance(5_000);
  Object.assign(host.options, { refuse: false, latencyMs: 50 });
  const before = host.opened;
  const sinks = Array.from({ length: 5 }, (_, n) => run.start([target], { id: `probe${n}` }));
  run.test.advance(40);
  assert.equal(host.opened, before + 1);
  run.test.settle(5_000);
  for (const sink of sinks) assert.equal(sink.results[0]?.status, "succeeded");
});

Deno.test("an open circuit outlives the host's actor; a closed one is not remembered", () => {
  const both = openCircuit();
  const { run, host } = both;
  run.test.settle(60_000);
  assert.equal(run.test.system.stats.actors, 2, "the host's actor is gone");
  assert.match(doing(run), /0 hosts, 1 others with an open circuit/);
  const before = host.opened;
  assert.deepEqual(work(both), ["ConnectRefused", 1], "the probe");
  assert.deepEqual(work(both), ["CircuitOpen", 0], "which opens it again");
  run.test.settle(60_000);
  Object.assign(host.options, { refuse: false });
  assert.deepEqual(work(both, 100), ["succeeded", 1]);
  assert.equal(host.opened, before + 2);
  run.test.settle(60_000);
  assert.match(doing(run), /0 hosts"/);
});

Deno.test("the first run on a host never opens its circuit, whatever its retries", () => {
  for (const connectRetries of [2, 10]) {
    const run = new FakeFleet();
    const host = new FakeHost(run.test, { refuse: true });
    run.hosts.set("host", host);
    const patient = { ...target, connectRetries };
    const sink = run.start([patient]);
    run.test.advance(11_000);
    assert.equal(sink.results[0]?.error?.code, "ConnectRefused");
    const next = run.start([patient], { id: "next" });
    Object.assign(host.options, { refuse: false });
    run.test.advance(1_000);
    assert.equal(next.results[0]?.status, "succeeded");
  }
});

Deno.test("the failure that opens the circuit is the last try", () => {
  const run = new FakeFleet();
  const host = new FakeHost(run.test, { refuse: true });
  run.hosts.set("host", host);
  const patient = { ...target, connectRetries: 2 };
  for (const [id, tries] of [["first", 3], ["second", 2], ["third", 0]] as const) {
    const before = host.opened;
    const sink = run.start([patient], { id });
    run.test.advance(1_520);
    assert.equal(host.opened - before, tries);
    assert.equal(sink.results[0]?.error?.code, tries > 0 ? "ConnectRefused" : "CircuitOpen");
  }
});

Deno.test("Delete goes through an open circuit, and a host that takes it is back for all", () => {
  const run = new FakeFleet();
  const host = new FakeHost(run.test);
  run.hosts.set("host", host);
  const reports: LeaseReport[] = [];
  const owner = run.test.system.spawn<LeaseReport>({
    start: () => ({ handle: (report) => void reports.push(report) }),
  });
  run.test.system.send(run.fleet, {
    kind: "lease",
    target,
    owner,
    spec: {
      job: "script",
      quotaKey: "alice@host",
      throttle: Infinity,
      shell: {},
      times: { operationTimeoutMs: 20_000, cleanupTimeoutMs: 10_000, guardMs: 65_000 },
    },
  });
  run.test.advance(50);
  assert.equal(host.shells.size, 1);
  Object.assign(host.options, { refuse: true });
  for (const connection of host.connections) connection.close(undefined);
  run.test.advance(1);
  for (let n = 0; n < 5; n++) assert.deepEqual(work({ run, host }), ["ConnectRefused", 1]);
  assert.deepEqual(work({ run, host }), ["CircuitOpen", 0]);

  Object.assign(host.options, { refuse: false });
  const made = reports.find((report) => report.kind === "leaseMade") as { lease: ActorRef<LeaseMessage> };
  run.test.system.send(made.lease, { kind: "close" });
  run.test.advance(50);
  assert.equal(host.shells.size, 0);
  assert.deepEqual(reports.at(-1), { kind: "leaseClosed", confirmed: true });
  assert.deepEqual(work({ run, host }, 100), ["succeeded", 0]);
});

Deno.test("who waits for a host's return asks through an open circuit, at a pace of its own; other questions do not", async () => {
  const { run, host } = openCircuit();
  const ask = async (probe: boolean) => {
    const before = host.opened;
    const question: Question<string> = {
      name: "test",
      probe,
      dialogue: function* () {
        const outcome = yield { request: deleteShell("none") };
        if (outcome.kind === "failed") throw outcome.error;
        return outcome.kind;
      },
    };
    const outcome = await run.test.until(
      run.test.system.ask<InquireMessage, InquiryOutcome<unknown>>(
        run.fleet,
        (replyTo) => ({ kind: "inquire", target, question, replyTo }),
        60_000,
      ),
    );
    assert.equal(outcome.kind, "answered");
    const { value } = outcome as { value: InquiryOutcome<unknown> };
    return [value.kind === "failed" ? value.error.code : value.value, host.opened - before];
  };
  assert.deepEqual(await ask(false), ["CircuitOpen", 0]);
  assert.deepEqual(await ask(true), ["ConnectRefused", 1]);
  assert.deepEqual(await ask(false), ["CircuitOpen", 0]);
  Object.assign(host.options, { refuse: false });
  assert.deepEqual(await ask(true), ["fault", 1]);
  assert.deepEqual(await ask(false), ["fault", 0]);
});

Deno.test("work that waits for a probe ends with it, however silent the host is, and at its own deadline before that", async () => {
  const { run, host } = openCircuit();
  run.test.advance(5_000);
  const cut: Cut = { direction: "request", at: 0, how: "silent", after: "silent" };
  Object.assign(host.options, { refuse: false, cut });
  host.isCut = true;
  const begun = run.test.clock.monotonic();
  const probe = run.start([target], { id: "probe" });
  run.test.advance(1_000);
  const hasDeadline = run.start([target], { id: "deadline", timeoutMs: 2_000 });
  const hasNone = run.start([target], { id: "none" });
  run.test.advance(2_000);
  assert.deepEqual([probe, hasDeadline, hasNone].map(({ results }) => results.length), [0, 1, 0]);
  assert.equal(hasDeadline.results[0]?.status, "unreachable");
  run.test.advance(begun + target.connect.timeoutMs + 10 - run.test.clock.monotonic());
  assert.deepEqual([probe, hasNone].map(({ results }) => results[0]?.error?.code), [
    "ConnectTimeout",
    "ConnectTimeout",
  ]);
  assert.equal(host.opened, 6);
  run.test.settle(60_000);
  assert.deepEqual([(await run.permits()).held, (await run.permits()).waiting], [0, 0]);
});
