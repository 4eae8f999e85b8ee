/** `deno task demo`, as a process of its own. */
import assert from "node:assert/strict";

const demo = new URL("../../../runtime/cli/demo.ts", import.meta.url).pathname;

/** Starts the demo with temporary files in `folder`. */
function start(folder: string, ...args: string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", demo, ...args],
    env: { TMPDIR: folder },
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
}

/** Runs the demo, interrupts it twice in a row when it has said `when`, and gives its output and exit code. */
async function interrupted(
  when: string,
  ...args: string[]
): Promise<{ text: string; code: number; left: number }> {
  const folder = await Deno.makeTempDir();
  try {
    const child = start(folder, ...args);
    let text = "";
    let told = false;
    for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
      text += part;
      if (told || !text.includes(when)) continue;
      told = true;
      // As under `deno task`, where one key press arrives twice.
      child.kill("SIGINT");
      child.kill("SIGINT");
    }
    const { code } = await child.status;
    return { text, code, left: [...Deno.readDirSync(folder)].length };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("the demo runs on all its hosts, and --keep keeps them until Ctrl-C", async () => {
  const { text, code, left } = await interrupted("std_out", "--hosts", "3", "--keep");
  assert.equal(code, 0, text);
  assert.equal(text.match(/^demo\d +succeeded /gm)?.length, 3, text);
  assert.match(text, /account +demo/);
  assert.equal(left, 0);
});

Deno.test("Ctrl-C while services start or commands run ends the demo, with --keep too", async () => {
  for (const when of ["Starting", "They listen", "hello from"]) {
    const { text, code, left } = await interrupted(when, "--hosts", "30", "--keep");
    // All may be over before the key press comes, on a slow machine; then the end is a good one.
    const succeeded = text.match(/^demo\d+ +succeeded /gm)?.length ?? 0;
    assert.equal(code === 0, succeeded === 30, text);
    assert.ok(code === 0 || !text.includes("services stay up"), text);
    assert.equal(left, 0, `files are left after Ctrl-C at "${when}"`);
  }
});
