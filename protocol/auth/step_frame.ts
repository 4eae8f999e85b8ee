/** What dialogues that drive another dialogue have in common: the frame of a step, in which a failed dialogue stays failed. @module */
import { DroverError, UsageError } from "../errors.ts";
import type { SecurityContext, SecurityStep } from "../ports.ts";

/** Ends a step. */
export type Done = (outcome: SecurityStep) => void;

/** See the module. */
export abstract class StepFrame {
  #state: "open" | "stepping" | "established" | "dead" = "open";

  /** Whether the dialogue ended well. */
  get established(): boolean {
    return this.#state === "established";
  }

  /** Takes the peer's token; see {@link SecurityContext.step}. */
  step(token: Uint8Array | undefined, done: Done): void {
    if (this.#state !== "open") {
      const error = new UsageError("ContextOver", `step dialogue: it is ${this.#state}`);
      done({ kind: "failed", error });
      return;
    }
    this.#state = "stepping";
    const end: Done = (outcome) => {
      const disposed = this.#state === "dead" && outcome.kind !== "failed";
      if (this.#state === "stepping") this.#state = outcome.kind === "done" ? "established" : "open";
      if (outcome.kind === "failed") this.dispose();
      done(disposed ? disposedMeanwhile() : outcome);
    };
    this.attempt(end, () => this.take(token, end));
  }

  /** Wipes key material. Idempotent. */
  dispose(): void {
    this.#state = "dead";
    this.wipe();
  }

  /** Takes one token of the peer; whatever it throws ends the step. */
  protected abstract take(token: Uint8Array | undefined, done: Done): void;

  /** Forgets what is secret. May be called several times. */
  protected abstract wipe(): void;

  /** Runs one part of a step; a `DroverError` that it throws is the step's failure. */
  protected attempt(done: Done, run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!(error instanceof DroverError)) {
        this.dispose();
        throw error;
      }
      done({ kind: "failed", error });
    }
  }

  /** A step of the inner dialogue, which may take its time; `then` gets what came of it. */
  protected advance(
    inner: SecurityContext,
    token: Uint8Array | undefined,
    done: Done,
    then: (outcome: Exclude<SecurityStep, { kind: "failed" }>) => void,
  ): void {
    inner.step(token, (outcome) => {
      if (outcome.kind === "failed") done(outcome);
      else if (this.#state === "dead") done(disposedMeanwhile());
      else this.attempt(done, () => then(outcome));
    });
  }

  /** Throws `UsageError` (`NotSealing`) before the end of the dialogue and after the context's. */
  protected assertEstablished(action: string): void {
    if (!this.established) throw new UsageError("NotSealing", `${action}: the dialogue is ${this.#state}`);
  }
}

function disposedMeanwhile(): SecurityStep {
  return {
    kind: "failed",
    error: new UsageError("ContextDisposed", "step dialogue: it was disposed of meanwhile"),
  };
}
