/** Checking the end of an NTLMv2 dialogue on the server's side ([MS-NLMP] 3.2.5.1.2). @module */
import { equalBytes } from "../bytes.ts";
import { DeniedError, ProtocolError } from "../errors.ts";
import { avFlagMic, AvId, type AvPairs } from "./av_pairs.ts";
import { decodeFiletime } from "./filetime.ts";
import { hmacMd5, ntowfV2, proveV2, rc4Once, sameSecret } from "./ntlm_crypto.ts";
import { flagBits, missingFlags, NtlmFlag, type NtlmFlagName } from "./ntlm_flags.ts";
import {
  type AuthenticateMessage,
  type ClientBlob,
  parseAuthenticate,
  parseChallenge,
  parseClientBlob,
  unicodeRequired,
  withoutMic,
} from "./ntlm_messages.ts";

/** What the check of a logon depends on. */
export interface NtlmPolicy {
  /**
   * The NT hash of an account (16 bytes), by the names that the client sent; undefined: there is no such account, which
   * the client cannot tell from a wrong password.
   */
  readonly ntHash: (username: string, domain: string) => Uint8Array | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** How far the client's timestamp may be from our clock; default 36 hours, Windows' MaxLifetime ([MS-NLMP] 3.2.1.1 and its note). */
  readonly maxClockSkewMs?: number;
  /**
   * Whether the client's messages must carry a MIC, as [MS-NLMP] 3.1.5.1.2 demands of clients since our challenges have a
   * timestamp; default true. False admits clients that never learnt it (Azure/go-ntlmssp of 2022); a MIC that is
   * announced is checked in any case.
   */
  readonly requireMic?: boolean;
}

/** The messages of a dialogue so far: the MIC covers them as bytes. */
export interface Challenged {
  readonly kind: "challenged";
  readonly negotiate: Uint8Array;
  readonly challenge: Uint8Array;
  readonly serverChallenge: Uint8Array;
  readonly flags: number;
  readonly targetInfo: AvPairs;
}

/** What a verified AUTHENTICATE_MESSAGE says. */
export interface Verified {
  /** Undefined when signing was not agreed on. */
  readonly sessionKey: Uint8Array | undefined;
  /** Whether sealing was agreed on as well. */
  readonly canSeal: boolean;
  readonly principal: string;
  readonly channelBinding: Uint8Array | undefined;
}

const defaultClockSkewMs = 36 * 3_600_000;
/** What every client must offer; not NEGOTIATE_NTLM itself, which two clients that are written in Go leave out. */
export const requiredFlags: readonly NtlmFlagName[] = ["extendedSessionSecurity", "key128"];
const signing = flagBits("sign", "keyExchange");

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
  const { sessionKey, canSeal } = verifyAuthenticate(policy, state, transcript.authenticate);
  return canSeal ? sessionKey : undefined;
}

/** Checks an AUTHENTICATE_MESSAGE against the dialogue that it ends. Throws what `createNtlmAcceptor` fails with. */
export function verifyAuthenticate(
  policy: NtlmPolicy,
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
  const canSign = (flags & signing) === signing;
  return {
    sessionKey: canSign ? sessionKey : undefined,
    canSeal: canSign && (flags & NtlmFlag.seal) !== 0,
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
  policy: Pick<NtlmPolicy, "ntHash">,
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

/** Refuses flags that are too little for us to go on with. */
export function requireFlags(action: string, flags: number): void {
  if ((flags & NtlmFlag.unicode) === 0) throw unicodeRequired(action);
  const missing = missingFlags(flags, requiredFlags);
  if (missing.length > 0) {
    throw new ProtocolError("NtlmDowngrade", `${action}: the client does not offer ${missing.join(", ")}`);
  }
}
