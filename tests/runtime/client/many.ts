/** Many hosts in a process of their own: `service_many.ts`, started and ended. @module */
import { password } from "../cli/drover.ts";

/** Services that run. */
export interface ManyServices extends AsyncDisposable {
  readonly child: Deno.ChildProcess;
  readonly ports: readonly number[];
}

/** Starts `count` services on free ports of 127.0.0.1. */
export async function startMany(count: number): Promise<ManyServices> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", new URL("./service_many.ts", import.meta.url).pathname, String(count)],
    env: { PW: password },
    stdout: "piped",
    stderr: "null",
  }).spawn();
  let text = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.includes("\n")) break;
  }
  return {
    child,
    ports: JSON.parse(text) as number[],
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended already.
      }
      await child.status;
    },
  };
}
