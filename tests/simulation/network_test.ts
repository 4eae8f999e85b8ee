/** The simulated network keeps the promises of the real transports, and breaks where it was told to. */
import assert from "node:assert/strict";
import type { Connection, ConnectionEvents } from "../../actors/ports.ts";
import { utf8 } from "../../protocol/bytes.ts";
import {
  type ConnectionPlan,
  type LinkConditions,
  SimulatedNetwork,
} from "../../runtime/transports/simulated.ts";
import { SeededRandom, VirtualClock } from "../helpers/virtual_clock.ts";

const conditions: LinkConditions = {
  latencyMs: [1, 9],
  bytesPerMs: Infinity,
  chunks: "any",
  windowBytes: 1_000,
};

class Recorder implements ConnectionEvents {
  connection!: Connection;
  readonly log: string[] = [];
  bytes: number[] = [];
  drains = 0;

  constructor(readonly reads = true) {}

  onOpen(): void {
    this.log.push("open");
    if (this.reads) this.connection.resume();
  }
  onData(bytes: Uint8Array): void {
    this.bytes.push(...bytes);
    if (this.reads) this.connection.resume();
  }
  onEnd(): void {
    this.log.push("end");
  }
  onDrain(): void {
    this.drains++;
  }
  onClosed(error: { readonly code: string } | undefined): void {
    this.log.push(error === undefined ? "closed in order" : error.code);
  }

  get text(): string {
    return new TextDecoder().decode(new Uint8Array(this.bytes));
  }
}

function pair(plan: Partial<ConnectionPlan> = {}, serverReads = true) {
  const clock = new VirtualClock();
  const network = new SimulatedNetwork({
    clock,
    random: new SeededRandom(5),
    plan: () => ({ conditions, ...plan }),
  });
  const server = new Recorder(serverReads);
  network.listenerHost().listen({ host: "far", port: 1 }, {
    onListening: () => {},
    onClosed: () => {},
    onConnection: (accept) => void (server.connection = accept(server)),
  });
  const client = new Recorder();
  client.connection = network.connector("near").connect({ host: "far", port: 1, timeoutMs: 5_000 }, client);
  assert.deepEqual(client.log, [], "no event may come from inside connect");
  const run = (ms: number) => {
    const limit = clock.monotonic() + ms;
    while (clock.step(limit));
  };
  return { network, server, client, run };
}

Deno.test("bytes arrive in order, each side half-closes, and both close in order", () => {
  const { network, server, client, run } = pair();
  client.connection.write(utf8("hello "));
  client.connection.write(utf8("world"));
  client.connection.end();
  run(100);
  assert.equal(server.text, "hello world");
  assert.deepEqual(server.log, ["open", "end"]);
  server.connection.write(utf8("late"));
  server.connection.end();
  run(100);
  assert.equal(client.text, "late");
  assert.deepEqual(client.log, ["open", "end", "closed in order"]);
  assert.deepEqual(server.log, ["open", "end", "closed in order"]);
  assert.equal(network.openEnds, 0);
});

Deno.test("a reader that does not read stops the writer, one chunk for each resume", () => {
  const { server, client, run } = pair({}, false);
  run(100);
  let taken = true;
  for (let i = 0; i < 10 && taken; i++) taken = client.connection.write(new Uint8Array(50_000));
  assert.equal(taken, false);
  run(1_000);
  assert.equal(server.bytes.length, 0);
  server.connection.resume();
  assert.equal(server.bytes.length, 0, "no event may come from inside resume");
  run(1_000);
  const first = server.bytes.length;
  assert.ok(first > 0 && first <= 1_000);
  run(1_000);
  assert.equal(server.bytes.length, first);
  assert.equal(client.drains, 0);
});

Deno.test("a connection breaks behind exactly the byte that was chosen, and those hear of it who are told", () => {
  for (const told of ["both", "client", "server", "nobody"] as const) {
    const { server, client, run } = pair({ break: { direction: "toServer", afterBytes: 7, told } });
    client.connection.write(utf8("0123456789"));
    run(1_000);
    const heard = (side: Recorder) => side.log.includes("ConnectionReset");
    assert.equal(server.text, "0123456");
    assert.equal(heard(client), told === "both" || told === "client", told);
    assert.equal(heard(server), told === "both" || told === "server", told);
    server.connection.write(utf8("nothing passes"));
    run(1_000);
    assert.equal(client.text, "");
  }
});

Deno.test("connecting is refused, or never answered, or held up by a partition", () => {
  const refused = pair({ connect: "refused" });
  refused.run(100);
  assert.deepEqual(refused.client.log, ["ConnectRefused"]);
  const unanswered = pair({ connect: "unanswered" });
  unanswered.run(10_000);
  assert.deepEqual(unanswered.client.log, ["ConnectTimeout"]);
  const held = pair();
  held.network.hold("far");
  held.run(1_000);
  assert.deepEqual(held.client.log, []);
  held.network.heal("far");
  held.run(100);
  assert.deepEqual(held.client.log, ["open"]);
});

Deno.test("a machine that dies tells its peers by a reset, and hears nothing any more itself", () => {
  const { network, server, client, run } = pair();
  run(100);
  network.crash("far", "peers");
  run(100);
  assert.deepEqual(client.log, ["open", "ConnectionReset"]);
  assert.deepEqual(server.log, ["open"]);
  assert.equal(network.openEnds, 0);
});
