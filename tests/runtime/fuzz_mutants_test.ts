// A fuzzer that finds nothing may be blind: bugs planted in a copy of the sources must be found again, within the budget that
// the fuzzers have in their suite. All of them: `deno task fuzz --mutants`.
import assert from "node:assert/strict";
import { mutants, tryMutants } from "../fuzz/mutants.ts";

/** One of each family of readers. */
const chosen = [
  "of two Content-Lengths the first counts",
  "`]]>` may stand in text",
  "the MIC is not compared",
  "a seal is not verified",
  "a CR alone ends no line",
];

Deno.test("fuzzing finds planted bugs again", async () => {
  const found = new Map<string, string | undefined>();
  await tryMutants(
    mutants.filter(({ name }) => chosen.includes(name)),
    ({ name }, finding) => void found.set(name, finding),
  );
  for (const name of chosen) {
    console.log(`${name}: ${found.get(name)?.slice(0, 120) ?? "MISSED"}`);
    assert.match(found.get(name) ?? "MISSED", /breaks a law/, name);
  }
});

Deno.test("every planted bug still has its place in the sources", async () => {
  for (const { name, file, from } of mutants) {
    const text = await Deno.readTextFile(new URL(`../../${file}`, import.meta.url));
    assert.equal(text.split(from).length, 2, `${name}: ${file} has changed, fit the mutant to it`);
  }
});
