/** What is looked after for each stream: that its client takes something, and hears something. @module */
import type { PartSource } from "./part_source.ts";

/** Terms of one stream, in milliseconds. */
export interface SourceTerms {
  /** Without a part for so long it says that it lives. */
  readonly heartbeatMs: number;
  /** A client that has taken nothing for so long is given up. */
  readonly stuckMs: number;
}

/** Looks in the shorter of the two times. */
const looks = 4;

/** See the head of this file. */
export class WatchedSource implements PartSource {
  readonly #source: PartSource;
  readonly #terms: SourceTerms;
  readonly #heartbeat: Uint8Array;
  readonly #onStuck: () => void;
  readonly #onEnd: () => void;
  readonly #timer: ReturnType<typeof setInterval>;
  /** When the last part was given, or asked for in vain. */
  #since = performance.now();
  /** Called when there may be more, while there is none. */
  #wake: (() => void) | undefined;
  #due = false;
  #ended = false;

  /** `onStuck`: its client took nothing; it has ended by then. `onEnd`: it has ended, for whatever reason. */
  constructor(
    source: PartSource,
    terms: SourceTerms,
    heartbeat: Uint8Array,
    onStuck: () => void,
    onEnd: () => void,
  ) {
    this.#source = source;
    this.#terms = terms;
    this.#heartbeat = heartbeat;
    this.#onStuck = onStuck;
    this.#onEnd = onEnd;
    this.#timer = setInterval(() => this.#look(), Math.min(terms.heartbeatMs, terms.stuckMs) / looks);
  }

  take(): Uint8Array | "later" | undefined {
    if (this.#ended) return undefined;
    const part = this.#due ? this.#heartbeat : this.#source.take();
    this.#due = false;
    if (part !== "later") this.#since = performance.now();
    return part;
  }

  wait(wake: () => void): void {
    this.#wake = wake;
    this.#source.wait(this.#woken);
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#timer);
    this.#source.end();
    this.#onEnd();
    this.#woken();
  }

  readonly #woken = (): void => {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  };

  #look(): void {
    const silent = performance.now() - this.#since;
    const { heartbeatMs, stuckMs } = this.#terms;
    if (this.#wake !== undefined) {
      if (silent < heartbeatMs * (1 - 1 / looks)) return;
      this.#due = true;
      this.#woken();
    } else if (silent >= stuckMs) {
      this.end();
      this.#onStuck();
    }
  }
}
