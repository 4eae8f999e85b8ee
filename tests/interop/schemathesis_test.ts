/**
 * schemathesis, with all its checks, against a running daemon: whatever /openapi.json allows is accepted, whatever it forbids is
 * refused, and every answer is one that it describes. `DROVER_SCHEMATHESIS_EXAMPLES` says how many cases each operation gets.
 */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { apiDaemon } from "./api_daemon.ts";
import { peerPresent } from "./peers.ts";

const python = Deno.env.get("DROVER_INTEROP_PYTHON") ?? "";
const examples = Deno.env.get("DROVER_SCHEMATHESIS_EXAMPLES") ?? "5";
const config = fileURLToPath(new URL("schemathesis.toml", import.meta.url));

/**
 * Runs it. Nothing listens at the hosts: what it makes up must never be run as a command, and jobs end at once.
 */
async function findNothing(...selection: readonly string[]): Promise<void> {
  await using daemon = await apiDaemon(["127.0.0.1:1", "127.0.0.1:2"], "none");
  const { success, stdout } = await new Deno.Command(join(dirname(python), "st"), {
    args: [
      "--config-file",
      config,
      "run",
      `${daemon.url}/openapi.json`,
      ...["--header", `Authorization: Bearer ${daemon.token}`],
      ...["--checks", "all"],
      ...["--max-examples", examples],
      ...["--request-timeout", "60"],
      // As the property tests: the same cases in CI, others anywhere else.
      ...(Deno.env.get("CI") === "true" ? ["--seed", "1"] : []),
      "--no-color",
      ...selection,
    ],
    cwd: daemon.folder,
    stdin: "null",
    stderr: "null",
  }).output();
  const said = new TextDecoder().decode(stdout).split("\n").map((line) => line.slice(0, 500)).join("\n");
  assert.ok(success, said);
  assert.match(said, /Test cases:\n {2}\d{2,} generated, \d+ passed/);
  assert.deepEqual(daemon.errors, []);
}

Deno.test({
  name: "schemathesis finds nothing in the API",
  ignore: !peerPresent("schemathesis"),
  // A stream of a job that is paused has no end.
  fn: () => findNothing("--exclude-operation-id", "followJob"),
});

Deno.test({
  name: "schemathesis finds nothing in the streams of jobs that end",
  ignore: !peerPresent("schemathesis"),
  fn: () =>
    findNothing(
      ...["--include-operation-id", "createJob", "--include-operation-id", "followJob"],
      ...["--phases", "coverage,fuzzing"],
    ),
});
