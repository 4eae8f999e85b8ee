/** Work that a quota refuses: tried again while it certainly did not run, in virtual time. */
import assert from "node:assert/strict";
import { utf8 } from "../../../protocol/bytes.ts";
import { envelopeOf, FakeHost, type FakeOptions, faultBody, type Operation, response } from "./fake_host.ts";
import { type Collected, FakeFleet, fakeTarget } from "./run_job.ts";

const maxShells = 2150859173;
const maxOperations = 2150859174;

/** The two shapes in which Windows reports a quota. */
const shapes: Readonly<Record<string, (code: number) => string>> = {
  WSManFault: (code) => faultBody(code, "s:Sender"),
  MSFT_WmiError: (code) =>
    `<s:Fault><s:Code><s:Value>s:Receiver</s:Value></s:Code><s:Reason><s:Text xml:lang="en">no</s:Text></s:Reason>` +
    `<s:Detail><p:MSFT_WmiError xmlns:p="http://schemas.microsoft.com/wbem/wsman/1/wmi/root/microsoft/windows/` +
    `management/MSFT_WmiError"><p:error_Code>${code}</p:error_Code>` +
    `<p:error_WindowsErrorMessage>too many</p:error_WindowsErrorMessage></p:MSFT_WmiError></s:Detail></s:Fault>`,
};

const refusal = (code: number, shape = "WSManFault") => response(500, utf8(envelopeOf(shapes[shape]!(code))));

/** Refuses the first `times` of an operation. */
function refusing(
  operation: Operation,
  times: number,
  answer: Uint8Array,
): NonNullable<FakeOptions["answer"]> {
  let left = times;
  return (asked) => asked === operation && left-- > 0 ? answer : "default";
}

interface Run {
  readonly fleet: FakeFleet;
  readonly host: FakeHost;
  readonly sink: Collected;
}

function start(options: FakeOptions, timeoutMs?: number): Run {
  const fleet = new FakeFleet();
  const host = new FakeHost(fleet.test, options);
  fleet.hosts.set("host", host);
  const sink = fleet.start([fakeTarget("host")], timeoutMs === undefined ? {} : { timeoutMs });
  return { fleet, host, sink };
}

const count = (host: FakeHost, operation: Operation) =>
  host.requests.filter((request) => request.operation === operation).length;

/** Nothing is left, whatever was refused. */
async function assertNothingLeft({ fleet, host, sink }: Run): Promise<void> {
  fleet.test.settle(4 * 3_600_000);
  assert.deepEqual(fleet.test.crashes, []);
  assert.equal(sink.results.length, 1, "one result");
  assert.equal(sink.finishedCount, 1);
  assert.equal(sink.events.filter((event) => event.type === "progress").length, 1);
  assert.equal(host.shells.size, 0);
  assert.equal(host.connections.size, 0);
  assert.equal(fleet.test.system.stats.actors, 2);
  assert.equal(fleet.test.system.stats.timers, 0);
  const { held, waiting } = await fleet.permits();
  assert.deepEqual({ held, waiting }, { held: 0, waiting: 0 });
}

for (const shape of Object.keys(shapes)) {
  Deno.test(`a shell that a quota refuses (${shape}) is asked for again, ever later, until the service has room`, async () => {
    for (const times of [1, 2, 5, 8]) {
      const run = start({ answer: refusing("Create", times, refusal(maxShells, shape)) });
      run.fleet.test.advance(120_000);
      assert.equal(run.sink.results[0]?.status, "succeeded");
      assert.equal(run.sink.output, "hello\n");
      assert.deepEqual([count(run.host, "Create"), count(run.host, "Command")], [times + 1, 1]);
      const asked = run.host.requests.filter(({ operation }) => operation === "Create").map(({ at }) => at);
      for (let n = 1; n < asked.length; n++) {
        const pause = asked[n]! - asked[n - 1]!;
        const longest = Math.min(15_000, 500 * 2 ** (n - 1));
        assert.ok(pause >= longest / 2 && pause < longest + 50, `pause ${n}: ${pause} ms`);
      }
      assert.equal(
        new Set(run.host.requests.map(({ messageId }) => messageId)).size,
        run.host.requests.length,
      );
      await assertNothingLeft(run);
    }
  });

  Deno.test(`a Command that a quota refuses (${shape}) runs once, in another shell, after the first one is gone`, async () => {
    for (const times of [1, 2, 4]) {
      const run = start({ answer: refusing("Command", times, refusal(maxOperations, shape)) });
      run.fleet.test.advance(120_000);
      assert.equal(run.sink.results[0]?.status, "succeeded");
      const order = run.host.requests.map(({ operation }) => operation).filter((operation) =>
        ["Create", "Command", "Delete"].includes(operation)
      );
      assert.deepEqual(
        order,
        Array.from({ length: times + 1 }, () => ["Create", "Command", "Delete"]).flat(),
      );
      await assertNothingLeft(run);
    }
  });
}

Deno.test("users' complaint: hosts are silently skipped on a quota fault. Ten jobs at a host with two shells all succeed", async () => {
  const fleet = new FakeFleet();
  let most = 0;
  const host: FakeHost = new FakeHost(fleet.test, {
    latencyMs: 20,
    answer: (operation) => {
      if (operation === "Create" && host.shells.size >= 2) return refusal(maxShells);
      most = Math.max(most, host.shells.size + (operation === "Create" ? 1 : 0));
      return "default";
    },
  });
  fleet.hosts.set("host", host);
  const sinks = Array.from({ length: 10 }, (_, n) => fleet.start([fakeTarget("host")], { id: `job${n}` }));
  fleet.test.settle(3_600_000);
  assert.deepEqual(
    sinks.map(({ results }) => results.map(({ status }) => status)),
    sinks.map(() => ["succeeded"]),
  );
  assert.equal(most, 2);
  assert.equal(count(host, "Command"), 10, "none runs twice");
  assert.ok(count(host, "Create") <= 16, `the limit is learnt: ${count(host, "Create")} Creates`);
  assert.equal(host.shells.size, 0);
  assert.deepEqual(fleet.test.crashes, []);
  const { held, waiting } = await fleet.permits();
  assert.deepEqual({ held, waiting }, { held: 0, waiting: 0 });
});

Deno.test("a quota that is never free: the fault is the result, after two minutes or at the host's deadline", async () => {
  for (const operation of ["Create", "Command"] as const) {
    for (const timeoutMs of [undefined, 400, 5_000, 300_000]) {
      const run = start({ answer: refusing(operation, Infinity, refusal(maxShells)) }, timeoutMs);
      run.fleet.test.advance(1_000_000);
      const [result] = run.sink.results;
      assert.equal(result?.status, "failed", `${operation} ${timeoutMs}`);
      assert.equal(result?.error?.code, "ERROR_WSMAN_QUOTA_MAX_SHELLS");
      const bound = timeoutMs ?? 120_100;
      assert.ok(
        result!.durationMs <= bound && result!.durationMs >= bound - 15_200,
        `${result?.durationMs} ms`,
      );
      await assertNothingLeft(run);
    }
  }
});

Deno.test("cancelled at any moment of several tries: a true result at once, and nothing more is sent", async () => {
  for (const operation of ["Create", "Command"] as const) {
    const seen = new Set<string>();
    for (let ms = 0; ms <= 3_000; ms += 37) {
      const run = start({ answer: refusing(operation, 100, refusal(maxShells)), latencyMs: 5 });
      run.fleet.test.advance(ms);
      run.sink.cancel();
      run.fleet.test.advance(100);
      assert.equal(run.sink.results.length, 1, `${operation} after ${ms} ms`);
      const { status, error } = run.sink.results[0]!;
      const sent = run.host.requests.length;
      seen.add(status);
      if (status === "failed") assert.equal(error?.code, "ERROR_WSMAN_QUOTA_MAX_SHELLS");
      else if (status === "cancelled") assert.equal(count(run.host, "Delete"), count(run.host, "Create"));
      else assert.ok(status === "unreachable" && ms < 40, `${operation} after ${ms} ms: ${status}`);
      run.fleet.test.advance(100_000);
      assert.equal(run.host.requests.length, sent, `${operation} after ${ms} ms`);
      await assertNothingLeft(run);
    }
    assert.ok(seen.has("failed"));
  }
});

Deno.test("a host that waits for its quota leaves its slot to others", () => {
  const fleet = new FakeFleet();
  const crowded = new FakeHost(fleet.test, { answer: refusing("Create", 3, refusal(maxShells)) });
  fleet.hosts.set("crowded", crowded);
  const names = ["crowded", ...Array.from({ length: 20 }, (_, n) => `h${n}`)];
  for (const name of names.slice(1)) fleet.hosts.set(name, new FakeHost(fleet.test));
  const sink = fleet.start(names.map((name) => fakeTarget(name)), { throttle: 1 });
  fleet.test.settle(60_000);
  assert.ok(sink.results.every(({ status }) => status === "succeeded"));
  assert.equal(sink.results.at(-1)?.host, "crowded");
  assert.equal(sink.results.length, 21);
});

Deno.test("what becomes of a later try decides, and nothing is said that an earlier one contradicts", async () => {
  const silent = () => undefined;
  const cases: readonly {
    readonly first: Operation;
    readonly then: (operation: Operation) => Uint8Array | undefined | "default";
    readonly refusesLater: boolean;
    readonly expected: string;
    readonly code: string;
  }[] = [
    // The second Command has no answer: it may run.
    {
      first: "Create",
      then: (operation) => operation === "Command" ? silent() : "default",
      refusesLater: false,
      expected: "unknown",
      code: "ResponseTimeout",
    },
    {
      first: "Command",
      then: (operation) => operation === "Command" ? silent() : "default",
      refusesLater: false,
      expected: "unknown",
      code: "ResponseTimeout",
    },
    // Nobody is there any more: of Command a byte was sent once, or never.
    {
      first: "Create",
      then: () => "default",
      refusesLater: true,
      expected: "unreachable",
      code: "ConnectRefused",
    },
    {
      first: "Command",
      then: () => "default",
      refusesLater: true,
      expected: "failed",
      code: "ERROR_WSMAN_QUOTA_MAX_SHELLS",
    },
    {
      first: "Command",
      then: (operation) => operation === "Create" ? refusal(5) : "default",
      refusesLater: false,
      expected: "denied",
      code: "ERROR_ACCESS_DENIED",
    },
  ];
  for (const { first, then, refusesLater, expected, code } of cases) {
    let refused = false;
    const options: FakeOptions & { refuse?: boolean } = {
      answer: (operation) => {
        if (refused) return then(operation);
        if (operation !== first) return "default";
        refused = true;
        return refusal(maxShells);
      },
    };
    const run = start(options);
    run.fleet.test.advance(200);
    assert.ok(refused);
    if (refusesLater) {
      Object.assign(options, { refuse: true });
      for (const connection of run.host.connections) connection.close(undefined);
    }
    run.fleet.test.advance(200_000);
    const [result] = run.sink.results;
    assert.equal(result?.status, expected, `${first}, then ${code}: ${result?.error?.message}`);
    assert.equal(result?.error?.code, code);
    run.fleet.test.settle(4 * 3_600_000);
    assert.equal(run.sink.results.length, 1);
    const { held, waiting } = await run.fleet.permits();
    assert.deepEqual({ held, waiting }, { held: 0, waiting: 0 });
  }
});

Deno.test("a try that is under way when the patience is over is the last one", () => {
  for (let seed = 1; seed <= 12; seed++) {
    const fleet = new FakeFleet(seed);
    const answer = refusing("Create", Infinity, refusal(maxShells));
    fleet.hosts.set("host", new FakeHost(fleet.test, { answer, latencyMs: 5_000 }));
    const sink = fleet.start([fakeTarget("host")]);
    fleet.test.advance(160_000);
    assert.equal(sink.results[0]?.status, "failed", `seed ${seed}`);
    fleet.test.settle(3_600_000);
    assert.equal(sink.finishedCount, 1);
  }
});

Deno.test("a refused Command whose shell may still be there is not tried again: the fault is the result", async () => {
  let refused = false;
  const run = start({
    answer: (operation) => {
      if (operation === "Command") refused = true;
      return operation === "Command" ? refusal(maxOperations) : refused ? undefined : "default";
    },
  });
  run.fleet.test.advance(60_000);
  assert.equal(run.sink.results[0]?.status, "failed");
  assert.equal(run.sink.results[0]?.error?.code, "ERROR_WSMAN_QUOTA_MAX_OPERATIONS");
  assert.deepEqual([count(run.host, "Create"), count(run.host, "Command")], [1, 1]);
  assert.equal((await run.fleet.permits()).held, 1, "its place is kept until its idle time-out");
  run.fleet.test.settle(4 * 3_600_000);
  assert.equal((await run.fleet.permits()).held, 0);
});

Deno.test("stopped while a later try opens its shell: the command that was refused before is not said to be unknown", () => {
  let refused = false;
  const run = start({
    answer: (operation) => {
      if (operation === "Command") {
        refused = true;
        return refusal(maxOperations);
      }
      const later = refused && count(run.host, "Create") > 1;
      return later ? undefined : "default";
    },
  });
  run.fleet.test.advance(1_500);
  assert.equal(count(run.host, "Create"), 2);
  run.sink.cancel();
  run.fleet.test.advance(60_000);
  const [result] = run.sink.results;
  assert.deepEqual([result?.status, result?.error?.code], ["failed", "ERROR_WSMAN_QUOTA_MAX_OPERATIONS"]);
});

const unavailable = utf8("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");

Deno.test("a Receive that a quota refuses was not executed: it goes out again, and no output is lost or doubled", async () => {
  for (const times of [1, 2, 6]) {
    const run = start({
      answer: refusing("Receive", times, refusal(maxOperations)),
      receives: [{ kind: "output", text: "one " }, { kind: "output", text: "two", exitCode: 3 }],
    });
    run.fleet.test.advance(60_000);
    assert.deepEqual([run.sink.results[0]?.status, run.sink.results[0]?.exitCode], ["failed", 3]);
    assert.equal(run.sink.output, "one two");
    assert.deepEqual([count(run.host, "Receive"), count(run.host, "Command")], [times + 2, 1]);
    const asked = run.host.requests.filter(({ operation }) => operation === "Receive").map(({ at }) => at);
    for (let n = 1; n <= times; n++) assert.ok(asked[n]! - asked[n - 1]! >= 250 * 2 ** Math.min(n - 1, 4));
    await assertNothingLeft(run);
  }
});

Deno.test("a Send that a quota refuses was not taken: it goes out again, and the input arrives once and in order", async () => {
  const stdin = Uint8Array.from({ length: 200_000 }, (_, i) => i % 251);
  for (const times of [1, 3]) {
    const fleet = new FakeFleet();
    const host = new FakeHost(fleet.test, {
      answer: refusing("Send", times, refusal(maxOperations)),
      receives: [{ kind: "hold" }, { kind: "output", text: "done", exitCode: 0 }],
    });
    fleet.hosts.set("host", host);
    const sink = fleet.start([fakeTarget("host")], { stdin });
    fleet.test.advance(60_000);
    assert.equal(sink.results[0]?.status, "succeeded");
    assert.deepEqual(host.input.flatMap((text) => [...Uint8Array.fromBase64(text)]), [...stdin]);
    await assertNothingLeft({ fleet, host, sink });
  }
});

Deno.test("HTTP 503 to Receive or Send proves nothing: the end is unknown, and nothing is sent again", () => {
  for (const operation of ["Receive", "Send"] as const) {
    const fleet = new FakeFleet();
    const host = new FakeHost(fleet.test, {
      answer: (asked) => asked === operation ? unavailable : "default",
      receives: [{ kind: "hold" }],
    });
    fleet.hosts.set("host", host);
    const sink = fleet.start([fakeTarget("host")], { stdin: new Uint8Array(10) });
    fleet.test.settle(600_000);
    assert.deepEqual([sink.results[0]?.status, sink.results[0]?.error?.code], ["unknown", "Http503"]);
    assert.equal(count(host, operation), 1);
  }
});

Deno.test("a Receive that is refused for ever: unknown with the quota's name after two minutes, or stopped at the deadline", async () => {
  for (const timeoutMs of [undefined, 5_000, 200_000]) {
    const run = start({
      answer: refusing("Receive", Infinity, refusal(maxOperations)),
      receives: [{ kind: "hold" }],
    }, timeoutMs);
    run.fleet.test.advance(400_000);
    const [result] = run.sink.results;
    if (timeoutMs !== undefined) assert.equal(result?.status, "timedOut");
    else {
      assert.deepEqual([result?.status, result?.error?.code], [
        "unknown",
        "ERROR_WSMAN_QUOTA_MAX_OPERATIONS",
      ]);
      assert.ok(result!.durationMs > 100_000 && result!.durationMs < 120_100, `${result?.durationMs} ms`);
    }
    assert.equal(count(run.host, "Command"), 1);
    await assertNothingLeft(run);
  }
});
