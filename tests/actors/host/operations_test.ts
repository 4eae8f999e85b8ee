/** How many operations are open at a host at once, against what its limits allow; in virtual time. */
import assert from "node:assert/strict";
import { FakeHost, type FakeOptions } from "./fake_host.ts";
import { type Collected, FakeFleet, fakeTarget } from "./run_job.ts";

interface Crowd {
  readonly fleet: FakeFleet;
  readonly host: FakeHost;
  readonly sinks: readonly Collected[];
}

/** `jobs` jobs at one host of which `operations` are known to be its limit; one in `inputs` has standard input. */
function crowd(
  operations: number,
  jobs: number,
  inputs: number,
  options: FakeOptions,
  timeoutMs?: number,
): Crowd {
  const fleet = new FakeFleet();
  const host = new FakeHost(fleet.test, {
    ...options,
    // So that operations meet each other in every way.
    get latencyMs() {
      return 1 + fleet.test.random.below(40);
    },
  });
  fleet.hosts.set("host", host);
  const { quotaKey } = fakeTarget("host");
  fleet.test.system.send(fleet.scheduler, {
    kind: "adjust",
    quotaKey,
    limits: { operations, connections: 36, shells: 30 },
  });
  fleet.test.run();
  const sinks = Array.from({ length: jobs }, (_, n) =>
    fleet.start([fakeTarget("host")], {
      id: `job${n}`,
      timeoutMs,
      ...(n % inputs === 0 ? { stdin: new Uint8Array(300_000) } : {}),
    }));
  return { fleet, host, sinks };
}

async function assertLaw({ fleet, host, sinks }: Crowd, operations: number, status: string): Promise<void> {
  fleet.test.settle(4 * 3_600_000);
  assert.deepEqual(
    sinks.map(({ results }) => results.map((result) => result.status)),
    sinks.map(() => [status]),
  );
  assert.ok(host.mostOperations <= operations, `${host.mostOperations} open, ${operations} allowed`);
  assert.ok(host.mostOperations >= operations / 2, `only ${host.mostOperations} open: nothing was at stake`);
  const { held, waiting } = await fleet.permits();
  assert.deepEqual({ held, waiting }, { held: 0, waiting: 0 });
  assert.equal(host.shells.size, 0);
  assert.deepEqual(fleet.test.crashes, []);
}

Deno.test("Receive, Send, Signal and Delete together never exceed the operations of a user", async () => {
  for (const inputs of [1, 3, 100]) {
    for (let operations = 3; operations <= 8; operations++) {
      const receives = Array.from(
        { length: 24 * 6 },
        (_, n) => ({ kind: "output", text: "a", ...(n % 6 === 5 ? { exitCode: 0 } : {}) }) as const,
      );
      await assertLaw(crowd(operations, 24, inputs, { receives }), operations, "succeeded");
    }
  }
});

Deno.test("when everything is stopped at once, Signals take turns on the reserved operation", async () => {
  for (const inputs of [1, 3, 100]) {
    for (let operations = 3; operations <= 8; operations++) {
      const options = { receives: [{ kind: "hold" }], signalledExitCode: 1 } as const;
      // As many as run at the same time.
      const jobs = inputs === 1 ? Math.floor((operations - 1) / 2) : operations - (inputs === 3 ? 2 : 1);
      await assertLaw(crowd(operations, jobs, inputs, options, 9_000), operations, "timedOut");
    }
  }
});

Deno.test("a Signal that finds no operation free goes out all the same: nothing runs on because of a quota", () => {
  const run = crowd(3, 2, 100, {
    receives: [{ kind: "hold" }],
    answer: (operation) => operation === "Signal" ? undefined : "default",
  });
  run.fleet.test.advance(1_000);
  for (const sink of run.sinks) sink.cancel();
  run.fleet.test.advance(4_000);
  const stopped = run.host.requests.filter(({ operation }) => operation === "Signal").length;
  assert.equal(stopped, run.host.requests.filter(({ operation }) => operation === "Command").length);
  run.fleet.test.settle(4 * 3_600_000);
  for (const sink of run.sinks) assert.equal(sink.finishedCount, 1);
  assert.equal(run.host.shells.size, 0);
});
