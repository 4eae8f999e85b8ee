/** Who observes a fleet is told of each exchange once, whatever becomes of it. */
import assert from "node:assert/strict";
import type { ExchangeNote } from "../../../actors/ports.ts";
import { FakeHost, type FakeOptions } from "./fake_host.ts";
import { FakeFleet, fakeTarget } from "./run_job.ts";

function observed(options: FakeOptions = {}) {
  const notes: ExchangeNote[] = [];
  let began = 0;
  const run = new FakeFleet(1, {
    observer: { exchangeBegan: () => void began++, exchangeEnded: (note) => void notes.push(note) },
  });
  const host = new FakeHost(run.test, options);
  run.hosts.set("host", host);
  const sink = run.start([fakeTarget("host")], { id: "the job" });
  run.test.advance(300_000);
  return { notes, began, result: sink.results[0]! };
}

Deno.test("each operation of a command is told with its host, its status and its time", () => {
  const { notes, began, result } = observed({ latencyMs: 7 });
  assert.equal(result.status, "succeeded");
  assert.deepEqual(
    notes.map(({ operation }) => operation).filter((one) => one !== "Receive"),
    ["Create", "Command", "Signal", "Delete"],
  );
  assert.equal(began, notes.length);
  for (const { place, to, httpStatus, outcome, code, durationMs, waitedMs } of notes) {
    assert.equal(place?.job, "the job");
    assert.equal(place?.index, 0);
    assert.equal(to.host, "host");
    assert.deepEqual([httpStatus, outcome, code], [200, "answered", undefined]);
    assert.ok(durationMs >= 7 && durationMs < 1_000, `${durationMs}`);
    assert.ok(waitedMs >= 0 && waitedMs < 1_000, `${waitedMs}`);
  }
});

Deno.test("an exchange that is cut off at any byte is told once, with what was known of it", () => {
  for (let at = 0; at < 4_000; at += 97) {
    for (const direction of ["request", "response"] as const) {
      const { notes, began } = observed({ cut: { direction, at, how: "reset", after: "works" } });
      assert.equal(began, notes.length, `${direction} ${at}`);
      const failures = notes.filter(({ outcome }) => outcome === "failed");
      assert.ok(failures.length <= 1, `${direction} ${at}: ${failures.length}`);
      for (const { code } of failures) assert.match(code ?? "", /^[A-Z][A-Za-z]+$/);
    }
  }
});

Deno.test("a fault is told with its code, and what never reached a connection is not told", () => {
  const denied = observed({
    answer: () => new TextEncoder().encode("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"),
  });
  assert.equal(denied.result.status, "denied");
  assert.deepEqual(
    denied.notes.map(({ operation, httpStatus, outcome, code }) => [operation, httpStatus, outcome, code])[0],
    ["Create", 401, "failed", "Unauthorized"],
  );
  const refused = observed({ refuse: true });
  assert.equal(refused.result.status, "unreachable");
  assert.deepEqual([refused.began, refused.notes.length], [0, 0]);
});
