/** Complaints of other tools' users about limits, each with a test of its name; in virtual time. */
import assert from "node:assert/strict";
import { utf8 } from "../../../protocol/bytes.ts";
import { envelopeOf, FakeHost, faultBody, response } from "./fake_host.ts";
import { type Collected, FakeFleet, fakeTarget } from "./run_job.ts";

/** A fleet of `count` fake hosts; `most()` is how many of them had a shell at once, at their peak. */
function manyHosts(count: number, slots = 1_000) {
  const fleet = new FakeFleet(1, { slots });
  const names = Array.from({ length: count }, (_, n) => `h${n}`);
  const active = new Set<string>();
  let most = 0;
  for (const name of names) {
    const host: FakeHost = new FakeHost(fleet.test, {
      get latencyMs() {
        return 1 + fleet.test.random.below(50);
      },
      answer: (operation) => {
        // A host is at work from the arrival of its Create to that of its Delete.
        if (operation === "Create") active.add(name);
        else if (operation === "Delete") active.delete(name);
        most = Math.max(most, active.size);
        return "default";
      },
    });
    fleet.hosts.set(name, host);
  }
  return { fleet, names, most: () => most };
}

function assertSucceeded(sink: Collected, count: number): void {
  assert.equal(sink.results.length, count);
  assert.ok(sink.results.every(({ status }) => status === "succeeded"));
}

Deno.test("users' complaint: throttle not honoured above 32. A job's throttle of 100 is 100 hosts at once, never more", () => {
  for (const throttle of [33, 100]) {
    const { fleet, names, most } = manyHosts(300);
    const sink = fleet.start(names.map((name) => fakeTarget(name)), { throttle });
    fleet.test.settle(600_000);
    assertSucceeded(sink, 300);
    assert.equal(most(), throttle);
  }
});

Deno.test("users' complaint: throttle not honoured above 32. A global throttle of 100 holds over all jobs", () => {
  const { fleet, names, most } = manyHosts(300, 100);
  const sinks = [0, 1, 2].map((job) =>
    fleet.start(names.slice(job * 100, job * 100 + 100).map((name) => fakeTarget(name)), {
      id: `job${job}`,
      throttle: 80,
    })
  );
  fleet.test.settle(600_000);
  for (const sink of sinks) assertSucceeded(sink, 100);
  assert.equal(most(), 100);
});

Deno.test("users' complaint: hosts are silently skipped on a quota fault. Each has a result: success later, or failed with the quota's name", async () => {
  const quotas = [
    2150858815,
    2150859173,
    2150859174,
    2150859175,
    2150859176,
    2150859179,
    2150859236,
    2150859237,
    2150859238,
    2150859239,
    2150859240,
    2150859241,
    2150859242,
  ];
  const fleet = new FakeFleet();
  const names: string[] = [];
  for (const code of quotas) {
    for (const operation of ["Create", "Command", "Receive"] as const) {
      for (const times of [2, Infinity]) {
        const name = `${operation}-${code}-${times}`;
        names.push(name);
        let left = times;
        const refusal = response(500, utf8(envelopeOf(faultBody(code, "s:Sender"))));
        const answer = (asked: string) => asked === operation && left-- > 0 ? refusal : "default";
        fleet.hosts.set(name, new FakeHost(fleet.test, { answer }));
      }
    }
  }
  const sink = fleet.start(names.map((name) => fakeTarget(name)), { throttle: 100 });
  fleet.test.settle(3_600_000);
  assert.equal(sink.finishedCount, 1);
  assert.deepEqual(sink.results.map(({ host }) => host).sort(), names.toSorted());
  for (const { host, status, error } of sink.results) {
    if (host.endsWith("-2")) assert.equal(status, "succeeded", host);
    else {
      // A command whose output is refused for ever has run: nobody may say that it failed.
      assert.equal(status, host.startsWith("Receive") ? "unknown" : "failed", host);
      assert.match(error?.code ?? "", /QUOTA/, host);
    }
  }
  const { held, waiting } = await fleet.permits();
  assert.deepEqual({ held, waiting }, { held: 0, waiting: 0 });
});

Deno.test("users' complaint: 1,500 operations leak after thousands of commands. Nothing is open or held after 3,000", async () => {
  const fleet = new FakeFleet();
  const kinds = [
    {},
    { receives: [{ kind: "hold" }], signalledExitCode: 1 },
    {
      receives: Array.from(
        { length: 6_000 },
        (_, n) => ({ kind: "output", text: "x", ...(n % 3 === 2 ? { exitCode: 0 } : {}) }) as const,
      ),
    },
  ] as const;
  const hosts = kinds.map((options) => new FakeHost(fleet.test, { latencyMs: 5, ...options }));
  hosts.forEach((host, n) => fleet.hosts.set(`h${n}`, host));
  let commands = 0;
  for (let round = 0; round < 10; round++) {
    const sinks = hosts.flatMap((_, n) =>
      Array.from(
        { length: 5 },
        (_, job) =>
          fleet.start(Array.from({ length: 20 }, () => fakeTarget(`h${n}`)), {
            id: `${round}.${n}.${job}`,
            throttle: 20,
            timeoutMs: n === 1 ? 50 : undefined,
            ...(job % 2 === 0 ? { stdin: new Uint8Array(1_000) } : {}),
          }),
      )
    );
    fleet.test.advance(60_000);
    for (const sink of sinks) {
      assert.equal(sink.finishedCount, 1);
      commands += sink.results.length;
    }
  }
  assert.equal(commands, 3_000);
  fleet.test.settle(600_000);
  const { held, waiting, slotsUsed, jobs } = await fleet.permits();
  assert.deepEqual({ held, waiting, slotsUsed, jobs }, { held: 0, waiting: 0, slotsUsed: 0, jobs: 0 });
  for (const host of hosts) {
    assert.equal(host.operations, 0);
    assert.ok(host.mostOperations <= 15, `${host.mostOperations} operations at once`);
    assert.equal(host.commands.size, 0, "commands that the service still knows");
    assert.equal(host.shells.size, 0);
    assert.equal(host.connections.size, 0);
  }
  assert.equal(fleet.test.system.stats.actors, 2);
  assert.equal(fleet.test.system.stats.timers, 0);
  assert.deepEqual(fleet.test.crashes, []);
});
