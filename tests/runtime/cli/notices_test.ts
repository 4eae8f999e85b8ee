/** What is told beside a run: not on standard error while a live line would overwrite it there. */
import assert from "node:assert/strict";
import { tell, tellThrough } from "../../../runtime/cli/notices.ts";
import { oncePerHost, reportCrash } from "../../../runtime/cli/options.ts";
import { reportSwept } from "../../../runtime/cli/sweep.ts";

Deno.test("what is told during a run goes to what shows the run, and to standard error before and after it", () => {
  const onStandardError: string[] = [];
  const shown: string[] = [];
  const real = console.error;
  console.error = (text: string) => onStandardError.push(text);
  try {
    tell("before");
    {
      using _shown = tellThrough((text) => shown.push(text));
      reportSwept({ host: "web01", shells: 1 });
      reportCrash({ path: "/fleet", error: new Error("x"), lastMessage: "", restarts: 0 });
      const warn = oncePerHost((host, reason) => tell(`${host}: ${reason}`));
      warn("web01", "no KDC");
      warn("web01", "no KDC");
    }
    tell("after");
  } finally {
    console.error = real;
  }
  assert.deepEqual(onStandardError, ["before", "after"]);
  assert.deepEqual(shown, [
    "drover: swept 1 shell of an earlier run at web01",
    "drover: internal error in /fleet: Error: x",
    "web01: no KDC",
  ]);
});
