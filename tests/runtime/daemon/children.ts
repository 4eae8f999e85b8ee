/** Processes of tests that kill a daemon. @module */
import { password } from "../cli/drover.ts";

/** Starts a script of this folder. */
export function child(
  name: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", new URL(name, import.meta.url).pathname, ...args],
    env: { PW: password, ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
}

/** Lines of a child's output, until it ends. */
export async function* lines(child: Deno.ChildProcess): AsyncGenerator<string> {
  let text = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    const parts = (text + chunk).split("\n");
    text = parts.pop()!;
    yield* parts;
  }
}
