/** Shells of scripts and the session's queues, in virtual time. */
import assert from "node:assert/strict";
import type { CommandReport, LeaseMessage, LeaseReport } from "../../../actors/host/mod.ts";
import type { ActorRef, Behaviour } from "../../../actors/kernel/actor.ts";
import { FakeHost, type FakeOptions } from "./fake_host.ts";
import { FakeFleet, fakeTarget } from "./run_job.ts";

/** Collects what it is told. */
class Recorder<M> implements Behaviour<M> {
  readonly messages: M[] = [];

  handle(message: M): void {
    this.messages.push(message);
  }
}

interface Leased {
  readonly run: FakeFleet;
  readonly host: FakeHost;
  readonly reports: LeaseReport[];
  readonly lease: () => ActorRef<LeaseMessage>;
  readonly command: (id: number, stdin?: Uint8Array) => Recorder<CommandReport>;
}

function open(options: FakeOptions = {}): Leased {
  const run = new FakeFleet();
  const host = new FakeHost(run.test, options);
  run.hosts.set("host", host);
  const recorder = new Recorder<LeaseReport>();
  const owner = run.test.system.spawn<LeaseReport>({ start: () => recorder });
  run.test.system.send(run.fleet, {
    kind: "lease",
    target: fakeTarget("host"),
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
  const lease = () => {
    for (const report of recorder.messages) if (report.kind === "leaseMade") return report.lease;
    throw new Error("no lease");
  };
  return {
    run,
    host,
    reports: recorder.messages,
    lease,
    command: (id, stdin) => {
      const reports = new Recorder<CommandReport>();
      const ref = run.test.system.spawn<CommandReport>({ start: () => reports });
      const spec = stdin === undefined ? { command: "run" } : { command: "run", stdin };
      run.test.system.send(lease(), { kind: "run", id, spec, owner: ref });
      return reports;
    },
  };
}

function endOf(reports: Recorder<CommandReport>): string | undefined {
  const ended = reports.messages.filter((report) => report.kind === "ended");
  assert.ok(ended.length <= 1);
  return ended[0]?.end.kind;
}

Deno.test("a shell that was idle for long is used over a new connection", () => {
  const { run, host, lease, command, reports } = open();
  const first = command(1);
  run.test.advance(100);
  assert.equal(endOf(first), "exited");
  const before = host.opened;
  const soon = command(2);
  run.test.advance(100);
  assert.equal(endOf(soon), "exited");
  assert.equal(host.opened, before);
  run.test.advance(3_600_000);
  const late = command(3);
  run.test.advance(100);
  assert.equal(endOf(late), "exited");
  assert.equal(host.opened, before + 1);
  run.test.system.send(lease(), { kind: "close" });
  run.test.advance(100);
  assert.equal(reports.at(-1)?.kind, "leaseClosed");
  assert.equal(host.shells.size, 0);
});

Deno.test("forty commands that wait for output leave room for input, Signals and Delete", () => {
  const { run, host, lease, command } = open({ receives: [{ kind: "hold" }] });
  const silent = Array.from({ length: 40 }, (_, index) => command(index));
  run.test.advance(200);
  const busy = host.connections.size;
  assert.ok(busy <= 37, `${busy} connections`);
  const fed = command(100, new Uint8Array(100));
  run.test.advance(200);
  assert.equal(host.input.length, 1, "the Send came through at once");
  run.test.system.send(lease(), { kind: "close" });
  run.test.advance(5_000);
  assert.equal(host.shells.size, 0);
  assert.equal(host.requests.filter((request) => request.operation === "Signal").length, 41);
  for (const reports of [...silent, fed]) assert.equal(endOf(reports), "stopped");
});

Deno.test("a lease that is closed while it waits or opens leaves nothing", async () => {
  for (let ms = 0; ms < 8; ms++) {
    const run = new FakeFleet();
    const host = new FakeHost(run.test);
    run.hosts.set("host", host);
    const recorder = new Recorder<LeaseReport>();
    const owner = run.test.system.spawn<LeaseReport>({ start: () => recorder });
    run.test.system.send(run.fleet, {
      kind: "lease",
      target: fakeTarget("host"),
      owner,
      spec: {
        job: "script",
        quotaKey: "alice@host",
        throttle: Infinity,
        shell: {},
        times: { operationTimeoutMs: 20_000, cleanupTimeoutMs: 10_000, guardMs: 65_000 },
      },
    });
    run.test.advance(ms);
    for (const report of recorder.messages) {
      if (report.kind === "leaseMade") run.test.system.send(report.lease, { kind: "close" });
    }
    run.test.settle(60_000);
    assert.equal(host.shells.size, 0);
    assert.equal(recorder.messages.filter((report) => report.kind === "leaseClosed").length, 1);
    assert.equal((await run.permits()).held, 0);
  }
});

Deno.test("an idle host actor that gets work at the moment of its end still takes cancels", () => {
  for (const early of [-2, -1, 0, 1, 2]) {
    const run = new FakeFleet();
    const host = new FakeHost(run.test);
    run.hosts.set("host", host);
    const target = fakeTarget("host");
    const first = run.start([target]);
    let idleSince = 0;
    first.finished = () => void (idleSince = run.test.clock.monotonic());
    run.test.advance(100);
    run.test.advance(idleSince + 10_000 + early - run.test.clock.monotonic());
    Object.assign(host.options, { receives: [{ kind: "hold" }] });
    const second = run.start([target]);
    run.test.advance(100);
    second.cancel();
    run.test.settle(60_000);
    assert.equal(second.results[0]?.status, "cancelled", `${early} ms`);
    assert.equal(second.finishedCount, 1);
    assert.equal(run.test.system.stats.actors, 2);
  }
});
