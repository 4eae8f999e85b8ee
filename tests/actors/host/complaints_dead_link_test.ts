/**
 * Users' complaint: it hangs after a link dies during Send or Receive. The link dies silently, with a reset, or by an end, at the
 * request or at its answer; the host may be gone for good or take new connections. In virtual time.
 */
import assert from "node:assert/strict";
import type { SchedulerInfo } from "../../../actors/scheduler/mod.ts";
import { type Cut, FakeHost, type FakeOptions, type Operation } from "./fake_host.ts";
import { judge } from "./judge.ts";
import { FakeFleet, fakeTarget } from "./run_job.ts";

/** OperationTimeout and NetworkDelayms: the longest that an answer is waited for. */
const answerMs = 25_000;
/** Clean-up of a host. */
const cleanUpMs = 10_000;
/** IdleTimeout of the shells: for so long a lost one may still be there, and its place is kept. */
const idleTimeoutMs = 180_000;
/** What was sent last may arrive so much later, and begin the idle time anew. */
const underWayMs = 120_000;

/** Without input a command has one connection, with it two. */
const workOf = (operation: Operation) =>
  operation === "Send" ? { stdin: new Uint8Array(2_000).fill(65) } : {};

interface Dying {
  readonly operation: "Send" | "Receive";
  readonly during: "request" | "answer";
  readonly how: Cut["how"];
  readonly after: Cut["after"];
  readonly ntlm: boolean;
}

/** While input is being sent, output is waited for over another connection. */
function optionsOf(operation: Operation, ntlm: boolean): FakeOptions {
  return { ntlm, ...(operation === "Send" ? { receives: [{ kind: "hold" }] } : {}) };
}

/** Where in the bytes of a run `operation` is half way, in either direction. */
function middleOf({ operation, during, ntlm }: Dying): number {
  const options: FakeOptions = {
    ...optionsOf(operation, ntlm),
    // The request has just arrived.
    answer: (asked) => {
      if (during === "request") seen.push({ asked, at: host.bytesIn - 300 });
      return "default";
    },
    // The answer is about to leave.
    tamper: (asked, answer) => {
      if (during === "answer") seen.push({ asked, at: host.bytesOut + 100 });
      return answer;
    },
  };
  const seen: { asked: Operation; at: number }[] = [];
  const run = new FakeFleet();
  const host = new FakeHost(run.test, options);
  run.hosts.set("host", host);
  run.start([fakeTarget("host", ntlm, host)], workOf(operation));
  run.test.advance(1_000);
  const found = seen.find(({ asked }) => asked === operation);
  assert.ok(found !== undefined);
  return found.at;
}

const slots = ({ held, slotsUsed }: SchedulerInfo) => ({ held, slotsUsed });

for (const operation of ["Send", "Receive"] as const) {
  for (const how of ["silent", "reset", "end"] as const) {
    Deno.test(`a link that dies during ${operation} (${how}): unknown within its bound, nothing hangs, the permit comes back`, async () => {
      let kept = 0;
      for (const during of ["request", "answer"] as const) {
        for (const after of ["silent", "refuses", "works"] as const) {
          for (const ntlm of [false, true]) {
            const dying: Dying = { operation, during, how, after, ntlm };
            const what = JSON.stringify(dying);
            const at = middleOf(dying);
            const direction = during === "request" ? "request" : "response";
            const run = new FakeFleet();
            const host = new FakeHost(run.test, {
              ...optionsOf(operation, ntlm),
              cut: { direction, at, how, after },
            });
            run.hosts.set("host", host);
            const sink = run.start([fakeTarget("host", ntlm, host)], {
              ...workOf(operation),
              shell: { idleTimeoutMs },
            });
            run.test.advance(answerMs + 500);
            assert.ok(host.isCut, what);
            const [result] = sink.results;
            assert.equal(result?.status, "unknown", what);
            if (how !== "silent") assert.ok(result!.durationMs < 1_000, `${what}: ${result?.durationMs} ms`);
            run.test.advance(cleanUpMs);
            assert.equal(sink.finishedCount, 1, `${what}: the run has not ended`);
            const permits = slots(await run.permits());
            // Another connection of the host may still stand, over which it is cleaned up.
            const deleted = host.truth.confirmed.has("Delete");
            assert.ok(deleted || after !== "works", what);
            kept += deleted ? 0 : 1;
            assert.deepEqual(permits, { held: deleted ? 0 : 1, slotsUsed: 0 }, what);
            if (!deleted) {
              // The slot is free for others at once, the shell's place at the host when the service has given it up.
              run.test.advance(idleTimeoutMs + underWayMs - cleanUpMs - answerMs - 1_000);
              assert.deepEqual(slots(await run.permits()), { held: 1, slotsUsed: 0 }, what);
              run.test.advance(cleanUpMs + answerMs + 1_000);
              assert.deepEqual(slots(await run.permits()), { held: 0, slotsUsed: 0 }, what);
            }
            run.test.settle(3_600_000);
            judge(run, sink, host, undefined, what);
            assert.equal(run.test.system.stats.timers, 0, what);
          }
        }
      }
      assert.ok(kept > 0);
    });
  }
}
