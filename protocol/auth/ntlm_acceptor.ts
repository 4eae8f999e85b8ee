/** The server's side of NTLMv2 ([MS-NLMP] 3.2.5.1). @module */
import { equalBytes } from "../bytes.ts";
import { DeniedError, ProtocolError } from "../errors.ts";
import type { SecurityContext, SecurityStep } from "../ports.ts";
import { avFlagMic, AvId, type AvPairs, encodeAvPairs } from "./av_pairs.ts";
import { decodeFiletime, encodeFiletime } from "./filetime.ts";
import { hmacMd5, ntowfV2, proveV2, rc4Once, sameSecret, utf16le } from "./ntlm_crypto.ts";
import { DialogueContext, type NtlmDialogue } from "./ntlm_dialogue.ts";
import { flagBits, missingFlags, NtlmFlag, type NtlmFlagName } from "./ntlm_flags.ts";
import {
  type AuthenticateMessage,
  type ClientBlob,
  encodeChallenge,
  parseAuthenticate,
  parseChallenge,
  parseClientBlob,
  parseNegotiate,
  unicodeRequired,
  withoutMic,
} from "./ntlm_messages.ts";
import { NtlmSession } from "./ntlm_session.ts";
import type { ReflectionGuard } from "./reflection_guard.ts";

/** What accepting NTLM logons needs. */
export interface NtlmAcceptorOptions {
  /**
   * The NT hash of an account (16 bytes), by the names that the client sent; undefined: there is no such account, which
   * the client cannot tell from a wrong password.
   */
  readonly ntHash: (username: string, domain: string) => Uint8Array | undefined;
  /** NetBIOS name of this computer. */
  readonly computerName: string;
  /** NetBIOS name of the domain, or of the computer where there is none. */
  readonly domainName: string;
  /** DNS name of this computer. */
  readonly dnsComputerName?: string;
  /** Secure random bytes. */
  readonly random: (length: number) => Uint8Array;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Remembers our challenges for this process' initiators; a challenge that it no longer remembers is no longer accepted. */
  readonly guard?: ReflectionGuard;
  /** How far the client's timestamp may be from our clock; default 36 hours, Windows' MaxLifetime ([MS-NLMP] 3.2.1.1 and its note). */
  readonly maxClockSkewMs?: number;
  /**
   * Whether the client's messages must carry a MIC, as [MS-NLMP] 3.1.5.1.2 demands of clients since our challenges have a
   * timestamp; default true. False admits clients that never learnt it (Azure/go-ntlmssp of 2022); a MIC that is
   * announced is checked in any case.
   */
  readonly requireMic?: boolean;
}

/** A context that accepted an NTLM logon. */
export interface NtlmAcceptorContext extends SecurityContext {
  /** The MD5 of the client's gss_channel_bindings, once established; undefined when it sent none or zeros. */
  readonly channelBinding: Uint8Array | undefined;
  /** Whether `seal` and `unseal` work: a client may log on without asking for them. */
  readonly canSeal: boolean;
}

const defaultClockSkewMs = 36 * 3_600_000;
// Not NEGOTIATE_NTLM itself: two clients that are written in Go leave it out.
const required: readonly NtlmFlagName[] = ["extendedSessionSecurity", "key128"];
const granted = flagBits(
  ...required,
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
const sealing = flagBits("sign", "seal", "keyExchange");

/** The messages of a dialogue so far: the MIC covers them as bytes. */
interface Challenged {
  readonly kind: "challenged";
  readonly negotiate: Uint8Array;
  readonly challenge: Uint8Array;
  readonly serverChallenge: Uint8Array;
  readonly flags: number;
  readonly targetInfo: AvPairs;
}

type State = { readonly kind: "start" } | Challenged | { readonly kind: "over" };

/** What a verified AUTHENTICATE_MESSAGE says. */
interface Verified {
  /** Undefined when sealing was not agreed on. */
  readonly sessionKey: Uint8Array | undefined;
  readonly principal: string;
  readonly channelBinding: Uint8Array | undefined;
}

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
          this.#session = new NtlmSession(verified.sessionKey, "server");
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

/** The bytes of one whole dialogue. */
export interface NtlmTranscript {
  readonly negotiate: Uint8Array;
  readonly challenge: Uint8Array;
  readonly authenticate: Uint8Array;
}

/**
 * The session key of a recorded dialogue, for tests and for reading captured traffic with a known password. Makes every
 * check of an acceptor but that of the timestamp's age; undefined when the two did not agree on sealing.
 */
export function deriveSessionKey(transcript: NtlmTranscript, hash: Uint8Array): Uint8Array | undefined {
  const { flags, serverChallenge, targetInfo } = parseChallenge(transcript.challenge);
  const state: Challenged = {
    kind: "challenged",
    negotiate: transcript.negotiate,
    challenge: transcript.challenge,
    flags,
    serverChallenge,
    targetInfo: targetInfo ?? new Map(),
  };
  const policy = { ntHash: () => hash, now: () => 0, maxClockSkewMs: Infinity };
  return verifyAuthenticate(policy, state, transcript.authenticate).sessionKey;
}

function verifyAuthenticate(
  policy: Pick<NtlmAcceptorOptions, "ntHash" | "now" | "maxClockSkewMs" | "requireMic">,
  state: Challenged,
  token: Uint8Array,
): Verified {
  const message = parseAuthenticate(token);
  requireFlags("accept logon", message.flags);
  const blob = readResponse(message);
  const { username, domain } = message;
  const keyExchangeKey = checkPassword(policy, state, message);
  // The password was right, so from here on a mismatch means that someone changed the messages on their way.
  const flags = message.flags & state.flags;
  const exchanged = (flags & NtlmFlag.keyExchange) !== 0;
  if (exchanged && message.encryptedSessionKey.length !== 16) {
    throw new ProtocolError("NtlmMalformed", "accept logon: the session key has not 16 bytes");
  }
  const sessionKey = exchanged
    ? rc4Once(keyExchangeKey, message.encryptedSessionKey)
    : keyExchangeKey.slice();
  keyExchangeKey.fill(0);
  checkMic(state, token, message, blob, sessionKey, policy.requireMic ?? true);
  checkTargetInfo(state.targetInfo, blob);
  if (
    Math.abs(decodeFiletime(blob.timestamp) - policy.now()) > (policy.maxClockSkewMs ?? defaultClockSkewMs)
  ) {
    throw new DeniedError("NtlmExpired", "accept logon: the client's timestamp is too far from our clock");
  }
  const binding = blob.targetInfo.get(AvId.channelBindings);
  return {
    sessionKey: (flags & sealing) === sealing ? sessionKey : undefined,
    principal: domain === "" ? username : `${domain}\\${username}`,
    channelBinding: binding?.some((byte) => byte !== 0) ? binding : undefined,
  };
}

/** Refuses anonymous logons and everything that is not an NTLMv2 response. */
function readResponse(message: AuthenticateMessage): ClientBlob {
  if ((message.flags & NtlmFlag.anonymous) !== 0 || message.username === "") {
    throw new DeniedError("NtlmAnonymous", "accept logon: the client is anonymous");
  }
  // An NTLMv1 response has 24 bytes ([MS-NLMP] 2.2.2.6); one of NTLMv2 has 16 and a blob.
  if (message.ntResponse.length <= 24) {
    throw new DeniedError("NtlmVersion1", "accept logon: the client's response is not one of NTLMv2");
  }
  return parseClientBlob(message.ntResponse.subarray(16));
}

/** The key exchange key, if the response proves the password. Takes the same way, and time, for accounts that do not exist. */
function checkPassword(
  policy: Pick<NtlmAcceptorOptions, "ntHash">,
  state: Challenged,
  message: AuthenticateMessage,
): Uint8Array {
  const { username, domain, ntResponse } = message;
  const known = policy.ntHash(username, domain);
  const responseKey = ntowfV2(known ?? new Uint8Array(16), username, domain);
  const { proof, keyExchangeKey } = proveV2(responseKey, state.serverChallenge, ntResponse.subarray(16));
  responseKey.fill(0);
  const proven = sameSecret(proof, ntResponse.subarray(0, 16));
  if (!proven || known === undefined) {
    keyExchangeKey.fill(0);
    throw new DeniedError("NtlmDenied", "accept logon: the user name or the password is wrong");
  }
  return keyExchangeKey;
}

/** Checks the MIC over all three messages, which keeps their flags as they were sent ([MS-NLMP] 3.2.5.1.2). */
function checkMic(
  state: Challenged,
  token: Uint8Array,
  message: AuthenticateMessage,
  blob: ClientBlob,
  sessionKey: Uint8Array,
  required: boolean,
): void {
  const announced = ((blob.targetInfo.get(AvId.flags)?.[0] ?? 0) & avFlagMic) !== 0;
  if (!announced && !required) return;
  if (!announced || message.mic === undefined) {
    throw new ProtocolError("NtlmMic", "accept logon: the client's messages have no MIC");
  }
  const expected = hmacMd5(sessionKey, state.negotiate, state.challenge, withoutMic(token));
  if (!sameSecret(expected, message.mic)) {
    throw new ProtocolError("NtlmMic", "accept logon: the MIC does not fit the three messages");
  }
}

/** Every pair of our challenge must come back unchanged inside what the client signed with its password. */
function checkTargetInfo(ours: AvPairs, blob: ClientBlob): void {
  for (const [id, value] of ours) {
    if (id === AvId.flags) continue; // the client adds bits to these
    const answered = blob.targetInfo.get(id);
    if (answered === undefined || !equalBytes(answered, value)) {
      throw new ProtocolError(
        "NtlmTampered",
        `accept logon: pair ${id} of our target information came back changed`,
      );
    }
  }
  const timestamp = ours.get(AvId.timestamp);
  if (timestamp !== undefined && !equalBytes(timestamp, blob.timestamp)) {
    throw new ProtocolError("NtlmTampered", "accept logon: the response is not of our challenge's time");
  }
}

function requireFlags(action: string, flags: number): void {
  if ((flags & NtlmFlag.unicode) === 0) throw unicodeRequired(action);
  const missing = missingFlags(flags, required);
  if (missing.length > 0) {
    throw new ProtocolError("NtlmDowngrade", `${action}: the client does not offer ${missing.join(", ")}`);
  }
}

function outOfOrder(why: string): ProtocolError {
  return new ProtocolError("NtlmOutOfOrder", `accept logon: ${why}`);
}
