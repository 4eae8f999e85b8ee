/** The one-way functions and key derivations of NTLMv2 ([MS-NLMP] 3.3.2 and 3.4.5). @module */
import { createHash } from "node:crypto";
import { utf8 } from "../bytes.ts";
import type { Secret } from "../secret.ts";
import { HmacMd5, md5 } from "./md5.ts";
import { Rc4 } from "./rc4.ts";

/** The UTF-16LE bytes of `text`. */
export function utf16le(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length * 2);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    bytes[2 * i] = unit & 255;
    bytes[2 * i + 1] = unit >> 8;
  }
  return bytes;
}

/** The text of UTF-16LE bytes; lone surrogates stay, so that the bytes can be made from it again. */
export function fromUtf16le(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i + 1 < bytes.length; i += 2) text += String.fromCharCode(bytes[i]! | bytes[i + 1]! << 8);
  return text;
}

/** HMAC-MD5 over the concatenation of `parts`. */
export function hmacMd5(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const hmac = new HmacMd5(key);
  const mac = hmac.digest(parts, new Uint8Array(16));
  hmac.wipe();
  return mac;
}

/**
 * Whether two arrays are equal, in a time that depends on their lengths only. The platform's `timingSafeEqual` is such a loop, too, behind
 * checks that cost as much as a tenth of a short message.
 */
export function sameSecret(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}

/** The NT hash of a password: MD4 of its UTF-16LE bytes (NTOWFv1, [MS-NLMP] 3.3.1). It is as good as the password itself. */
export function ntHash(password: Secret): Uint8Array {
  return new Uint8Array(createHash("md4").update(utf16le(password.reveal())).digest());
}

/**
 * Upper case as Windows does it: one UTF-16 unit at a time, so that what would grow (such as a sharp s) stays as it is.
 */
function upperCase(text: string): string {
  let upper = "";
  for (let i = 0; i < text.length; i++) {
    const unit = text.charAt(i);
    const mapped = unit.toUpperCase();
    upper += mapped.length === 1 ? mapped : unit;
  }
  return upper;
}

/** NTOWFv2 ([MS-NLMP] 3.3.2) from the NT hash, the user's name and the domain as they stand in the message. */
export function ntowfV2(hash: Uint8Array, username: string, domain: string): Uint8Array {
  return hmacMd5(hash, utf16le(upperCase(username) + domain));
}

/** What an NTLMv2 response proves and the key that comes of it. */
export interface Ntlmv2Proof {
  /** NTProofStr: 16 bytes, before the client's blob in the NT response. */
  readonly proof: Uint8Array;
  /** SessionBaseKey, which is the key exchange key of NTLMv2 ([MS-NLMP] 3.4.5.1). */
  readonly keyExchangeKey: Uint8Array;
}

/** NTProofStr and SessionBaseKey ([MS-NLMP] 3.3.2). `blob` is the client's part of the response (`temp`). */
export function proveV2(responseKey: Uint8Array, serverChallenge: Uint8Array, blob: Uint8Array): Ntlmv2Proof {
  const proof = hmacMd5(responseKey, serverChallenge, blob);
  return { proof, keyExchangeKey: hmacMd5(responseKey, proof) };
}

/** RC4 of `data` with a fresh key stream (RC4K of [MS-NLMP] 6). */
export function rc4Once(key: Uint8Array, data: Uint8Array): Uint8Array {
  return new Rc4(key).apply(data);
}

/** Who speaks: the constants of the key derivation differ by direction. */
export type NtlmRole = "client" | "server";

/** SIGNKEY and SEALKEY at 128 bits ([MS-NLMP] 3.4.5.2, 3.4.5.3) of the messages that `sender` sends. */
export function directionKeys(
  sessionKey: Uint8Array,
  sender: NtlmRole,
): { readonly signKey: Uint8Array; readonly sealKey: Uint8Array } {
  const direction = sender === "client" ? "client-to-server" : "server-to-client";
  const derive = (purpose: string) =>
    md5(sessionKey, utf8(`session key to ${direction} ${purpose} key magic constant\0`));
  return { signKey: derive("signing"), sealKey: derive("sealing") };
}
