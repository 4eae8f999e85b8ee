/** The client's side of SPNEGO with NTLM inside (RFC 4178, [MS-SPNG]). @module */
import { equalBytes } from "../bytes.ts";
import { DeniedError, ProtocolError } from "../errors.ts";
import type { SecurityContext, SecurityStep } from "../ports.ts";
import { DialogueContext, type NtlmDialogue } from "./ntlm_dialogue.ts";
import { createNtlmInitiator, NtlmInitiator, type NtlmInitiatorOptions } from "./ntlm_initiator.ts";
import { isNtlmMessage } from "./ntlm_messages.ts";
import type { NtlmSession } from "./ntlm_session.ts";
import {
  encodeMechanismList,
  encodeNegTokenInit,
  encodeNegTokenResp,
  NegState,
  type NegTokenResp,
  Oid,
  parseSpnego,
} from "./spnego_tokens.ts";

/** An NTLM logon, and how its messages are wrapped. */
export interface NegotiateInitiatorOptions extends NtlmInitiatorOptions {
  /** `spnego` (default): NTLM inside SPNEGO tokens; `raw`: bare NTLM messages. Both go under the scheme `Negotiate`. */
  readonly wrap?: "spnego" | "raw";
}

type Live = Exclude<SecurityStep, { kind: "failed" }>;

class SpnegoInitiator implements NtlmDialogue {
  readonly principal = undefined;
  readonly mechanism = "NTLM";
  readonly #ntlm: NtlmInitiator;
  readonly #mechanismList = encodeMechanismList([Oid.ntlm]);
  #state: "start" | "offered" | "answered" | "over" = "start";

  constructor(options: NtlmInitiatorOptions) {
    this.#ntlm = new NtlmInitiator(options);
  }

  get session(): NtlmSession | undefined {
    return this.#ntlm.session;
  }

  advance(token: Uint8Array | undefined): Live {
    const state = this.#state;
    this.#state = "over";
    switch (state) {
      case "start": {
        const offer = this.#ntlm.advance(token);
        this.#state = "offered";
        return {
          kind: "continue",
          token: encodeNegTokenInit(this.#mechanismList, offer.token ?? new Uint8Array(0)),
        };
      }
      case "offered":
        if (token === undefined) throw outOfOrder("the server sent no token");
        return this.#answer(token);
      case "answered":
        if (token === undefined) throw outOfOrder("the server's last token is missing");
        return this.#conclude(token);
      case "over":
        throw outOfOrder("the dialogue is over");
    }
  }

  dispose(): void {
    this.#state = "over";
    this.#ntlm.dispose();
  }

  #answer(token: Uint8Array): Live {
    // Some servers answer a SPNEGO token with bare NTLM; from there on the dialogue is bare.
    if (isNtlmMessage(token)) return this.#ntlm.advance(token);
    const response = readResponse(token);
    if (response.mechanism !== undefined && !equalBytes(response.mechanism, Oid.ntlm)) {
      throw new ProtocolError(
        "SpnegoMechanism",
        "answer challenge: the server chose a mechanism that was not offered",
      );
    }
    if (response.responseToken === undefined || response.state === NegState.acceptCompleted) {
      throw outOfOrder("the server accepted without a challenge");
    }
    const answer = this.#ntlm.advance(response.responseToken);
    const session = this.#ntlm.session!;
    // NTLM with a MIC of its own demands the mechListMIC as well ([MS-SPNG] 3.3.5.1).
    const mic = session.sign(this.#mechanismList);
    session.rewind("outgoing");
    this.#state = "answered";
    return {
      kind: "continue",
      token: encodeNegTokenResp({ state: NegState.acceptIncomplete, responseToken: answer.token, mic }),
    };
  }

  #conclude(token: Uint8Array): Live {
    const response = readResponse(token);
    if (response.state !== undefined && response.state !== NegState.acceptCompleted) {
      throw outOfOrder("the server did not complete the dialogue");
    }
    if (response.mic === undefined) {
      throw new ProtocolError("SpnegoMic", "end dialogue: the server sent no mechListMIC");
    }
    const session = this.#ntlm.session!;
    session.verify(this.#mechanismList, response.mic);
    session.rewind("incoming");
    return { kind: "done" };
  }
}

/**
 * A logon under the scheme `Negotiate` with NTLMv2. Fails as {@link createNtlmInitiator} does, and with
 * `DeniedError` (`SpnegoRejected`) or `ProtocolError` (`DerMalformed`, `SpnegoMalformed`, `SpnegoMechanism`,
 * `SpnegoMic`, `SpnegoOutOfOrder`, `SealBroken` for a wrong mechListMIC).
 */
export function createNegotiateInitiator(options: NegotiateInitiatorOptions): SecurityContext {
  if (options.wrap === "raw") return createNtlmInitiator(options);
  return new DialogueContext(new SpnegoInitiator(options));
}

function readResponse(token: Uint8Array): NegTokenResp {
  const response = parseSpnego(token);
  if (response.kind !== "response") throw outOfOrder("the server sent an offer of its own");
  if (response.state === NegState.reject) {
    throw new DeniedError("SpnegoRejected", "answer challenge: the server rejected the dialogue");
  }
  return response;
}

function outOfOrder(why: string): ProtocolError {
  return new ProtocolError("SpnegoOutOfOrder", `negotiate: ${why}`);
}
