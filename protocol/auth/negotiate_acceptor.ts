/** The server's side of SPNEGO, or of a bare mechanism under the same scheme (RFC 4178, [MS-SPNG]). @module */
import { equalBytes } from "../bytes.ts";
import { DeniedError, ProtocolError } from "../errors.ts";
import type { SecurityContext } from "../ports.ts";
import type { Mechanism, MechanismOffer } from "./mechanism.ts";
import type { NtlmAcceptorContext, NtlmAcceptorOptions } from "./ntlm_acceptor.ts";
import { ntlmChoice } from "./ntlm_mechanism.ts";
import { outOfOrder, SpnegoContext } from "./spnego_context.ts";
import type { Done } from "./step_frame.ts";
import {
  encodeNegTokenResp,
  NegState,
  type NegTokenInit,
  type NegTokenResp,
  parseSpnego,
} from "./spnego_tokens.ts";

type State =
  | { readonly kind: "start" }
  | { readonly kind: "bare" }
  | { readonly kind: "spnego"; readonly mechanismList: Uint8Array; readonly micRequired: boolean }
  | { readonly kind: "over" };

class SpnegoAcceptor extends SpnegoContext {
  readonly #choices: readonly MechanismOffer[];
  #state: State = { kind: "start" };

  constructor(choices: readonly MechanismOffer[]) {
    super();
    this.#choices = choices;
  }

  protected take(token: Uint8Array | undefined, done: Done): void {
    const state = this.#state;
    this.#state = { kind: "over" };
    if (token === undefined) throw outOfOrder("the client sent no token");
    switch (state.kind) {
      case "start": {
        const bare = this.#choices.find(({ isBare }) => isBare(token));
        if (bare !== undefined) {
          this.chosen = bare.create();
          return this.#bare(token, done);
        }
        const offer = parseSpnego(token);
        if (offer.kind !== "init") throw outOfOrder("the client's first token is a response");
        return this.#choose(offer, done);
      }
      case "bare":
        return this.#bare(token, done);
      case "spnego": {
        const response = parseSpnego(token);
        if (response.kind !== "response") throw outOfOrder("the client made a second offer");
        return this.#continue(response, state.mechanismList, state.micRequired, done);
      }
      case "over":
        throw outOfOrder("the dialogue is over");
    }
  }

  override dispose(): void {
    this.#state = { kind: "over" };
    super.dispose();
  }

  #bare(token: Uint8Array, done: Done): void {
    this.advance(this.chosen!, token, done, (outcome) => {
      if (outcome.kind === "continue") this.#state = { kind: "bare" };
      done(outcome);
    });
  }

  /** Takes the mechanism that the client likes best among ours. */
  #choose(offer: NegTokenInit, done: Done): void {
    const place = offer.mechanisms.findIndex((oid) => this.#choiceOf(oid) !== undefined);
    const mechanism = offer.mechanisms[place];
    const choice = mechanism === undefined ? undefined : this.#choiceOf(mechanism);
    if (choice === undefined) {
      throw new DeniedError(
        "NoCommonMechanism",
        "choose mechanism: the client offers none of those that this service has",
      );
    }
    // A token that came along belongs to the mechanism that the client prefers (RFC 4178 section 4.2.1). Where that is
    // another, only a mechListMIC at the end proves that nobody changed the list on its way (section 5).
    const preferred = place === 0;
    const state: State = { kind: "spnego", mechanismList: offer.mechanismList, micRequired: !preferred };
    const answer = (negState: number, responseToken: Uint8Array | undefined) =>
      encodeNegTokenResp({ state: negState, mechanism, responseToken });
    this.chosen = choice.create();
    if (!preferred || offer.mechanismToken === undefined) {
      this.#state = state;
      const negState = preferred ? NegState.acceptIncomplete : NegState.requestMic;
      return done({ kind: "continue", token: answer(negState, undefined) });
    }
    this.advance(this.chosen, offer.mechanismToken, rejecting(done), (outcome) => {
      if (outcome.kind === "done") {
        return done({ kind: "done", token: answer(NegState.acceptCompleted, outcome.token) });
      }
      this.#state = state;
      done({ kind: "continue", token: answer(NegState.acceptIncomplete, outcome.token) });
    });
  }

  #choiceOf(mechanism: Uint8Array): MechanismOffer | undefined {
    return this.#choices.find(({ oids }) => oids.some((oid) => equalBytes(oid, mechanism)));
  }

  #continue(response: NegTokenResp, mechanismList: Uint8Array, micRequired: boolean, done: Done): void {
    if (response.state === NegState.reject) {
      throw new DeniedError("SpnegoRejected", "accept logon: the client rejected the dialogue");
    }
    const mechanism = this.chosen!;
    if (mechanism.established) {
      // The mechanism was done with its last token, and only the signatures were missing.
      const mic = this.#exchangeMics(mechanism, response.mic, mechanismList, micRequired);
      return done({ kind: "done", token: encodeNegTokenResp({ state: NegState.acceptCompleted, mic }) });
    }
    if (response.responseToken === undefined) throw outOfOrder("the client's response has no token");
    this.advance(mechanism, response.responseToken, rejecting(done), (outcome) => {
      const spnego: State = { kind: "spnego", mechanismList, micRequired };
      const responseToken = outcome.token;
      // Kerberos answers a client's last token with one of its own; the client can sign only when it has that.
      const awaitsMic = micRequired && response.mic === undefined && responseToken !== undefined;
      if (outcome.kind === "continue" || awaitsMic) {
        this.#state = spnego;
        return done({
          kind: "continue",
          token: encodeNegTokenResp({ state: NegState.acceptIncomplete, responseToken }),
        });
      }
      const mic = this.#exchangeMics(mechanism, response.mic, mechanismList, micRequired);
      done({
        kind: "done",
        token: encodeNegTokenResp({ state: NegState.acceptCompleted, responseToken, mic }),
      });
    });
  }

  /** Verifies the client's mechListMIC, if there is one, and answers with ours. */
  #exchangeMics(
    mechanism: Mechanism,
    theirs: Uint8Array | undefined,
    list: Uint8Array,
    micRequired: boolean,
  ): Uint8Array | undefined {
    if (theirs === undefined) {
      if (!micRequired) return undefined;
      throw new ProtocolError("SpnegoMic", "accept logon: the client's mechListMIC is missing");
    }
    mechanism.verifyList(list, theirs);
    return mechanism.signList(list);
  }
}

/** Frames what a mechanism has its peer told of its failure. */
function rejecting(done: Done): Done {
  return (outcome) => {
    if (outcome.kind !== "failed" || outcome.token === undefined) return done(outcome);
    const { error, token: responseToken } = outcome;
    done({ kind: "failed", error, token: encodeNegTokenResp({ state: NegState.reject, responseToken }) });
  };
}

class NegotiateAcceptor extends SpnegoAcceptor implements NtlmAcceptorContext {
  readonly #ntlm: { context?: NtlmAcceptorContext };

  constructor(options: NtlmAcceptorOptions) {
    const ntlm: { context?: NtlmAcceptorContext } = {};
    super([ntlmChoice(options, (context) => ntlm.context = context)]);
    this.#ntlm = ntlm;
  }

  get channelBinding(): Uint8Array | undefined {
    return this.established ? this.#ntlm.context?.channelBinding : undefined;
  }

  get canSeal(): boolean {
    return this.established && this.#ntlm.context?.canSeal === true;
  }
}

/**
 * Accepts one logon under the scheme `Negotiate`: SPNEGO with one of `choices` anywhere among the offered mechanisms, with an
 * optimistic token or without, or the bare tokens of one. Fails as the mechanisms do, and with `DeniedError`
 * (`NoCommonMechanism`, `SpnegoRejected`) or `ProtocolError` (`DerMalformed`, `SpnegoMalformed`, `SpnegoMic`,
 * `SpnegoOutOfOrder`).
 */
export function createSpnegoAcceptor(choices: readonly MechanismOffer[]): SecurityContext {
  return new SpnegoAcceptor(choices);
}

/** {@link createSpnegoAcceptor} with NTLM alone; fails as `createNtlmAcceptor` does, too, and with `SealBroken` for a wrong mechListMIC. */
export function createNegotiateAcceptor(options: NtlmAcceptorOptions): NtlmAcceptorContext {
  return new NegotiateAcceptor(options);
}
