/** What commands can find out about the service's password: nothing. */
import assert from "node:assert/strict";

const keeper = new URL("./secret_keeper.ts", import.meta.url).pathname;
const secret = "hunter2-hunter2";

/** Runs the stand-in with the password in its environment; as nobody, where we are root: root sees everything. */
async function keep(
  how: "closed" | "open",
  wrap = false,
): Promise<{ value: string; ancestors: number[]; seen: string }> {
  const cache = await Deno.makeTempDir();
  await Deno.chmod(cache, 0o777);
  const deno = [Deno.execPath(), "run", "-A", "--no-check", keeper, how];
  const words = wrap ? ["/bin/sh", "-c", '"$@"; exit $?', "sh", ...deno] : deno;
  const [program, ...args] = Deno.uid() === 0
    ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--", ...words]
    : words;
  try {
    const { stdout } = await new Deno.Command(program!, {
      args,
      cwd: "/",
      clearEnv: true,
      env: { PATH: "/usr/bin:/bin", KEEPER_PW: secret, DENO_DIR: cache, HOME: "/" },
    }).output();
    return JSON.parse(new TextDecoder().decode(stdout));
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
}

const linux = { ignore: Deno.build.os !== "linux" };

Deno.test(
  "a command finds the password neither in the service's environment nor in its memory",
  linux,
  async () => {
    const { value, seen } = await keep("closed");
    assert.equal(value, secret);
    assert.ok(!seen.includes(secret));
    assert.ok(!seen.includes("OPEN"), "memory and descriptors are closed");
  },
);

Deno.test(
  "where the process cannot be closed, its environment still does not show the password",
  linux,
  async () => {
    const { value, seen } = await keep("open");
    assert.equal(value, secret);
    assert.ok(!seen.includes(secret));
    assert.ok(seen.includes("KEEPER_PW=***") && seen.includes("OPEN-FD"), "the spy sees what is open");
  },
);

Deno.test("a process above the service that still shows the password is found", linux, async () => {
  assert.equal((await keep("closed", true)).ancestors.length, 1);
  assert.equal((await keep("closed")).ancestors.length, 0);
});
