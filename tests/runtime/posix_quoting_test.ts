import assert from "node:assert/strict";
import fc from "fast-check";
import { quotePosix } from "../../protocol/shell/quoting.ts";

Deno.test({
  name: "a real /bin/sh hands the program exactly the quoted words",
  ignore: Deno.build.os === "windows",
  fn: () => {
    const word = fc.oneof(
      fc.array(fc.constantFrom(..."'\"\\$`!*?[]{}()<>|&;#~= \t\n-aé😀".match(/./gsu) ?? []), {
        maxLength: 10,
      })
        .map((parts) => parts.join("")),
      fc.string({ unit: "grapheme", maxLength: 20 }).filter((text) =>
        !text.includes("\0") && text.isWellFormed()
      ),
    );
    const cases = fc.sample(fc.array(word, { maxLength: 8 }), { numRuns: 300, seed: 1 });
    // One shell runs all the lines: each prints its words, NUL-terminated.
    const script = cases.map((words) => quotePosix(["printf", "%s\\0", "begin", ...words])).join("\n");
    const { stdout, success } = new Deno.Command("/bin/sh", { args: ["-c", script] }).outputSync();
    assert.ok(success);
    const expected = cases.flatMap((words) => ["begin", ...words]);
    assert.deepEqual(new TextDecoder().decode(stdout).split("\0").slice(0, -1), expected);
  },
});
