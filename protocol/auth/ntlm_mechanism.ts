/** NTLM as a mechanism of SPNEGO. @module */
import { DeniedError, ProtocolError } from "../errors.ts";
import type { SecurityStep } from "../ports.ts";
import type { LogonGate } from "./logon_gate.ts";
import type { Mechanism, MechanismOffer } from "./mechanism.ts";
import { NtlmAcceptor, type NtlmAcceptorContext, type NtlmAcceptorOptions } from "./ntlm_acceptor.ts";
import { DialogueContext, type NtlmDialogue } from "./ntlm_dialogue.ts";
import { NtlmInitiator, type NtlmInitiatorOptions } from "./ntlm_initiator.ts";
import { isNtlmMessage } from "./ntlm_messages.ts";
import { Oid } from "./spnego_tokens.ts";

class NtlmMechanism extends DialogueContext implements Mechanism {
  readonly alwaysSigns: boolean;
  readonly #dialogue: NtlmDialogue;

  constructor(dialogue: NtlmDialogue, alwaysSigns: boolean) {
    super(dialogue);
    this.#dialogue = dialogue;
    this.alwaysSigns = alwaysSigns;
  }

  signList(list: Uint8Array): Uint8Array | undefined {
    const { session } = this.#dialogue;
    const mic = session?.sign(list);
    session?.rewind("outgoing");
    return mic;
  }

  verifyList(list: Uint8Array, mic: Uint8Array): void {
    const { session } = this.#dialogue;
    if (session === undefined) {
      throw new ProtocolError("SpnegoMic", "negotiate: the mechListMIC cannot be checked");
    }
    session.verify(list, mic);
    session.rewind("incoming");
  }
}

/** What accepting NTLM inside of SPNEGO needs. */
export interface NtlmChoiceOptions extends NtlmAcceptorOptions {
  /** Lets checks of passwords wait their turn; default: they never wait. */
  readonly gate?: LogonGate;
}

class NtlmAcceptorMechanism extends NtlmMechanism implements NtlmAcceptorContext {
  readonly #acceptor: NtlmAcceptor;
  readonly #gate: LogonGate | undefined;
  #leaveGate: (() => void) | undefined;

  constructor(acceptor: NtlmAcceptor, gate: LogonGate | undefined) {
    super(acceptor, false);
    this.#acceptor = acceptor;
    this.#gate = gate;
  }

  override step(token: Uint8Array | undefined, done: (outcome: SecurityStep) => void): void {
    const claimed = this.#gate === undefined ? undefined : this.#acceptor.claimedBy(token);
    if (claimed === undefined) return super.step(token, done);
    this.#leaveGate = this.#gate!.enter(claimed, (attempt) => {
      if (attempt === undefined) {
        this.dispose();
        return done({ kind: "failed", error: unchecked() });
      }
      super.step(token, (outcome) => {
        attempt.end(outcome.kind === "done" ? "right" : "wrong");
        done(outcome);
      });
    });
  }

  override dispose(): void {
    this.#leaveGate?.();
    super.dispose();
  }

  get channelBinding(): Uint8Array | undefined {
    return this.established ? this.#acceptor.channelBinding : undefined;
  }
}

/** NTLM for an initiator to offer. */
export function ntlmOffer(options: NtlmInitiatorOptions): MechanismOffer {
  return {
    oids: [Oid.ntlm],
    create: () => new NtlmMechanism(new NtlmInitiator(options), true),
    isBare: isNtlmMessage,
  };
}

/** NTLM for an acceptor to choose; `created` is told of the dialogue. */
export function ntlmChoice(
  options: NtlmChoiceOptions,
  created: (context: NtlmAcceptorContext) => void = () => {},
): MechanismOffer {
  return {
    oids: [Oid.ntlm],
    create: () => {
      const mechanism = new NtlmAcceptorMechanism(new NtlmAcceptor(options), options.gate);
      created(mechanism);
      return mechanism;
    },
    isBare: isNtlmMessage,
  };
}

function unchecked(): DeniedError {
  return new DeniedError(
    "LogonUnchecked",
    "accept logon: too many logons of this name wait after failed ones, the password was not looked at",
  );
}
