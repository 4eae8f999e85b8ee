/** Logons whose steps compute for long, as the TLS inside of CredSSP does: each step waits for its turn of the event loop. @module */
import { ProtocolError } from "../../protocol/errors.ts";
import type { SecurityContext, SecurityStep } from "../../protocol/ports.ts";
import { type Turns, turns as all } from "./turns.ts";

/** The same dialogue, with its steps in the queue of all logons (or in `turns`). */
export function inTurns(context: SecurityContext, turns: Turns = all): SecurityContext {
  return new InTurns(context, turns);
}

class InTurns implements SecurityContext {
  readonly #context: SecurityContext;
  readonly #turns: Turns;

  constructor(context: SecurityContext, turns: Turns) {
    this.#context = context;
    this.#turns = turns;
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
        this.#context.step(token, done);
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
  }
}
