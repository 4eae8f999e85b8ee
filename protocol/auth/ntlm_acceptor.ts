/** The server's side of NTLMv2 ([MS-NLMP] 3.2.5.1). @module */
import { DeniedError, ProtocolError } from "../errors.ts";
import type { SecurityContext, SecurityStep } from "../ports.ts";
import { AvId, encodeAvPairs } from "./av_pairs.ts";
import { encodeFiletime } from "./filetime.ts";
import { utf16le } from "./ntlm_crypto.ts";
import { DialogueContext, type NtlmDialogue } from "./ntlm_dialogue.ts";
import { flagBits } from "./ntlm_flags.ts";
import { encodeChallenge, parseAuthenticate, parseNegotiate } from "./ntlm_messages.ts";
import { NtlmSession } from "./ntlm_session.ts";
import {
  type Challenged,
  type NtlmPolicy,
  requiredFlags,
  requireFlags,
  verifyAuthenticate,
} from "./ntlm_verify.ts";
import type { ReflectionGuard } from "./reflection_guard.ts";

/** What accepting NTLM logons needs. */
export interface NtlmAcceptorOptions extends NtlmPolicy {
  /** NetBIOS name of this computer. */
  readonly computerName: string;
  /** NetBIOS name of the domain, or of the computer where there is none. */
  readonly domainName: string;
  /** DNS name of this computer. */
  readonly dnsComputerName?: string;
  /** Secure random bytes. */
  readonly random: (length: number) => Uint8Array;
  /** Remembers our challenges for this process' initiators; a challenge that it no longer remembers is no longer accepted. */
  readonly guard?: ReflectionGuard;
}

/** A context that accepted an NTLM logon. */
export interface NtlmAcceptorContext extends SecurityContext {
  /** The MD5 of the client's gss_channel_bindings, once established; undefined when it sent none or zeros. */
  readonly channelBinding: Uint8Array | undefined;
  /** Whether `seal` and `unseal` work: a client may log on without asking for them. */
  readonly canSeal: boolean;
}

const granted = flagBits(
  ...requiredFlags,
  "unicode",
  "requestTarget",
  "sign",
  "seal",
  "alwaysSign",
  "version",
  "keyExchange",
  "key56",
);
const added = flagBits("requestTarget", "ntlm", "targetInfo", "targetTypeServer");

type State = { readonly kind: "start" } | Challenged | { readonly kind: "over" };

/** The server's dialogue; {@link createNtlmAcceptor} is its public form. */
export class NtlmAcceptor implements NtlmDialogue {
  readonly mechanism = "NTLM";
  readonly #options: NtlmAcceptorOptions;
  #state: State = { kind: "start" };
  #session: NtlmSession | undefined;
  #principal: string | undefined;
  #channelBinding: Uint8Array | undefined;

  /** Prepares to accept one logon. */
  constructor(options: NtlmAcceptorOptions) {
    this.#options = options;
  }

  get session(): NtlmSession | undefined {
    return this.#session;
  }

  get principal(): string | undefined {
    return this.#principal;
  }

  /** The client's channel binding, once established. */
  get channelBinding(): Uint8Array | undefined {
    return this.#channelBinding;
  }

  /** Who the client says it is, when `token` is the one that is to prove it; `undefined` when it is another, or cannot be read. */
  claimedBy(token: Uint8Array | undefined): string | undefined {
    if (token === undefined || this.#state.kind !== "challenged") return undefined;
    try {
      const { username } = parseAuthenticate(token);
      return username === "" ? undefined : username;
    } catch (error) {
      if (error instanceof ProtocolError) return undefined;
      throw error;
    }
  }

  advance(token: Uint8Array | undefined): Exclude<SecurityStep, { kind: "failed" }> {
    const state = this.#state;
    this.#state = { kind: "over" };
    if (token === undefined) throw outOfOrder("the client sent no token");
    switch (state.kind) {
      case "start":
        this.#state = this.#challenge(token);
        return { kind: "continue", token: this.#state.challenge };
      case "challenged": {
        const now = this.#options.now();
        const remembered = this.#options.guard?.isOurs(state.serverChallenge, now) ?? true;
        this.#options.guard?.forget(state.serverChallenge);
        if (!remembered) {
          throw new DeniedError("NtlmExpired", "accept logon: the answer came too long after the challenge");
        }
        const verified = verifyAuthenticate(this.#options, state, token);
        this.#principal = verified.principal;
        this.#channelBinding = verified.channelBinding;
        if (verified.sessionKey !== undefined) {
          this.#session = new NtlmSession(verified.sessionKey, "server", verified.canSeal);
          verified.sessionKey.fill(0);
        }
        return { kind: "done" };
      }
      case "over":
        throw outOfOrder("the dialogue is over");
    }
  }

  dispose(): void {
    if (this.#state.kind === "challenged") this.#options.guard?.forget(this.#state.serverChallenge);
    this.#state = { kind: "over" };
    this.#session?.wipe();
  }

  #challenge(negotiate: Uint8Array): Challenged {
    const { computerName, domainName, dnsComputerName, random, now, guard } = this.#options;
    const asked = parseNegotiate(negotiate).flags;
    requireFlags("accept logon", asked);
    const flags = (asked & granted | added) >>> 0;
    const targetInfo = new Map<number, Uint8Array>([
      [AvId.nbDomainName, utf16le(domainName)],
      [AvId.nbComputerName, utf16le(computerName)],
    ]);
    if (dnsComputerName !== undefined) targetInfo.set(AvId.dnsComputerName, utf16le(dnsComputerName));
    targetInfo.set(AvId.timestamp, encodeFiletime(now()));
    const serverChallenge = random(8).slice();
    guard?.issued(serverChallenge, now());
    const challenge = encodeChallenge({
      flags,
      targetName: computerName,
      serverChallenge,
      targetInfo: encodeAvPairs(targetInfo),
    });
    return { kind: "challenged", negotiate, challenge, serverChallenge, flags, targetInfo };
  }
}

/**
 * Accepts one logon with NTLMv2. Fails with `DeniedError`: `NtlmDenied` (no such account or wrong password),
 * `NtlmAnonymous`, `NtlmVersion1`, `NtlmExpired`; or `ProtocolError`: `NtlmMalformed`, `NtlmUnicodeRequired`,
 * `NtlmDowngrade`, `NtlmMic`, `NtlmTampered`, `NtlmOutOfOrder`.
 */
export function createNtlmAcceptor(options: NtlmAcceptorOptions): NtlmAcceptorContext {
  return new AcceptorContext(new NtlmAcceptor(options));
}

class AcceptorContext extends DialogueContext implements NtlmAcceptorContext {
  readonly #acceptor: NtlmAcceptor;

  constructor(acceptor: NtlmAcceptor) {
    super(acceptor);
    this.#acceptor = acceptor;
  }

  get channelBinding(): Uint8Array | undefined {
    return this.established ? this.#acceptor.channelBinding : undefined;
  }
}

function outOfOrder(why: string): ProtocolError {
  return new ProtocolError("NtlmOutOfOrder", `accept logon: ${why}`);
}
