/** What both sides of SPNEGO share: the frame of a step, and messages protected by the chosen mechanism. @module */
import { DroverError, ProtocolError, UsageError } from "../errors.ts";
import type { SecurityContext, SecurityStep } from "../ports.ts";
import type { Mechanism } from "./mechanism.ts";

/** Ends a step. */
export type Done = (outcome: SecurityStep) => void;

/** A dialogue that drives the dialogue of a mechanism. A failed one stays failed. */
export abstract class SpnegoContext implements SecurityContext {
  /** The mechanism's dialogue, once there is one. */
  protected chosen: Mechanism | undefined;
  #state: "open" | "stepping" | "established" | "dead" = "open";

  get established(): boolean {
    return this.#state === "established";
  }

  get principal(): string | undefined {
    return this.established ? this.chosen?.principal : undefined;
  }

  get mechanism(): SecurityContext["mechanism"] {
    return this.chosen?.mechanism;
  }

  step(token: Uint8Array | undefined, done: Done): void {
    if (this.#state !== "open") {
      const error = new UsageError("ContextOver", `step dialogue: it is ${this.#state}`);
      done({ kind: "failed", error });
      return;
    }
    this.#state = "stepping";
    const end: Done = (outcome) => {
      if (this.#state === "stepping") this.#state = outcome.kind === "done" ? "established" : "open";
      if (outcome.kind === "failed") this.dispose();
      done(outcome);
    };
    this.attempt(end, () => this.take(token, end));
  }

  /** Takes one token of the peer; whatever it throws ends the step. */
  protected abstract take(token: Uint8Array | undefined, done: Done): void;

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

  /** A step of the chosen mechanism, which may take its time; `then` gets what came of it. */
  protected advance(
    mechanism: Mechanism,
    token: Uint8Array | undefined,
    done: Done,
    then: (outcome: Exclude<SecurityStep, { kind: "failed" }>) => void,
  ): void {
    mechanism.step(token, (outcome) => {
      if (outcome.kind === "failed") done(outcome);
      else if (this.#state === "dead") done(disposedMeanwhile());
      else this.attempt(done, () => then(outcome));
    });
  }

  seal(plaintext: Uint8Array): Uint8Array {
    return this.#protecting("seal message").seal(plaintext);
  }

  unseal(sealed: Uint8Array): Uint8Array {
    return this.#protecting("unseal message").unseal(sealed);
  }

  dispose(): void {
    this.#state = "dead";
    this.chosen?.dispose();
  }

  #protecting(action: string): Mechanism {
    if (!this.established || this.chosen === undefined) {
      throw new UsageError("NotSealing", `${action}: the dialogue is ${this.#state}`);
    }
    return this.chosen;
  }
}

function disposedMeanwhile(): SecurityStep {
  return {
    kind: "failed",
    error: new UsageError("ContextDisposed", "step dialogue: it was disposed of meanwhile"),
  };
}

/** The error of a token that comes out of its turn. */
export function outOfOrder(why: string): ProtocolError {
  return new ProtocolError("SpnegoOutOfOrder", `negotiate: ${why}`);
}
