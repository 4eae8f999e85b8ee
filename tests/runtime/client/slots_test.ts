import assert from "node:assert/strict";
import { slotsOf } from "../../../runtime/client/slots.ts";

Deno.test("slots leave two connections for each active host and one for clean-up", () => {
  for (
    const [throttle, maxConnections, slots] of [
      [undefined, undefined, 1_000],
      [5_000, undefined, 5_000],
      [5_000, 101, 50],
      [undefined, 8, 3],
      [undefined, 3, 1],
    ] as const
  ) {
    assert.equal(slotsOf(throttle, maxConnections), slots);
  }
  for (const few of [2, 0, NaN]) assert.throws(() => slotsOf(1, few), { code: "BadLimit" });
});
