/** One command of a shell: what is known of its process, its output, its input, and who waits for it. Plain state. @module */
import type { ResponseContext } from "../../protocol/wsman/mod.ts";
import type { ReplyTo, TimerHandle } from "../kernel/actor.ts";
import type { OutputStream, ProcessHandle, TextConverter } from "../ports.ts";
import type { Answer } from "./answers.ts";
import { OutputBuffer } from "./output_buffer.ts";

/** Bytes of standard input that may be on their way to a process before further Sends wait. */
export const inputCapacity = 1024 * 1024;

/** Characters of a command line that Enumerate shows; a hundred ended commands are remembered with theirs. */
const shownLength = 8191;

/** A request that waits inside of a shell. */
export interface Waiting {
  /** Unique among the operations of a service. */
  readonly operation: number;
  readonly replyTo: ReplyTo<Answer>;
  readonly context: ResponseContext;
}

/** A Receive without data yet. */
export interface WaitingReceive extends Waiting {
  readonly streams: readonly OutputStream[];
  /** Bytes that the client and the service take in one envelope. */
  readonly maxEnvelope: number;
  readonly timer: TimerHandle;
}

/** A Send whose bytes have no room yet. Nothing of it was given to the process. */
export interface WaitingSend extends Waiting {
  readonly bytes: Uint8Array;
  readonly end: boolean;
  readonly timer: TimerHandle;
}

/** Where a command is: `starting` until the process stands, `ended` once its exit code is known. */
export type CommandPhase = "starting" | "running" | "ended";

/** See the module. */
export class Command {
  /** In upper case: ids are compared without case. */
  readonly key: string;
  /** As the client spelt it. */
  readonly id: string;
  /** What was asked to run, for Enumerate: no more of it than cmd.exe takes. */
  readonly line: string;
  /** Whether a Send of the single byte 3 is Ctrl+C (WINRS_CONSOLEMODE_STDIN). */
  readonly consoleMode: boolean;
  phase: CommandPhase = "starting";
  exitCode: number | undefined;
  /** Whether a Receive has told the client of the end. */
  delivered = false;
  /** Whether it goes as soon as its process has ended. */
  releasing = false;
  process: ProcessHandle | undefined;
  readonly output = new OutputBuffer();
  /** Streams whose process waits to be asked for the next chunk. */
  readonly paused = new Set<OutputStream>(["stdout", "stderr"]);
  /** Converters of a shell with a code page. */
  readonly converters = new Map<OutputStream, TextConverter>();
  input: TextConverter | undefined;
  /** Bytes of input that the process has not taken. */
  inputPending = 0;
  /** Whether standard input is at its end, or the process reads no more. */
  inputEnded = false;
  start: Waiting | undefined;
  receive: WaitingReceive | undefined;
  readonly sends: WaitingSend[] = [];
  /** Signals that are answered when the process has ended. */
  readonly terminations: Waiting[] = [];
  runTimer: TimerHandle | undefined;

  constructor(id: string, line: string, consoleMode: boolean) {
    this.id = id;
    this.key = id.toUpperCase();
    this.line = line.slice(0, shownLength).toWellFormed();
    this.consoleMode = consoleMode;
  }

  /** State as Enumerate shows it. */
  get state(): "Running" | "Done" {
    return this.phase === "ended" ? "Done" : "Running";
  }

  /** Whether Receive of `streams` has something to say. */
  hasNews(streams: readonly OutputStream[]): boolean {
    return this.phase === "ended" || streams.some((stream) => this.output.held(stream) > 0);
  }
}
