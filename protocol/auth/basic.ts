/** Basic authentication (RFC 7617). @module */
import { utf8 } from "../bytes.ts";
import { ProtocolError, UsageError } from "../errors.ts";
import { Secret } from "../secret.ts";

const maxTokenLength = 4_096;
const control = /\p{Cc}/u;

/**
 * The value of an `Authorization` header, in UTF-8 (RFC 7617 section 2.1). Throws `UsageError` (`BasicCredential`)
 * when the name has a colon, or either has a control character: Basic cannot carry them.
 */
export function basicAuthorization(username: string, password: Secret): string {
  if (username.includes(":")) {
    throw new UsageError("BasicCredential", "write Basic credentials: the user name has a colon");
  }
  if (control.test(username) || control.test(password.reveal())) {
    throw new UsageError("BasicCredential", "write Basic credentials: they have a control character");
  }
  return `Basic ${utf8(`${username}:${password.reveal()}`).toBase64()}`;
}

/**
 * Reads what follows `Basic ` in an `Authorization` header: UTF-8, or Latin-1 where it is not UTF-8 (RFC 7617 leaves the
 * charset open, and Python's requests sends Latin-1). Throws `ProtocolError` (`BasicMalformed`) when it is not base64 of
 * text with a colon, has control characters, or is longer than 4,096 characters.
 */
export function parseBasic(token: string): { username: string; password: Secret } {
  if (token.length > maxTokenLength) throw malformed(`they are longer than ${maxTokenLength} characters`);
  let bytes: Uint8Array;
  try {
    bytes = Uint8Array.fromBase64(token.trim());
  } catch {
    // The cause is left out on purpose: its text could quote the credentials.
    throw malformed("they are not base64");
  }
  const text = decode(bytes);
  const colon = text.indexOf(":");
  if (colon < 0) throw malformed("they have no colon");
  if (control.test(text)) throw malformed("they have a control character");
  return { username: text.slice(0, colon), password: new Secret(text.slice(colon + 1)) };
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return new TextDecoder("latin1").decode(bytes);
  }
}

function malformed(why: string): ProtocolError {
  return new ProtocolError("BasicMalformed", `read Basic credentials: ${why}`);
}
