/** Connections that cannot be opened: what is tried again, how often, and what is not, in virtual time. */
import assert from "node:assert/strict";
import type { HostTarget } from "../../../actors/host/mod.ts";
import type { Connector } from "../../../actors/ports.ts";
import { utf8 } from "../../../protocol/bytes.ts";
import { NetworkError } from "../../../protocol/errors.ts";
import { FakeHost, type FakeOptions } from "./fake_host.ts";
import { FakeFleet, fakeTarget } from "./run_job.ts";

function fleetOf(options: FakeOptions, seed = 1): { run: FakeFleet; host: FakeHost } {
  const run = new FakeFleet(seed);
  const host = new FakeHost(run.test, options);
  run.hosts.set("host", host);
  return { run, host };
}

const withRetries = (target: HostTarget, connectRetries: number): HostTarget => ({
  ...target,
  connectRetries,
});

/** Connections all end with this error, after `latencyMs`. */
function failing(code: string, latencyMs = 1): { run: FakeFleet; opened: () => number } {
  let opened = 0;
  const connector: Connector = {
    connect: (_target, events) => {
      opened++;
      run.test.clock.schedule(latencyMs, () => events.onClosed(new NetworkError(code, "connect: no")));
      return { write: () => true, resume: () => {}, end: () => {}, abort: () => {} };
    },
  };
  const run = new FakeFleet(1, { connector });
  return { run, opened: () => opened };
}

Deno.test("a host that refuses connections is tried three times in a second or so, and its result says that", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const { run, host } = fleetOf({ refuse: true }, seed);
    const sink = run.start([fakeTarget("host")]);
    run.test.settle(60_000);
    const [result] = sink.results;
    assert.equal(result?.status, "unreachable");
    assert.equal(result?.error?.code, "ConnectRefused");
    assert.match(result?.error?.message ?? "", /nothing listens there \(tried 3 times\)$/);
    assert.equal(host.opened, 3);
    assert.ok(result!.durationMs >= 750 && result!.durationMs < 1_520, `${result?.durationMs} ms`);
    assert.deepEqual([run.test.system.stats.actors, run.test.system.stats.timers], [2, 0]);
  }
});

Deno.test("no retries when none are wanted, and as many as are wanted within ten seconds", () => {
  for (const [connectRetries, tries] of [[0, 1], [1, 2], [3, 4]] as const) {
    const { run, host } = fleetOf({ refuse: true });
    const sink = run.start([withRetries(fakeTarget("host"), connectRetries)]);
    run.test.settle(60_000);
    assert.equal(host.opened, tries);
    assert.equal(sink.results[0]?.error?.message.includes("tried"), tries > 1);
  }
  const { run, host } = fleetOf({ refuse: true });
  const sink = run.start([withRetries(fakeTarget("host"), 99)]);
  run.test.settle(60_000);
  assert.ok(sink.results[0]!.durationMs <= 10_010, `${sink.results[0]?.durationMs} ms`);
  assert.ok(host.opened >= 5 && host.opened <= 8, `${host.opened} tries`);
});

Deno.test("a host that comes up between two tries is used: the command runs once", () => {
  for (const upMs of [1, 300, 700, 740]) {
    const { run, host } = fleetOf({ refuse: true });
    const sink = run.start([fakeTarget("host")]);
    run.test.clock.schedule(upMs, () => Object.assign(host.options, { refuse: false }));
    run.test.settle(60_000);
    assert.equal(sink.results[0]?.status, "succeeded", `up after ${upMs} ms`);
    assert.equal(host.requests.filter(({ operation }) => operation === "Command").length, 1);
    assert.ok(host.opened > 1);
  }
});

Deno.test("a connection that breaks in the logon is opened again: nothing was sent", () => {
  for (const how of ["reset", "end"] as const) {
    for (
      const [direction, at] of [["request", 10], ["request", 400], ["response", 5], [
        "response",
        300,
      ]] as const
    ) {
      const { run, host } = fleetOf({ ntlm: true, cut: { direction, at, how, after: "works" } });
      const sink = run.start([fakeTarget("host", true, host)]);
      run.test.settle(60_000);
      assert.equal(sink.results[0]?.status, "succeeded", `${direction} ${at} ${how}`);
      assert.equal(host.opened, 2);
    }
  }
});

Deno.test("what a further try cannot change is not tried again", () => {
  for (const code of ["TlsUntrusted", "TlsHandshakeFailed", "HostNotFound"]) {
    const { run, opened } = failing(code);
    const sink = run.start([fakeTarget("host")]);
    run.test.settle(60_000);
    assert.deepEqual([sink.results[0]?.status, sink.results[0]?.error?.code], ["unreachable", code]);
    assert.equal(opened(), 1, code);
  }
  const { run, opened } = failing("NameServiceUnavailable");
  run.start([fakeTarget("host")]);
  run.test.settle(60_000);
  assert.equal(opened(), 3, "a name service that does not answer may be back");
});

Deno.test("wrong credentials are tried once, however much work waits: accounts are not locked", () => {
  const { run, host } = fleetOf({
    greeting: new TextEncoder().encode(
      "HTTP/1.1 401 No\r\nWWW-Authenticate: Negotiate\r\nContent-Length: 0\r\n\r\n",
    ),
    greetEach: true,
    ntlm: true,
  });
  const target = fakeTarget("host", true, host);
  const sinks = Array.from({ length: 10 }, (_, n) => run.start([target], { id: `job${n}` }));
  run.test.settle(60_000);
  for (const sink of sinks) assert.equal(sink.results[0]?.status, "denied");
  // Only so many shells ask at once.
  assert.ok(host.opened <= 2, `${host.opened} logons`);
});

Deno.test("a service that has another kind of logon alone is told from one that refuses ours: with what it offers, and once", () => {
  for (
    const [offers, code, said] of [
      [["Negotiate"], "Unauthorized", /refused the credentials \(HTTP 401, it offers Negotiate\)/],
      [["negotiate", "Basic realm=x"], "Unauthorized", /it offers negotiate, Basic/],
      [[], "Unauthorized", /it offers nothing/],
      [["Basic realm=x"], "AuthNotOffered", /does not offer Negotiate, but Basic; .*another --auth/],
      [["Kerberos", "CredSSP"], "AuthNotOffered", /does not offer Negotiate, but Kerberos, CredSSP;/],
    ] as const
  ) {
    const challenges = offers.map((offer) => `WWW-Authenticate: ${offer}\r\n`).join("");
    const greeting = new TextEncoder().encode(
      `HTTP/1.1 401 No\r\n${challenges}Content-Length: 0\r\n\r\n`,
    );
    const { run, host } = fleetOf({ greeting, greetEach: true, ntlm: true });
    const sink = run.start([fakeTarget("host", true, host)]);
    run.test.settle(60_000);
    const [result] = sink.results;
    assert.deepEqual([result?.status, result?.error?.code, host.opened], ["denied", code, 1]);
    assert.match(result!.error!.message, said);
  }
});

Deno.test("credentials that are not negotiated are refused with what the service offers, too", () => {
  for (
    const [offers, code, said] of [
      [["Negotiate", "CredSSP"], "AuthNotOffered", /does not offer Basic, but Negotiate, CredSSP;/],
      [
        ["Negotiate", "basic realm=x"],
        "Unauthorized",
        /refused the credentials \(HTTP 401, it offers Negotiate, basic\)/,
      ],
    ] as const
  ) {
    const challenges = offers.map((offer) => `WWW-Authenticate: ${offer}\r\n`).join("");
    const refusal = utf8(`HTTP/1.1 401 No\r\n${challenges}Content-Length: 0\r\n\r\n`);
    const { run, host } = fleetOf({ answer: () => refusal });
    const sink = run.start([fakeTarget("host", false, host)]);
    run.test.settle(60_000);
    const [result] = sink.results;
    assert.deepEqual([result?.status, result?.error?.code], ["denied", code]);
    assert.match(result!.error!.message, said);
  }
});

Deno.test("a host that does not answer at all is not asked twice", () => {
  const { run, opened } = failing("ConnectTimeout", 15_000);
  const sink = run.start([fakeTarget("host")]);
  run.test.settle(60_000);
  assert.equal(opened(), 1);
  assert.equal(sink.results[0]?.durationMs, 15_000);
});

Deno.test("a deadline or a cancel ends the tries at once", () => {
  for (const answers of [true, false]) {
    const { run } = answers ? fleetOf({ refuse: true }) : failing("ConnectTimeout", 15_000);
    const sink = run.start([fakeTarget("host")], { timeoutMs: 300 });
    run.test.advance(299);
    assert.equal(sink.results.length, 0);
    run.test.advance(1);
    assert.equal(sink.results[0]?.status, "unreachable");
    assert.equal(sink.finishedCount, 1);
    run.test.settle(60_000);
    assert.deepEqual([run.test.system.stats.actors, run.test.system.stats.timers], [2, 0]);
  }
});

Deno.test("each series of tries begins anew: after a success, and after nobody waited any more", () => {
  const { run, host } = fleetOf({ refuse: true });
  const first = fakeTarget("host");
  run.start([first], { id: "given up", timeoutMs: 200 });
  run.test.advance(5_000);
  assert.equal(host.opened, 1);
  const second = run.start([first], { id: "second" });
  run.test.advance(1_520);
  assert.match(second.results[0]?.error?.message ?? "", /tried 3 times/);
  assert.equal(host.opened, 4);

  const target = fakeTarget("again");
  const again = new FakeHost(run.test, { refuse: true });
  run.hosts.set("again", again);
  run.test.clock.schedule(100, () => Object.assign(again.options, { refuse: false }));
  const third = run.start([target], { id: "third" });
  run.test.advance(2_000);
  assert.equal(third.results[0]?.status, "succeeded");
  Object.assign(again.options, { refuse: true });
  for (const connection of again.connections) connection.close(undefined);
  run.test.advance(1);
  const before = again.opened;
  run.start([target], { id: "fourth" });
  run.test.advance(1_520);
  assert.equal(again.opened, before + 3);
});
