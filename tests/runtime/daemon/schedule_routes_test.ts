/** Schedules over the API of a real daemon: who may see, change and run what, and what becomes of it. */
import assert from "node:assert/strict";
import { problemCode, type World, world } from "./world.ts";

const path = "/v1/schedules/nightly";
const body = {
  cron: "30 2 * * *",
  timeZone: "Europe/Berlin",
  request: { command: "cat", stdin: btoa("hi") },
};

async function makeToken(w: World, name: string, more: Record<string, unknown>): Promise<string> {
  const answer = await w.ask("POST", "/v1/tokens", { body: { name, scope: "run", ...more } });
  assert.equal(answer.status, 201);
  return (await answer.json()).token;
}

Deno.test("a schedule is made, changed by its ETag only, run by hand, and removed", async () => {
  await using w = await world({ hosts: 1 });
  assert.equal(await problemCode(await w.ask("GET", path), 404), "ScheduleUnknown");
  const made = await w.ask("PUT", path, { body });
  assert.deepEqual([made.status, made.headers.get("ETag")], [201, '"1"']);
  const document = await made.json();
  assert.deepEqual(
    [
      document.missed,
      document.overlap,
      document.enabled,
      document.updatedBy,
      document.refusal,
      document.last,
    ],
    ["skip", "skip", true, "first", null, null],
  );
  assert.deepEqual(document.request, { command: "cat", hosts: "all", stdinBytes: 2 });
  assert.equal(document.next.length, 5);
  for (const time of document.next) {
    const local = new Date(time).toLocaleTimeString("en-GB", { timeZone: "Europe/Berlin" });
    assert.match(local, /^0[23]:[03]0:00$/);
  }

  assert.equal(await problemCode(await w.ask("PUT", path, { body }), 428), "IfMatchMissing");
  const stale = { headers: { "If-Match": '"7"' } };
  assert.equal(await problemCode(await w.ask("PUT", path, { body, ...stale }), 412), "Changed");
  assert.equal(await problemCode(await w.ask("DELETE", path, stale), 412), "Changed");

  const headers = { "Idempotency-Key": "k" };
  const run = await w.ask("POST", `${path}/run`, { headers });
  assert.equal(run.status, 202);
  const job = await run.json();
  assert.deepEqual([run.headers.get("Location"), job.scheduledBy], [`/v1/jobs/${job.id}`, "nightly"]);
  const events = await w.events(job.id);
  assert.equal(events.find(({ type }) => type === "output")?.["data"], "hi");
  assert.equal((await (await w.ask("POST", `${path}/run`, { headers })).json()).id, job.id);
  const { last } = await (await w.ask("GET", path)).json();
  assert.deepEqual([last.outcome, last.job, last.dueAt], ["started", job.id, null]);
  const listed = await (await w.ask("GET", "/v1/jobs?scheduledBy=nightly")).json();
  assert.deepEqual(listed.items.map(({ id }: { id: string }) => id), [job.id]);

  const off = await w.ask("PUT", path, { body: { ...body, enabled: false }, headers: { "If-Match": '"1"' } });
  assert.deepEqual([off.status, (await off.json()).next], [200, []]);
  assert.equal((await w.ask("DELETE", path, { headers: { "If-Match": '"2"' } })).status, 204);
  assert.equal(await problemCode(await w.ask("POST", `${path}/run`), 404), "ScheduleUnknown");
  const audit = await (await w.ask("GET", "/v1/audit?target=nightly")).json();
  assert.deepEqual(
    audit.items.map(({ action }: { action: string }) => action),
    ["schedule.remove", "schedule.change", "schedule.run", "schedule.create"],
  );
  assert.deepEqual(w.errors, []);
});

Deno.test("what was due while no daemon ran is made up for by the next start, with a real job", async () => {
  await using w = await world({
    hosts: 2,
    prepare: async (store) => {
      const [first] = store.read.tokens.list();
      const owner = { token: first!.id, name: first!.name, hosts: first!.hosts };
      // Half an hour away from now: nothing else becomes due while the test runs.
      const minute = (new Date().getUTCMinutes() + 30) % 60;
      const value = {
        cron: `${minute} * * * *`,
        timeZone: "UTC",
        missed: "runOnce",
        overlap: "skip",
        enabled: true,
      } as const;
      const request = { command: "echo made up for", hosts: "all" };
      await store.write.schedules.put(
        "s",
        { ...value, request, owner },
        undefined,
        Date.now() - 7_200_000,
        "absent",
      );
    },
  });
  await w.daemon.parts.schedules.idle;
  const { last } = await (await w.ask("GET", "/v1/schedules/s")).json();
  assert.equal(last.outcome, "started");
  const results = (await w.events(last.job)).filter(({ type }) => type === "result");
  assert.deepEqual(results.map(({ status }) => status), ["succeeded", "succeeded"]);
  const audit = await (await w.ask("GET", "/v1/audit?action=schedule.run")).json();
  assert.deepEqual([audit.items[0].who, audit.items[0].detail.job], ["first", last.job]);
});

Deno.test("what makes no sense as a schedule is refused with its problem", async () => {
  await using w = await world({ hosts: 1 });
  const code = async (more: Record<string, unknown>, status = 422) =>
    await problemCode(await w.ask("PUT", path, { body: { ...body, ...more } }), status);
  assert.equal(await code({ cron: "0 0 30 2 *" }), "CronNever");
  assert.equal(await code({ cron: "61 0 * * *" }), "CronInvalid");
  assert.equal(await code({ timeZone: "Europe/Atlantis" }), "TimeZoneUnknown");
  assert.equal(await code({ missed: "always" }), "RequestInvalid");
  assert.equal(await code({ request: {} }), "RequestInvalid");
  assert.equal(await code({ request: { command: "x", hosts: "~(a+)+$" } }), "PatternRefused");
  assert.equal(await code({ more: 1 }), "RequestInvalid");
  // Hosts may come later; until then there is nothing to run.
  const none = await w.ask("PUT", path, { body: { ...body, request: { command: "x", hosts: "later*" } } });
  assert.equal(none.status, 201);
  await none.text();
  assert.equal(await problemCode(await w.ask("POST", `${path}/run`), 409), "PatternUnmatched");
});

Deno.test("a token for some hosts has schedules of its own, which end with it", async () => {
  await using w = await world({ hosts: 2 });
  const [mine] = w.hosts as [string, string];
  const half = await makeToken(w, "half", { hosts: [mine] });
  const reader = await makeToken(w, "reader", { scope: "read" });
  await (await w.ask("PUT", "/v1/schedules/a", { body })).text();
  await (await w.ask("PUT", "/v1/schedules/z", { body })).text();
  assert.equal((await w.ask("PUT", path, { body, token: half })).status, 201);
  const names = async (token: string, query = "") => {
    const page = await (await w.ask("GET", `/v1/schedules${query}`, { token })).json();
    return [page.items.map(({ name }: { name: string }) => name).join(" "), page.next];
  };
  assert.deepEqual(await names(half), ["nightly", null]);
  assert.deepEqual(await names(half, "?limit=1"), ["nightly", null]);
  assert.deepEqual(await names(w.token, "?limit=2"), ["a nightly", "nightly"]);
  assert.deepEqual(await names(w.token, "?limit=2&cursor=nightly"), ["z", null]);
  for (const [method, at] of [["GET", ""], ["DELETE", ""], ["POST", "/run"]] as const) {
    assert.equal(
      await problemCode(await w.ask(method, `/v1/schedules/a${at}`, { token: half }), 404),
      "ScheduleUnknown",
    );
  }
  assert.equal(
    await problemCode(await w.ask("PUT", "/v1/schedules/a", { body, token: half }), 409),
    "ScheduleNameTaken",
  );
  assert.equal(
    await problemCode(await w.ask("PUT", "/v1/schedules/b", { body, token: reader }), 403),
    "ScopeMissing",
  );
  assert.equal(await problemCode(await w.ask("POST", `${path}/run`, { token: reader }), 403), "ScopeMissing");

  // Whoever runs it by hand, it has the hosts of its own token.
  const job = await (await w.ask("POST", `${path}/run`)).json();
  assert.equal(job.hosts, 1);
  await w.events(job.id);
  assert.equal((await w.ask("DELETE", "/v1/tokens/half")).status, 204);
  const { refusal } = await (await w.ask("GET", path)).json();
  assert.equal(refusal.code, "TokenGone");
  assert.equal(await problemCode(await w.ask("POST", `${path}/run`), 409), "TokenGone");
  // Somebody else may take it over.
  const taken = await w.ask("PUT", path, { body, headers: { "If-Match": "*" } });
  assert.deepEqual([taken.status, (await taken.json()).refusal], [200, null]);
});
