import assert from "node:assert/strict";
import { UsageError } from "../../../protocol/errors.ts";
import { advance, commandTransitions, shellTransitions } from "../../../protocol/shell/mod.ts";

const shellSteps = [
  "create",
  "created",
  "refused",
  "delete",
  "deletedConfirmed",
  "gone",
  "linkLost",
] as const;
const commandSteps = [
  "send",
  "accepted",
  "refused",
  "exited",
  "stop",
  "signalled",
  "gone",
  "linkLost",
] as const;

type Table = Readonly<Record<string, Readonly<Record<string, string>>>>;

const machines = [
  { name: "shell", table: shellTransitions as Table, steps: shellSteps, first: "closed", final: "deleted" },
  { name: "command", table: commandTransitions as Table, steps: commandSteps, first: "idle", final: "ended" },
] as const;

for (const { name, table, steps, first, final } of machines) {
  Deno.test(`a ${name} takes the steps of its table and no others`, () => {
    const before = JSON.stringify(table);
    for (const state of Object.keys(table)) {
      for (const step of steps) {
        const next = table[state]![step];
        if (next !== undefined) assert.equal(advance(table, state, step), next);
        else {
          assert.throws(
            () => advance(table, state, step),
            (error) => error instanceof UsageError && error.code === "IllegalTransition",
            `${state} ${step}`,
          );
        }
      }
    }
    assert.equal(JSON.stringify(table), before);
  });

  Deno.test(`names of Object's own properties are no steps of a ${name}`, () => {
    for (const step of ["constructor", "toString", "__proto__", "hasOwnProperty"]) {
      assert.throws(() => advance(table, first, step), (error) => error instanceof UsageError, step);
    }
  });

  Deno.test(`every state of a ${name} is reached and reaches ${final}, which nothing leaves`, () => {
    const reachable = (from: string): Set<string> => {
      const seen = new Set([from]);
      for (const state of seen) for (const next of Object.values(table[state]!)) seen.add(next);
      return seen;
    };
    assert.deepEqual([...reachable(first)].toSorted(), Object.keys(table).toSorted());
    for (const state of Object.keys(table)) assert.ok(reachable(state).has(final), `${state} never ends`);
    assert.deepEqual(table[final], {});
    for (const state of Object.keys(table)) {
      for (const step of Object.keys(table[state]!)) {
        assert.ok((steps as readonly string[]).includes(step), step);
      }
    }
  });
}
