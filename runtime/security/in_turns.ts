/** Logons whose steps compute for long, as the TLS inside of CredSSP does: each step waits for its turn of the event loop. @module */
import { ProtocolError } from "../../protocol/errors.ts";
import type { SecurityContext, SecurityStep } from "../../protocol/ports.ts";
import { type Turns, turns as all } from "./turns.ts";

/** What there is to do beside a dialogue. */
export interface Epilogue {
  /** The dialogue ended well; `then` has that told. */
  begin(then: () => void): void;
  /** The dialogue was disposed of. */
  dispose(): void;
}

/** The same dialogue, with its steps in the queue of all logons (or in `turns`). */
export function inTurns(
  context: SecurityContext,
  turns: Turns = all,
  epilogue?: Epilogue,
): SecurityContext {
  return new InTurns(context, turns, epilogue);
}

class InTurns implements SecurityContext {
  readonly #context: SecurityContext;
  readonly #turns: Turns;
  readonly #epilogue: Epilogue | undefined;

  constructor(context: SecurityContext, turns: Turns, epilogue: Epilogue | undefined) {
    this.#context = context;
    this.#turns = turns;
    this.#epilogue = epilogue;
  }

  get established() {
    return this.#context.established;
  }

  get principal() {
    return this.#context.principal;
  }

  get mechanism() {
    return this.#context.mechanism;
  }

  get fallback() {
    return this.#context.fallback;
  }

  get lifetimeMs() {
    return this.#context.lifetimeMs;
  }

  get pending() {
    return this.#context.pending;
  }

  step(token: Uint8Array | undefined, done: (outcome: SecurityStep) => void): void {
    this.#turns.run(() => {
      try {
        this.#context.step(token, (outcome) => {
          if (outcome.kind !== "done" || this.#epilogue === undefined) done(outcome);
          else this.#epilogue.begin(() => done(outcome));
        });
      } catch (cause) {
        // In a later turn nobody else would catch it: it would end the process.
        done({
          kind: "failed",
          error: new ProtocolError("LogonBroken", "step dialogue: it broke", { cause }),
        });
      }
    });
  }

  seal(plaintext: Uint8Array): Uint8Array {
    return this.#context.seal(plaintext);
  }

  unseal(sealed: Uint8Array): Uint8Array {
    return this.#context.unseal(sealed);
  }

  dispose(): void {
    this.#context.dispose();
    this.#epilogue?.dispose();
  }
}
