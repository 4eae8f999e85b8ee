import assert from "node:assert/strict";
import { connectionLimit, fileDescriptorLimit } from "../../../runtime/os/limits.ts";

const module = new URL("../../../runtime/os/limits.ts", import.meta.url).href;

Deno.test({
  name: "connections are what the soft limit of open files leaves beside open ones and a reserve, at least 8",
  // Limits are read from /proc.
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const { soft } = fileDescriptorLimit()!;
    const before = connectionLimit()!;
    assert.ok(before >= 8 && before < soft - 32);
    const files = Array.from({ length: 5 }, () => Deno.openSync("/dev/null"));
    assert.equal(connectionLimit(), before - 5);
    for (const file of files) file.close();

    const line =
      `ulimit -n 64 && exec "$0" eval 'import { connectionLimit } from "${module}"; console.log(connectionLimit())'`;
    const { stdout } = await new Deno.Command("/bin/sh", { args: ["-c", line, Deno.execPath()] }).output();
    const few = Number(new TextDecoder().decode(stdout));
    assert.ok(few >= 8 && few <= 32, `${few} connections`);
  },
});
