/** Connections that break anywhere, and daemons that are restarted: no event is lost or doubled, no job is made twice. */
import assert from "node:assert/strict";
import { Fleet, type JobEvent } from "../../../mod.ts";
import { Secret } from "../../../protocol/secret.ts";
import { Daemon, firstToken } from "../../../runtime/daemon/daemon.ts";
import { inventoryFromHosts } from "../../../runtime/inventory/mod.ts";
import { openStore } from "../../../runtime/store/mod.ts";
import { DaemonConnection } from "../../../runtime/client/remote/connection.ts";
import { followJob } from "../../../runtime/client/remote/follow.ts";
import { password, startService, user } from "../cli/drover.ts";
import { world } from "../daemon/world.ts";
import { type CuttingProxy, cuttingProxy } from "./cutting_proxy.ts";

const portOf = (url: string) => Number(new URL(url).port);

Deno.test("a connection that is cut every few bytes loses no event and doubles none", async () => {
  await using here = await world();
  await using direct = Fleet.connect(here);
  const { id } = await direct.submit("for i in 1 2 3; do echo line $i é; sleep 0.1; done");
  // The answer's head alone is some hundred bytes: each connection gets a little further, and one in four nowhere.
  let connections = 0;
  await using proxy = cuttingProxy(
    portOf(here.url),
    () => connections++ % 4 === 3 ? 20 : 700 + 97 * (connections % 11),
  );
  await using fleet = Fleet.connect({ url: proxy.url, token: here.token });
  const seen: JobEvent[] = [];
  for await (const event of fleet.follow(id)) seen.push(event);
  assert.ok(proxy.cuts >= 3, `${proxy.cuts} cuts`);
  const whole: JobEvent[] = [];
  for await (const event of direct.follow(id)) whole.push(event);
  assert.deepEqual(seen, whole);
  assert.deepEqual(here.errors, []);
});

Deno.test("an answer that was lost is asked for again: the job is made once, the run is whole", async () => {
  await using here = await world({ hosts: 1 });
  // What was asked has arrived when its answer is cut.
  let connections = 0;
  await using proxy = cuttingProxy(portOf(here.url), () => connections++ < 3 ? 1 : Infinity);
  await using fleet = Fleet.connect({ url: proxy.url, token: here.token });
  const results = await fleet.run("echo once").results();
  assert.deepEqual(results.map(({ status }) => status), ["succeeded"]);
  assert.equal(proxy.cuts, 3);
  await using direct = Fleet.connect(here);
  const jobs = [];
  for await (const job of direct.jobs()) jobs.push(job);
  assert.equal(jobs.length, 1);
});

Deno.test("a connection that stays open and silent counts as lost, in the middle of an answer and before it", async () => {
  await using here = await world({ hosts: 1 });
  await using direct = Fleet.connect(here);
  const { id } = await direct.submit("echo x");
  const whole: number[] = [];
  for await (const { seq } of direct.follow(id)) whole.push(seq);
  // One is silent before its answer's head is over, the next in the middle of its events. On a slow machine others may be, too.
  await using proxy: CuttingProxy = cuttingProxy(
    portOf(here.url),
    () => [20, 900][proxy.cuts] ?? Infinity,
    true,
  );
  using connection = new DaemonConnection({ url: proxy.url, token: here.token }, {
    silenceMs: 300,
    answerMs: 300,
  });
  const seen: number[] = [];
  for await (const { seq } of followJob(connection, id)) seen.push(seq);
  assert.deepEqual([seen, proxy.cuts], [whole, 2]);
});

Deno.test("what must not be done twice is not asked for again once it may have arrived", async () => {
  await using here = await world({ hosts: 1 });
  await using proxy = cuttingProxy(portOf(here.url), () => 1);
  using connection = new DaemonConnection({ url: proxy.url, token: here.token });
  await assert.rejects(
    connection.json("POST", "/v1/tokens", { body: { name: "t", scope: "read" } }),
    { code: "DaemonUnreachable", message: /whether it was done is not known$/ },
  );
  assert.equal(proxy.cuts, 1);
});

Deno.test("a daemon that is restarted in mid-job: the run goes on, each event once", async () => {
  const folder = await Deno.makeTempDir({ prefix: "drover-remote-" });
  await Deno.chmod(folder, 0o700);
  await using service = await startService(["--auth", "basic", "--allow-unencrypted"], Array(6).fill("http"));
  const inventory = inventoryFromHosts(service.ports.map((port) => `127.0.0.1:${port}`));
  const connection = { user, password: new Secret(password), auth: "basic" } as const;
  const errors: unknown[] = [];
  let token = "";
  const life = async (port: number) => {
    const store = await openStore({ path: `${folder}/drover.db` });
    token ||= (await firstToken(store))!;
    return await Daemon.start({
      store,
      inventory,
      connection,
      host: "127.0.0.1",
      port,
      onError: (error) => errors.push(error),
    });
  };
  let daemon = await life(0);
  try {
    const { url } = daemon;
    await using fleet = Fleet.connect({ url, token });
    const run = fleet.run("echo here; sleep 0.2", { throttle: 1 });
    let restarting: Promise<void> | undefined;
    const results: string[] = [];
    const seqs: number[] = [];
    for await (const event of run) {
      seqs.push(event.seq);
      if (event.type !== "result") continue;
      results.push(`${event.host} ${event.status}`);
      restarting ??= (async () => {
        await daemon.stop();
        daemon = await life(portOf(url));
      })();
    }
    await restarting;
    assert.deepEqual(results.sort(), service.ports.map((port) => `127.0.0.1:${port} succeeded`).sort());
    assert.deepEqual(seqs, [...new Set(seqs)].sort((a, b) => a - b));
    const { id } = await run.job;
    const whole: number[] = [];
    for await (const event of fleet.follow(id)) if (event.type !== "job") whole.push(event.seq);
    assert.deepEqual(seqs, whole);
    assert.deepEqual(errors, []);
  } finally {
    await daemon.stop();
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a daemon that stays away ends the run with an error, after reconnectTimeout; the job goes on", async () => {
  await using here = await world({ hosts: 1 });
  const proxy = cuttingProxy(portOf(here.url), () => Infinity);
  const fleet = Fleet.connect({ url: proxy.url, token: here.token, reconnectTimeout: 300 });
  const gate = await Deno.makeTempFile();
  const run = fleet.run(`echo x; while [ -e ${gate} ]; do sleep 0.05; done; echo y`);
  let id = "";
  await assert.rejects(
    async () => {
      for await (const event of run) {
        id = event.job;
        if (event.type === "output") await proxy[Symbol.asyncDispose]();
      }
    },
    { code: "DaemonUnreachable", blame: "network" },
  );
  await fleet.close();
  await Deno.remove(gate);
  await using direct = Fleet.connect(here);
  const statuses: string[] = [];
  for await (const event of direct.follow(id)) if (event.type === "result") statuses.push(event.status);
  assert.deepEqual(statuses, ["succeeded"]);
});

Deno.test("a run that could not be cancelled says so", async () => {
  await using here = await world({ hosts: 1 });
  const proxy = cuttingProxy(portOf(here.url), () => Infinity);
  const fleet = Fleet.connect({ url: proxy.url, token: here.token, reconnectTimeout: 300 });
  const gate = await Deno.makeTempFile();
  const run = fleet.run(`while [ -e ${gate} ]; do sleep 0.05; done`);
  await run.job;
  await proxy[Symbol.asyncDispose]();
  await assert.rejects(fleet.close(), { code: "DaemonUnreachable" });
  await Deno.remove(gate);
});

Deno.test("a daemon that stops is named as such, and is not waited for longer than notReadyTimeout", async () => {
  await using here = await world({ hosts: 1, drainMs: 60_000 });
  await using fleet = Fleet.connect({ url: here.url, token: here.token, notReadyTimeout: 200 });
  const { id } = await fleet.submit("echo begun; sleep 60");
  for await (const event of fleet.follow(id)) if (event.type === "output") break;
  const stopped = here.daemon.stop();
  await assert.rejects(fleet.submit("true"), { code: "NotReady", message: /the daemon is stopping/ });
  here.daemon.hurry();
  await stopped;
});

Deno.test("a daemon that was stopping and is gone then is not waited for longer either, and it is told", async () => {
  const problem = JSON.stringify({ code: "NotReady", detail: "the daemon is stopping" });
  let answers = 0;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
    answers++;
    // Nobody listens any more when it is asked again.
    void server.shutdown();
    return new Response(problem, { status: 503, headers: { "Connection": "close" } });
  });
  const url = `http://127.0.0.1:${server.addr.port}`;
  await using fleet = Fleet.connect({ url, token: "drv_x", notReadyTimeout: 500 });
  await assert.rejects(fleet.submit("true"), {
    code: "DaemonUnreachable",
    message: /was starting or stopping, and does not answer any more/,
  });
  assert.equal(answers, 1);
  await server.finished;
});
