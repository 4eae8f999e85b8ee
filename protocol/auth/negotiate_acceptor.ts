/** The server's side of SPNEGO with NTLM inside, or of bare NTLM under the same scheme (RFC 4178, [MS-SPNG]). @module */
import { equalBytes } from "../bytes.ts";
import { DeniedError, ProtocolError } from "../errors.ts";
import type { SecurityStep } from "../ports.ts";
import { NtlmAcceptor, type NtlmAcceptorContext, type NtlmAcceptorOptions } from "./ntlm_acceptor.ts";
import { DialogueContext, type NtlmDialogue } from "./ntlm_dialogue.ts";
import { isNtlmMessage } from "./ntlm_messages.ts";
import type { NtlmSession } from "./ntlm_session.ts";
import {
  encodeNegTokenResp,
  NegState,
  type NegTokenInit,
  type NegTokenResp,
  Oid,
  parseSpnego,
} from "./spnego_tokens.ts";

type Live = Exclude<SecurityStep, { kind: "failed" }>;

type State =
  | { readonly kind: "start" }
  | { readonly kind: "bare" }
  | { readonly kind: "spnego"; readonly mechanismList: Uint8Array; readonly micRequired: boolean }
  | { readonly kind: "over" };

class SpnegoAcceptor implements NtlmDialogue {
  readonly mechanism = "NTLM";
  readonly #ntlm: NtlmAcceptor;
  #state: State = { kind: "start" };

  constructor(options: NtlmAcceptorOptions) {
    this.#ntlm = new NtlmAcceptor(options);
  }

  get session(): NtlmSession | undefined {
    return this.#ntlm.session;
  }

  get principal(): string | undefined {
    return this.#ntlm.principal;
  }

  get channelBinding(): Uint8Array | undefined {
    return this.#ntlm.channelBinding;
  }

  advance(token: Uint8Array | undefined): Live {
    const state = this.#state;
    this.#state = { kind: "over" };
    if (token === undefined) throw outOfOrder("the client sent no token");
    switch (state.kind) {
      case "start": {
        if (isNtlmMessage(token)) {
          this.#state = { kind: "bare" };
          return this.#ntlm.advance(token);
        }
        const offer = parseSpnego(token);
        if (offer.kind !== "init") throw outOfOrder("the client's first token is a response");
        return this.#choose(offer);
      }
      case "bare":
        this.#state = state;
        return this.#ntlm.advance(token);
      case "spnego": {
        const response = parseSpnego(token);
        if (response.kind !== "response") throw outOfOrder("the client made a second offer");
        return this.#continue(response, state.mechanismList, state.micRequired);
      }
      case "over":
        throw outOfOrder("the dialogue is over");
    }
  }

  dispose(): void {
    this.#state = { kind: "over" };
    this.#ntlm.dispose();
  }

  #choose(offer: NegTokenInit): Live {
    const place = offer.mechanisms.findIndex((oid) => equalBytes(oid, Oid.ntlm));
    if (place < 0) {
      throw new DeniedError("NoCommonMechanism", "choose mechanism: the client does not offer NTLM");
    }
    // A token that came along belongs to the mechanism that the client prefers (RFC 4178 section 4.2.1). Where that is
    // another, only a mechListMIC at the end proves that nobody changed the list on its way (section 5).
    const preferred = place === 0;
    const optimistic = preferred ? offer.mechanismToken : undefined;
    const responseToken = optimistic === undefined ? undefined : this.#ntlm.advance(optimistic).token;
    this.#state = { kind: "spnego", mechanismList: offer.mechanismList, micRequired: !preferred };
    return {
      kind: "continue",
      token: encodeNegTokenResp({
        state: preferred ? NegState.acceptIncomplete : NegState.requestMic,
        mechanism: Oid.ntlm,
        responseToken,
      }),
    };
  }

  #continue(response: NegTokenResp, mechanismList: Uint8Array, micRequired: boolean): Live {
    if (response.state === NegState.reject) {
      throw new DeniedError("SpnegoRejected", "accept logon: the client rejected the dialogue");
    }
    if (response.responseToken === undefined) throw outOfOrder("the client's response has no token");
    const outcome = this.#ntlm.advance(response.responseToken);
    if (outcome.kind === "continue") {
      this.#state = { kind: "spnego", mechanismList, micRequired };
      return {
        kind: "continue",
        token: encodeNegTokenResp({ state: NegState.acceptIncomplete, responseToken: outcome.token }),
      };
    }
    const mic = this.#exchangeMics(response.mic, mechanismList, micRequired);
    return { kind: "done", token: encodeNegTokenResp({ state: NegState.acceptCompleted, mic }) };
  }

  /** Verifies the client's mechListMIC, if there is one, and answers with ours. */
  #exchangeMics(
    theirs: Uint8Array | undefined,
    list: Uint8Array,
    micRequired: boolean,
  ): Uint8Array | undefined {
    const session = this.#ntlm.session;
    if (theirs === undefined || session === undefined) {
      if (!micRequired && theirs === undefined) return undefined;
      throw new ProtocolError(
        "SpnegoMic",
        "accept logon: the client's mechListMIC is missing or cannot be checked",
      );
    }
    session.verify(list, theirs);
    session.rewind("incoming");
    const ours = session.sign(list);
    session.rewind("outgoing");
    return ours;
  }
}

class NegotiateAcceptorContext extends DialogueContext implements NtlmAcceptorContext {
  readonly #acceptor: SpnegoAcceptor;

  constructor(acceptor: SpnegoAcceptor) {
    super(acceptor);
    this.#acceptor = acceptor;
  }

  get channelBinding(): Uint8Array | undefined {
    return this.established ? this.#acceptor.channelBinding : undefined;
  }
}

/**
 * Accepts one logon under the scheme `Negotiate`: SPNEGO with NTLM anywhere among the offered mechanisms, with an
 * optimistic token or without, or bare NTLM messages. Fails as `createNtlmAcceptor` does, and with `DeniedError`
 * (`NoCommonMechanism`, `SpnegoRejected`) or `ProtocolError` (`DerMalformed`, `SpnegoMalformed`, `SpnegoMic`,
 * `SpnegoOutOfOrder`, `SealBroken` for a wrong mechListMIC).
 */
export function createNegotiateAcceptor(options: NtlmAcceptorOptions): NtlmAcceptorContext {
  return new NegotiateAcceptorContext(new SpnegoAcceptor(options));
}

function outOfOrder(why: string): ProtocolError {
  return new ProtocolError("SpnegoOutOfOrder", `negotiate: ${why}`);
}
