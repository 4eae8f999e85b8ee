/** Who logs on with NTLM. @module */
import type { Secret } from "../secret.ts";

/** A name and a password. */
export interface NtlmCredential {
  /** The account's name, or `user@realm` with an empty domain. */
  readonly username: string;
  /** NetBIOS or DNS name of the account's domain or computer; empty: the server decides. */
  readonly domain: string;
  /** The password. */
  readonly password: Secret;
}

/**
 * Splits `DOMAIN\user` at its first backslash. Any other name, `user@realm` too, is a user name whole and has an empty
 * domain, which is how Windows sends it.
 */
export function splitUserName(name: string): { username: string; domain: string } {
  const at = name.indexOf("\\");
  return at < 0
    ? { username: name, domain: "" }
    : { username: name.slice(at + 1), domain: name.slice(0, at) };
}
