/** NTLM as a mechanism of SPNEGO. @module */
import { ProtocolError } from "../errors.ts";
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

class NtlmAcceptorMechanism extends NtlmMechanism implements NtlmAcceptorContext {
  readonly #acceptor: NtlmAcceptor;

  constructor(acceptor: NtlmAcceptor) {
    super(acceptor, false);
    this.#acceptor = acceptor;
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
  options: NtlmAcceptorOptions,
  created: (context: NtlmAcceptorContext) => void = () => {},
): MechanismOffer {
  return {
    oids: [Oid.ntlm],
    create: () => {
      const mechanism = new NtlmAcceptorMechanism(new NtlmAcceptor(options));
      created(mechanism);
      return mechanism;
    },
    isBare: isNtlmMessage,
  };
}
