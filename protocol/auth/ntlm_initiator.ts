/** The client's side of NTLMv2 ([MS-NLMP] 3.1.5.1). @module */
import { ProtocolError } from "../errors.ts";
import type { SecurityContext, SecurityStep } from "../ports.ts";
import { avFlagMic, AvId, type AvPairs, encodeAvPairs } from "./av_pairs.ts";
import type { NtlmCredential } from "./credential.ts";
import { encodeFiletime } from "./filetime.ts";
import { hmacMd5, ntHash, ntowfV2, proveV2, rc4Once, utf16le } from "./ntlm_crypto.ts";
import { DialogueContext, type NtlmDialogue } from "./ntlm_dialogue.ts";
import { flagBits, missingFlags, type NtlmFlagName } from "./ntlm_flags.ts";
import {
  type ChallengeMessage,
  encodeAuthenticate,
  encodeClientBlob,
  encodeNegotiate,
  parseChallenge,
  setMic,
} from "./ntlm_messages.ts";
import { NtlmSession } from "./ntlm_session.ts";
import type { ReflectionGuard } from "./reflection_guard.ts";

/** What an NTLM logon needs. */
export interface NtlmInitiatorOptions {
  /** Who logs on. */
  readonly credential: NtlmCredential;
  /** This computer's name, for the server's logs; default empty. */
  readonly workstation?: string;
  /** The service's principal name, e.g. `HTTP/web01`; goes into MsvAvTargetName. */
  readonly targetName?: string;
  /** MD5 of the gss_channel_bindings (16 bytes); zeros when absent. */
  readonly channelBinding?: Uint8Array;
  /** Secure random bytes. */
  readonly random: (length: number) => Uint8Array;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Challenges of this process' own acceptors, which the initiator refuses. */
  readonly guard?: ReflectionGuard;
}

const required: readonly NtlmFlagName[] = [
  "unicode",
  "sign",
  "seal",
  "ntlm",
  "extendedSessionSecurity",
  "targetInfo",
  "key128",
  "keyExchange",
];
const offered = flagBits(...required, "requestTarget", "alwaysSign", "version", "key56");

type State =
  | { readonly kind: "start" }
  | { readonly kind: "negotiated"; readonly negotiate: Uint8Array }
  | { readonly kind: "over" };

/** The client's dialogue; {@link createNtlmInitiator} is its public form. */
export class NtlmInitiator implements NtlmDialogue {
  readonly principal = undefined;
  readonly mechanism = "NTLM";
  readonly #options: NtlmInitiatorOptions;
  #state: State = { kind: "start" };
  #session: NtlmSession | undefined;

  /** Prepares a logon; nothing is computed yet. */
  constructor(options: NtlmInitiatorOptions) {
    this.#options = options;
  }

  get session(): NtlmSession | undefined {
    return this.#session;
  }

  advance(token: Uint8Array | undefined): Exclude<SecurityStep, { kind: "failed" }> {
    const state = this.#state;
    switch (state.kind) {
      case "start": {
        if (token !== undefined && token.length > 0) throw outOfOrder("the server's token comes before ours");
        const negotiate = encodeNegotiate({ flags: offered });
        this.#state = { kind: "negotiated", negotiate };
        return { kind: "continue", token: negotiate };
      }
      case "negotiated": {
        if (token === undefined) throw outOfOrder("the server sent no challenge");
        this.#state = { kind: "over" };
        return { kind: "done", token: this.#respond(state.negotiate, token) };
      }
      case "over":
        throw outOfOrder("the dialogue is over");
    }
  }

  dispose(): void {
    this.#state = { kind: "over" };
    this.#session?.wipe();
  }

  #respond(negotiate: Uint8Array, token: Uint8Array): Uint8Array {
    const { credential, random, workstation } = this.#options;
    const challenge = parseChallenge(token);
    const serverInfo = this.#checkChallenge(challenge);
    const timestamp = serverInfo.get(AvId.timestamp) ?? encodeFiletime(this.#options.now());
    const blob = encodeClientBlob(timestamp, random(8), encodeAvPairs(this.#answerInfo(serverInfo)));
    const hash = ntHash(credential.password);
    const responseKey = ntowfV2(hash, credential.username, credential.domain);
    const { proof, keyExchangeKey } = proveV2(responseKey, challenge.serverChallenge, blob);
    const sessionKey = random(16).slice();
    const ntResponse = new Uint8Array(proof.length + blob.length);
    ntResponse.set(proof);
    ntResponse.set(blob, proof.length);
    const authenticate = encodeAuthenticate({
      flags: (challenge.flags & offered) >>> 0,
      // Z(24): a server that sends a timestamp gets no LMv2 response ([MS-NLMP] 3.1.5.1.2); neither does any other from us.
      lmResponse: new Uint8Array(24),
      ntResponse,
      domain: credential.domain,
      username: credential.username,
      workstation: workstation ?? "",
      encryptedSessionKey: rc4Once(keyExchangeKey, sessionKey),
    });
    setMic(authenticate, hmacMd5(sessionKey, negotiate, token, authenticate));
    this.#session = new NtlmSession(sessionKey, "client");
    for (const secret of [hash, responseKey, keyExchangeKey, sessionKey]) secret.fill(0);
    return authenticate;
  }

  /** Refuses downgrades, targets without names ([MS-NLMP] 3.1.5.1.2) and our own challenges; returns the target's pairs. */
  #checkChallenge(challenge: ChallengeMessage): AvPairs {
    const missing = missingFlags(challenge.flags, required);
    if (missing.length > 0) {
      throw new ProtocolError(
        "NtlmDowngrade",
        `answer challenge: the server does not agree to ${missing.join(", ")}`,
      );
    }
    const info = challenge.targetInfo;
    if (info === undefined || !info.has(AvId.nbComputerName) || !info.has(AvId.nbDomainName)) {
      throw new ProtocolError(
        "NtlmMalformed",
        "answer challenge: the server does not name its computer and domain",
      );
    }
    if (this.#options.guard?.isOurs(challenge.serverChallenge, this.#options.now())) {
      throw new ProtocolError(
        "NtlmReflection",
        "answer challenge: the server sent a challenge of this very process",
      );
    }
    return info;
  }

  /** The server's pairs with ours in place of any that are the client's to say. */
  #answerInfo(serverInfo: AvPairs): AvPairs {
    const { targetName, channelBinding } = this.#options;
    const pairs = new Map(serverInfo);
    const flags = new Uint8Array(4);
    flags.set(serverInfo.get(AvId.flags) ?? []);
    flags[0]! |= avFlagMic;
    for (const id of [AvId.flags, AvId.singleHost, AvId.channelBindings, AvId.targetName]) pairs.delete(id);
    pairs.set(AvId.flags, flags);
    pairs.set(AvId.channelBindings, channelBinding ?? new Uint8Array(16));
    if (targetName !== undefined) pairs.set(AvId.targetName, utf16le(targetName));
    return pairs;
  }
}

/**
 * A logon with NTLMv2: bare NTLM messages, always with MIC, key exchange, signing and sealing at 128 bits. Fails with
 * `ProtocolError`: `NtlmMalformed`, `NtlmDowngrade` (the server does not agree to all of that), `NtlmReflection`,
 * `NtlmOutOfOrder`.
 */
export function createNtlmInitiator(options: NtlmInitiatorOptions): SecurityContext {
  return new DialogueContext(new NtlmInitiator(options));
}

function outOfOrder(why: string): ProtocolError {
  return new ProtocolError("NtlmOutOfOrder", `answer challenge: ${why}`);
}
