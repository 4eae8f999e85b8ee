/** What SPNEGO asks of the mechanisms that it chooses from. @module */
import type { DroverError } from "../errors.ts";
import type { SecurityContext } from "../ports.ts";

/** A dialogue of one mechanism, and its signature of the list that it was chosen from (RFC 4178 section 5). */
export interface Mechanism extends SecurityContext {
  /** Whether the mechanism demands mechListMIC of itself, as NTLM with a MIC does ([MS-SPNG] 3.3.5.1). */
  readonly alwaysSigns: boolean;
  /** The mechListMIC of `list`; `undefined` when no signatures were agreed on. */
  signList(list: Uint8Array): Uint8Array | undefined;
  /** Verifies the peer's. Throws `ProtocolError` when it is wrong, or when no signatures were agreed on. */
  verifyList(list: Uint8Array, mic: Uint8Array): void;
}

/** A mechanism to choose. */
export interface MechanismOffer {
  /** Content bytes of its object identifiers. An initiator offers the first; every one is understood. */
  readonly oids: readonly Uint8Array[];
  /** Begins a dialogue. `fallback`: why it is not the preferred mechanism's; absent: it is. */
  readonly create: (fallback?: string) => Mechanism;
  /** Whether a token without SPNEGO around it is of this mechanism. */
  readonly isBare: (token: Uint8Array) => boolean;
  /** Of an initiator: whether the next mechanism is offered instead, when the first step ends so. Default: never. */
  readonly fallsBack?: (error: DroverError) => boolean;
}
