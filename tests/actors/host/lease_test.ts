/** Shells of scripts and the session's queues, in virtual time. */
import assert from "node:assert/strict";
import type { CommandReport, LeaseMessage, LeaseReport } from "../../../actors/host/mod.ts";
import type { ActorRef, Behaviour } from "../../../actors/kernel/actor.ts";
import { utf8 } from "../../../protocol/bytes.ts";
import { envelopeOf, FakeHost, type FakeOptions, faultBody, response } from "./fake_host.ts";
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
  run.test.system.send(run.scheduler, {
    kind: "adjust",
    quotaKey: "alice@host",
    limits: { operations: 1_500, connections: 300, processesPerShell: 100 },
  });
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

Deno.test("a command above the limits of its shell or its user waits for its turn, and none is skipped", async () => {
  for (const limits of [{ processesPerShell: 3 }, { operations: 4 }, { connections: 4 }]) {
    const { run, host, lease, command } = open({ receives: [{ kind: "hold" }] });
    run.test.system.send(run.scheduler, { kind: "adjust", quotaKey: "alice@host", limits });
    const commands = Array.from({ length: 10 }, (_, index) => command(index));
    run.test.advance(100);
    const ran = () => host.requests.filter(({ operation }) => operation === "Command").length;
    assert.equal(ran(), 3, JSON.stringify(limits));
    Object.assign(host.options, { receives: [{ kind: "output", text: "x", exitCode: 0 }] });
    run.test.advance(60_000);
    assert.equal(ran(), 10);
    for (const reports of commands) assert.equal(endOf(reports), "exited");
    assert.equal((await run.permits()).held, 1, "the shell's own");
    run.test.system.send(lease(), { kind: "close" });
    run.test.advance(1_000);
    assert.deepEqual([(await run.permits()).held, (await run.permits()).waiting], [0, 0]);
    assert.deepEqual(run.test.crashes, []);
  }
});

Deno.test("a command that waits for its turn has a deadline of its own, and may be stopped: nothing was sent", async () => {
  const { run, host, lease, command } = open({ receives: [{ kind: "hold" }] });
  run.test.system.send(run.scheduler, {
    kind: "adjust",
    quotaKey: "alice@host",
    limits: { processesPerShell: 1 },
  });
  command(1);
  run.test.advance(100);
  const hasty = new Recorder<CommandReport>();
  const ref = run.test.system.spawn<CommandReport>({ start: () => hasty });
  run.test.system.send(lease(), { kind: "run", id: 2, spec: { command: "run" }, owner: ref, waitMs: 500 });
  const patient = command(3);
  run.test.advance(499);
  assert.equal(endOf(hasty), undefined);
  run.test.advance(1);
  assert.equal(endOf(hasty), "notSent");
  const end = hasty.messages.find((report) => report.kind === "ended")?.end;
  assert.ok(end?.kind === "notSent" && end.error.code === "NotStarted");
  assert.match(end.error.message, /its turn did not come within 500 ms; nothing was sent/);
  assert.equal(endOf(patient), undefined);
  run.test.system.send(lease(), { kind: "close" });
  run.test.advance(5_000);
  assert.equal(endOf(patient), "notSent");
  assert.equal(host.requests.filter(({ operation }) => operation === "Command").length, 1);
  assert.equal(host.shells.size, 0);
  assert.deepEqual([(await run.permits()).held, (await run.permits()).waiting], [0, 0]);
});

/** A shell with place for one command, at a host that answers neither Receive nor Signal: the first command holds the place. */
function openWithLostCommand() {
  const opened = open();
  const { run, host, command } = opened;
  run.test.system.send(run.scheduler, {
    kind: "adjust",
    quotaKey: "alice@host",
    limits: { processesPerShell: 1, operations: 3 },
  });
  const overloaded = utf8("HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n");
  Object.assign(host.options, {
    answer: (operation: string) => operation === "Receive" || operation === "Signal" ? overloaded : "default",
  });
  const lost = command(1);
  run.test.advance(1_000);
  assert.equal(endOf(lost), "unknown");
  const commandsSent = () => host.requests.filter(({ operation }) => operation === "Command").length;
  return { ...opened, commandsSent };
}

Deno.test("the place of a process whose end nobody has confirmed is kept until its shell is gone", async () => {
  const { run, lease, command, commandsSent } = openWithLostCommand();
  const next = command(2);
  run.test.advance(30_000);
  assert.equal(commandsSent(), 1);
  assert.deepEqual([(await run.permits()).held, (await run.permits()).waiting], [2, 1]);
  run.test.system.send(lease(), { kind: "close" });
  run.test.advance(1_000);
  assert.equal(endOf(next), "notSent");
  assert.deepEqual([(await run.permits()).held, (await run.permits()).waiting], [0, 0]);
});

Deno.test("that place comes back when the shell's idle time-out is over: who waits for it does not wait for ever", async () => {
  const { run, lease, command, commandsSent } = openWithLostCommand();
  command(2);
  run.test.advance(7_310_000);
  assert.equal(commandsSent(), 1);
  run.test.advance(20_000);
  assert.equal(commandsSent(), 2);
  run.test.system.send(lease(), { kind: "close" });
  run.test.settle(4 * 3_600_000);
  assert.deepEqual([(await run.permits()).held, (await run.permits()).waiting], [0, 0]);
});

Deno.test("a Signal that a quota refuses was not executed: it is sent again, for the clean-up time", async () => {
  const full = response(500, utf8(envelopeOf(faultBody(2150859174, "s:Sender"))));
  for (const [times, expected] of [[1, "stopped"], [3, "stopped"], [Infinity, "unknown"]] as const) {
    let left = times;
    const { run, host, lease, reports, command } = open({
      answer: (operation) =>
        operation === "Receive" ? undefined : operation === "Signal" && left-- > 0 ? full : "default",
    });
    const recorder = command(1);
    run.test.advance(1_000);
    for (const report of reports) {
      if (report.kind === "commandStarted") run.test.system.send(report.command, { kind: "stop" });
    }
    const asked = run.test.clock.now();
    run.test.advance(10_500);
    assert.equal(endOf(recorder), expected, `${times} refusals`);
    const signals = host.requests.filter(({ operation }) => operation === "Signal");
    assert.ok(signals.length > 3 || signals.length === times + 1, `${signals.length} Signals`);
    assert.ok(signals.at(-1)!.at < asked + 10_000);
    run.test.system.send(lease(), { kind: "close" });
    run.test.settle(4 * 3_600_000);
    assert.deepEqual(run.test.crashes, []);
    assert.equal(host.shells.size, 0);
    assert.deepEqual([(await run.permits()).held, (await run.permits()).waiting], [0, 0]);
  }
});

Deno.test("a shell of a script that a quota refuses is asked for again, and the scheduler learns", async () => {
  const full = response(500, utf8(envelopeOf(faultBody(2150859173, "s:Sender"))));
  for (const times of [1, 3, Infinity]) {
    let left = times;
    const { run, host, reports, lease } = open({
      answer: (operation) => operation === "Create" && left-- > 0 ? full : "default",
    });
    run.test.advance(150_000);
    const ends = reports.flatMap((report) => report.kind === "leaseMade" ? [] : [report]);
    assert.equal(ends.length, 1);
    if (times === Infinity) {
      assert.ok(ends[0]?.kind === "leaseFailed" && ends[0].error.code === "ERROR_WSMAN_QUOTA_MAX_SHELLS");
    } else {
      assert.equal(ends[0]?.kind, "leaseOpened");
      assert.equal(host.requests.filter(({ operation }) => operation === "Create").length, times + 1);
      run.test.system.send(lease(), { kind: "close" });
    }
    run.test.settle(600_000);
    assert.equal(host.shells.size, 0);
    assert.deepEqual([(await run.permits()).held, (await run.permits()).waiting], [0, 0]);
  }
});

Deno.test("a lease that is closed between two tries leaves nothing", async () => {
  const full = response(500, utf8(envelopeOf(faultBody(2150859173, "s:Sender"))));
  for (let ms = 0; ms < 2_000; ms += 111) {
    const { run, host, reports, lease } = open({
      answer: (operation) => operation === "Create" ? full : "default",
    });
    run.test.advance(ms);
    run.test.system.send(lease(), { kind: "close" });
    run.test.advance(100);
    const asked = host.requests.length;
    run.test.settle(300_000);
    assert.equal(host.requests.length, asked);
    assert.equal(reports.filter(({ kind }) => kind === "leaseClosed").length, 1, `${ms} ms`);
    assert.deepEqual([(await run.permits()).held, (await run.permits()).waiting], [0, 0]);
    assert.deepEqual(run.test.crashes, []);
  }
});
