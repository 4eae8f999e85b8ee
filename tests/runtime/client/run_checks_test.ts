/** Options that make no sense are refused before anything is sent: with some of them a run never ended. */
import assert from "node:assert/strict";
import { Fleet, type FleetOptions, type RunOptions } from "../../../mod.ts";

const hosts: FleetOptions = { hosts: ["127.0.0.1:1"], user: "demo", password: "x" };

Deno.test("a fleet refuses numbers that make no sense", () => {
  for (const bad of [{ throttle: 0 }, { throttle: NaN }, { throttle: 1.5 }, { connectRetries: -1 }]) {
    const [name] = Object.keys(bad);
    assert.throws(() => new Fleet({ ...hosts, ...bad }), {
      code: "BadOption",
      message: new RegExp(`^open fleet: ${name} is .*; expected a whole number from `),
    });
  }
});

Deno.test("a run refuses options that make no sense: a throttle of NaN held it for ever, a time-out of NaN stopped it at once", async () => {
  await using fleet = new Fleet(hosts);
  const urgent = "urgent" as RunOptions["priority"] & string;
  const bads: RunOptions[] = [
    { throttle: 0 },
    { throttle: NaN },
    { timeout: 0 },
    { timeout: NaN },
    { waitTimeout: -1 },
    { waitTimeout: NaN },
    { connectRetries: 0.5 },
    { connectRetries: NaN },
    { priority: urgent },
  ];
  for (const bad of bads) {
    const message = new RegExp(`^run command: ${Object.keys(bad)[0]} is ${Object.values(bad)[0]}; expected `);
    assert.throws(() => fleet.run("hostname", bad), { code: "BadOption", message });
  }
  const host = fleet.host("127.0.0.1:1");
  await assert.rejects(host.openShell({ priority: urgent }), { code: "BadOption" });
  await assert.rejects(host.openShell({ waitTimeout: NaN }), { code: "BadOption" });
  await assert.rejects(host.waitForReboot({ after: new Date(0), timeout: NaN }), { code: "BadOption" });
});

Deno.test("an infinite throttle and time-outs are what they say", async () => {
  await using fleet = new Fleet({ ...hosts, throttle: Infinity, connectRetries: 0 });
  const statuses: string[] = [];
  for await (const event of fleet.run("hostname", { timeout: Infinity, waitTimeout: Infinity })) {
    if (event.type === "result") statuses.push(`${event.status} ${event.error?.code}`);
  }
  assert.deepEqual(statuses, ["unreachable ConnectRefused"]);
});
