/**
 * One life of a daemon without its API, for tests that kill it: `STORE PORTS COMMAND [WISH]`. The first life makes the job. Each line that it
 * prints is the number of hosts with a result; `answered` says that the wish (`pause`, `resume`, `cancel`) was. It ends by itself when the
 * job is done.
 * @module
 */
import { Secret } from "../../../protocol/secret.ts";
import { FleetRunner } from "../../../runtime/daemon/fleet_runner.ts";
import { targetOf } from "../../../runtime/client/targets.ts";
import { inventoryFromHosts } from "../../../runtime/inventory/mod.ts";
import { openStore } from "../../../runtime/store/mod.ts";

/** Id of the job. */
export const jobId = "019ab000-0000-7000-8000-000000000001";

async function live(path: string, ports: readonly number[], command: string, wish: string): Promise<void> {
  const inventory = inventoryFromHosts(ports.map((port) => `127.0.0.1:${port}`));
  const connection = { user: "demo", password: new Secret(Deno.env.get("PW") ?? "") };
  const targets = new Map(inventory.hosts.map((host) => [host.name, targetOf(host, connection, () => "")]));
  const store = await openStore({ path });
  const runner = new FleetRunner({
    store,
    livesDir: `${path}.lives`,
    onCrash: ({ path, error }) => console.error(path, error),
  });
  const done = Promise.withResolvers<void>();
  const tell = () => {
    const job = store.read.jobs.get(jobId);
    if (job === undefined) return;
    console.log(Object.values(job.counts).reduce((sum, count) => sum + count, 0));
    if (job.state === "done") done.resolve();
  };
  store.subscribe(tell);
  if (store.read.jobs.get(jobId) === undefined) {
    const creation = await store.write.jobs.create({
      id: jobId,
      request: { command, hosts: "all" },
      hosts: [...targets.keys()],
      createdAt: Date.now(),
      createdBy: "test",
    });
    if (creation.kind === "created") runner.start(creation.job, [...targets.values()], undefined);
  } else runner.recover(store.read.jobs.unfinished(), (host) => targets.get(host), [...targets.keys()]);
  tell();
  if (wish === "pause" || wish === "resume" || wish === "cancel") {
    await runner[wish](jobId);
    console.log("answered");
  }
  await done.promise;
  await runner.close();
  await store.close();
}

if (import.meta.main) {
  const [path = "", ports = "", command = "", wish = ""] = Deno.args;
  await live(path, JSON.parse(ports) as number[], command, wish);
}
