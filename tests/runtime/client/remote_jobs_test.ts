/** What only a daemon's fleet has: jobs that outlive the script, and errors with the daemon's codes. */
import assert from "node:assert/strict";
import { DeniedError, Fleet, type JobEvent, NetworkError, Secret, UsageError } from "../../../mod.ts";
import { createSelfSigned } from "../../../runtime/security/certificates.ts";
import { gone, lasting } from "../cli/drover.ts";
import { world } from "../daemon/world.ts";

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

Deno.test("a job outlives the script that submitted it, and is followed by another from where the first stopped", async () => {
  await using here = await world();
  const seen: JobEvent[] = [];
  let id = "";
  {
    await using fleet = Fleet.connect({ url: here.url, token: new Secret(here.token) });
    const job = await fleet.submit("echo one; sleep 0.5; echo two", { throttle: 1, timeout: 60_000 });
    id = job.id;
    assert.deepEqual([job.hosts, job.request.throttle, job.request.timeoutMs], [2, 1, 60_000]);
    for await (const event of fleet.follow(id)) {
      seen.push(event);
      if (event.type === "output") break;
    }
  }
  await using fleet = Fleet.connect({ url: `${here.url}/`, token: here.token });
  for await (const event of fleet.follow(id, { after: seen.at(-1)!.seq })) seen.push(event);
  assert.deepEqual(seen, await all(fleet.follow(id)));
  assert.deepEqual(await all(fleet.follow(id, { after: seen.at(-1)!.seq })), []);
  const last = seen.at(-1)!;
  assert.ok(last.type === "job");
  assert.deepEqual(last.document, await fleet.job(id));
  assert.deepEqual([last.document.state, last.document.counts.succeeded], ["done", 2]);
  const results = await all(fleet.results(id, { status: "succeeded" }));
  assert.deepEqual(
    results.map(({ host, stdoutBytes }) => [host, stdoutBytes]),
    here.hosts.map((host) => [host, 8]),
  );
  assert.deepEqual(await all(fleet.results(id, { status: "failed" })), []);
  assert.deepEqual(await fleet.result(id, here.hosts[1]!), results[1]);
  assert.deepEqual(here.errors, []);
});

Deno.test("output is read by ranges, none behind its end", async () => {
  await using here = await world({ hosts: 1 });
  await using fleet = Fleet.connect(here);
  const [host = ""] = here.hosts;
  const { id } = await fleet.submit("printf 0123456789; printf error >&2");
  await all(fleet.follow(id));
  const read = async (range?: { readonly from?: number; readonly to?: number }) =>
    (await fleet.output(id, host, "stdout", range)).text();
  assert.equal(await read(), "0123456789");
  assert.equal(await read({ from: 7 }), "789");
  assert.equal(await read({ to: 3 }), "012");
  assert.equal(await read({ from: 3, to: 5 }), "34");
  assert.equal(await read({ from: 9, to: 99 }), "9");
  for (const none of [{ from: 10 }, { from: 4, to: 4 }, { from: 4, to: 2 }, { to: 0 }]) {
    assert.equal(await read(none), "", JSON.stringify(none));
  }
  assert.equal((await fleet.output(id, host, "stderr")).text(), "error");
  await assert.rejects(read({ from: -1 }), { code: "BadOption" });
  await assert.rejects(fleet.output(id, "nobody", "stdout"), { code: "HostUnknown" });
});

Deno.test("one key is one job; a job is listed, cancelled, and its hosts run once more", async () => {
  await using here = await world();
  await using fleet = Fleet.connect(here);
  const submit = (command: string) => fleet.submit(command, { idempotencyKey: "k-1" });
  const { id } = await submit(`echo x; sleep ${lasting(88.5)}`);
  assert.equal((await submit(`echo x; sleep ${lasting(88.5)}`)).id, id);
  await assert.rejects(submit("echo y"), { code: "IdempotencyKeyReused", blame: "caller" });
  await assert.rejects(fleet.retry(id), { code: "JobNotDone" });
  assert.deepEqual((await all(fleet.jobs({ state: "done" }))).map((job) => job.id), []);
  for await (const event of fleet.follow(id)) if (event.type === "output") break;
  assert.equal((await fleet.job(id)).state, "running", "whoever leaves the loop stops nothing");
  await fleet.cancel(id);
  await all(fleet.follow(id));
  await gone(lasting(88.5));
  const again = await fleet.retry(id, { hosts: [here.hosts[0]!], idempotencyKey: "k-2" });
  assert.deepEqual([again.retryOf, again.hosts], [id, 1]);
  assert.deepEqual((await all(fleet.jobs({ order: "oldest" }))).map((job) => job.id), [id, again.id]);
  await fleet.cancel(again.id);
  await all(fleet.follow(again.id));
});

Deno.test("a job is paused between its hosts, and goes on", async () => {
  await using here = await world();
  await using fleet = Fleet.connect(here);
  const gate = await Deno.makeTempFile();
  const { id } = await fleet.submit(`while [ -e ${gate} ]; do sleep 0.05; done`, { throttle: 1 });
  await fleet.pause(id);
  const paused = await fleet.job(id);
  assert.equal(paused.state, "paused");
  await Deno.remove(gate);
  const following = all(fleet.follow(id));
  await fleet.resume(id);
  const last = (await following).at(-1)!;
  assert.ok(last.type === "job" && last.document.counts.succeeded === 2);
});

Deno.test("following stops by a signal, the job goes on; a signal stops waiting for a daemon that is away, too", async () => {
  await using here = await world({ hosts: 1 });
  await using fleet = Fleet.connect(here);
  const { id } = await fleet.submit(`echo x; sleep ${lasting(89.5)}`);
  const stop = new AbortController();
  const following = (async () => {
    for await (const event of fleet.follow(id, { signal: stop.signal })) {
      if (event.type === "output") stop.abort();
    }
  })();
  await assert.rejects(following, { name: "AbortError" });
  assert.equal((await fleet.job(id)).state, "running");
  await fleet.cancel(id);
  await all(fleet.follow(id));
  await here.daemon.stop();
  const waiting = new AbortController();
  const next = fleet.follow(id, { signal: waiting.signal }).next();
  waiting.abort();
  await assert.rejects(next, { name: "AbortError" });
});

Deno.test("errors have the daemon's codes and say whose fault it is; tokens are in none", async () => {
  await using here = await world();
  await using fleet = Fleet.connect(here);
  await assert.rejects(fleet.job("00000000-0000-7000-8000-000000000000"), (error) => {
    assert.ok(error instanceof UsageError);
    assert.match(error.message, /^ask daemon: .* \(JobUnknown\)$/);
    return error.code === "JobUnknown";
  });
  await using stranger = Fleet.connect({ url: here.url, token: "drv_wrong" });
  await assert.rejects(stranger.hosts(), (error) => {
    assert.ok(error instanceof DeniedError);
    return !Deno.inspect(error).includes("drv_wrong") && !Deno.inspect(stranger).includes("drv_wrong");
  });
  await assert.rejects(fleet.submit("x", { stdin: new Uint8Array(9 * 1024 * 1024) }), { blame: "caller" });
  for (const url of ["127.0.0.1:7520", "ftp://127.0.0.1", ""]) {
    assert.throws(() => Fleet.connect({ url, token: "x" }), { code: "DaemonUnknown" }, url);
  }
  for (const token of ["", "a b", "a\n"]) {
    assert.throws(() => Fleet.connect({ url: here.url, token }), { code: "TokenMissing" });
  }
  assert.throws(() => Fleet.connect({ ...here, reconnectTimeout: NaN }), { code: "BadOption" });
});

Deno.test("a daemon that has never answered is given up soon; nothing was sent to it", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  await using fleet = Fleet.connect({ url: `http://127.0.0.1:${port}`, token: "x", reconnectTimeout: 200 });
  await assert.rejects(fleet.submit("x"), (error) => {
    assert.ok(error instanceof NetworkError);
    assert.equal(error.message, `ask daemon: http://127.0.0.1:${port} does not answer`);
    return error.code === "DaemonUnreachable";
  });
  const run = fleet.run("x");
  await assert.rejects(run.results(), { code: "DaemonUnreachable" });
});

Deno.test("a daemon with a certificate of its own is trusted by `ca` alone", async () => {
  const { certificate, key } = await createSelfSigned(["127.0.0.1"], Date.now());
  await using here = await world({ hosts: 1, tls: { cert: certificate, key }, ca: certificate });
  await using fleet = Fleet.connect({ url: here.url, token: here.token, ca: certificate });
  assert.deepEqual((await fleet.run("exit 5").results()).map(({ exitCode }) => exitCode), [5]);
  await using stranger = Fleet.connect({ url: here.url, token: here.token, reconnectTimeout: 0 });
  await assert.rejects(stranger.hosts(), { code: "CertificateUntrusted" });
});
