/** The fleet at a glance, runs of a host, and what is known of a token. */
import assert from "node:assert/strict";
import { inventoryFromHosts } from "../../../runtime/inventory/mod.ts";
import { paced } from "../../../runtime/daemon/paced.ts";
import { until } from "../cli/drover.ts";
import { problemCode, world } from "./world.ts";

interface FleetPage {
  readonly items: {
    readonly name: string;
    readonly work: {
      state: string;
      permits: { running: number; waiting: number };
      breaker: { state: string };
    };
    readonly last: { job: string; status: string } | null;
  }[];
  readonly next: string | null;
  readonly total: number;
  readonly permits: { held: number } | null;
}

Deno.test("the fleet says what each host does, how its last run ended, and of own jobs only to a limited token", async () => {
  await using w = await world({ hosts: 3 });
  const fleet = async (query: string, token?: string): Promise<FleetPage> => {
    const answer = await w.ask("GET", `/v1/fleet${query}`, token === undefined ? {} : { token });
    assert.equal(answer.status, 200);
    return await answer.json();
  };
  const names = [...w.hosts].sort();
  const first = await fleet("?limit=2");
  assert.deepEqual([first.items.map(({ name }) => name), first.next, first.total], [
    names.slice(0, 2),
    names[1],
    3,
  ]);
  assert.deepEqual((await fleet(`?cursor=${first.next}`)).items.map(({ name }) => name), names.slice(2));
  assert.deepEqual(first.items[0]!.work.state, "idle");
  assert.equal(first.items[0]!.last, null);

  const job = await w.submit({ command: "echo begun; read line", hosts: names[0]! });
  const running = async () => (await fleet("?busy=true")).items;
  await until(async () => (await running())[0]?.work.permits.running === 1);
  const [host, ...others] = await running();
  assert.deepEqual([host!.name, host!.work.state, host!.work.breaker.state, others.length], [
    names[0],
    "active",
    "closed",
    0,
  ]);
  const detail = await (await w.ask("GET", `/v1/hosts/${names[0]}`)).json();
  assert.deepEqual([detail.work.permits, detail.actor.state], [{ running: 1, waiting: 0 }, "running"]);
  await (await w.ask("POST", `/v1/jobs/${job}/cancel`)).text();
  await w.events(job);
  const after = (await fleet("")).items[0]!;
  assert.deepEqual([after.last?.job, after.last?.status], [job, "cancelled"]);

  // What nobody answers for is connected to nothing, and not tried for a while.
  w.daemon.parts.book.setFile(inventoryFromHosts([...w.hosts, "127.0.0.1:1"]));
  for (let i = 0; i < 5; i++) await w.events(await w.submit({ command: "true", hosts: "127.0.0.1:1" }));
  const closed = async () => (await fleet("?pattern=127.0.0.1:1")).items[0]!.work;
  await until(async () => (await closed()).breaker.state !== "closed");
  assert.deepEqual([(await closed()).state, (await closed()).breaker.state], ["idle", "open"]);

  const runs = await (await w.ask("GET", `/v1/hosts/${names[0]}/runs`)).json();
  assert.deepEqual(
    runs.items.map((run: { status: string; job: { id: string; request: { command: string } } }) => [
      run.status,
      run.job.id,
      run.job.request.command,
    ]),
    [["cancelled", job, "echo begun; read line"]],
  );

  const { token } = await (await w.ask("POST", "/v1/tokens", {
    body: { name: "half", scope: "read", hosts: [names[0]] },
  })).json();
  const limited = await fleet("", token);
  assert.deepEqual([limited.items.map(({ name }) => name), limited.items[0]!.last, limited.permits], [
    [names[0]],
    null,
    null,
  ]);
  assert.deepEqual((await (await w.ask("GET", `/v1/hosts/${names[0]}/runs`, { token })).json()).items, []);
  const hidden = await w.ask("GET", `/v1/hosts/${names[1]}/runs`, { token });
  assert.equal(await problemCode(hidden, 404), "HostUnknown");
  const own = await (await w.ask("GET", "/v1/token", { token })).json();
  assert.deepEqual([own.name, own.scopes, own.token, own.hash], ["half", ["read"], undefined, undefined]);
  assert.deepEqual(w.errors, []);
});

Deno.test("a fleet of 10,000 hosts is told in pages, each host once", async () => {
  await using w = await world({ hosts: 1 });
  w.daemon.parts.book.setFile(inventoryFromHosts(Array.from({ length: 10_000 }, (_, i) => `h${i}.example`)));
  const seen = new Set<string>();
  let next: string | null = "";
  while (next !== null) {
    const page: { items: { name: string }[]; next: string | null } =
      await (await w.ask("GET", `/v1/fleet?limit=1000${next === "" ? "" : `&cursor=${next}`}`))
        .json();
    for (const { name } of page.items) seen.add(name);
    next = page.next;
  }
  assert.equal(seen.size, 10_000);
});

Deno.test("paced work is shared, and leaves the process twenty times its time", async () => {
  let now = 0;
  let made = 0;
  const picture = paced(() => {
    now += 100;
    return Promise.resolve(++made);
  }, () => now);
  assert.deepEqual(await Promise.all([picture(), picture()]), [1, 1]);
  now += 1_899;
  assert.equal(await picture(), 1);
  now += 1;
  assert.equal(await picture(), 2);
  const failing = paced(
    () => ++made < 4 ? Promise.reject(new Error("no")) : Promise.resolve(made),
    () => now,
  );
  await assert.rejects(failing());
  assert.equal(await failing(), 4);
});
