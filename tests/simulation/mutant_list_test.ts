/** That the planted bugs of `deno task mutants` still fit the sources; the task itself takes minutes. */
import assert from "node:assert/strict";
import { mutants } from "./mutant_list.ts";

Deno.test("each planted bug finds the lines that it changes, once", async () => {
  for (const { name, edits } of mutants) {
    for (const { file, from } of edits) {
      const text = await Deno.readTextFile(new URL(`../../${file}`, import.meta.url));
      assert.equal(text.split(from).length, 2, `${name}: fit it to ${file}`);
    }
  }
});
