/** Users' complaint: too many open files at 75 hosts. A real `drover exec` under a low limit, over hosts in another process. */
import assert from "node:assert/strict";
import { jsonLines, password } from "../cli/drover.ts";
import { startMany } from "./many.ts";

const main = new URL("../../../runtime/cli/main.ts", import.meta.url).pathname;

/** `drover exec` on `ports`, as a shell starts it after `ulimit -n`. */
async function execUnder(limit: number, ports: readonly number[], throttle: number) {
  const hosts = ports.map((port) => `127.0.0.1:${port}`).join(",");
  const line = `ulimit -n ${limit} && exec "$@"`;
  const drover = [
    Deno.execPath(),
    "run",
    "-A",
    "--no-check",
    main,
    "exec",
    "--json",
    "--throttle",
    String(throttle),
  ];
  const words = [
    ...drover,
    "--hosts",
    hosts,
    "--user",
    "demo",
    "--password-env",
    "PW",
    "--",
    "sleep 0.3; echo done",
  ];
  const { code, stdout, stderr } = await new Deno.Command("/bin/sh", {
    args: ["-c", line, "sh", ...words],
    env: { PW: password },
    stdin: "null",
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const results = jsonLines(decode(stdout)).filter(({ type }) => type === "result");
  return { code, results, stderr: decode(stderr) };
}

Deno.test({
  name:
    "too many open files at 75 hosts: 90 hosts with a throttle of 75 all succeed, under ulimit -n 120 and under 64",
  // Limits are read from /proc.
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using services = await startMany(90);
    for (const limit of [120, 64]) {
      const { code, results, stderr } = await execUnder(limit, services.ports, 75);
      const failures = results.filter(({ status }) => status !== "succeeded");
      assert.deepEqual(failures, [], stderr);
      assert.equal(results.length, 90);
      assert.equal(code, 0);
    }
  },
});
