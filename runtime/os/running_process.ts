/** One started command: its streams, its group, its end. @module */
import type { OutputStream, ProcessEvents, ProcessHandle } from "../../actors/ports.ts";
import { OutputPipe } from "./output_pipe.ts";
import { StdinPipe } from "./stdin_pipe.ts";

/** How long, after the rest of a group was killed, its pipes may take to end by themselves. */
const afterKillMs = 200;
/** How long the output of a terminated command may wait for its reader. */
const afterTerminateMs = 1000;

/**
 * A command that runs.
 *
 * It is over when the command itself has exited and both streams have ended. A process that it left behind may keep them
 * open: it may go on giving output, but after `graceMs` of silence it is killed with the rest of the group, and the
 * streams are ended. Whatever is left of the group is killed at the end in any case.
 */
export class RunningProcess implements ProcessHandle {
  readonly #child: Deno.ChildProcess;
  readonly #events: ProcessEvents;
  readonly #graceMs: number;
  readonly #over: () => void;
  readonly #stdin: StdinPipe;
  readonly #pipes: Readonly<Record<OutputStream, OutputPipe>>;
  #exitCode: number | undefined;
  #terminated = false;
  #finished = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Takes over `child`, the leader of a group of its own; `over` is called just before `onExit`. */
  constructor(child: Deno.ChildProcess, events: ProcessEvents, graceMs: number, over: () => void) {
    this.#child = child;
    this.#events = events;
    this.#graceMs = graceMs;
    this.#over = over;
    this.#stdin = new StdinPipe(child.stdin);
    this.#pipes = { stdout: this.#pipe("stdout"), stderr: this.#pipe("stderr") };
    queueMicrotask(() => events.onStarted(child.pid));
    child.status.then(({ code }) => this.#exited(code), () => this.#exited(-1));
  }

  writeStdin(bytes: Uint8Array, done: (taken: boolean) => void): void {
    this.#stdin.write(bytes, done);
  }

  endStdin(): void {
    this.#stdin.end();
  }

  resume(stream: OutputStream): void {
    this.#pipes[stream].resume();
  }

  signal(kind: "ctrl_c" | "ctrl_break" | "terminate"): void {
    if (this.#finished) return;
    if (kind !== "terminate") return this.#kill(kind === "ctrl_c" ? "SIGINT" : "SIGQUIT");
    this.#terminated = true;
    this.#kill("SIGKILL");
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#exitCode !== undefined) this.#awaitPipes();
  }

  #pipe(stream: OutputStream): OutputPipe {
    return new OutputPipe(this.#child[stream], {
      onChunk: (bytes) => {
        if (this.#exitCode !== undefined) this.#awaitPipes();
        this.#events.onOutput(stream, bytes);
      },
      onEnd: () => {
        this.#events.onOutputEnd(stream);
        this.#finishIfOver();
      },
    });
  }

  #exited(code: number): void {
    this.#exitCode = code;
    this.#finishIfOver();
    if (!this.#finished) this.#awaitPipes();
  }

  /** The command has exited: waits for the ends of the pipes, from now on. */
  #awaitPipes(): void {
    if (this.#terminated) {
      // This deadline is not moved by more output.
      this.#timer ??= setTimeout(() => this.#closePipes(), afterTerminateMs);
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const open = Object.values(this.#pipes).filter((pipe) => !pipe.ended);
      // The reader's pause is not the process's silence.
      if (open.some((pipe) => !pipe.waiting)) return this.#awaitPipes();
      this.#kill("SIGKILL");
      this.#timer = setTimeout(() => this.#closePipes(), afterKillMs);
    }, this.#graceMs);
  }

  #closePipes(): void {
    this.#pipes.stdout.close();
    this.#pipes.stderr.close();
  }

  #finishIfOver(): void {
    if (this.#finished || this.#exitCode === undefined) return;
    if (!this.#pipes.stdout.ended || !this.#pipes.stderr.ended) return;
    this.#finished = true;
    clearTimeout(this.#timer);
    this.#stdin.abort();
    this.#kill("SIGKILL");
    this.#over();
    this.#events.onExit(this.#exitCode);
  }

  #kill(signal: Deno.Signal): void {
    try {
      if (Deno.build.os === "windows") {
        // There are no signals to send there: every kind ends the tree.
        new Deno.Command("taskkill", {
          args: ["/T", "/F", "/PID", String(this.#child.pid)],
          stdin: "null",
          stdout: "null",
          stderr: "null",
        }).spawn().unref();
      } else {
        Deno.kill(-this.#child.pid, signal);
      }
    } catch {
      // Nobody is left.
    }
  }
}
