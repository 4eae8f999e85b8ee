/** 200 hosts are running when their service is killed with -9, or single connections are reset. */
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { Fleet, type FleetEvent } from "../../../mod.ts";
import { gone, lasting, password } from "../cli/drover.ts";
import { startMany } from "./many.ts";

const hosts = 200;

/** A slow machine takes its time to log on to them all at once. */
const connectTimeoutMs = 120_000;

interface Proxy {
  readonly port: number;
  readonly reset: () => void;
  readonly close: () => void;
}

/** A proxy whose connections can be reset: both ends see an RST, not an orderly end. */
async function proxy(to: number): Promise<Proxy> {
  const open = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(to, "127.0.0.1");
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on("error", () => {}).on("close", () => open.delete(socket));
    }
    near.pipe(far);
    far.pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const reset = () => {
    for (const socket of open) socket.resetAndDestroy();
  };
  return { port: (server.address() as AddressInfo).port, reset, close: () => (server.close(), reset()) };
}

interface Seen {
  /** Hosts that have given output. */
  readonly output: Set<string>;
  readonly started: Set<string>;
  readonly results: Map<string, { status: string; code: string | undefined }>;
}

async function watch(run: AsyncIterable<FleetEvent>, seen: Seen, onEvent: () => void): Promise<void> {
  for await (const event of run) {
    if (event.type === "progress") seen.started.add(event.host);
    if (event.type === "output") seen.output.add(event.host);
    if (event.type === "result") {
      assert.ok(!seen.results.has(event.host), "one result for each host");
      seen.results.set(event.host, { status: event.status, code: event.error?.code });
    }
    onEvent();
  }
}

function emptySeen(): Seen {
  return { output: new Set(), started: new Set(), results: new Map() };
}

Deno.test("200 hosts run when the service is killed with -9: every result is true, and no process is left", async () => {
  const { child, ports } = await startMany(hosts);
  await using fleet = new Fleet({
    hosts: ports.map((port) => `127.0.0.1:${port}`),
    user: "demo",
    password,
    throttle: 150,
    connectTimeoutMs,
  });
  const seen = emptySeen();
  const killed = Promise.withResolvers<void>();
  let outputAtKill = new Set<string>();
  const watched = watch(fleet.run(`echo started; sleep ${lasting(71.5)}`), seen, () => {
    if (seen.output.size < 50 || outputAtKill.size > 0) return;
    outputAtKill = new Set(seen.output);
    child.kill("SIGKILL");
    killed.resolve();
  });
  await killed.promise;
  await child.status;
  await watched;
  assert.equal(seen.results.size, hosts);
  const counts = new Map<string, number>();
  for (const [host, { status }] of seen.results) {
    counts.set(status, (counts.get(status) ?? 0) + 1);
    if (seen.output.has(host)) assert.equal(status, "unknown", `${host} had started`);
    else assert.ok(status === "unknown" || status === "unreachable", `${host}: ${status}`);
    if (!seen.started.has(host)) assert.equal(status, "unreachable");
  }
  // Those that never had their turn were not sent anything.
  assert.ok((counts.get("unreachable") ?? 0) >= hosts - 150);
  assert.ok((counts.get("unknown") ?? 0) >= 50);
  await gone(lasting(71.5));
});

Deno.test("single connections are reset while 200 hosts run: unknown for those, success for all others", async () => {
  const { child, ports } = await startMany(hosts);
  const proxies = await Promise.all(ports.slice(0, 20).map((port) => proxy(port)));
  try {
    const names = ports.map((port, index) => `127.0.0.1:${proxies[index]?.port ?? port}`);
    const broken = new Set(names.slice(0, 20));
    await using fleet = new Fleet({ hosts: names, user: "demo", password, throttle: 200, connectTimeoutMs });
    const seen = emptySeen();
    let cut = false;
    // Who opens a pipe with a name waits until somebody writes to it.
    const gate = `${await Deno.makeTempDir()}/gate`;
    assert.ok((await new Deno.Command("mkfifo", { args: [gate] }).output()).success);
    let opened: Promise<Deno.FsFile> | undefined;
    await watch(
      fleet.run(`echo started; : < ${gate}; exit 0 # ${lasting(72.5)}`),
      seen,
      () => {
        if (!cut && seen.output.size === hosts) {
          cut = true;
          for (const each of proxies) each.reset();
        }
        // The others may end once the broken ones have.
        if (seen.results.size >= broken.size) opened ??= Deno.open(gate, { write: true });
      },
    );
    (await opened)?.close();
    await Deno.remove(dirname(gate), { recursive: true });
    assert.equal(seen.results.size, hosts);
    for (const [host, { status }] of seen.results) {
      assert.equal(status, broken.has(host) ? "unknown" : "succeeded", host);
    }
    // The broken ones were signalled over new connections: nothing runs on at the service.
    await gone(lasting(72.5));
  } finally {
    for (const each of proxies) each.close();
    child.kill("SIGKILL");
    await child.status;
  }
});
