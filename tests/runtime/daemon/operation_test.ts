/** Health, readiness, figures and the stop of a daemon that runs jobs. */
import assert from "node:assert/strict";
import { StoreError } from "../../../actors/daemon/mod.ts";
import { Secret } from "../../../protocol/secret.ts";
import { Health } from "../../../runtime/daemon/operation/health.ts";
import { keepSame } from "../../../runtime/daemon/operation/same_host.ts";
import { stopText } from "../../../runtime/daemon/operation/stop_report.ts";
import { parseInventory } from "../../../runtime/inventory/mod.ts";
import type { Store } from "../../../runtime/store/mod.ts";
import { until } from "../cli/drover.ts";
import { problemCode, world } from "./world.ts";

/** The value of a figure with exactly these labels. */
function figure(text: string, name: string): number {
  const line = text.split("\n").find((one) => one.startsWith(`${name} `));
  assert.ok(line !== undefined, `${name} is missing`);
  return Number(line.slice(name.length + 1));
}

Deno.test("health and readiness need no token, figures need one that is limited to no hosts", async () => {
  await using w = await world();
  for (const path of ["/healthz", "/readyz"]) {
    const answer = await w.ask("GET", path, { token: null });
    assert.deepEqual([answer.status, await answer.json()], [200, { status: "ok" }], path);
  }
  assert.equal(await problemCode(await w.ask("GET", "/metrics", { token: null }), 401), "TokenRefused");
  const made = await w.ask("POST", "/v1/tokens", {
    body: { name: "some", scope: "read", hosts: [w.hosts[0]] },
  });
  const { token } = await made.json() as { token: string };
  assert.equal(await problemCode(await w.ask("GET", "/metrics", { token }), 403), "TokenLimited");
});

Deno.test("figures count jobs, results, operations and requests, and name no host, job or token", async () => {
  await using w = await world();
  const id = await w.submit({ hosts: "all", command: "echo out; exit 3" });
  await w.events(id);
  await w.ask("GET", "/v1/nothing").then((answer) => answer.body?.cancel());
  let text = "";
  await until(async () => {
    text = await (await w.ask("GET", "/metrics")).text();
    // What is counted last, each at its own time.
    return [
      'drover_operation_duration_seconds_count{operation="Delete",outcome="answered"} 2',
      'drover_http_request_duration_seconds_count{method="GET",route="/v1/jobs/:id/events",status="2xx"} 1',
      "drover_operations_running 0",
      "drover_jobs_done_total 1",
      'drover_jobs{state="running"} 0',
    ].every((line) => text.split("\n").includes(line));
  });
  assert.equal(figure(text, "drover_jobs_done_total"), 1);
  assert.equal(figure(text, 'drover_host_results_total{status="failed"}'), 2);
  assert.equal(figure(text, 'drover_host_results_total{status="succeeded"}'), 0);
  assert.equal(figure(text, 'drover_output_bytes_total{stream="stdout"}'), 8);
  assert.equal(
    figure(text, 'drover_operation_duration_seconds_count{operation="Command",outcome="answered"}'),
    2,
  );
  assert.equal(figure(text, "drover_operations_running"), 0);
  assert.equal(figure(text, 'drover_jobs{state="running"}'), 0);
  assert.equal(figure(text, "drover_inventory_hosts"), 2);
  assert.equal(figure(text, "drover_ready"), 1);
  assert.ok(figure(text, "drover_permit_slots") > 0);
  assert.ok(figure(text, "drover_actors") > 2);
  assert.ok(figure(text, "drover_store_commits_total") > 0);
  assert.ok(figure(text, "drover_store_commit_seconds_total") > 0);
  const requests = (labels: string) => figure(text, `drover_http_request_duration_seconds_count{${labels}}`);
  assert.equal(requests('method="POST",route="/v1/jobs",status="2xx"'), 1);
  assert.equal(requests('method="GET",route="/v1/jobs/:id/events",status="2xx"'), 1);
  assert.equal(requests('method="GET",route="none",status="4xx"'), 1);
  for (const secret of [id, w.token, "127.0.0.1", "echo out"]) assert.ok(!text.includes(secret), secret);
  // What every line of the text form looks like.
  for (const line of text.split("\n")) {
    assert.match(line, /^(|# (HELP|TYPE) drover_[a-z_]+ .+|drover_[a-z_]+(\{[^{}]*\})? \S+)$/);
  }
  assert.equal(w.errors.length, 0);
});

Deno.test("a breaker that opens is counted", async () => {
  await using w = await world({ dead: 1 });
  const dead = w.hosts.at(-1)!;
  for (let n = 0; n < 6; n++) await w.events(await w.submit({ hosts: dead, command: "true" }));
  await until(async () =>
    figure(await (await w.ask("GET", "/metrics")).text(), "drover_breakers_open") === 1
  );
});

Deno.test("while it stops nothing is begun, jobs can be looked at and are cancelled after the given time; the report counts", async () => {
  await using w = await world({ drainMs: 60_000 });
  const id = await w.submit({ hosts: "all", command: "echo began; sleep 60", throttle: 1 });
  const follower = w.ask("GET", `/v1/jobs/${id}/events`);
  await until(async () => {
    const answer = await w.ask("GET", `/v1/jobs/${id}/hosts/${w.hosts[0]}`);
    const { stdoutBytes } = await answer.json() as { stdoutBytes: number };
    return stdoutBytes > 0;
  });
  const stopped = w.daemon.stop();
  const ready = await w.ask("GET", "/readyz", { token: null });
  assert.equal(await problemCode(ready, 503), "NotReady");
  assert.equal(
    await w.ask("GET", "/healthz", { token: null }).then((answer) => answer.body?.cancel()),
    undefined,
  );
  const refused = await w.ask("POST", "/v1/jobs", { body: { hosts: "all", command: "true" } });
  assert.equal(await problemCode(refused, 503), "NotReady");
  const job = await (await w.ask("GET", `/v1/jobs/${id}`)).json() as { state: string };
  assert.equal(job.state, "running");
  w.daemon.hurry();
  const report = await stopped;
  assert.deepEqual(report, {
    jobsDone: 0,
    hostsEnded: 0,
    hostsStopped: 1,
    jobsLeft: 1,
    hostsWaiting: 1,
    hostsAsked: 0,
  });
  assert.equal(
    stopText(report),
    "stopped: 1 host stopped, the next start goes on with 1 job (1 host to begin, 0 hosts to ask)",
  );
  // The stream was ended, not cut.
  assert.match(await (await follower).text(), /event: result/);
});

Deno.test("a store that fails makes it not ready until something was written again, which is tried now and then", async () => {
  let failure: string | null = null;
  let now = 0;
  const tries: number[] = [];
  const store = {
    stats: () => ({ failure }),
    write: {
      audit: {
        add: () => {
          tries.push(now);
          if (now < 6_000) {
            return Promise.reject(new StoreError("StoreFull", "write to store: the disk is full"));
          }
          failure = null;
          return Promise.resolve();
        },
      },
    },
  } as unknown as Store;
  const health = new Health(store, () => now);
  assert.deepEqual(health.reasons(), ["Starting"]);
  health.enter("ready");
  assert.deepEqual(health.reasons(), []);
  failure = "StoreFull";
  for (; now < 12_000; now += 1_000) health.reasons();
  await Promise.resolve();
  assert.deepEqual(tries, [0, 5_000, 10_000]);
  assert.deepEqual(health.reasons(), []);
  health.enter("draining");
  assert.deepEqual(health.reasons(), ["Stopping"]);
});

Deno.test("a new reading of an inventory keeps the hosts of which it says nothing new, and sees another password", () => {
  const read = (text: string) => parseInventory(text, "hosts.ini", {}).inventory;
  const before = read(
    "a ansible_user=u ansible_password=one\nb ansible_port=5985\nc\nd ansible_winrm_ca_trust_path=/x\n",
  );
  const after = read(
    "a ansible_user=u ansible_password=two\nb ansible_port=5985\ne\nd ansible_winrm_ca_trust_path=/x\n",
  );
  assert.ok(after.hosts[0]!.password instanceof Secret);
  const { inventory, changes } = keepSame(before, after);
  assert.deepEqual(changes, { added: ["e"], removed: ["c"], changed: ["a", "d"] });
  assert.equal(
    inventory.hosts.find(({ name }) => name === "b"),
    before.hosts.find(({ name }) => name === "b"),
  );
  assert.equal(inventory.hosts.find(({ name }) => name === "a")!.password!.reveal(), "two");
  assert.deepEqual(inventory.hosts.map(({ name }) => name), after.hosts.map(({ name }) => name));
});

Deno.test("what tokens see follows the inventory", async () => {
  await using w = await world();
  const made = await w.ask("POST", "/v1/tokens", {
    body: { name: "webs", scope: "run", hosts: ["web*"] },
  });
  const { token } = await made.json() as { token: string };
  const seen = async () => {
    const { items } = await (await w.ask("GET", "/v1/hosts", { token })).json() as {
      items: { name: string }[];
    };
    return items.map(({ name }) => name);
  };
  assert.deepEqual(await seen(), []);
  const { inventory } = parseInventory("web1\nweb2\ndb1\n", "hosts.txt", {});
  assert.deepEqual(w.daemon.setInventory(inventory).added, ["web1", "web2", "db1"]);
  assert.deepEqual(await seen(), ["web1", "web2"]);
});
