/** What must be true of one host after every run, judged by what really happened on the wire. @module */
import assert from "node:assert/strict";
import type { HostStatus } from "../../../actors/host/mod.ts";
import type { FakeHost } from "./fake_host.ts";
import type { Collected, FakeFleet } from "./run_job.ts";

/** How a run was asked to stop, if it was. */
export type Stop = "timedOut" | "cancelled" | undefined;

/** The statuses that are true, from the bytes alone. */
export function trueStatuses(host: FakeHost, stop: Stop): readonly HostStatus[] {
  const { written, confirmed, done } = host.truth;
  const stopped = stop !== undefined && (confirmed.has("Signal") || confirmed.has("Delete"));
  if (!written.has("Command")) return stopped ? [stop, "unreachable"] : ["unreachable"];
  if (stopped) return done ? [stop, "succeeded", "failed"] : [stop];
  return done ? ["succeeded", "failed"] : ["unknown"];
}

/** Checks the one result, that nothing was repeated, and that nothing is left. Call it after `settle`. */
export function judge(run: FakeFleet, sink: Collected, host: FakeHost, stop: Stop, what: string): HostStatus {
  assert.deepEqual(run.test.crashes, [], what);
  assert.equal(sink.results.length, 1, `${what}: exactly one result`);
  assert.equal(sink.finishedCount, 1, `${what}: finished once`);
  const { status, exitCode, error } = sink.results[0]!;
  const allowed = trueStatuses(host, stop);
  const truth = JSON.stringify({
    ...host.truth,
    written: [...host.truth.written],
    confirmed: [...host.truth.confirmed],
  });
  assert.ok(
    allowed.includes(status),
    `${what}: ${status} (${error?.message}), but ${allowed.join(" or ")} by ${truth}`,
  );
  if (status === "succeeded") assert.equal(exitCode, 0, what);
  if (status !== "succeeded" && status !== "failed") {
    assert.ok(error !== undefined && exitCode === undefined, what);
  }
  const ids = host.requests.map((request) => request.messageId);
  assert.equal(new Set(ids).size, ids.length, `${what}: a request was repeated`);
  for (const operation of ["Create", "Command", "Signal", "Delete"]) {
    const count = host.requests.filter((request) => request.operation === operation).length;
    // A Delete whose answer was lost is tried once more.
    assert.ok(count <= (operation === "Delete" ? 2 : 1), `${what}: ${count} ${operation} requests`);
  }
  assert.equal(run.test.system.stats.actors, 2, `${what}: only fleet and scheduler are left`);
  assert.equal(host.connections.size, 0, `${what}: no connection is left`);
  return status;
}
