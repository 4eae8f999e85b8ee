/** Waiting for a restart, in virtual time: only another boot time proves it. */
import assert from "node:assert/strict";
import { type RebootMessage, type RebootResult, rebootWait } from "../../../actors/host/mod.ts";
import type { ActorRef } from "../../../actors/kernel/actor.ts";
import { utf8 } from "../../../protocol/bytes.ts";
import { envelopeOf, FakeHost, type FakeOptions, faultBody, response } from "./fake_host.ts";
import { FakeFleet, fakeTarget } from "./run_job.ts";

const noSuchResource = response(500, utf8(envelopeOf(faultBody(2150858752, "s:Sender"))));
const before = Date.UTC(2026, 0, 2, 3, 4, 5);

const operatingSystem = (bootTime: number) =>
  response(
    200,
    utf8(envelopeOf(
      `<p:Win32_OperatingSystem xmlns:p="http://schemas.microsoft.com/wbem/wsman/1/wmi/root/cimv2/Win32_OperatingSystem" ` +
        `xmlns:cim="http://schemas.dmtf.org/wbem/wscim/1/common"><p:LastBootUpTime><cim:Datetime>` +
        `${new Date(bootTime).toISOString()}</cim:Datetime></p:LastBootUpTime></p:Win32_OperatingSystem>`,
    )),
  );

interface Waiting {
  readonly run: FakeFleet;
  readonly results: RebootResult[];
  readonly ref: ActorRef<RebootMessage>;
  host: FakeHost;
  /** From now on another life of the machine answers, or none. */
  become(options: FakeOptions): void;
}

function wait(options: FakeOptions, timeoutMs = 600_000): Waiting {
  const run = new FakeFleet();
  const results: RebootResult[] = [];
  const become = (next: FakeOptions) => {
    for (const connection of waiting.host.connections) connection.close(undefined);
    run.hosts.set("host", waiting.host = new FakeHost(run.test, next));
  };
  const host = new FakeHost(run.test, options);
  run.hosts.set("host", host);
  const spec = { target: fakeTarget("host"), after: before, timeoutMs, shellName: "drover-0badcafe-1" };
  const ref = run.test.system.spawn(rebootWait(spec, run.fleet, (result) => results.push(result)));
  const waiting: Waiting = { run, results, ref, host, become };
  return waiting;
}

function assertOver({ run, results }: Waiting): RebootResult {
  run.test.settle();
  assert.deepEqual(run.test.crashes, []);
  assert.equal(results.length, 1);
  assert.equal(run.test.system.stats.actors, 2);
  return results[0]!;
}

const answers = (bootTime: number): FakeOptions => ({ answer: () => operatingSystem(bootTime) });

Deno.test("a host that goes down and comes back with another boot time has rebooted", () => {
  const here = wait(answers(before + 900));
  here.run.test.advance(60_000);
  assert.deepEqual(here.results, [], "it answers as before: it has not gone down yet");
  assert.ok(here.host.requests.length > 3);
  here.become({ refuse: true });
  here.run.test.advance(90_000);
  assert.deepEqual(here.results, [], "nothing answers");
  here.become(answers(before + 200_000));
  here.run.test.advance(30_000);
  assert.deepEqual(assertOver(here), { kind: "rebooted", bootTime: before + 200_000 });
});

Deno.test("a host that was away and has its boot time from before has not rebooted", () => {
  const here = wait(answers(before), 300_000);
  here.run.test.advance(20_000);
  here.become({ refuse: true });
  here.run.test.advance(60_000);
  here.become(answers(before));
  const result = assertOver(here);
  assert.ok(result.kind === "failed" && result.error.code === "RebootTimeout");
  assert.match(result.error.message, /host has not rebooted within 300000 ms: it still has the boot time/);
});

Deno.test("a clock that was set back makes another boot time, too; one that was rounded does not", () => {
  assert.equal(assertOver(wait(answers(before - 86_400_000))).kind, "rebooted");
  for (const shift of [-9_999, 9_999]) {
    assert.equal(assertOver(wait(answers(before + shift), 60_000)).kind, "failed");
  }
});

Deno.test("wrong credentials and a missing right end it at once", () => {
  const refusals = [
    utf8("HTTP/1.1 401 \r\nContent-Length: 0\r\n\r\n"),
    response(500, utf8(envelopeOf(faultBody(5, "s:Sender")))),
  ];
  for (const given of refusals) {
    const here = wait({ answer: () => given });
    here.run.test.advance(1_000);
    const result = assertOver(here);
    assert.equal(result.kind, "failed");
    assert.ok(result.kind === "failed" && result.error.code !== "RebootTimeout", result.kind);
    assert.equal(here.host.requests.length, 1);
  }
});

Deno.test("whatever else a machine says while it comes up is waited out", () => {
  const odd: FakeOptions[] = [
    { refuse: true },
    { answer: () => undefined },
    { answer: () => utf8("HTTP/1.1 503 \r\nContent-Length: 0\r\n\r\n") },
    { answer: () => response(500, utf8(envelopeOf(faultBody(2150859180)))) },
    { answer: () => response(200, utf8(envelopeOf("<other/>"))) },
    { greeting: utf8("SSH-2.0-x\r\n") },
  ];
  const here = wait(answers(before));
  for (const options of odd) {
    here.become(options);
    here.run.test.advance(30_000);
  }
  assert.deepEqual(here.results, []);
  here.become(answers(before + 60_000));
  here.run.test.advance(120_000);
  assert.equal(assertOver(here).kind, "rebooted");
});

Deno.test("it can be cancelled, and ends with its fleet", async () => {
  const cancelled = wait({ refuse: true });
  cancelled.run.test.advance(5_000);
  cancelled.run.test.system.send(cancelled.ref, { kind: "cancel" });
  const result = assertOver(cancelled);
  assert.ok(result.kind === "failed" && result.error.code === "Cancelled");
  const closed = wait({ answer: () => undefined });
  closed.run.test.advance(5_000);
  await closed.run.test.until(closed.run.test.system.shutdown());
  assert.ok(closed.results.length === 1 && closed.results[0]!.kind === "failed");
});

const receives = (text: string) => [{ kind: "output", text, exitCode: 0 }] as const;

Deno.test("a host without the CIM class is asked for /proc/stat, in a shell that bears our name and is gone again", () => {
  const options: FakeOptions = {
    answer: (operation) => operation === "Get" ? noSuchResource : "default",
    receives: receives("btime 1767323999\n"),
  };
  const here = wait(options);
  const result = assertOver(here);
  assert.deepEqual(result, { kind: "rebooted", bootTime: 1_767_323_999_000 });
  assert.equal(here.host.shells.size, 0);
  const operations = here.host.requests.map(({ operation }) => operation);
  assert.deepEqual(operations, ["Get", "Create", "Command", "Receive", "Delete"]);
  assert.match(here.host.requests[1]!.body, / Name="drover-0badcafe-1"/);
});

Deno.test("the shell is deleted whatever became of the command, also when its CreateResponse was lost", () => {
  const cases: FakeOptions["answer"][] = [
    (operation) => operation === "Command" ? noSuchResource : "default",
    (operation) => operation === "Receive" ? response(200, utf8(envelopeOf("<other/>"))) : "default",
  ];
  for (const answer of cases) {
    const here = wait({
      answer: (operation, body) => operation === "Get" ? noSuchResource : answer!(operation, body),
      receives: receives("no such file\n"),
    }, 30_000);
    assert.equal(assertOver(here).kind, "failed");
    assert.equal(here.host.shells.size, 0);
  }
  const lost = wait({
    answer: (operation) =>
      operation === "Get" ? noSuchResource : operation === "Create" ? undefined : "default",
  }, 60_000);
  assertOver(lost);
  const proposed = lost.host.requests.filter(({ operation }) => operation === "Create")
    .map(({ body }) => /ShellId="([^"]*)"/.exec(body)?.[1]);
  const deleted = lost.host.requests.filter(({ operation }) => operation === "Delete")
    .map(({ body }) => /Name="ShellId">([^<]*)</.exec(body)?.[1]);
  assert.ok(proposed.length > 0);
  assert.deepEqual(deleted.slice(0, 1), proposed.slice(0, 1));
});
