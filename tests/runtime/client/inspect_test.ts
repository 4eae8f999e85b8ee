import assert from "node:assert/strict";
import { type CrashReport, Fleet } from "../../../mod.ts";

const password = "hunter2-Pässword!";

Deno.test("a fleet can be looked into: what its actors do, in sums and lines", async () => {
  await using fleet = new Fleet({
    hosts: ["127.0.0.2:1", "127.0.0.3:1"],
    user: "demo",
    password,
    connector: { connect: () => ({ write: () => true, resume() {}, end() {}, abort() {} }) },
  });
  const idle = fleet.inspect();
  const run = fleet.run("hostname /token:top-secret", {
    stdin: "bytes for it",
    shell: { env: { KEY: "hush" } },
  });
  let busy = fleet.inspect();
  while (!busy?.actors.some(({ path }) => path.includes("/link-"))) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    busy = fleet.inspect();
  }
  assert.ok(idle !== undefined && busy.totals.actors > idle.totals.actors);
  assert.match(fleet.inspect({ path: "/scheduler" })?.actors[0]?.doing ?? "", /^2 permits held/);
  assert.equal(fleet.inspect({ path: "/scheduler" })?.actors[0]?.figures?.held, 2);
  assert.equal(fleet.inspect({ path: "/nobody" }), undefined);
  assert.ok(busy.actors.some(({ path }) => path.startsWith("/fleet/127.0.0.2:1-")));
  for (const kept of [password, "hostname", "top-secret", "bytes for it", "hush"]) {
    assert.ok(!JSON.stringify(busy).includes(kept), `${kept} is in the picture`);
  }
  run.cancel();
});

Deno.test("a crash report of a fleet has none of its passwords, whatever the error says", async () => {
  const reports: CrashReport[] = [];
  {
    await using fleet = new Fleet({
      hosts: ["127.0.0.2:1"],
      user: "demo",
      password,
      connectRetries: 0,
      connector: {
        connect: () => {
          throw new TypeError(`no connection with ${password}`);
        },
      },
      onCrash: (report) => void reports.push(report),
    });
    for await (const event of fleet.run("hostname", { timeout: 5_000 })) {
      if (event.type === "result") assert.notEqual(event.status, "succeeded");
    }
  }
  assert.ok(reports.length > 0);
  for (const { error, path, lastMessage } of reports) {
    assert.ok(error instanceof Error);
    assert.ok(!`${error.stack} ${Deno.inspect(error)} ${path} ${lastMessage}`.includes(password));
  }
  assert.ok(reports.some(({ error }) => String(error) === "TypeError: no connection with [redacted]"));
});
