/** The daemon's log: forms, levels, secrets, characters that would do something to a terminal, readers that do not read. */
import assert from "node:assert/strict";
import { reset } from "@logtape/logtape";
import { redactorOf } from "../../../actors/kernel/redaction.ts";
import { UsageError } from "../../../protocol/errors.ts";
import { LogOutput } from "../../../runtime/daemon/operation/log_output.ts";
import { type LogFormat, logOf, parseLevels, startLogs } from "../../../runtime/daemon/operation/logs.ts";
import { RefusalLog } from "../../../runtime/daemon/operation/refusals.ts";

/** Lines that `say` makes. */
async function linesOf(
  format: LogFormat,
  levels: readonly string[],
  say: () => void,
  secrets: readonly string[] = [],
): Promise<string[]> {
  const written: string[] = [];
  await startLogs({
    format,
    levels: parseLevels(levels),
    redact: redactorOf(secrets),
    write: (line) => written.push(line),
  });
  try {
    say();
  } finally {
    await reset();
  }
  return written;
}

Deno.test("levels are of all categories or of one, and others are refused", async () => {
  const say = () => {
    for (const category of ["daemon", "api"] as const) {
      for (const level of ["debug", "info", "warn"] as const) logOf(category)[level](`${category} ${level}`);
    }
  };
  const said = async (levels: readonly string[]) =>
    (await linesOf("json", levels, say)).map((line) => (JSON.parse(line) as { message: string }).message);
  assert.deepEqual(await said([]), ["daemon info", "daemon warn", "api info", "api warn"]);
  assert.deepEqual(await said(["warning"]), ["daemon warn", "api warn"]);
  assert.deepEqual(await said(["warn", "api=debug"]), ["daemon warn", "api debug", "api info", "api warn"]);
  for (const wrong of ["loud", "nobody=info", "api=", "=info", "api=debug=info"]) {
    assert.throws(() => parseLevels([wrong]), (error) => (error as UsageError).code === "LogLevelUnknown");
  }
});

Deno.test("no secret, no token and no control character stands in a line", async () => {
  const token = `drv_${"a".repeat(43)}`;
  const say = () => {
    logOf("jobs").info("host {host} said {text}", {
      host: "web\x1b]0;owned\x07\u202e",
      text: 'pa"ss',
      path: `/v1/jobs/${token}\nfake line`,
      error: new UsageError("Wrong", 'connect: pa"ss is wrong'),
      nested: { password: "hunter2hunter2" },
    });
  };
  const [pretty, ...more] = await linesOf("pretty", [], say, ['pa"ss', "hunter2hunter2"]);
  assert.deepEqual(more, []);
  // deno-lint-ignore no-control-regex
  assert.match(pretty!, /^[^\x00-\x1f\x7f-\x9f\u202e]*\n$/);
  assert.match(
    pretty!,
    /^\d{4}-\d\d-\d\dT\S+Z info {4}jobs: host web\\x1b\]0;owned\\x07\\u\{202e\} said \[redacted\] path=/,
  );
  const [json] = await linesOf("json", [], say, ['pa"ss', "hunter2hunter2"]);
  assert.match(json!, /^\{"time":[^\n]*\}\n$/);
  const line = JSON.parse(json!) as Record<string, unknown>;
  assert.deepEqual([line["level"], line["category"], line["text"]], ["info", "jobs", "[redacted]"]);
  assert.equal(line["error"], "Wrong: connect: [redacted] is wrong");
  for (const text of [pretty!, json!]) {
    assert.ok(!text.includes(token) && !text.includes('pa"ss') && !text.includes("hunter2"), text);
  }
});

Deno.test("properties never take the place of time, level, category and message", async () => {
  const [json] = await linesOf(
    "json",
    [],
    () => logOf("api").info("true", { level: "x", message: "y", time: "z" }),
  );
  const { level, message, category, time } = JSON.parse(json!) as Record<string, string>;
  assert.deepEqual([level, message, category], ["info", "true", "api"]);
  assert.match(time!, /^\d{4}-/);
});

Deno.test("a reader that does not read holds nobody up and costs bounded memory; what was dropped is told", async () => {
  const written: string[] = [];
  const gate = Promise.withResolvers<void>();
  const output = new LogOutput(async (bytes) => {
    await gate.promise;
    // Parts of what is given are taken.
    const taken = bytes.subarray(0, 1_000_000);
    written.push(new TextDecoder().decode(taken));
    return taken.length;
  }, (count) => `dropped ${count}\n`);
  const line = `${"x".repeat(999)}\n`;
  for (let n = 0; n < 10_000; n++) output.line(line);
  await output.flush(0);
  assert.equal(written.length, 0);
  gate.resolve();
  await output.flush(60_000);
  const lines = written.join("").split("\n");
  const dropped = Number(/dropped (\d+)/.exec(written.join(""))?.[1]);
  assert.equal(lines.filter((text) => text.length === 999).length + dropped, 10_000);
  assert.ok(dropped > 5_000 && dropped < 9_000, `${dropped}`);
});

Deno.test("whoever tries tokens gets one line a minute, with the count of those before", async () => {
  let now = 0;
  const lines = await linesOf("json", [], () => {
    const refusals = new RefusalLog(() => now);
    for (let n = 0; n < 1_000; n++) refusals.add("10.0.0.1");
    refusals.add("10.0.0.2");
    now = 60_000;
    refusals.add("10.0.0.1");
  });
  assert.deepEqual(
    lines.map((line) => JSON.parse(line) as Record<string, unknown>).map((
      { level, from, before },
    ) => [level, from, before]),
    [["warning", "10.0.0.1", undefined], ["warning", "10.0.0.2", undefined], ["warning", "10.0.0.1", 999]],
  );
});
