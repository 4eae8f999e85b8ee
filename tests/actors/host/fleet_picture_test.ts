/** The picture of a fleet, host by host. */
import assert from "node:assert/strict";
import { fleetPicture, quietHost } from "../../../actors/host/fleet_picture.ts";
import type { ActorInfo } from "../../../actors/kernel/inspection.ts";

function actor(path: string, more: Partial<ActorInfo> = {}): ActorInfo {
  return {
    id: 1,
    path,
    label: undefined,
    names: [],
    state: "running",
    mailbox: 0,
    capacity: 1024,
    waiters: 0,
    shed: 0,
    oldestMs: 0,
    restarts: 0,
    doing: undefined,
    figures: undefined,
    children: [],
    ...more,
  };
}

Deno.test("a host is the sum of what is below its actor, its circuit that of its session", () => {
  const host = actor("/fleet/a_b-7", {
    label: "a/b",
    mailbox: 2,
    doing: "2 executions",
    children: [
      actor("/fleet/a_b-7/session", {
        mailbox: 1,
        figures: { circuitFailures: 6, circuitUntil: 5_000 },
        children: [actor("/fleet/a_b-7/session/link-9", { label: "link", restarts: 3 })],
      }),
      actor("/fleet/a_b-7/execution-8", { label: "execution", figures: { permits: 1 } }),
      actor("/fleet/a_b-7/execution-9", { label: "execution", figures: {} }),
    ],
  });
  const fleet = actor("/fleet", { children: [actor("/fleet/budget"), host] });
  const idle = {
    host: "idle",
    circuit: { kind: "halfOpen", failures: 8, openings: 1, until: 1, why: undefined },
  };
  const hosts = fleetPicture(fleet, [idle as Parameters<typeof fleetPicture>[1][number]]);
  assert.deepEqual([...hosts], [
    ["idle", { ...quietHost, breaker: { state: "halfOpen", failures: 8, until: null } }],
    ["a/b", {
      state: "running",
      path: "/fleet/a_b-7",
      mailbox: 3,
      restarts: 3,
      running: 1,
      waiting: 1,
      connections: 1,
      work: "2 executions",
      breaker: { state: "open", failures: 6, until: 5_000 },
    }],
  ]);
  assert.equal(fleetPicture(undefined, []).size, 0);
});
