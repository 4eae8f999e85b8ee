/** The fleet and its host actors: many of them that become idle, or are stopped, in one instant. In virtual time. */
import assert from "node:assert/strict";
import type { InquireMessage, InquiryOutcome, Question } from "../../../actors/host/inquiry.ts";
import type { AskOutcome } from "../../../actors/kernel/actor.ts";
import type { Connector } from "../../../actors/ports.ts";
import { utf8 } from "../../../protocol/bytes.ts";
import { deleteShell } from "../../../protocol/shell/mod.ts";
import { envelopeOf, FakeHost, faultBody, response } from "./fake_host.ts";
import { FakeFleet, fakeTarget } from "./run_job.ts";

Deno.test("66,000 hosts that become idle in the same millisecond all end: none waits for the fleet's mailbox", () => {
  const run = new FakeFleet();
  // A question without a request: all that matters here is that the host has had something to do.
  const question: Question<string> = {
    name: "test",
    // deno-lint-ignore require-yield
    dialogue: function* () {
      return "nothing";
    },
  };
  const count = 66_000; // More than the 65,536 that its mailbox takes.
  for (let n = 0; n < count; n++) {
    const target = fakeTarget(`h${n}`);
    void run.test.system.ask<InquireMessage, InquiryOutcome<unknown>>(
      run.fleet,
      (replyTo) => ({ kind: "inquire", target, question, replyTo }),
      60_000,
    );
    if (n % 1_000 === 0) run.test.run();
  }
  run.test.advance(9_999);
  assert.ok(run.test.system.stats.actors > count);
  run.test.advance(2);
  assert.deepEqual(run.test.crashes, []);
  assert.deepEqual([run.test.system.stats.actors, run.test.system.stats.timers], [2, 0]);
});

Deno.test("work that comes between a host's word that it is idle and its end is done, at any step of it; then the host ends", async () => {
  const question: Question<string> = {
    name: "test",
    dialogue: function* () {
      return (yield { request: deleteShell("none") }).kind;
    },
  };
  /** One run, then at `idleAt` a question after so many turns of the kernel. */
  const play = (idleAt: number, steps: number) => {
    const run = new FakeFleet(1, { maxTurn: 1 });
    const host = new FakeHost(run.test);
    run.hosts.set("host", host);
    const target = fakeTarget("host");
    let answer: Promise<AskOutcome<InquiryOutcome<unknown>>> | undefined;
    run.test.clock.schedule(idleAt, () => {
      let left = steps;
      const ask = () => {
        if (left-- > 0) return run.test.later(ask);
        answer = run.test.system.ask<InquireMessage, InquiryOutcome<unknown>>(
          run.fleet,
          (replyTo) => ({ kind: "inquire", target, question, replyTo }),
          60_000,
        );
      };
      // The kernel's own timer, which is due now, too: the steps are between its turns.
      run.test.clock.step(idleAt);
      ask();
    });
    const sink = run.start([target]);
    let endedAt = 0;
    sink.finished = () => void (endedAt = run.test.clock.monotonic());
    run.test.settle(60_000);
    return { run, host, answer, idleAt: endedAt + 10_000 };
  };
  const { idleAt } = play(1_000_000, 0);
  const opened = new Set<number>();
  for (let steps = 0; steps < 20; steps++) {
    const { run, host, answer } = play(idleAt, steps);
    assert.deepEqual(await answer, { kind: "answered", value: { kind: "done", value: "fault" } });
    opened.add(host.opened);
    assert.deepEqual(
      [run.test.system.stats.actors, run.test.system.stats.timers],
      [2, 0],
      `after ${steps} steps`,
    );
    assert.deepEqual(run.test.crashes, []);
  }
  // The same host actor with its connection, or another one.
  assert.deepEqual([...opened], [1, 2]);
});

/** Connections to hosts that are silent from now on: nothing is answered, and no close is told. */
class SilentFleet {
  readonly run: FakeFleet;
  silent = false;

  constructor(count: number, readonly options: ConstructorParameters<typeof FakeHost>[1] = {}) {
    const hosts = new Map<string, FakeHost>();
    const connector: Connector = {
      connect: (target, events) => {
        const told = <A extends unknown[]>(tell: (...args: A) => void) => (...args: A) => {
          if (!this.silent) tell(...args);
        };
        return hosts.get(target.host)!.connect(target, {
          onOpen: told((facts) => events.onOpen(facts)),
          onData: told((bytes) => events.onData(bytes)),
          onEnd: told(() => events.onEnd()),
          onDrain: told(() => events.onDrain()),
          onClosed: told((error) => events.onClosed(error)),
        });
      },
    };
    this.run = new FakeFleet(1, { connector, slots: count });
    for (let n = 0; n < count; n++) hosts.set(`h${n}`, new FakeHost(this.run.test, options));
  }
}

const names = (count: number) => Array.from({ length: count }, (_, n) => fakeTarget(`h${n}`));

Deno.test("10,000 idle hosts with open connections stop at once, though no peer answers the close", async () => {
  const count = 10_000;
  const refusal = response(500, utf8(envelopeOf(faultBody(5, "s:Sender"))));
  const fleet = new SilentFleet(count, { answer: () => refusal });
  const { run } = fleet;
  const sink = run.start(names(count), { throttle: count });
  run.test.advance(1_000);
  assert.equal(sink.results.length, count);
  // Host, session and link.
  assert.equal(run.test.system.stats.actors, 2 + 3 * count);
  fleet.silent = true;
  const began = run.test.clock.monotonic();
  await run.test.until(run.test.system.shutdown());
  assert.equal(run.test.clock.monotonic(), began);
  assert.deepEqual([run.test.system.stats.actors, run.test.system.stats.timers], [0, 0]);
});

Deno.test("1,000 busy hosts whose peers have gone silent stop side by side, within one deadline", async () => {
  const count = 1_000;
  const fleet = new SilentFleet(count, { receives: [{ kind: "hold" }] });
  const { run } = fleet;
  const sink = run.start(names(count), { throttle: count });
  run.test.advance(1_000);
  assert.equal(sink.results.length, 0);
  fleet.silent = true;
  const began = run.test.clock.monotonic();
  await run.test.until(run.test.system.shutdown());
  const ms = run.test.clock.monotonic() - began;
  assert.ok(ms >= 10_000 && ms <= 15_000, `${ms} ms`);
  assert.equal(sink.results.length, count);
  assert.deepEqual(run.test.crashes, []);
  assert.deepEqual([run.test.system.stats.actors, run.test.system.stats.timers], [0, 0]);
});

Deno.test("a fleet that is stopped deletes its shells first", async () => {
  const run = new FakeFleet();
  const host = new FakeHost(run.test, { receives: [{ kind: "hold" }] });
  run.hosts.set("host", host);
  run.start([fakeTarget("host")]);
  run.test.advance(1_000);
  assert.equal(host.shells.size, 1);
  await run.test.until(run.test.system.shutdown());
  assert.equal(host.shells.size, 0);
  assert.equal(host.commands.size, 0);
});
