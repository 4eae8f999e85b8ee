/** The dialogue of one command, cut at every byte in both directions, in virtual time. */
import assert from "node:assert/strict";
import { type Cut, FakeHost } from "./fake_host.ts";
import { judge } from "./judge.ts";
import { FakeFleet, fakeTarget } from "./run_job.ts";

const hows = ["reset", "end", "silent"] as const;
const afters = ["works", "refuses", "silent"] as const;

/** Virtual time within which every host must have its result: connect, authenticate and answer deadlines, and clean-up. */
const bound = 60_000;

function runCut(ntlm: boolean, cut: Cut): string {
  const run = new FakeFleet(cut.at + 1);
  const host = new FakeHost(run.test, { ntlm, cut });
  run.hosts.set("host", host);
  const sink = run.start([fakeTarget("host", ntlm, host)]);
  const what = `${ntlm ? "NTLM" : "Basic"} ${cut.direction} ${cut.at} ${cut.how}, then ${cut.after}`;
  run.test.advance(bound);
  assert.equal(sink.results.length, 1, `${what}: no result within ${bound} ms`);
  run.test.settle(3 * 3_600_000);
  const status = judge(run, sink, host, undefined, what);
  if (cut.after === "works" && !(host.truth.written.has("Delete"))) {
    assert.equal(host.shells.size, 0, `${what}: a shell is left that nobody tried to delete`);
  }
  if (host.shells.size > 0) assert.ok(host.truth.written.has("Delete") || cut.after !== "works", what);
  assert.equal(run.test.system.stats.timers, 0, `${what}: timers are left`);
  return status;
}

/** Every `stride`th byte, with the ways of cutting in turn. */
function sweep(ntlm: boolean, direction: Cut["direction"], stride: number): Map<string, number> {
  const plain = new FakeFleet();
  const host = new FakeHost(plain.test, { ntlm });
  plain.hosts.set("host", host);
  plain.start([fakeTarget("host", ntlm, host)]);
  plain.test.settle();
  const total = direction === "request" ? host.bytesIn : host.bytesOut;
  const seen = new Map<string, number>();
  for (let at = 0, turn = 0; at < total; at += stride, turn++) {
    const how = hows[turn % 3]!;
    const after = afters[Math.floor(turn / 3) % 3]!;
    const status = runCut(ntlm, { direction, at, how, after });
    seen.set(status, (seen.get(status) ?? 0) + 1);
  }
  return seen;
}

const sweeps = [
  { ntlm: false, direction: "request", stride: 3 },
  { ntlm: false, direction: "response", stride: 1 },
  { ntlm: true, direction: "request", stride: 11 },
  { ntlm: true, direction: "response", stride: 5 },
] as const;

for (const { ntlm, direction, stride } of sweeps) {
  const what = `${ntlm ? "sealed" : "plain"} ${direction}s`;
  Deno.test(`a connection that is cut anywhere in ${what} gives one true result and leaves nothing`, () => {
    const seen = sweep(ntlm, direction, stride);
    assert.deepEqual([...seen.keys()].sort(), ["succeeded", "unknown", "unreachable"]);
  });
}
