/** Logons that end in mid-connection, as those with a ticket do: what goes on over a new one, and what is never sent twice. */
import assert from "node:assert/strict";
import type { HostTarget } from "../../../actors/host/mod.ts";
import { utf8 } from "../../../protocol/bytes.ts";
import { DeniedError, NetworkError, ProtocolError } from "../../../protocol/errors.ts";
import type { SecurityContext } from "../../../protocol/ports.ts";
import { FakeHost, type FakeOptions, type Operation } from "./fake_host.ts";
import { FakeFleet, fakeTarget } from "./run_job.ts";

const refusal = utf8(
  "HTTP/1.1 401 X\r\nWWW-Authenticate: Negotiate\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
);

interface World {
  readonly run: FakeFleet;
  readonly host: FakeHost;
  readonly target: HostTarget;
}

/** A host behind logons that `change` makes of ordinary ones. */
function world(
  options: FakeOptions,
  change: (context: SecurityContext) => Partial<SecurityContext> = () => ({}),
): World {
  const run = new FakeFleet(1);
  const host = new FakeHost(run.test, { ntlm: true, ...options });
  run.hosts.set("host", host);
  const target = fakeTarget("host", true, host);
  const { authentication } = target;
  assert.ok(authentication.kind === "negotiate");
  const initiator: typeof authentication.initiator = (facts, random, wallNow) => {
    const context = authentication.initiator(facts, random, wallNow);
    const changed = change(context);
    return new Proxy(context, { get: (of, key) => Reflect.get(key in changed ? changed : of, key) });
  };
  return { run, host, target: { ...target, authentication: { ...authentication, initiator } } };
}

const count = (host: FakeHost, operation: Operation): number =>
  host.requests.filter((request) => request.operation === operation).length;

/** Output for so long as a command of three lives takes. */
const longCommand = [
  ...Array.from({ length: 60 }, (_, n) => ({ kind: "output", text: `${n}\n` }) as const),
  { kind: "output", text: "end\n", exitCode: 0 },
] as const;

Deno.test("a command outlives its logon three times: each connection is left before the logon ends on it", () => {
  const lifetimeMs = 30_000;
  let ages: number[] = [];
  const w = world({ receives: longCommand, latencyMs: 1_000 }, (context) => {
    const began = w.run.test.clock.monotonic();
    return {
      lifetimeMs,
      seal: (plaintext) => {
        ages = [...ages, w.run.test.clock.monotonic() - began];
        return context.seal(plaintext);
      },
    };
  });
  const sink = w.run.start([w.target]);
  w.run.test.settle(1_000_000);
  assert.equal(sink.results[0]?.status, "succeeded");
  assert.match(sink.output, /^0\n.*59\nend\n$/s);
  assert.deepEqual([count(w.host, "Create"), count(w.host, "Command")], [1, 1]);
  assert.equal(count(w.host, "Receive"), longCommand.length);
  assert.ok(w.host.opened > 6, `${w.host.opened} connections`);
  assert.ok(Math.max(...ages) < lifetimeMs, "an answer was due after the end");
});

Deno.test("a logon is told once for each connection, when the service has taken it, and with why it is no other", () => {
  const told: unknown[] = [];
  const onLogon = (logon: unknown) => told.push(logon);
  const taken = world({}, () => ({ fallback: "there is no ticket" }));
  taken.run.start([{ ...taken.target, onLogon }]);
  taken.run.test.settle(60_000);
  assert.deepEqual(
    told.splice(0),
    Array.from({ length: taken.host.opened }, () => ({ mechanism: "NTLM", fallback: "there is no ticket" })),
  );
  const refused = world({ answer: () => refusal });
  refused.run.start([{ ...refused.target, onLogon }]);
  refused.run.test.settle(60_000);
  assert.ok(refused.host.opened > 0);
  assert.deepEqual(told, []);
});

Deno.test("a logon whose sequence numbers are used up is left for another one, and nothing is sent twice", () => {
  let sealed = 0;
  const w = world({ receives: longCommand }, (context) => ({
    seal: (plaintext) => {
      // Each tenth message is one too many for its session.
      if (++sealed % 10 === 0) throw new ProtocolError("NtlmSequenceExhausted", "sign message: used up");
      return context.seal(plaintext);
    },
  }));
  const sink = w.run.start([w.target]);
  w.run.test.settle(60_000);
  assert.equal(sink.results[0]?.status, "succeeded");
  assert.match(sink.output, /^0\n.*59\nend\n$/s);
  assert.equal(count(w.host, "Command"), 1);
  assert.equal(count(w.host, "Receive"), longCommand.length);
  assert.ok(w.host.opened > 5, `${w.host.opened} connections`);
});

Deno.test("a logon of no time at all still carries an exchange: nothing goes round in circles", () => {
  const { run, host, target } = world({}, () => ({ lifetimeMs: 0 }));
  const sink = run.start([target]);
  run.test.settle(60_000);
  assert.equal(sink.results[0]?.status, "succeeded");
  assert.equal(count(host, "Command"), 1);
  assert.equal(host.opened, host.requests.length);
});

/** A command whose every tenth Receive is answered 401: by the service, or by somebody in between. */
function refusedReceives(change: (target: HostTarget) => HostTarget, lifetimeMs: number | undefined) {
  let refused = 0;
  const { run, host, target } = world({
    receives: longCommand,
    answer: (operation) => operation === "Receive" && ++refused % 10 === 0 ? refusal : "default",
  }, () => lifetimeMs === undefined ? {} : { lifetimeMs });
  const sink = run.start([change(target)]);
  run.test.settle(60_000);
  assert.equal(count(host, "Command"), 1);
  return { sink, host };
}

const overTls = (target: HostTarget): HostTarget => ({
  ...target,
  connect: { ...target.connect, tls: { verify: "system" } },
});

for (
  const [where, change, lifetimeMs] of [
    ["over TLS", overTls, undefined],
    ["on plain HTTP near the end of the logon", (target: HostTarget) => target, 240_000],
  ] as const
) {
  Deno.test(`a Receive that is refused with 401 ${where} is asked again on a new connection, which logs on anew`, () => {
    const { sink, host } = refusedReceives(change, lifetimeMs);
    assert.equal(sink.results[0]?.status, "succeeded");
    assert.match(sink.output, /^0\n.*59\nend\n$/s);
    assert.ok(host.opened > 5);
  });
}

for (const lifetimeMs of [undefined, 3_600_000]) {
  Deno.test(`on plain HTTP anybody can say 401 in the place of output: nothing is asked again (${lifetimeMs} ms left)`, () => {
    const { sink, host } = refusedReceives((target) => target, lifetimeMs);
    assert.equal(sink.results[0]?.status, "unknown");
    assert.equal(sink.results[0]?.error?.code, "Unauthorized");
    assert.equal(count(host, "Receive"), 10);
  });
}

Deno.test("a new logon that is refused as well is the end: it is not tried without end", () => {
  const { run, host, target } = world({
    answer: (operation) => operation === "Receive" || operation === "Signal" ? refusal : "default",
  });
  const sink = run.start([overTls(target)]);
  run.test.settle(60_000);
  assert.equal(sink.results[0]?.status, "unknown");
  assert.equal(sink.results[0]?.error?.code, "Unauthorized");
  // The one that was in mid-connection, and the one on a new connection.
  assert.equal(count(host, "Receive"), 2);
  assert.equal(count(host, "Command"), 1);
});

Deno.test("a Command that is refused with 401 is not sent again, whatever its connection has carried", () => {
  const { run, host, target } = world({
    answer: (operation) => operation === "Command" ? refusal : "default",
  });
  const sink = run.start([target]);
  run.test.settle(60_000);
  assert.equal(sink.results[0]?.status, "denied");
  assert.equal(count(host, "Command"), 1);
});

for (const [code, operations] of [["SecurityContextExpired", 1], ["SealFailed", 0]] as const) {
  Deno.test(`a message that cannot be sealed (${code}) was not sent, and is said so`, () => {
    let seals = 0;
    const { run, host, target } = world({}, (context) => ({
      seal: (plaintext) => {
        // The second of each connection: the Command of the first.
        if (++seals === 2) throw new DeniedError(code, "seal message: no");
        return context.seal(plaintext);
      },
    }));
    const sink = run.start([target]);
    run.test.settle(60_000);
    assert.equal(count(host, "Command"), operations);
    assert.equal(sink.results[0]?.status, operations === 1 ? "succeeded" : "unreachable");
    assert.equal(sink.results[0]?.error?.code, operations === 1 ? undefined : code);
    assert.deepEqual(run.test.crashes, []);
  });
}

Deno.test("logons that ended together cost the exchange nothing that meets them one after the other", () => {
  const { run, host, target } = world({ latencyMs: 100 }, () => ({ lifetimeMs: 40_000 }));
  const first = Array.from({ length: 8 }, (_, n) => run.start([target], { id: `job${n}` }));
  run.test.advance(15_000);
  assert.ok(first.every((sink) => sink.results[0]?.status === "succeeded"));
  const { opened } = host;
  run.test.advance(9_000);
  const last = run.start([target], { id: "last" });
  run.test.advance(15_000);
  assert.equal(last.results[0]?.status, "succeeded");
  assert.ok(host.opened > opened);
});

Deno.test("a logon that is not over in time says whom it has waited for", () => {
  const pending = new NetworkError("KdcTimeout", "authenticate: no KDC answered in time");
  for (const [change, code] of [[{ pending }, "KdcTimeout"], [{}, "AuthenticationTimeout"]] as const) {
    const { run, target } = world({}, () => ({ step: () => {}, ...change }));
    const sink = run.start([target]);
    run.test.settle(60_000);
    assert.equal(sink.results[0]?.error?.code, code);
    assert.equal(sink.results[0]?.status, "unreachable");
  }
});
