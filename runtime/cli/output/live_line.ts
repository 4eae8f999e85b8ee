/** The live line at the bottom of a terminal, by the library log-update. @module */

import { Writable } from "node:stream";
import { createLogUpdate } from "log-update";
import type { Sink } from "./sink.ts";

/** A terminal's size, characters. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

const encoder = new TextEncoder();

/** A stream in front of a sink, with the terminal's facts that log-update asks for. */
class TerminalStream extends Writable {
  readonly isTTY = true;

  constructor(readonly sink: Sink, readonly size: () => TerminalSize) {
    super({ decodeStrings: false });
  }

  get columns(): number {
    return this.size().columns;
  }

  get rows(): number {
    return this.size().rows;
  }

  override write(chunk: unknown): boolean {
    this.sink(typeof chunk === "string" ? encoder.encode(chunk) : chunk as Uint8Array);
    return true;
  }
}

/** Text that is replaced in place, below everything else. */
export class LiveLine {
  readonly #update: ReturnType<typeof createLogUpdate>;
  #shown = false;

  constructor(sink: Sink, size: () => TerminalSize) {
    // With showCursor the library leaves the cursor alone, and with it the handler of signals that would restore it.
    this.#update = createLogUpdate(new TerminalStream(sink, size), { showCursor: true });
  }

  /** Shows `text` instead of what was shown. */
  show(text: string): void {
    this.#update(text);
    this.#shown = true;
  }

  /** Takes the text away, so that lines can be written. */
  clear(): void {
    if (this.#shown) this.#update.clear();
    this.#shown = false;
  }
}
