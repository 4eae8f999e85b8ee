/** Settings of the daemon that are changed while it runs. */
import assert from "node:assert/strict";
import { LiveSettings } from "../../../runtime/daemon/settings.ts";
import { problemCode, world } from "./world.ts";

Deno.test("settings take effect, are changed by version, and stay after a restart", async () => {
  await using w = await world({ hosts: 3, limits: { requestsPerSecond: 500 } });
  const first = await w.ask("GET", "/v1/settings");
  const before = await first.json();
  assert.deepEqual(before, {
    throttle: 32,
    heartbeatMs: 15_000,
    requestsPerSecond: 500,
    updatedAt: null,
    updatedBy: null,
  });
  const put = (body: unknown, tag?: string) =>
    w.ask("PUT", "/v1/settings", { body, headers: tag === undefined ? {} : { "If-Match": tag } });
  assert.equal(await problemCode(await put({ throttle: 1 }), 428), "IfMatchMissing");
  assert.equal(await problemCode(await put({ throttle: 1 }, '"7"'), 412), "Changed");
  for (
    const body of [{ throttle: 0 }, { throttle: null }, { heartbeatMs: 1 }, { requestsPerSecond: 1 }, {
      x: 1,
    }, []]
  ) {
    assert.equal(await problemCode(await put(body, "*"), 422), "RequestInvalid", JSON.stringify(body));
  }
  const changed = await put({ throttle: 1 }, first.headers.get("ETag")!);
  assert.equal(changed.status, 200);
  const after = await changed.json();
  assert.deepEqual([after.throttle, after.requestsPerSecond, after.updatedBy], [1, 500, "first"]);
  assert.equal(await problemCode(await put({ throttle: 2 }, first.headers.get("ETag")!), 412), "Changed");

  // One host at a time: none begins before the one before it has its result.
  const id = await w.submit({ command: "true" });
  await w.events(id);
  const { items } = await (await w.ask("GET", `/v1/jobs/${id}/hosts`)).json();
  const times = items.map((host: { startedAt: string; endedAt: string }) => [host.startedAt, host.endedAt]);
  assert.deepEqual(times.flat(), times.flat().sort());

  // What is left out is as the command line has it.
  const back = await (await put({ requestsPerSecond: 10 }, changed.headers.get("ETag")!)).json();
  assert.deepEqual([back.throttle, back.requestsPerSecond], [32, 10]);
  const answers = await Promise.all(Array.from({ length: 60 }, () => w.ask("GET", "/v1/settings")));
  assert.ok(answers.some(({ status }) => status === 429), "the rate holds at once");
  await Promise.all(answers.map((answer) => answer.text()));
  const defaults = { throttle: 3, heartbeatMs: 2_000, requestsPerSecond: 500 };
  const again = new LiveSettings(w.store, defaults, (error) => assert.fail(String(error)));
  assert.deepEqual(again.values, { ...defaults, requestsPerSecond: 10 });
  assert.equal(again.state.version, 2);
});

Deno.test("settings are looked at with read and changed with admin only", async () => {
  await using w = await world({ hosts: 1 });
  const { token } = await (await w.ask("POST", "/v1/tokens", { body: { name: "r", scope: "run" } })).json();
  assert.equal((await (await w.ask("GET", "/v1/settings", { token })).json()).throttle, 32);
  const refused = await w.ask("PUT", "/v1/settings", { token, body: {}, headers: { "If-Match": "*" } });
  assert.equal(await problemCode(refused, 403), "ScopeMissing");
});

Deno.test("settings that the store has of another version are told, not obeyed", async () => {
  await using w = await world({ hosts: 1 });
  await w.store.write.settings.put("daemon", { values: { throttle: "many" } }, 1, "any");
  const told: unknown[] = [];
  const defaults = { throttle: 3, heartbeatMs: 2_000, requestsPerSecond: 500 };
  const settings = new LiveSettings(w.store, defaults, (error) => told.push(error));
  assert.deepEqual([settings.values, settings.state.version, told.length], [defaults, 1, 1]);
});
