/** The three messages of NTLM as bytes ([MS-NLMP] 2.2.1): strict readers of hostile input, and writers. @module */
import { concat } from "../bytes.ts";
import { ProtocolError } from "../errors.ts";
import { type AvPairs, parseAvPairs } from "./av_pairs.ts";
import { fromUtf16le, utf16le } from "./ntlm_crypto.ts";
import { NtlmFlag } from "./ntlm_flags.ts";

/** More than any real token: an AUTHENTICATE_MESSAGE has about half a kilobyte. */
export const maxNtlmMessageLength = 16_384;

const signature = new Uint8Array([0x4e, 0x54, 0x4c, 0x4d, 0x53, 0x53, 0x50, 0]);
// VERSION ([MS-NLMP] 2.2.2.10): 10.0, build 0, NTLM revision 15. For diagnosis only.
const version = new Uint8Array([10, 0, 0, 0, 0, 0, 0, 15]);
const micOffset = 72;
const authenticateHeader = 88;
const challengeHeader = 56;

/** NEGOTIATE_MESSAGE, type 1. */
export interface NegotiateMessage {
  readonly flags: number;
}

/** CHALLENGE_MESSAGE, type 2. */
export interface ChallengeMessage {
  readonly flags: number;
  readonly targetName: string;
  /** 8 bytes. */
  readonly serverChallenge: Uint8Array;
  /** Undefined when the flag for it is not set. */
  readonly targetInfo: AvPairs | undefined;
}

/** AUTHENTICATE_MESSAGE, type 3. */
export interface AuthenticateMessage {
  readonly flags: number;
  readonly lmResponse: Uint8Array;
  readonly ntResponse: Uint8Array;
  readonly domain: string;
  readonly username: string;
  readonly workstation: string;
  readonly encryptedSessionKey: Uint8Array;
  /** The 16 bytes where a MIC stands, when the payload leaves room for them; whether they are one says the client's blob. */
  readonly mic: Uint8Array | undefined;
}

/** NTLMv2_CLIENT_CHALLENGE ([MS-NLMP] 2.2.2.7), the client's part of an NTLMv2 response. */
export interface ClientBlob {
  /** FILETIME, 8 bytes. */
  readonly timestamp: Uint8Array;
  readonly clientChallenge: Uint8Array;
  readonly targetInfo: AvPairs;
}

/** Whether `token` begins like a bare NTLM message. */
export function isNtlmMessage(token: Uint8Array): boolean {
  return token.length >= signature.length && signature.every((byte, i) => token[i] === byte);
}

/** Reads type 1. Throws `ProtocolError` (`NtlmMalformed`). */
export function parseNegotiate(bytes: Uint8Array): NegotiateMessage {
  const reader = new MessageReader(bytes, 1, 16);
  const flags = reader.u32(12);
  // Names of domain and workstation are hints that nothing here relies on: their place is checked, no more.
  if (flags & NtlmFlag.domainSupplied) reader.field(16, 32);
  if (flags & NtlmFlag.workstationSupplied) reader.field(24, 32);
  return { flags };
}

/** Reads type 2. Throws `ProtocolError` (`NtlmMalformed`). */
export function parseChallenge(bytes: Uint8Array): ChallengeMessage {
  const reader = new MessageReader(bytes, 2, 32);
  const flags = reader.u32(20);
  const serverChallenge = bytes.slice(24, 32);
  const targetName = reader.text(12, 32);
  const info = flags & NtlmFlag.targetInfo ? reader.field(40, 48) : undefined;
  return {
    flags,
    targetName,
    serverChallenge,
    targetInfo: info === undefined ? undefined : parseAvPairs(info),
  };
}

/** Reads type 3. Throws `ProtocolError` (`NtlmMalformed`, and `NtlmUnicodeRequired` for a message in an OEM charset). */
export function parseAuthenticate(bytes: Uint8Array): AuthenticateMessage {
  const reader = new MessageReader(bytes, 3, 64);
  const flags = reader.u32(60);
  if ((flags & NtlmFlag.unicode) === 0) throw unicodeRequired("read authenticate message");
  const message = {
    flags,
    lmResponse: reader.field(12, 64),
    ntResponse: reader.field(20, 64),
    domain: reader.text(28, 64),
    username: reader.text(36, 64),
    workstation: reader.text(44, 64),
    encryptedSessionKey: reader.field(52, 64),
  };
  const hasMicRoom = reader.payloadStart >= authenticateHeader && bytes.length >= authenticateHeader;
  return { ...message, mic: hasMicRoom ? bytes.slice(micOffset, authenticateHeader) : undefined };
}

/** Reads the client's blob of an NTLMv2 response. Throws `ProtocolError` (`NtlmMalformed`). */
export function parseClientBlob(bytes: Uint8Array): ClientBlob {
  if (bytes.length < 32) throw malformed("read client challenge", `${bytes.length} bytes are too few`);
  if (bytes[0] !== 1 || bytes[1] !== 1) throw malformed("read client challenge", "its version is not 1");
  return {
    timestamp: bytes.slice(8, 16),
    clientChallenge: bytes.slice(16, 24),
    targetInfo: parseAvPairs(bytes.subarray(28)),
  };
}

/** The bytes of type 1, without names. */
export function encodeNegotiate(message: NegotiateMessage): Uint8Array {
  const header = startMessage(1, 40);
  const view = new DataView(header.buffer);
  view.setUint32(12, message.flags, true);
  view.setUint32(20, 40, true);
  view.setUint32(28, 40, true);
  header.set(version, 32);
  return header;
}

/** The bytes of type 2; `targetInfo` is an encoded list. */
export function encodeChallenge(
  message: Omit<ChallengeMessage, "targetInfo"> & { readonly targetInfo: Uint8Array },
): Uint8Array {
  const header = startMessage(2, challengeHeader);
  new DataView(header.buffer).setUint32(20, message.flags, true);
  header.set(message.serverChallenge, 24);
  if (message.flags & NtlmFlag.version) header.set(version, 48);
  return withPayload(header, [[12, utf16le(message.targetName)], [40, message.targetInfo]]);
}

/** The bytes of type 3, with zeros in the place of the MIC: {@link setMic} fills it. */
export function encodeAuthenticate(message: Omit<AuthenticateMessage, "mic">): Uint8Array {
  const header = startMessage(3, authenticateHeader);
  new DataView(header.buffer).setUint32(60, message.flags, true);
  if (message.flags & NtlmFlag.version) header.set(version, 64);
  return withPayload(header, [
    [28, utf16le(message.domain)],
    [36, utf16le(message.username)],
    [44, utf16le(message.workstation)],
    [12, message.lmResponse],
    [20, message.ntResponse],
    [52, message.encryptedSessionKey],
  ]);
}

/** The bytes of an NTLMv2 client blob (`temp` of [MS-NLMP] 3.3.2); `targetInfo` is an encoded list. */
export function encodeClientBlob(
  timestamp: Uint8Array,
  clientChallenge: Uint8Array,
  targetInfo: Uint8Array,
): Uint8Array {
  const head = new Uint8Array(28);
  head[0] = head[1] = 1;
  head.set(timestamp, 8);
  head.set(clientChallenge, 16);
  return concat([head, targetInfo, new Uint8Array(4)]);
}

/** Writes a MIC into the bytes of an AUTHENTICATE_MESSAGE, in place. */
export function setMic(authenticate: Uint8Array, mic: Uint8Array): void {
  authenticate.set(mic, micOffset);
}

/** A copy of an AUTHENTICATE_MESSAGE with zeros in the place of its MIC, over which the MIC is computed. */
export function withoutMic(authenticate: Uint8Array): Uint8Array {
  const copy = authenticate.slice();
  copy.fill(0, micOffset, authenticateHeader);
  return copy;
}

/** The refusal of a message whose names are in an OEM charset, which cannot be told from the message. */
export function unicodeRequired(action: string): ProtocolError {
  return new ProtocolError("NtlmUnicodeRequired", `${action}: the peer does not offer Unicode`);
}

/** Reads fixed fields and payload fields of one message, each payload field inside the message and apart from the others. */
class MessageReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #action: string;
  readonly #taken: { readonly from: number; readonly to: number }[] = [];
  /** Where the first payload field begins. */
  payloadStart = Infinity;

  constructor(bytes: Uint8Array, type: 1 | 2 | 3, minimum: number) {
    this.#action = `read ${["negotiate", "challenge", "authenticate"][type - 1]} message`;
    if (bytes.length > maxNtlmMessageLength) {
      throw malformed(
        this.#action,
        `${bytes.length} bytes are more than the limit of ${maxNtlmMessageLength}`,
      );
    }
    if (bytes.length < minimum) throw malformed(this.#action, `${bytes.length} bytes are too few`);
    if (!isNtlmMessage(bytes)) throw malformed(this.#action, "it does not begin with NTLMSSP");
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (this.u32(8) !== type) throw malformed(this.#action, `its type is ${this.u32(8)}`);
  }

  u32(at: number): number {
    return this.#view.getUint32(at, true);
  }

  /** The payload bytes that the field descriptor at `at` points to; they begin after the first `header` bytes. */
  field(at: number, header: number): Uint8Array {
    if (at + 8 > this.#bytes.length) throw malformed(this.#action, "it ends inside its header");
    const length = this.#view.getUint16(at, true);
    if (length === 0) return new Uint8Array(0);
    const from = this.u32(at + 4);
    const to = from + length;
    if (from < Math.max(header, at + 8) || to > this.#bytes.length) {
      throw malformed(this.#action, `a field at ${from} of ${length} bytes does not lie inside the payload`);
    }
    if (this.#taken.some((other) => from < other.to && other.from < to)) {
      throw malformed(this.#action, `a field at ${from} of ${length} bytes overlaps another`);
    }
    this.#taken.push({ from, to });
    this.payloadStart = Math.min(this.payloadStart, from);
    return this.#bytes.slice(from, to);
  }

  text(at: number, header: number): string {
    const bytes = this.field(at, header);
    if (bytes.length % 2 !== 0) throw malformed(this.#action, "a name has an odd number of bytes");
    return fromUtf16le(bytes);
  }
}

function startMessage(type: number, length: number): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(length);
  header.set(signature);
  header[8] = type;
  return header;
}

/** Appends payload fields in this order and fills in their descriptors. */
function withPayload(
  header: Uint8Array<ArrayBuffer>,
  fields: readonly (readonly [descriptor: number, value: Uint8Array])[],
): Uint8Array {
  const view = new DataView(header.buffer);
  let at = header.length;
  for (const [descriptor, value] of fields) {
    if (value.length > 0xffff) {
      throw malformed("write message", `a field of ${value.length} bytes is too long`);
    }
    view.setUint16(descriptor, value.length, true);
    view.setUint16(descriptor + 2, value.length, true);
    view.setUint32(descriptor + 4, at, true);
    at += value.length;
  }
  return concat([header, ...fields.map(([, value]) => value)]);
}

function malformed(action: string, why: string): ProtocolError {
  return new ProtocolError("NtlmMalformed", `${action}: ${why}`);
}
