/** What both sides of SPNEGO share: messages protected by the chosen mechanism. @module */
import { type DroverError, ProtocolError } from "../errors.ts";
import type { SecurityContext } from "../ports.ts";
import type { Mechanism } from "./mechanism.ts";
import { StepFrame } from "./step_frame.ts";

/** A dialogue that drives the dialogue of a mechanism. */
export abstract class SpnegoContext extends StepFrame implements SecurityContext {
  /** The mechanism's dialogue, once there is one. */
  protected chosen: Mechanism | undefined;

  get principal(): string | undefined {
    return this.established ? this.chosen?.principal : undefined;
  }

  get mechanism(): SecurityContext["mechanism"] {
    return this.chosen?.mechanism;
  }

  get lifetimeMs(): number | undefined {
    return this.established ? this.chosen?.lifetimeMs : undefined;
  }

  get pending(): DroverError | undefined {
    return this.chosen?.pending;
  }

  seal(plaintext: Uint8Array): Uint8Array {
    return this.#protecting("seal message").seal(plaintext);
  }

  unseal(sealed: Uint8Array): Uint8Array {
    return this.#protecting("unseal message").unseal(sealed);
  }

  protected wipe(): void {
    this.chosen?.dispose();
  }

  #protecting(action: string): Mechanism {
    this.assertEstablished(action);
    return this.chosen!;
  }
}

/** The error of a token that comes out of its turn. */
export function outOfOrder(why: string): ProtocolError {
  return new ProtocolError("SpnegoOutOfOrder", `negotiate: ${why}`);
}
