/** Output, input, faults and crashes of single commands, in virtual time. */
import assert from "node:assert/strict";
import { utf8 } from "../../../protocol/bytes.ts";
import { envelopeOf, FakeHost, type FakeOptions, faultBody, type Operation, response } from "./fake_host.ts";
import { judge } from "./judge.ts";
import { type Collected, FakeFleet, fakeTarget } from "./run_job.ts";

function oneHost(options: FakeOptions, changes: Parameters<FakeFleet["start"]>[1] = {}, ntlm = false) {
  const run = new FakeFleet();
  const host = new FakeHost(run.test, { ...options, ntlm });
  run.hosts.set("host", host);
  const sink = run.start([fakeTarget("host", ntlm, host)], changes);
  return { run, host, sink };
}

function only(operation: Operation, bytes: Uint8Array): FakeOptions {
  return { answer: (asked) => asked === operation ? bytes : "default" };
}

function fault(code: number, soapCode?: string): Uint8Array {
  return response(500, utf8(envelopeOf(faultBody(code, soapCode))));
}

function statusOf(sink: Collected): string {
  assert.equal(sink.results.length, 1);
  return sink.results[0]!.status;
}

Deno.test("faults and statuses are told apart: refused, denied, perhaps running", () => {
  const refusal = (status: number) => utf8(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`);
  const cases: readonly (readonly [Operation, Uint8Array, string])[] = [
    ["Create", fault(2150859173), "failed"],
    ["Create", fault(5), "denied"],
    ["Create", refusal(401), "denied"],
    ["Create", refusal(403), "denied"],
    ["Create", refusal(404), "unreachable"],
    ["Command", fault(2150858843), "failed"],
    ["Command", fault(2147942402), "failed"],
    ["Command", fault(5), "denied"],
    ["Command", refusal(401), "denied"],
    ["Command", refusal(403), "denied"],
    ["Command", refusal(500), "unknown"],
    ["Command", fault(2150858793), "unknown"],
    ["Command", fault(995), "unknown"],
    ["Command", fault(2147943395), "unknown"],
    [
      "Command",
      response(500, utf8(envelopeOf("<s:Fault><s:Code><s:Value>s:Receiver</s:Value></s:Code></s:Fault>"))),
      "unknown",
    ],
    [
      "Command",
      response(500, utf8(envelopeOf("<s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code></s:Fault>"))),
      "failed",
    ],
    ["Receive", fault(2150858843), "unknown"],
    ["Receive", refusal(401), "unknown"],
    ["Receive", fault(5), "unknown"],
    ["Signal", fault(2150858843), "succeeded"],
    ["Signal", refusal(401), "succeeded"],
    ["Delete", fault(2150858843), "succeeded"],
    ["Delete", refusal(500), "succeeded"],
  ];
  for (const [operation, bytes, expected] of cases) {
    const { run, sink, host } = oneHost(only(operation, bytes));
    run.test.settle(4 * 3_600_000);
    const what = `${operation}: ${new TextDecoder().decode(bytes).slice(0, 200)}`;
    assert.equal(statusOf(sink), expected, what);
    assert.deepEqual(run.test.crashes, [], what);
    assert.equal(run.test.system.stats.actors, 2, what);
    if (operation !== "Delete" && operation !== "Create") {
      assert.equal(host.shells.size, 0, `${what}: shell is deleted`);
    }
    if (operation === "Receive") {
      assert.ok(host.requests.some((request) => request.operation === "Signal"), `${what}: signalled`);
    }
  }
});

Deno.test("a shell whose CreateResponse is lost is deleted by the id that we proposed", () => {
  const run = new FakeFleet();
  const plain = new FakeHost(run.test, {
    cut: { direction: "response", at: 100, how: "reset", after: "works" },
  });
  run.hosts.set("host", plain);
  const sink = run.start([fakeTarget("host")]);
  run.test.settle(4 * 3_600_000);
  assert.equal(judge(run, sink, plain, undefined, "lost CreateResponse"), "unreachable");
  assert.deepEqual(plain.requests.map((request) => request.operation), ["Create", "Delete"]);
  assert.equal(plain.shells.size, 0);
});

Deno.test("ids that the service chooses itself are the ones that count", () => {
  const { run, sink, host } = oneHost({ ownIds: true });
  run.test.settle(4 * 3_600_000);
  assert.equal(judge(run, sink, host, undefined, "own ids"), "succeeded");
  const [, , receive, signal, last] = host.requests;
  assert.match(receive!.body, /OWN-SHELL.*CommandId="OWN-COMMAND"/);
  assert.match(signal!.body, /OWN-SHELL.*CommandId="OWN-COMMAND"/);
  assert.match(last!.body, /OWN-SHELL/);
  assert.equal(host.shells.size, 0);
});

const listNamespace = "http://schemas.xmlsoap.org/ws/2004/09/enumeration";
const shellNamespace = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell";

/** A host's list of these shells, by id and Name. */
function listOf(shells: readonly (readonly [id: string, name: string])[]): Uint8Array {
  const items = shells.map(([id, name]) =>
    `<r:Shell xmlns:r="${shellNamespace}"><r:ShellId>${id}</r:ShellId><r:Name>${name}</r:Name></r:Shell>`
  ).join("");
  return response(
    200,
    utf8(envelopeOf(
      `<n:EnumerateResponse xmlns:n="${listNamespace}"><n:EnumerationContext/><w:Items>${items}</w:Items>` +
        `<w:EndOfSequence/></n:EnumerateResponse>`,
    )),
  );
}

/** Name and proposed ShellId of the shells that were asked for. */
function asked(host: FakeHost): [id: string, name: string][] {
  return host.requests.filter(({ operation }) => operation === "Create").map(({ body }) => [
    / ShellId="([^"]*)"/.exec(body)![1]!,
    / Name="([^"]*)"/.exec(body)![1]!,
  ]);
}

/** A host with ids of its own that loses its first answer. */
function lostAtOwnIds(list: (host: FakeHost) => Uint8Array | "default") {
  const run = new FakeFleet();
  const host: FakeHost = new FakeHost(run.test, {
    ownIds: true,
    cut: { direction: "response", at: 100, how: "reset", after: "works" },
    answer: (operation) => operation === "Enumerate" ? list(host) : "default",
  });
  run.hosts.set("host", host);
  const sink = run.start([fakeTarget("host")]);
  return { run, host, sink };
}

Deno.test("a shell whose CreateResponse is lost is found by its Name where the service takes no id of ours", async () => {
  const { run, host, sink } = lostAtOwnIds((host) =>
    listOf([["OTHER", "drover-other.0"], ["OWN-SHELL", asked(host)[0]![1]]])
  );
  run.test.advance(5_000);
  assert.equal(statusOf(sink), "unreachable");
  assert.deepEqual(host.requests.map(({ operation }) => operation), [
    "Create",
    "Delete",
    "Enumerate",
    "Delete",
  ]);
  assert.equal(host.shells.size, 0);
  assert.equal((await run.permits()).held, 0);
});

Deno.test("a shell that was lost keeps its place where the host does not list its shells", async () => {
  const { run, host } = lostAtOwnIds(() => "default");
  run.test.advance(60_000);
  assert.deepEqual(host.requests.map(({ operation }) => operation), ["Create", "Delete", "Enumerate"]);
  assert.equal((await run.permits()).held, 1);
});

Deno.test("a Create that is slower than the Delete after it leaves no shell", async () => {
  const run = new FakeFleet();
  const host: FakeHost = new FakeHost(run.test, {
    answer: (operation) => {
      if (operation === "Enumerate") return listOf([]);
      if (operation !== "Create") return "default";
      // It is there half a second after it was given up.
      run.test.clock.schedule(25_500, () => host.shells.add(asked(host)[0]![0]));
      return undefined;
    },
  });
  run.hosts.set("host", host);
  run.start([fakeTarget("host")]);
  run.test.advance(25_400);
  assert.equal(host.requests.at(-1)!.operation, "Enumerate");
  assert.equal((await run.permits()).held, 1);
  run.test.advance(5_000);
  assert.deepEqual(host.requests.map(({ operation }) => operation), [
    "Create",
    "Delete",
    "Enumerate",
    "Delete",
  ]);
  assert.equal(host.shells.size, 0);
  assert.equal((await run.permits()).held, 0);
});

Deno.test("two entries of one job that are one host have shells with Names of their own", () => {
  const run = new FakeFleet();
  const host = new FakeHost(run.test, {});
  run.hosts.set("host", host);
  run.start([fakeTarget("host"), { ...fakeTarget("host"), name: "alias" }]);
  run.test.settle();
  assert.equal(new Set(asked(host).map(([, name]) => name)).size, 2);
});

Deno.test("a shell that may be left keeps its place at the host, but no slot", async () => {
  const { run, sink } = oneHost({
    receives: [{ kind: "hold" }],
    cut: { direction: "response", at: 1000, how: "reset", after: "refuses" },
  });
  run.test.advance(20_000);
  assert.equal(statusOf(sink), "unknown");
  assert.equal(sink.finishedCount, 1);
  const left = await run.permits();
  assert.deepEqual({ held: left.held, slots: left.slotsUsed }, { held: 1, slots: 0 });
  run.test.advance(7_290_000);
  assert.equal((await run.permits()).held, 1);
  run.test.advance(30_000);
  assert.equal((await run.permits()).held, 0);
});

Deno.test("nobody takes the output: the remote command is held up, not memory; a cancel still ends it", () => {
  const { run, sink, host } = oneHost({ receives: [{ kind: "output", text: "x".repeat(1000) }] });
  sink.hold = true;
  run.test.advance(60_000);
  assert.equal(sink.untaken.length >= 2 && sink.untaken.length < 6, true);
  const receives = host.receives;
  run.test.advance(60_000);
  assert.equal(host.receives, receives);
  for (const taken of sink.untaken.splice(0)) taken();
  run.test.advance(1_000);
  assert.equal(host.receives, receives + 2);
  sink.cancel();
  run.test.settle(60_000);
  assert.equal(judge(run, sink, host, "cancelled", "slow sink"), "cancelled");
});

Deno.test("output of any amount arrives whole and in order, in pieces of any size", () => {
  for (const chunk of [1, 7, 1000]) {
    const receives = Array.from(
      { length: 50 },
      (_, i) => ({ kind: "output", text: `${i}:${"é".repeat(i)};` } as const),
    );
    const { run, sink, host } = oneHost({
      chunk,
      receives: [...receives, { kind: "output", text: "end", exitCode: 0 }],
    });
    run.test.settle(4 * 3_600_000);
    assert.equal(judge(run, sink, host, undefined, `chunks of ${chunk}`), "succeeded");
    assert.equal(sink.output, receives.map((step) => step.text).join("") + "end");
  }
});

Deno.test("a Receive without data in time is asked again", () => {
  const { run, sink, host } = oneHost({
    receives: [{ kind: "hold" }, { kind: "hold" }, { kind: "output", text: "late", exitCode: 0 }],
  });
  run.test.settle(4 * 3_600_000);
  assert.equal(judge(run, sink, host, undefined, "timed out Receives"), "succeeded");
  assert.equal(sink.output, "late");
});

Deno.test("standard input is sent once, in order, with its end", () => {
  const stdin = Uint8Array.from({ length: 200_000 }, (_, i) => i % 251);
  const { run, sink, host } = oneHost({
    receives: [{ kind: "output", text: "" }, { kind: "output", text: "ok", exitCode: 0 }],
    latencyMs: 3,
  }, { stdin });
  run.test.settle(4 * 3_600_000);
  statusOf(sink);
  const sent = host.input.flatMap((text) => [...Uint8Array.fromBase64(text)]);
  assert.deepEqual(sent, [...stdin.subarray(0, sent.length)]);
});

Deno.test("a Send that fails ends in unknown; one that the command does not want any more does no harm", () => {
  const receives = [{ kind: "hold" }, { kind: "output", text: "ok", exitCode: 0 }] as const;
  const stdin = new Uint8Array(200_000);
  const cases: readonly (readonly [number, string])[] = [
    [2150858843, "succeeded"],
    [109, "succeeded"],
    [2147942509, "succeeded"],
    [2150859071, "unknown"],
    [2150858793, "unknown"],
  ];
  for (const [code, expected] of cases) {
    const { run, sink, host } = oneHost({ ...only("Send", fault(code)), receives }, { stdin });
    run.test.settle(4 * 3_600_000);
    assert.equal(statusOf(sink), expected, String(code));
    assert.equal(host.requests.filter((request) => request.operation === "Send").length, 1);
    assert.equal(host.shells.size, 0);
  }
});

Deno.test("text that XML cannot carry fails on our side and reaches nobody", () => {
  const run = new FakeFleet();
  const host = new FakeHost(run.test);
  run.hosts.set("host", host);
  const sink = run.start([fakeTarget("host")], { shell: { cwd: "a\u0000b" } });
  run.test.settle(4 * 3_600_000);
  assert.equal(sink.results.length, 1);
  assert.equal(sink.results[0]!.error?.code, "XmlUnwritable");
  assert.equal(host.requests.length, 0);
  assert.deepEqual(run.test.crashes, []);
});

Deno.test("an initiator that throws is a crash: one unknown or unreachable result, and the run ends", () => {
  const run = new FakeFleet();
  const host = new FakeHost(run.test);
  run.hosts.set("host", host);
  const target = {
    ...fakeTarget("host"),
    authentication: {
      kind: "basic",
      authorization: () => {
        throw new Error("defect");
      },
    },
  } as const;
  const sink = run.start([target]);
  run.test.settle(4 * 3_600_000);
  assert.equal(sink.results.length, 1);
  assert.equal(sink.finishedCount, 1);
  assert.ok(run.test.crashes.length > 0);
});

Deno.test("when fleet or scheduler die, every host has one result and the run ends", () => {
  for (const victim of ["fleet", "scheduler"] as const) {
    const run = new FakeFleet();
    const targets = ["a", "b", "c"].map((name) => fakeTarget(name));
    for (const { name } of targets) {
      run.hosts.set(name, new FakeHost(run.test, { receives: [{ kind: "hold" }] }));
    }
    const sink = run.start(targets, { throttle: 2 });
    run.test.advance(25);
    run.test.system.kill(run[victim]);
    run.test.advance(1000);
    sink.cancel();
    run.test.settle(60_000);
    assert.equal(sink.results.length, 3, victim);
    assert.equal(sink.finishedCount, 1, victim);
    assert.ok(sink.results.every((result) => result.status !== "succeeded"), victim);
  }
});

Deno.test("a connector that throws is a crash: one result, and the run ends", () => {
  const run = new FakeFleet();
  run.hosts.set("host", {
    connect: () => {
      throw new Error("defect");
    },
  } as unknown as FakeHost);
  const sink = run.start([fakeTarget("host")]);
  run.test.settle(4 * 3_600_000);
  assert.equal(sink.results.length, 1);
  assert.equal(sink.finishedCount, 1);
});
