import assert from "node:assert/strict";
import fc from "fast-check";
import {
  approached,
  breakerThreshold,
  type Circuit,
  circuitOpen,
  closedCircuit,
  describeCircuit,
  failed,
} from "../../actors/host/breaker.ts";
import { NetworkError } from "../../protocol/errors.ts";
import { SeededRandom } from "../helpers/virtual_clock.ts";

const refused = new NetworkError("ConnectRefused", "connect to x: nothing listens there");
const wallStart = 1_700_000_000_000;

type Step = { readonly afterMs: number; readonly what: "work" | "cleanUp"; readonly succeeds: boolean };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    afterMs: fc.oneof(fc.nat(2_000), fc.nat(400_000)),
    what: fc.constantFrom("work" as const, "work" as const, "cleanUp" as const),
    succeeds: fc.integer({ min: 1, max: 10 }).map((drawn) => drawn === 1),
  }),
  { maxLength: 60 },
);

/** Whether a step reaches the host, and the state after it, as a session does it. */
function step(
  circuit: Circuit,
  { what, succeeds }: Step,
  now: number,
  retries: number,
  random: SeededRandom,
) {
  const met = what === "work" ? approached(circuit, now) : circuit;
  if (what === "work" && met.kind === "open") return { tried: false, met, after: met };
  const after = succeeds
    ? closedCircuit
    : failed(met, refused, retries, { now, wallNow: wallStart + now }, random);
  return { tried: true, met, after };
}

Deno.test("a circuit opens after so many failures in a row and not before, refuses work for its time, and closes by a success", () => {
  fc.assert(fc.property(steps, fc.integer(), fc.nat(9), (list, seed, retries) => {
    const random = new SeededRandom(seed);
    let circuit = closedCircuit;
    let now = 0;
    let inRow = 0;
    let openings = 0;
    for (const each of list) {
      now += each.afterMs;
      const before = circuit;
      const { tried, met, after } = step(circuit, each, now, retries, random);
      circuit = after;
      if (!tried) {
        assert.ok(now < before.until, "refused only before its time");
        assert.equal(after, before);
        continue;
      }
      if (each.succeeds) {
        assert.deepEqual(after, closedCircuit);
        inRow = openings = 0;
        continue;
      }
      if (met.kind === "open") {
        // Clean-up goes through, and neither prolongs nor shortens.
        assert.equal(each.what, "cleanUp");
        assert.equal(after, before);
        continue;
      }
      inRow++;
      assert.equal(
        after.kind,
        met.kind === "halfOpen" || inRow >= Math.max(breakerThreshold, retries + 2) ? "open" : "closed",
      );
      if (after.kind !== "open") continue;
      const longest = Math.min(300_000, 5_000 * 2 ** openings++);
      const ms = after.until - now;
      assert.ok(ms >= longest / 2 && ms <= longest, `opening ${openings}: ${ms} ms`);
      assert.equal(after.why?.wallUntil, wallStart + after.until);
    }
  }));
});

Deno.test("who is refused by an open circuit is told until when and why", () => {
  let circuit = closedCircuit;
  const random = new SeededRandom(1);
  for (let i = 0; i < breakerThreshold; i++) {
    assert.equal(describeCircuit(circuit), "");
    circuit = failed(circuit, refused, 2, { now: 0, wallNow: wallStart }, random);
  }
  const until = new Date(wallStart + circuit.until).toISOString();
  const { code, message } = circuitOpen(circuit);
  assert.equal(code, "CircuitOpen");
  assert.equal(
    message,
    `connect: not tried before ${until}, for the last 5 tries have failed: connect to x: nothing listens there`,
  );
  assert.equal(describeCircuit(circuit), `circuit open until ${until} after 5 failures`);
  assert.equal(describeCircuit(approached(circuit, circuit.until)), "circuit half-open after 5 failures");
});
