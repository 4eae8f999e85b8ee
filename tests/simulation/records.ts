/** What the witness knows of each piece of work, and of each shell. @module */
import type { OutputStream } from "../../actors/ports.ts";

/** Bytes of one stream, compared as they come. */
export class ByteLog {
  #pieces: Uint8Array[] = [];
  length = 0;

  push(bytes: Uint8Array): void {
    this.#pieces.push(bytes);
    this.length += bytes.length;
  }

  /** The whole. */
  bytes(): Uint8Array {
    const all = new Uint8Array(this.length);
    let at = 0;
    for (const piece of this.#pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    return all;
  }
}

/** One host of one job, a script's shell, or a command in one, as the witness knows it. */
export interface WorkRecord {
  readonly token: string;
  readonly job: string;
  readonly machine: string;
  readonly user: string;
  /** The work that its shell was made for: a script's, or itself. */
  readonly shell: WorkRecord;
  /** Of a shell: the commands in it; of a job's host, itself. */
  readonly commands: Set<WorkRecord>;
  /** Processes that run in its shell. */
  running: number;
  /** Life of the client that it was given to. */
  life: number;
  /** Requests that the client has handed to the network. */
  readonly written: Record<string, number>;
  /** What of these it may send: each once, and again after a quota fault to it has reached it whole. */
  readonly maySend: Set<"Create" | "Command">;
  /** A byte of Command has reached the far end's machine. */
  commandArrived: boolean;
  /** How often its command was started. */
  runs: number;
  exitCode: number | undefined;
  /** Its process was killed, on our wish or by its service. */
  killed: boolean;
  /** Its process vanished with its machine. */
  vanished: boolean;
  /** A quota has refused its Delete, or what keeps its shell in use: Windows may do so for as long as others use the quota. */
  refusedInside: boolean;
  /** Signal or Delete was sent before the client knew of its end (in the last try, as with the three below). */
  stopSent: boolean;
  readonly wrote: Record<OutputStream, ByteLog>;
  readonly got: Record<OutputStream, ByteLog>;
  /** What its process read. */
  readonly read: ByteLog;
  /** An answer with Done has reached the client whole. */
  doneDelivered: boolean;
  /** An answer to Signal or Delete that confirms it has reached the client whole. */
  stopDelivered: boolean;
  /** A fault to Create or Command has reached the client whole. */
  refusalDelivered: boolean;
  /** Bytes of output in answers that have reached the client, and that nobody has kept since. */
  readonly unkept: number[];
  /** Its result was told to the user. */
  told: boolean;
  /** What had reached the client by then: what comes later is no proof. */
  known: { readonly done: boolean; readonly stop: boolean; readonly refusal: boolean } | undefined;
  /** When, in virtual milliseconds. */
  toldAt: number | undefined;
  /** Something was broken on purpose on one of its connections, or at its machine, while it was under way. */
  disturbed: boolean;
}

/** A shell at a far end. */
export interface ShellRecord {
  readonly machine: string;
  readonly user: string;
  readonly token: string | undefined;
  /** Life of the client that has made it. */
  readonly life: number;
  /** The client may know its id: it has proposed it, or the answer with another one has reached it whole. */
  known: boolean;
  closed: "deleted" | "expired" | "vanished" | "other" | undefined;
}
