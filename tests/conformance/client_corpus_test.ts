/**
 * Every recorded message, as the answer of a host to each of our client's requests: whatever it is, the host ends in one typed
 * result, no actor crashes and nothing hangs.
 */
import assert from "node:assert/strict";
import { ping, type PingResult } from "../../actors/host/mod.ts";
import { concat, utf8 } from "../../protocol/bytes.ts";
import { FakeHost, type Operation } from "../actors/host/fake_host.ts";
import { FakeFleet, fakeTarget } from "../actors/host/run_job.ts";
import { corpus, messages } from "./shell/messages.ts";

const operations: readonly Operation[] = ["Create", "Command", "Receive", "Signal", "Delete"];

/** Statuses that an answer which is not the right one may lead to, by the request that it answers. */
const possible: Readonly<Record<string, readonly string[]>> = {
  Create: ["failed", "unreachable", "denied", "unknown", "succeeded"],
  Command: ["failed", "denied", "unknown", "succeeded"],
  Receive: ["unknown", "succeeded", "failed"],
  Signal: ["succeeded"],
  Delete: ["succeeded"],
};

function http(status: number, body: Uint8Array): Uint8Array {
  const head = `HTTP/1.1 ${status} X\r\nContent-Type: application/soap+xml;charset=UTF-8\r\n` +
    `Content-Length: ${body.length}\r\n\r\n`;
  return concat([utf8(head), body]);
}

function answerOnce(operation: Operation, answer: Uint8Array, what: string): void {
  const run = new FakeFleet();
  let used = false;
  const host = new FakeHost(run.test, {
    answer: (asked) => {
      if (asked !== operation || used) return "default";
      used = true;
      return answer;
    },
  });
  run.hosts.set("host", host);
  const sink = run.start([fakeTarget("host")], { timeoutMs: 120_000 });
  run.test.settle(4 * 3_600_000);
  assert.deepEqual(run.test.crashes, [], what);
  assert.equal(sink.results.length, 1, what);
  assert.equal(sink.finishedCount, 1, what);
  const { status, error } = sink.results[0]!;
  assert.ok(possible[operation]!.includes(status), `${what}: ${status}`);
  if (status !== "succeeded" && status !== "failed") {
    assert.match(error?.code ?? "", /^\S+$/, what);
    assert.ok((error?.message ?? "").length > 0, what);
  }
  assert.equal(run.test.system.stats.actors, 2, what);
}

function pinged(answer: Uint8Array, what: string): void {
  const run = new FakeFleet();
  run.hosts.set("host", new FakeHost(run.test, { answer: () => answer, identify: true }));
  const results: PingResult[] = [];
  run.test.system.spawn(
    ping(
      { ...fakeTarget("host"), authentication: { kind: "anonymous" } },
      run.connector,
      (result) => results.push(result),
    ),
  );
  run.test.settle(60_000);
  assert.equal(results.length, 1, what);
  assert.deepEqual(run.test.crashes, [], what);
  assert.equal(run.test.system.stats.actors, 2, what);
}

Deno.test("every recorded envelope as the answer to each request gives one typed result", () => {
  let count = 0;
  for (const message of messages()) {
    for (const operation of operations) {
      const status = count++ % 2 === 0 ? 200 : 500;
      answerOnce(operation, http(status, message.bytes), `${message.path} as HTTP ${status} to ${operation}`);
    }
    pinged(http(200, message.bytes), `${message.path} to Identify`);
  }
  assert.ok(count > 1000, `${count} answers`);
});

Deno.test("every recorded HTTP response, byte for byte, gives one typed result", () => {
  let count = 0;
  for (const path of httpFiles(corpus)) {
    const bytes = Deno.readFileSync(path);
    if (!new TextDecoder("latin1").decode(bytes.subarray(0, 5)).startsWith("HTTP/")) continue;
    for (const operation of operations) answerOnce(operation, bytes, `${path} to ${operation}`);
    pinged(bytes, `${path} to Identify`);
    count++;
  }
  assert.ok(count > 20, `${count} responses`);
});

function* httpFiles(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* httpFiles(path);
    else if (entry.name.endsWith(".http")) yield path;
  }
}
