/** Test helpers: commands whose events can be awaited. @module */
import type {
  OutputStream,
  ProcessEvents,
  ProcessHandle,
  ProcessHost,
  ProcessSpec,
} from "../../../actors/ports.ts";

/** How a command ended. */
export type Ending = { readonly exitCode: number } | { readonly failed: string; readonly message: string };

/** Records a command; reads everything unless `paused`. */
export class ProcessRecorder implements ProcessEvents {
  readonly log: string[] = [];
  readonly started = Promise.withResolvers<number>();
  readonly ending = Promise.withResolvers<Ending>();
  readonly text: Record<OutputStream, string> = { stdout: "", stderr: "" };
  bytes = 0;
  handle!: ProcessHandle;
  readonly #decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  #waiters: { readonly ready: () => boolean; resolve(): void }[] = [];

  constructor(readonly options: { paused?: boolean; count?: boolean } = {}) {}

  onStarted(pid: number): void {
    this.log.push("started");
    this.started.resolve(pid);
  }

  onOutput(stream: OutputStream, bytes: Uint8Array): void {
    this.bytes += bytes.length;
    if (!this.options.count) this.text[stream] += this.#decoders[stream].decode(bytes, { stream: true });
    this.#waiters = this.#waiters.filter((waiter) => waiter.ready() ? waiter.resolve() : true);
    if (!this.options.paused) this.handle.resume(stream);
  }

  onOutputEnd(stream: OutputStream): void {
    this.log.push(`${stream} end`);
  }

  onExit(exitCode: number): void {
    this.log.push("exit");
    this.ending.resolve({ exitCode });
  }

  onFailed(code: string, message: string): void {
    this.log.push("failed");
    this.ending.resolve({ failed: code, message });
  }

  /** When standard output contains `text`. */
  seen(text: string): Promise<void> {
    const ready = () => this.text.stdout.includes(text);
    return ready() ? Promise.resolve() : new Promise((resolve) => this.#waiters.push({ ready, resolve }));
  }
}

/** Starts a command; what `spec` leaves out has plain defaults. */
export function run(
  host: ProcessHost,
  command: ProcessSpec["command"] | string,
  spec: Partial<ProcessSpec> = {},
  recorder: ProcessRecorder = new ProcessRecorder(),
): ProcessRecorder {
  recorder.handle = host.spawn({
    command: typeof command === "string" ? { kind: "line", line: command } : command,
    env: {},
    systemUser: undefined,
    noProfile: false,
    ...spec,
  }, recorder);
  if (!recorder.options.paused) {
    recorder.handle.resume("stdout");
    recorder.handle.resume("stderr");
  }
  return recorder;
}

/** Pids of the living processes whose command line contains `text`. */
export function processesWith(text: string): number[] {
  const pids: number[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (Deno.readTextFileSync(`/proc/${name}/cmdline`).includes(text)) pids.push(Number(name));
    } catch {
      // It ended meanwhile.
    }
  }
  return pids;
}

/** An argument for `sleep` or `yes` that only processes of this run have: the fraction is our pid. */
export function own(number: number): string {
  return `${number}.${Deno.pid}`;
}

/** Waits until `condition` holds; fails after a minute, which only ends what would last for ever. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const end = performance.now() + 60_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`wait until ${what}: still not so after a minute`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
