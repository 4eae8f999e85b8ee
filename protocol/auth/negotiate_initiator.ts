/** The client's side of SPNEGO (RFC 4178, [MS-SPNG]). @module */
import { equalBytes } from "../bytes.ts";
import { DeniedError, ProtocolError, UsageError } from "../errors.ts";
import type { SecurityContext } from "../ports.ts";
import type { Mechanism, MechanismOffer } from "./mechanism.ts";
import { createNtlmInitiator, type NtlmInitiatorOptions } from "./ntlm_initiator.ts";
import { ntlmOffer } from "./ntlm_mechanism.ts";
import { outOfOrder, SpnegoContext } from "./spnego_context.ts";
import type { Done } from "./step_frame.ts";
import {
  encodeMechanismList,
  encodeNegTokenInit,
  encodeNegTokenResp,
  NegState,
  type NegTokenResp,
  parseSpnego,
} from "./spnego_tokens.ts";

/** An NTLM logon, and how its messages are wrapped. */
export interface NegotiateInitiatorOptions extends NtlmInitiatorOptions {
  /** `spnego` (default): NTLM inside SPNEGO tokens; `raw`: bare NTLM messages. Both go under the scheme `Negotiate`. */
  readonly wrap?: "spnego" | "raw";
}

type State =
  | { readonly kind: "start" }
  /** The offer is sent. */
  | { readonly kind: "offered" }
  /** A mechanism was chosen, and its dialogue goes on. `micRequired`: only a mechListMIC proves that the choice is the server's own. */
  | { readonly kind: "chosen"; readonly micRequired: boolean }
  /** Our side of the mechanism is done. `micSent`: the server's must come; `micTaken`: it has come. */
  | { readonly kind: "completed"; readonly micSent: boolean; readonly micTaken: boolean }
  /** The server has answered without SPNEGO. */
  | { readonly kind: "bare" }
  | { readonly kind: "over" };

class SpnegoInitiator extends SpnegoContext {
  readonly #offers: MechanismOffer[];
  fallback: string | undefined;
  #current: MechanismOffer | undefined;
  #list: Uint8Array = new Uint8Array(0);
  #state: State = { kind: "start" };

  constructor(offers: readonly MechanismOffer[]) {
    super();
    this.#offers = [...offers];
  }

  protected take(token: Uint8Array | undefined, done: Done): void {
    const state = this.#state;
    this.#state = { kind: "over" };
    if (state.kind === "start") return this.#offer(token, done);
    if (state.kind === "over") throw outOfOrder("the dialogue is over");
    if (token === undefined) throw outOfOrder("the server sent no token");
    switch (state.kind) {
      case "bare":
        return this.#bare(token, done);
      case "offered":
        // Some servers answer a SPNEGO token with bare NTLM; from there on the dialogue is bare.
        if (this.#current!.isBare(token)) return this.#bare(token, done);
    }
    const response = readResponse(token);
    if (response.state === NegState.reject) return this.#rejected(response, done);
    if (state.kind === "offered") return this.#answer(response, done);
    if (state.kind === "chosen") return this.#continue(response, state.micRequired, done);
    this.#conclude(response, state, done);
  }

  /** The mechanism may know from the server why. */
  #rejected({ responseToken }: NegTokenResp, done: Done): void {
    const rejected = () => {
      throw new DeniedError("SpnegoRejected", "answer challenge: the server rejected the dialogue");
    };
    const mechanism = this.chosen!;
    if (responseToken === undefined || mechanism.established) return rejected();
    this.advance(mechanism, responseToken, done, rejected);
  }

  override dispose(): void {
    this.#state = { kind: "over" };
    super.dispose();
  }

  /** Offers all mechanisms with the first token of the first one that has any. */
  #offer(token: Uint8Array | undefined, done: Done): void {
    if (token !== undefined && token.length > 0) throw outOfOrder("the server's token comes before ours");
    const offer = this.#offers[0];
    if (offer === undefined) throw new UsageError("NoMechanism", "negotiate: there is no mechanism to offer");
    const mechanism = this.#begin(offer);
    mechanism.step(undefined, (outcome) => {
      if (outcome.kind === "failed") {
        mechanism.dispose();
        if (this.#offers.length < 2 || offer.fallsBack?.(outcome.error) !== true) return done(outcome);
        this.#offers.shift();
        this.fallback = outcome.error.message;
        return this.attempt(done, () => this.#offer(undefined, done));
      }
      this.#list = encodeMechanismList(this.#offers.map(({ oids }) => oids[0]!));
      this.#state = { kind: "offered" };
      done({
        kind: "continue",
        token: encodeNegTokenInit(this.#list, outcome.token ?? new Uint8Array(0)),
      });
    });
  }

  #begin(offer: MechanismOffer): Mechanism {
    this.#current = offer;
    return this.chosen = offer.create(this.fallback);
  }

  #bare(token: Uint8Array, done: Done): void {
    this.advance(this.chosen!, token, done, (outcome) => {
      if (outcome.kind === "continue") this.#state = { kind: "bare" };
      done(outcome);
    });
  }

  /** The first answer says which mechanism it is to be. */
  #answer(response: NegTokenResp, done: Done): void {
    const { mechanism } = response;
    const offer = mechanism === undefined
      ? this.#current!
      : this.#offers.find(({ oids }) => oids.some((oid) => equalBytes(oid, mechanism)));
    if (offer === undefined) {
      throw new ProtocolError(
        "SpnegoMechanism",
        "answer challenge: the server chose a mechanism that was not offered",
      );
    }
    if (offer === this.#current) {
      return this.#continue(response, response.state === NegState.requestMic, done);
    }
    // Another than the preferred one: its dialogue begins anew (RFC 4178 section 4.2.2).
    this.chosen!.dispose();
    if (response.state === NegState.acceptCompleted) {
      throw outOfOrder("the server accepted without a dialogue");
    }
    this.fallback = "the service chose it";
    this.advance(this.#begin(offer), undefined, done, ({ token }) => {
      this.#state = { kind: "chosen", micRequired: true };
      done({ kind: "continue", token: encodeNegTokenResp({ responseToken: token }) });
    });
  }

  /** Takes one token of the mechanism. */
  #continue(response: NegTokenResp, micRequired: boolean, done: Done): void {
    const completed = response.state === NegState.acceptCompleted;
    const mechanism = this.chosen!;
    if (response.responseToken === undefined) {
      throw outOfOrder("the server accepted without a challenge");
    }
    this.advance(mechanism, response.responseToken, done, (outcome) => {
      if (outcome.token !== undefined && completed) {
        throw outOfOrder("the server accepted without a challenge");
      }
      if (outcome.kind === "continue") {
        this.#state = { kind: "chosen", micRequired };
        return done({
          kind: "continue",
          token: encodeNegTokenResp({ state: NegState.acceptIncomplete, responseToken: outcome.token }),
        });
      }
      const micTaken = response.mic !== undefined;
      if (micTaken) mechanism.verifyList(this.#list, response.mic);
      if (completed) {
        if (micRequired && !micTaken) throw micMissing();
        return done({ kind: "done" });
      }
      const mic = mechanism.alwaysSigns || micRequired || micTaken
        ? mechanism.signList(this.#list)
        : undefined;
      if (micRequired && mic === undefined) throw micMissing();
      this.#state = { kind: "completed", micSent: mic !== undefined, micTaken };
      done({
        kind: "continue",
        token: encodeNegTokenResp({ state: NegState.acceptIncomplete, responseToken: outcome.token, mic }),
      });
    });
  }

  #conclude(
    response: NegTokenResp,
    state: { readonly micSent: boolean; readonly micTaken: boolean },
    done: Done,
  ): void {
    if (response.state !== undefined && response.state !== NegState.acceptCompleted) {
      throw outOfOrder("the server did not complete the dialogue");
    }
    if (response.mic === undefined) {
      if (state.micSent && !state.micTaken) throw micMissing();
    } else if (!state.micTaken) this.chosen!.verifyList(this.#list, response.mic);
    done({ kind: "done" });
  }
}

/**
 * A logon under the scheme `Negotiate` with the first of `offers` that both sides have. Fails as the mechanisms do, and with
 * `DeniedError` (`SpnegoRejected`) or `ProtocolError` (`DerMalformed`, `SpnegoMalformed`, `SpnegoMechanism`, `SpnegoMic`,
 * `SpnegoOutOfOrder`).
 */
export function createSpnegoInitiator(offers: readonly MechanismOffer[]): SecurityContext {
  return new SpnegoInitiator(offers);
}

/**
 * A logon under the scheme `Negotiate` with NTLMv2. Fails as {@link createNtlmInitiator} and {@link createSpnegoInitiator} do, and with
 * `SealBroken` for a wrong mechListMIC.
 */
export function createNegotiateInitiator(options: NegotiateInitiatorOptions): SecurityContext {
  if (options.wrap === "raw") return createNtlmInitiator(options);
  return createSpnegoInitiator([ntlmOffer(options)]);
}

function readResponse(token: Uint8Array): NegTokenResp {
  const response = parseSpnego(token);
  if (response.kind !== "response") throw outOfOrder("the server sent an offer of its own");
  return response;
}

function micMissing(): ProtocolError {
  return new ProtocolError("SpnegoMic", "end dialogue: the server sent no mechListMIC");
}
