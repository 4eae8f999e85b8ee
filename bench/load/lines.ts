/** Processes of the steady load talk in lines of JSON. @module */

const encoder = new TextEncoder();

/** Prints one value. */
export function printLine(value: unknown): void {
  const bytes = encoder.encode(`${JSON.stringify(value)}\n`);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

/** A child process that prints lines of JSON and ends when its input ends. */
export interface TalkingProcess {
  readonly pid: number;
  /** Whether it has ended. */
  readonly ended: Promise<{ readonly code: number }>;
  /** Closes its input. */
  closeInput(): Promise<void>;
  /** Kills it. */
  kill(): void;
}

/** Starts one of our modules; `take` gets every value that it prints. */
export function startTalking(
  module: URL,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  take: (value: unknown) => void,
): TalkingProcess {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", module.href, ...args],
    env: { ...env },
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const talked = read(child.stdout, take);
  return {
    pid: child.pid,
    ended: talked.then(() => child.status),
    closeInput: () => child.stdin.close(),
    kill: () => {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended.
      }
    },
  };
}

async function read(
  stdout: ReadableStream<Uint8Array<ArrayBuffer>>,
  take: (value: unknown) => void,
): Promise<void> {
  let rest = "";
  for await (const text of stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) if (line !== "") take(JSON.parse(line));
  }
}
