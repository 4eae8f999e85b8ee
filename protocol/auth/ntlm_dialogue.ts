/** What both sides of an NTLM dialogue share: the step as a plain call, and the frame that makes it a SecurityContext. @module */
import { DroverError, ProtocolError, UsageError } from "../errors.ts";
import type { SecurityContext, SecurityStep } from "../ports.ts";
import type { NtlmSession } from "./ntlm_session.ts";

/** A dialogue whose steps end at once. SPNEGO drives the NTLM inside it through this. */
export interface NtlmDialogue {
  /** Takes one token and returns what to send; throws `DroverError` when the dialogue fails. */
  advance(token: Uint8Array | undefined): Exclude<SecurityStep, { kind: "failed" }>;
  /** Message protection, once established and if signing was agreed on; SPNEGO signs its list of mechanisms with it. */
  readonly session: NtlmSession | undefined;
  /** Who the peer is, on the accepting side, once established. */
  readonly principal: string | undefined;
  /** The mechanism, once known. */
  readonly mechanism: "NTLM" | undefined;
  /** Wipes key material. */
  dispose(): void;
}

/** A {@link NtlmDialogue} as a {@link SecurityContext}: failures become steps, and a failed dialogue stays failed. */
export class DialogueContext implements SecurityContext {
  readonly #dialogue: NtlmDialogue;
  #state: "open" | "established" | "dead" = "open";

  /** Wraps `dialogue`, which nothing else may advance. */
  constructor(dialogue: NtlmDialogue) {
    this.#dialogue = dialogue;
  }

  get established(): boolean {
    return this.#state === "established";
  }

  get principal(): string | undefined {
    return this.established ? this.#dialogue.principal : undefined;
  }

  get mechanism(): "NTLM" | undefined {
    return this.#dialogue.mechanism;
  }

  /** Whether {@link DialogueContext.seal} works: established, and sealing was agreed on. */
  get canSeal(): boolean {
    return this.established && this.#dialogue.session?.canSeal === true;
  }

  step(token: Uint8Array | undefined, done: (outcome: SecurityStep) => void): void {
    done(this.#advance(token));
  }

  seal(plaintext: Uint8Array): Uint8Array {
    return this.#session("seal message").seal(plaintext);
  }

  unseal(sealed: Uint8Array): Uint8Array {
    if (this.established && !this.canSeal) {
      throw new ProtocolError("SealUnexpected", "unseal message: sealing was not agreed on");
    }
    return this.#session("unseal message").unseal(sealed);
  }

  dispose(): void {
    this.#state = "dead";
    this.#dialogue.dispose();
  }

  #advance(token: Uint8Array | undefined): SecurityStep {
    if (this.#state !== "open") {
      const error = new UsageError("ContextOver", `step dialogue: it is ${this.#state}`);
      return { kind: "failed", error };
    }
    try {
      const outcome = this.#dialogue.advance(token);
      if (outcome.kind === "done") this.#state = "established";
      return outcome;
    } catch (error) {
      this.dispose();
      if (error instanceof DroverError) return { kind: "failed", error };
      throw error;
    }
  }

  #session(action: string): NtlmSession {
    const session = this.canSeal ? this.#dialogue.session : undefined;
    if (session === undefined) {
      throw new UsageError(
        "NotSealing",
        `${action}: the dialogue is ${this.#state}, or sealing was not agreed on`,
      );
    }
    return session;
  }
}
