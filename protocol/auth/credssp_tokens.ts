/** The messages of CredSSP inside its TLS ([MS-CSSP] 2.2), and the hashes that bind them to the server's key (3.1.5). @module */
import { createHash } from "node:crypto";
import { concat, utf8 } from "../bytes.ts";
import { ProtocolError } from "../errors.ts";
import { Secret } from "../secret.ts";
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
import { fromUtf16le, utf16le } from "./ntlm_crypto.ts";

/** Version of the protocol that we speak ([MS-CSSP] 2.2.1): 5 brought the hash with a nonce, 6 changed nothing in the messages. */
export const credsspVersion = 6;

/** Versions below it prove the server's key so that it can be relayed (CVE-2018-0886). */
export const safeCredsspVersion = 5;

/** Longest message that is read. */
export const maxTsRequestLength = 256 * 1024;

/** Bytes of clientNonce. */
export const nonceLength = 32;

/** One message of either side. */
export interface TsRequest {
  readonly version: number;
  /** SPNEGO token. */
  readonly negoToken?: Uint8Array | undefined;
  /** TSCredentials, sealed. */
  readonly authInfo?: Uint8Array | undefined;
  readonly pubKeyAuth?: Uint8Array | undefined;
  /** NTSTATUS with which the server refuses (versions 3, 4 and 6). */
  readonly errorCode?: number | undefined;
  readonly clientNonce?: Uint8Array | undefined;
}

/** A name and a password that are handed over, as a TSPasswordCreds ([MS-CSSP] 2.2.1.2.1). */
export interface PasswordCredentials {
  readonly domain: string;
  readonly username: string;
  readonly password: Secret;
}

const integer = 0x02;

/** The DER of a message. */
export function encodeTsRequest(request: TsRequest): Uint8Array {
  const octets = (number: number, value: Uint8Array | undefined) =>
    value === undefined ? [] : [part(contextTag(number), part(DerTag.octetString, value))];
  const { version, negoToken, authInfo, pubKeyAuth, errorCode, clientNonce } = request;
  return der(
    DerTag.sequence,
    part(contextTag(0), encodeInteger(version)),
    ...(negoToken === undefined ? [] : [
      part(
        contextTag(1),
        part(
          DerTag.sequence,
          part(DerTag.sequence, part(contextTag(0), part(DerTag.octetString, negoToken))),
        ),
      ),
    ]),
    ...octets(2, authInfo),
    ...octets(3, pubKeyAuth),
    ...(errorCode === undefined ? [] : [part(contextTag(4), encodeInteger(errorCode | 0))]),
    ...octets(5, clientNonce),
  );
}

/** Reads a message. Throws `ProtocolError` (`DerMalformed`, `CredSspMalformed`). */
export function parseTsRequest(bytes: Uint8Array): TsRequest {
  if (bytes.length > maxTsRequestLength) throw malformed(`it is longer than ${maxTsRequestLength} bytes`);
  const members = readTaggedSequence(bytes);
  const version = members.get(0);
  if (version === undefined) throw malformed("it has no version");
  const octets = (number: number) => {
    const member = members.get(number);
    return member === undefined ? undefined : readOnly(member, DerTag.octetString).content.slice();
  };
  const tokens = members.get(1);
  const error = members.get(4);
  const read: TsRequest = {
    version: parseInteger(version),
    negoToken: tokens === undefined ? undefined : readNegoToken(tokens),
    authInfo: octets(2),
    pubKeyAuth: octets(3),
    // NTSTATUS is unsigned where it is named, and signed in the DER.
    errorCode: error === undefined ? undefined : parseInteger(error) >>> 0,
    clientNonce: octets(5),
  };
  if (read.version < 2) throw malformed(`its version is ${read.version}`);
  if (read.clientNonce !== undefined && read.clientNonce.length !== nonceLength) {
    throw malformed(`its nonce has ${read.clientNonce.length} bytes`);
  }
  return read;
}

/** The DER of TSCredentials with a TSPasswordCreds. Secret: wipe it. */
export function encodeCredentials({ domain, username, password }: PasswordCredentials): Uint8Array {
  const secret = utf16le(password.reveal());
  const member = (number: number, value: Uint8Array | DerPart) =>
    part(contextTag(number), part(DerTag.octetString, value));
  const creds = part(
    DerTag.sequence,
    member(0, utf16le(domain)),
    member(1, utf16le(username)),
    member(2, secret),
  );
  const whole = der(DerTag.sequence, part(contextTag(0), encodeInteger(passwordType)), member(1, creds));
  secret.fill(0);
  return whole;
}

/**
 * Reads TSCredentials with a password. Throws `ProtocolError` (`DerMalformed`, `CredSspMalformed`, `CredSspCredentials` for a smart
 * card or a remote guard).
 */
export function parseCredentials(bytes: Uint8Array): PasswordCredentials {
  const outer = readTaggedSequence(bytes);
  const type = outer.get(0);
  const credentials = outer.get(1);
  if (type === undefined || credentials === undefined) throw malformed("its credentials lack a part");
  if (parseInteger(type) !== passwordType) {
    throw new ProtocolError(
      "CredSspCredentials",
      "read delegated credentials: they are no password (smart cards and remote guard are not supported)",
    );
  }
  const inner = readTaggedSequence(readOnly(credentials, DerTag.octetString).content);
  const text = (number: number) => {
    const member = inner.get(number);
    if (member === undefined) throw malformed("its credentials lack a part");
    return fromUtf16le(readOnly(member, DerTag.octetString).content);
  };
  return { domain: text(0), username: text(1), password: new Secret(text(2)) };
}

/** The hash that proves knowledge of the server's key, for one direction (version 5 and up; [MS-CSSP] 3.1.5). */
export function keyHash(
  direction: "Client-To-Server" | "Server-To-Client",
  nonce: Uint8Array,
  subjectPublicKey: Uint8Array,
): Uint8Array {
  const magic = utf8(`CredSSP ${direction} Binding Hash\0`);
  return new Uint8Array(createHash("sha256").update(concat([magic, nonce, subjectPublicKey])).digest());
}

/** What a server below version 5 proves the key with: its first byte is one more. */
export function incrementedKey(subjectPublicKey: Uint8Array): Uint8Array {
  const key = subjectPublicKey.slice();
  key[0] = ((key[0] ?? 0) + 1) & 255;
  return key;
}

/** Content of the subjectPublicKey of a SubjectPublicKeyInfo (RFC 5280, section 4.1). Throws `ProtocolError` `DerMalformed`. */
export function subjectPublicKeyOf(spki: Uint8Array): Uint8Array {
  const reader = new DerReader(readOnly(spki, DerTag.sequence).content);
  reader.expect(DerTag.sequence);
  const { content } = reader.expect(bitString);
  reader.end();
  // The first byte counts the unused bits of the last one: none in a key.
  return content.slice(1);
}

const bitString = 0x03;
const passwordType = 1;

function readNegoToken(bytes: Uint8Array): Uint8Array {
  const reader = new DerReader(readOnly(bytes, DerTag.sequence).content);
  const token = readTaggedSequence(reader.expect(DerTag.sequence).whole).get(0);
  // The list has a single element in every version.
  reader.end();
  if (token === undefined) throw malformed("a negoToken is empty");
  return readOnly(token, DerTag.octetString).content.slice();
}

/** Of a number in 32 bits with a sign. */
function encodeInteger(value: number): DerPart {
  const bytes = [value >> 24 & 255, value >> 16 & 255, value >> 8 & 255, value & 255];
  // The shortest form: a first byte that only repeats the sign goes.
  while (
    bytes.length > 1 && ((bytes[0] === 0 && bytes[1]! < 0x80) || (bytes[0] === 255 && bytes[1]! >= 0x80))
  ) {
    bytes.shift();
  }
  return part(integer, new Uint8Array(bytes));
}

function parseInteger(bytes: Uint8Array): number {
  const { content } = readOnly(bytes, integer);
  if (content.length === 0 || content.length > 5) throw malformed("a number has no fitting length");
  // Some write NTSTATUS without a sign, in five bytes.
  let value = content[0]! >= 0x80 ? -1 : 0;
  for (const byte of content) value = value * 256 + byte;
  return value;
}

function malformed(why: string): ProtocolError {
  return new ProtocolError("CredSspMalformed", `read CredSSP message: ${why}`);
}
