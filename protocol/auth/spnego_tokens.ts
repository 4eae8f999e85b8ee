/** The tokens of SPNEGO (RFC 4178 section 4.2, with negHints of [MS-SPNG] 2.2.1). @module */
import { equalBytes } from "../bytes.ts";
import { DeniedError, ProtocolError } from "../errors.ts";
import {
  contextTag,
  der,
  type DerPart,
  DerReader,
  DerTag,
  part,
  readOnly,
  readTaggedSequence,
} from "./der.ts";

/** Content bytes of object identifiers. */
export const Oid = {
  /** 1.3.6.1.5.5.2 */
  spnego: new Uint8Array([0x2b, 0x06, 0x01, 0x05, 0x05, 0x02]),
  /** 1.3.6.1.4.1.311.2.2.10 */
  ntlm: new Uint8Array([0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x0a]),
  /** 1.2.840.113554.1.2.2 */
  kerberos: new Uint8Array([0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02]),
  /** 1.2.840.48018.1.2.2: what Windows made of the former by a mistake, and prefers since ([MS-SPNG] 1.9) */
  kerberosOfWindows: new Uint8Array([0x2a, 0x86, 0x48, 0x82, 0xf7, 0x12, 0x01, 0x02, 0x02]),
} as const;

/** negState. */
export const NegState = { acceptCompleted: 0, acceptIncomplete: 1, reject: 2, requestMic: 3 } as const;

/** NegTokenInit: what an initiator offers. */
export interface NegTokenInit {
  readonly kind: "init";
  /** Content bytes of each offered mechanism's identifier, the preferred first. */
  readonly mechanisms: readonly Uint8Array[];
  /** The DER of MechTypeList, over which mechListMIC is computed. */
  readonly mechanismList: Uint8Array;
  readonly mechanismToken: Uint8Array | undefined;
  readonly mic: Uint8Array | undefined;
}

/** NegTokenResp: every later token. */
export interface NegTokenResp {
  readonly kind: "response";
  readonly state: number | undefined;
  readonly mechanism: Uint8Array | undefined;
  readonly responseToken: Uint8Array | undefined;
  readonly mic: Uint8Array | undefined;
}

/** Longest token that is read, in bytes: a Kerberos ticket with a large PAC fits. */
export const maxSpnegoTokenLength = 131_072;

/**
 * Reads a token. Throws `ProtocolError` (`DerMalformed`, `SpnegoMalformed`), and `DeniedError` (`NoCommonMechanism`)
 * for a GSS-API token of another mechanism than SPNEGO.
 */
export function parseSpnego(bytes: Uint8Array): NegTokenInit | NegTokenResp {
  if (bytes.length > maxSpnegoTokenLength) {
    throw malformed(`${bytes.length} bytes are more than the limit of ${maxSpnegoTokenLength}`);
  }
  switch (bytes[0]) {
    case DerTag.application0: {
      const frame = new DerReader(readOnly(bytes, DerTag.application0).content);
      if (!equalBytes(frame.expect(DerTag.objectIdentifier).content, Oid.spnego)) {
        throw new DeniedError("NoCommonMechanism", "read SPNEGO token: it is of another mechanism");
      }
      const { content } = frame.expect(contextTag(0));
      frame.end();
      return readInit(content);
    }
    case contextTag(1):
      return readResponse(readOnly(bytes, contextTag(1)).content);
    default:
      throw malformed("it is neither a NegTokenInit nor a NegTokenResp");
  }
}

/** The DER of a MechTypeList. */
export function encodeMechanismList(mechanisms: readonly Uint8Array[]): Uint8Array {
  return der(DerTag.sequence, ...mechanisms.map((oid) => part(DerTag.objectIdentifier, oid)));
}

/** The bytes of a NegTokenInit in its GSS-API frame. */
export function encodeNegTokenInit(mechanismList: Uint8Array, mechanismToken: Uint8Array): Uint8Array {
  const members = [
    part(contextTag(0), mechanismList),
    part(contextTag(2), part(DerTag.octetString, mechanismToken)),
  ];
  return der(
    DerTag.application0,
    part(DerTag.objectIdentifier, Oid.spnego),
    part(contextTag(0), part(DerTag.sequence, ...members)),
  );
}

/** The bytes of a NegTokenResp. */
export function encodeNegTokenResp(response: Partial<Omit<NegTokenResp, "kind">>): Uint8Array {
  const members: DerPart[] = [];
  const add = (number: number, tag: number, value: Uint8Array | undefined) => {
    if (value !== undefined) members.push(part(contextTag(number), part(tag, value)));
  };
  add(0, DerTag.enumerated, response.state === undefined ? undefined : new Uint8Array([response.state]));
  add(1, DerTag.objectIdentifier, response.mechanism);
  add(2, DerTag.octetString, response.responseToken);
  add(3, DerTag.octetString, response.mic);
  return der(contextTag(1), part(DerTag.sequence, ...members));
}

function readInit(bytes: Uint8Array): NegTokenInit {
  const members = readTaggedSequence(bytes);
  const list = members.get(0);
  if (list === undefined) throw malformed("it offers no mechanisms");
  const { content, whole } = readOnly(list, DerTag.sequence);
  const mechanisms: Uint8Array[] = [];
  for (const reader = new DerReader(content); !reader.atEnd;) {
    mechanisms.push(reader.expect(DerTag.objectIdentifier).content.slice());
  }
  if (mechanisms.length === 0) throw malformed("it offers no mechanisms");
  // [3] is mechListMIC, but negHints in a NegTokenInit2, whose mechListMIC is [4] ([MS-SPNG] 2.2.1).
  const isHints = members.get(3)?.[0] === DerTag.sequence;
  return {
    kind: "init",
    mechanisms,
    mechanismList: whole.slice(),
    mechanismToken: octets(members.get(2)),
    mic: octets(members.get(isHints ? 4 : 3)),
  };
}

function readResponse(bytes: Uint8Array): NegTokenResp {
  const members = readTaggedSequence(bytes);
  const state = members.get(0);
  const mechanism = members.get(1);
  return {
    kind: "response",
    state: state === undefined ? undefined : readState(readOnly(state, DerTag.enumerated).content),
    mechanism: mechanism === undefined
      ? undefined
      : readOnly(mechanism, DerTag.objectIdentifier).content.slice(),
    responseToken: octets(members.get(2)),
    mic: octets(members.get(3)),
  };
}

function readState(content: Uint8Array): number {
  const state = content[0];
  if (content.length !== 1 || state === undefined || state > NegState.requestMic) {
    throw malformed("its negState is unknown");
  }
  return state;
}

function octets(member: Uint8Array | undefined): Uint8Array | undefined {
  return member === undefined ? undefined : readOnly(member, DerTag.octetString).content.slice();
}

function malformed(why: string): ProtocolError {
  return new ProtocolError("SpnegoMalformed", `read SPNEGO token: ${why}`);
}
