/** What scripts may rely on, held over both fleets: the one of this process, and that of a daemon. */
import assert from "node:assert/strict";
import { type AnyFleet, Fleet, type FleetEvent, type GapEvent } from "../../../mod.ts";
import { gone, lasting, password, user } from "../cli/drover.ts";
import { world } from "../daemon/world.ts";

/** Runs the same assertions over both. */
function contract(name: string, test: (fleet: AnyFleet, hosts: readonly string[]) => Promise<void>): void {
  for (const kind of ["in this process", "of a daemon"]) {
    Deno.test(`a fleet ${kind}: ${name}`, async () => {
      await using here = await world();
      await using fleet: AnyFleet = kind === "of a daemon"
        ? Fleet.connect({ url: here.url, token: here.token })
        : new Fleet({ hosts: here.hosts, user, password, auth: "basic" });
      await test(fleet, here.hosts);
      assert.deepEqual(here.errors, []);
    });
  }
}

async function all(run: AsyncIterable<FleetEvent | GapEvent>): Promise<(FleetEvent | GapEvent)[]> {
  const events = [];
  for await (const event of run) events.push(event);
  return events;
}

/** All bytes of a stream of a host. */
function output(events: readonly (FleetEvent | GapEvent)[], host: string, stream = "stdout"): number[] {
  return events.flatMap((event) =>
    event.type === "output" && event.host === host && event.stream === stream ? [...event.data] : []
  );
}

contract("each host has progress, its output, and one result at the end", async (fleet, hosts) => {
  const events = await all(fleet.run("printf out; printf err >&2; exit 3"));
  for (const host of hosts) {
    const own = events.filter((event) => event.host === host);
    assert.deepEqual(own[0]!.type, "progress");
    const result = own.at(-1)!;
    assert.equal(own.filter(({ type }) => type === "result").length, 1);
    assert.ok(result.type === "result" && result.durationMs > 0);
    assert.deepEqual([result.status, result.exitCode, result.error], ["failed", 3, undefined]);
    assert.equal(String.fromCharCode(...output(events, host)), "out");
    assert.equal(String.fromCharCode(...output(events, host, "stderr")), "err");
  }
  const [piece] = events.filter((event) => event.type === "output");
  assert.match(piece!.data.text(), /^(out|err)$/);
});

contract("bytes come back as they went in, whatever they are", async (fleet, [host = ""]) => {
  const bytes = new Uint8Array(70_000).map((_, index) => index * 7 + (index >> 8));
  const events = await all(fleet.run("cat", { hosts: host, stdin: bytes }));
  assert.deepEqual(output(events, host), [...bytes]);
  assert.deepEqual(output(await all(fleet.run("cat", { hosts: host, stdin: "é" })), host), [0xc3, 0xa9]);
});

contract(
  "a list is a program with exactly these arguments; shells are as they were wished",
  async (fleet, [host = ""]) => {
    const exact = await all(fleet.run(["printf", "%s|", "a b", "$x", "'"], { hosts: host }));
    assert.equal(String.fromCharCode(...output(exact, host)), "a b|$x|'|");
    const shell = { cwd: "/usr", env: { GREETING: "hello" }, codepage: 65001, idleTimeoutMs: 60_000 };
    const wished = await all(fleet.run('pwd; echo "$GREETING"', { hosts: host, shell, priority: "high" }));
    assert.equal(String.fromCharCode(...output(wished, host)), "/usr\nhello\n");
  },
);

contract("results without the rest; a deadline is kept", async (fleet, hosts) => {
  const results = await fleet.run(`sleep ${lasting(84.5)}`, {
    timeout: 2_000,
    throttle: Infinity,
    waitTimeout: 60_000,
  })
    .results();
  assert.deepEqual(results.map(({ host }) => host).sort(), [...hosts].sort());
  assert.deepEqual(results.map(({ status }) => status), ["timedOut", "timedOut"]);
  await gone(lasting(84.5));
});

contract("leaving the loop early cancels and waits for the clean-up", async (fleet) => {
  const run = fleet.run(`echo x; sleep ${lasting(85.5)}`);
  for await (const event of run) if (event.type === "output") break;
  await gone(lasting(85.5));
  await assert.rejects(all(run), { code: "AlreadyIterated" });
});

contract("a signal cancels: every host still has its result", async (fleet) => {
  const controller = new AbortController();
  const statuses: string[] = [];
  for await (const event of fleet.run(`echo x; sleep ${lasting(86.5)}`, { signal: controller.signal })) {
    if (event.type === "output") controller.abort();
    if (event.type === "result") statuses.push(event.status);
  }
  assert.equal(statuses.length, 2);
  assert.ok(statuses.every((status) => status === "cancelled" || status === "unreachable"), String(statuses));
  assert.throws(() => fleet.run("x", { signal: controller.signal }), { name: "AbortError" });
});

contract("it closes although nobody reads its runs, and cancels them", async (fleet) => {
  fleet.run(`sleep ${lasting(87.5)}`);
  const events = fleet.run(`echo x; sleep ${lasting(87.5)}`)[Symbol.asyncIterator]();
  await events.next();
  await fleet.close();
  await gone(lasting(87.5));
  assert.throws(() => fleet.run("x"), { code: "FleetClosed" });
  await events.return?.();
});

contract("hosts by pattern, with what is known of them", async (fleet, [one = "", two = ""]) => {
  const [first] = await fleet.hosts(one);
  assert.deepEqual(first, {
    name: one,
    address: "127.0.0.1",
    port: Number(one.split(":")[1]),
    scheme: undefined,
    auth: undefined,
    groups: ["ungrouped"],
  });
  assert.deepEqual((await fleet.hosts()).map(({ name }) => name).sort(), [one, two].sort());
  await assert.rejects(fleet.hosts("nobody"), { code: "PatternUnmatched", blame: "caller" });
});

contract("a ping says which service answers", async (fleet, [host = ""]) => {
  const answer = await fleet.ping(host);
  assert.ok(answer.kind === "answered" && answer.durationMs > 0);
  assert.match(`${answer.vendor} ${answer.version}`, /^Drover \S/);
  assert.deepEqual(answer.logon, { mechanism: "Basic" });
  await assert.rejects(fleet.ping("nobody"), { code: "HostUnknown", blame: "caller" });
});

contract("what makes no sense is refused", async (fleet) => {
  assert.throws(() => fleet.run("x", { throttle: NaN }), { code: "BadOption" });
  assert.throws(() => fleet.run("x", { timeout: 0 }), { code: "BadOption" });
  await assert.rejects(async () => await all(fleet.run("x", { hosts: "nobody" })), {
    code: "PatternUnmatched",
    blame: "caller",
  });
  // NUL cannot be in XML.
  await assert.rejects(async () => await all(fleet.run("a\0b")), { blame: "caller" });
});
