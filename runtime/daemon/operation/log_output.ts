/** Lines on their way to standard error. @module */
import { utf8 } from "../../../protocol/bytes.ts";

/** Bytes that may wait for a reader that does not read. */
const maxWaiting = 4 * 1024 * 1024;

/**
 * Writes lines in the background and in order. A reader that does not read (a terminal that was stopped, a full pipe) holds nobody up:
 * what does not fit is dropped, and how much that was is said when there is room again.
 */
export class LogOutput {
  readonly #write: (bytes: Uint8Array) => Promise<number>;
  readonly #droppedLine: (count: number) => string;
  #waiting: string[] = [];
  #waitingLength = 0;
  #dropped = 0;
  #writing: Promise<void> | undefined;

  /** `write`: like `Deno.stderr.write`. `droppedLine`: says, as a line, how many were dropped. */
  constructor(write: (bytes: Uint8Array) => Promise<number>, droppedLine: (count: number) => string) {
    this.#write = write;
    this.#droppedLine = droppedLine;
  }

  /** Takes a line. */
  line(text: string): void {
    if (this.#waitingLength + text.length > maxWaiting) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(text);
    this.#waitingLength += text.length;
    this.#writing ??= this.#drain();
  }

  /** Resolves when everything was written, or after `ms`. */
  async flush(ms: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await Promise.race([this.#writing, new Promise<void>((resolve) => timer = setTimeout(resolve, ms))]);
    clearTimeout(timer);
  }

  async #drain(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        if (this.#dropped > 0) {
          this.#waiting.push(this.#droppedLine(this.#dropped));
          this.#dropped = 0;
        }
        const bytes = utf8(this.#waiting.join(""));
        this.#waiting = [];
        this.#waitingLength = 0;
        for (let at = 0; at < bytes.length;) at += await this.#write(bytes.subarray(at));
      }
    } catch {
      // Nobody is there to be told.
      this.#waiting = [];
      this.#waitingLength = 0;
    } finally {
      this.#writing = undefined;
    }
  }
}
