/** What the test runner stands on: counting cases, and ending everything that a suite started. */
import assert from "node:assert/strict";
import { countCases, failureReport } from "../helpers/junit.ts";
import { killTree, MARK, markedProcesses } from "../helpers/process_tree.ts";

Deno.test("cases of a report are counted, whatever their texts contain", () => {
  const report = `<testsuites><testsuite name="a" tests="4">
    <testcase name="fine &lt;failure"></testcase>
    <testcase name="left out"><skipped/></testcase>
    <testcase name="wrong"><failure message="&lt;testcase &lt;skipped/&gt;">text</failure></testcase>
    <testcase name="fine too"/>
  </testsuite></testsuites>`;
  assert.deepEqual(countCases(report), { passed: 2, failed: 1, skipped: 1 });
  assert.deepEqual(countCases(""), { passed: 0, failed: 0, skipped: 0 });
});

Deno.test("a failure around the tests counts as one failed case", () => {
  const report = failureReport("interop", 'left "processes" <behind> & \u0007');
  assert.deepEqual(countCases(report), { passed: 0, failed: 1, skipped: 0 });
  assert.match(report, /left &#34;processes&#34; &#60;behind&#62; &#38; \?/);
});

Deno.test("a killed tree includes processes in sessions of their own", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  const mark = crypto.randomUUID();
  // The shell starts one child in a new session, one in the background, and says when both run.
  const child = new Deno.Command("/bin/sh", {
    args: ["-c", "setsid sleep 1000 & sleep 1000 & echo started; wait"],
    env: { [MARK]: mark },
    stdin: "null",
    stdout: "piped",
    detached: true,
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  assert.ok(markedProcesses(mark).length >= 2);
  killTree(child.pid, mark);
  await child.status;
  // The pipe ends when the last process that held it is gone.
  while (!(await reader.read()).done);
  assert.deepEqual(markedProcesses(mark), []);
});
