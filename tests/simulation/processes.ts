/** FAKE processes: scripts that write, read, exit or hang in virtual time. Nothing is started on the real machine. @module */
import type {
  OutputStream,
  ProcessEvents,
  ProcessHandle,
  ProcessHost,
  ProcessSpec,
} from "../../actors/ports.ts";
import type { Observer } from "./observer.ts";
import { tokenOf } from "./tokens.ts";
import type { WorkRecord } from "./records.ts";
import type { Machine } from "./world.ts";

/** What a command does. */
export interface Script {
  /** Milliseconds until it runs. */
  readonly startMs: number;
  /** It cannot be started. */
  readonly fails?: "NotFound" | "AccessDenied" | "BadDirectory" | "SpawnFailed";
  /** What it writes, in order; each waits `afterMs` after the one before it. */
  readonly writes: readonly {
    readonly stream: OutputStream;
    readonly size: number;
    readonly afterMs: number;
  }[];
  /** It writes back what it reads and ends when its input has ended. */
  readonly echoes: boolean;
  /** It never ends by itself. */
  readonly hangs: boolean;
  /** Milliseconds from its last output to its end. */
  readonly exitMs: number;
  readonly exitCode: number;
  /** Milliseconds from being killed to its end. */
  readonly dieMs: number;
  /** Milliseconds that it takes for each piece of input. */
  readonly readMs: number;
}

/** The fake processes of one machine. */
export class ScriptedProcesses implements ProcessHost {
  readonly platform?: "posix";
  readonly #machine: Machine;
  readonly #observer: Observer;
  readonly #scripts: ReadonlyMap<string, Script>;
  readonly #processes = new Set<ScriptedProcess>();
  #count = 0;

  constructor(
    machine: Machine,
    observer: Observer,
    scripts: ReadonlyMap<string, Script>,
    platform?: "posix",
  ) {
    this.#machine = machine;
    this.#observer = observer;
    this.#scripts = scripts;
    if (platform !== undefined) this.platform = platform;
  }

  /** Processes that have not ended. */
  get alive(): number {
    return this.#processes.size;
  }

  spawn(spec: ProcessSpec, events: ProcessEvents): ProcessHandle {
    const token = tokenOf(spec.command, this.#machine.name);
    const record = this.#observer.ran(token);
    const script = this.#scripts.get(token);
    const process = new ScriptedProcess(
      this.#machine,
      record,
      script ?? nothing,
      ++this.#count,
      events,
      () => this.#processes.delete(process),
    );
    this.#processes.add(process);
    process.start();
    return process;
  }

  /** The machine is gone. */
  vanish(): void {
    for (const process of this.#processes) process.vanish();
    this.#processes.clear();
  }
}

const nothing: Script = {
  startMs: 0,
  writes: [],
  echoes: false,
  hangs: false,
  exitMs: 0,
  exitCode: 0,
  dieMs: 0,
  readMs: 0,
};

class ScriptedProcess implements ProcessHandle {
  readonly #machine: Machine;
  readonly #record: WorkRecord | undefined;
  readonly #script: Script;
  readonly #pid: number;
  readonly #events: ProcessEvents;
  readonly #over: () => void;
  readonly #wanted = { stdout: false, stderr: false };
  /** What is to be written, oldest first. */
  readonly #out: { readonly stream: OutputStream; readonly bytes: Uint8Array }[] = [];
  #next = 0;
  #scheduled = false;
  #running = false;
  #killed = false;
  #exiting = false;
  #inputs = 0;
  #inputEnded = false;

  constructor(
    machine: Machine,
    record: WorkRecord | undefined,
    script: Script,
    pid: number,
    events: ProcessEvents,
    over: () => void,
  ) {
    this.#machine = machine;
    this.#record = record;
    this.#script = script;
    this.#pid = pid;
    this.#events = events;
    this.#over = over;
  }

  start(): void {
    this.#after(this.#script.startMs, () => {
      const { fails } = this.#script;
      if (fails !== undefined) {
        if (this.#record !== undefined) this.#record.runs--;
        this.#gone();
        return this.#events.onFailed(fails, `start process: ${fails}`);
      }
      this.#running = true;
      this.#events.onStarted(this.#pid);
      this.#pump();
    });
  }

  writeStdin(bytes: Uint8Array, done: (taken: boolean) => void): void {
    this.#inputs++;
    const piece = bytes.slice();
    this.#after(this.#script.readMs, () => {
      this.#inputs--;
      this.#record?.read.push(piece);
      if (this.#script.echoes) this.#out.push({ stream: "stdout", bytes: piece });
      done(true);
      this.#pump();
    });
  }

  endStdin(): void {
    this.#after(this.#script.readMs, () => {
      this.#inputEnded = true;
      this.#pump();
    });
  }

  resume(stream: OutputStream): void {
    this.#wanted[stream] = true;
    this.#after(0, () => this.#pump());
  }

  signal(kind: "ctrl_c" | "ctrl_break" | "terminate"): void {
    if (kind !== "terminate" || this.#killed || this.#exiting) return;
    this.#killed = true;
    if (this.#record !== undefined) this.#record.killed = true;
    this.#after(this.#script.dieMs, () => this.#exit(137));
  }

  vanish(): void {
    this.#exiting = true;
    if (this.#record !== undefined) {
      this.#record.vanished = true;
      this.#record.shell.running--;
    }
  }

  #after(ms: number, run: () => void): void {
    this.#machine.clock.schedule(ms, () => {
      if (!this.#exiting) run();
    });
  }

  /** Goes on with its script as far as its readers let it. */
  #pump(): void {
    if (!this.#running || this.#exiting) return;
    while (this.#out.length > 0) {
      const first = this.#out[0]!;
      if (!this.#wanted[first.stream]) return;
      this.#wanted[first.stream] = false;
      this.#out.shift();
      this.#record?.wrote[first.stream].push(first.bytes);
      this.#events.onOutput(first.stream, first.bytes);
    }
    if (this.#scheduled || this.#killed) return;
    const { writes, hangs, echoes, exitMs, exitCode } = this.#script;
    const write = writes[this.#next];
    if (write !== undefined) {
      this.#scheduled = true;
      const seed = this.#next++;
      this.#after(write.afterMs, () => {
        this.#scheduled = false;
        this.#out.push({ stream: write.stream, bytes: pattern(write.size, seed) });
        this.#pump();
      });
    } else if (!hangs && (!echoes || (this.#inputEnded && this.#inputs === 0))) {
      this.#scheduled = true;
      this.#after(exitMs, () => this.#exit(exitCode));
    }
  }

  #gone(): void {
    if (this.#record !== undefined) this.#record.shell.running--;
    this.#over();
  }

  #exit(code: number): void {
    if (this.#exiting) return;
    this.#exiting = true;
    if (this.#record !== undefined) this.#record.exitCode = code;
    this.#gone();
    this.#events.onOutputEnd("stdout");
    this.#events.onOutputEnd("stderr");
    this.#events.onExit(code);
  }
}

/** Bytes that tell their place: every shift, loss or repetition shows. Control characters are among them. */
function pattern(size: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let state = seed * 2_654_435_761 + 12_345;
  for (let i = 0; i < size; i++) {
    state = Math.imul(state ^ (i + 1), 0x9e3779b1);
    bytes[i] = state >>> 24;
  }
  return bytes;
}
