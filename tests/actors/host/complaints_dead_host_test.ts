/** Users' complaint: one dead host of a thousand holds the batch. In virtual time; each way of being dead in turn. */
import assert from "node:assert/strict";
import type { Connector } from "../../../actors/ports.ts";
import { NetworkError } from "../../../protocol/errors.ts";
import { FakeHost, type FakeOptions } from "./fake_host.ts";
import { FakeFleet, fakeTarget } from "./run_job.ts";

/** Bounds that ARCHITECTURE.md gives: time to connect, to log on, for an answer (OperationTimeout and NetworkDelayms), to clean up. */
const connectMs = 15_000;
const logonMs = 15_000;
const answerMs = 25_000;
const cleanUpMs = 10_000;

interface Way {
  /** What the connection itself does; default: it is opened. */
  readonly connect?: "silent" | "refused";
  readonly options?: FakeOptions;
  readonly ntlm?: boolean;
  readonly status: string;
  readonly code: string;
  /** Milliseconds until the dead host's result, and until the end of the run. */
  readonly resultMs: number;
  readonly endMs: number;
}

/** An answer that never comes. */
const silent = (operation: string): FakeOptions => ({
  answer: (asked) => asked === operation ? undefined : "default",
});

const ways: Readonly<Record<string, Way>> = {
  "refuses connections": {
    connect: "refused",
    status: "unreachable",
    code: "ConnectRefused",
    resultMs: 1_520,
    endMs: 1_520,
  },
  // To the actors TLS is a part of connecting: tests/runtime/transports/contract_test.ts has a real one.
  "never answers the connect, or the TLS handshake": {
    connect: "silent",
    status: "unreachable",
    code: "ConnectTimeout",
    resultMs: connectMs,
    endMs: connectMs,
  },
  "never answers the logon": {
    // The first bytes of the client never arrive.
    options: { cut: { direction: "request", at: 0, how: "silent", after: "silent" }, ntlm: true },
    ntlm: true,
    status: "unreachable",
    code: "AuthenticationTimeout",
    resultMs: connectMs + logonMs,
    endMs: connectMs + logonMs,
  },
  "never answers Create": {
    options: silent("Create"),
    status: "unreachable",
    code: "ResponseTimeout",
    resultMs: answerMs,
    endMs: answerMs + cleanUpMs,
  },
  "never answers Command": {
    options: silent("Command"),
    status: "unknown",
    code: "ResponseTimeout",
    resultMs: answerMs,
    endMs: answerMs + cleanUpMs,
  },
  "never answers Delete": {
    options: silent("Delete"),
    status: "succeeded",
    code: "",
    resultMs: 100,
    endMs: cleanUpMs + 100,
  },
  "answers nothing at all once its command runs": {
    options: {
      answer: (asked) => asked === "Create" || asked === "Command" ? "default" : undefined,
    },
    status: "unknown",
    code: "ResponseTimeout",
    resultMs: answerMs,
    endMs: answerMs + cleanUpMs,
  },
};

function connectorOf(run: () => FakeFleet, how: "silent" | "refused"): Connector["connect"] {
  return (target, events) => {
    const [ms, code] = how === "silent"
      ? [target.timeoutMs, "ConnectTimeout"] as const
      : [1, "ConnectRefused"] as const;
    const cancel = run().test.clock.schedule(
      ms,
      () => events.onClosed(new NetworkError(code, "connect: no answer")),
    );
    return { write: () => true, resume: () => {}, end: () => {}, abort: cancel };
  };
}

for (const [name, way] of Object.entries(ways)) {
  Deno.test(`one host of a thousand ${name}: all others are done at once, and the run ends within its bound`, () => {
    const hosts = new Map<string, FakeHost>();
    const connector: Connector = {
      connect: (target, events) =>
        target.host === "dead" && way.connect !== undefined
          ? connectorOf(() => run, way.connect)(target, events)
          : hosts.get(target.host)!.connect(target, events),
    };
    const run = new FakeFleet(1, { connector });
    hosts.set("dead", new FakeHost(run.test, way.options));
    for (let n = 1; n < 1_000; n++) hosts.set(`h${n}`, new FakeHost(run.test));
    const sink = run.start(
      [...hosts.keys()].map((host) =>
        fakeTarget(host, host === "dead" && way.ntlm === true, hosts.get(host))
      ),
    );
    const resultAt = new Map<string, number>();
    let endedAt: number | undefined;
    sink.onEvent = (event) => {
      if (event.type === "result") resultAt.set(event.host, run.test.clock.monotonic());
    };
    sink.finished = () => void (endedAt = run.test.clock.monotonic());
    // A thousand times some twenty milliseconds, 32 (or 31) at a time.
    run.test.advance(1_400);
    const others = sink.results.filter(({ host }) => host !== "dead");
    assert.equal(others.length, 999);
    assert.ok(others.every(({ status }) => status === "succeeded"));
    run.test.settle(120_000);
    const dead = sink.results.find(({ host }) => host === "dead");
    assert.deepEqual([dead?.status, dead?.error?.code ?? ""], [way.status, way.code]);
    assert.ok(resultAt.get("dead")! <= way.resultMs + 10, `result after ${resultAt.get("dead")} ms`);
    assert.ok(endedAt !== undefined && endedAt <= way.endMs + 1_400, `end after ${endedAt} ms`);
    assert.deepEqual(run.test.crashes, []);
  });
}

Deno.test("a thousand dead hosts hold a batch for no longer than their rounds of the throttle", () => {
  const connector: Connector = {
    connect: (target, events) => connectorOf(() => run, "silent")(target, events),
  };
  const run = new FakeFleet(1, { connector });
  const sink = run.start(Array.from({ length: 1_000 }, (_, n) => fakeTarget(`h${n}`)), { throttle: 250 });
  run.test.advance(4 * connectMs + 10);
  assert.equal(sink.results.length, 1_000);
  assert.equal(sink.finishedCount, 1);
});
