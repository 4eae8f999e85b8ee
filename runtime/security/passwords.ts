/** What the service asks of those who know accounts and passwords. @module */
import type { Sid } from "../../protocol/access/mod.ts";
import type { Secret } from "../../protocol/secret.ts";

/** An account that may log on. One that was changed is another object, so what rests on the old one can be told. */
export interface LogonAccount {
  /** Without domain, in lower case. */
  readonly name: string;
  /** System user that its commands run as; `undefined`: the service decides. */
  readonly systemUser: string | undefined;
  /** Its groups; absent: Administrators. */
  readonly groups?: readonly Sid[];
  /** For NTLM; absent where that does not let it in. As good as the password: `hiding` keeps it out of what is printed. */
  readonly ntHash: Uint8Array | undefined;
}

/** Who may log on. */
export interface LogonAccounts {
  /** The account; `undefined` for nobody's name and for one that is disabled. */
  find(name: string): LogonAccount | undefined;
  /** Whether the name is that of an account that is disabled. */
  isDisabled(name: string): boolean;
}

/** What became of a check. */
export type PasswordVerdict =
  | { readonly kind: "right"; readonly account: LogonAccount }
  /** `reason` is for the operator; the client is told nothing of it. */
  | { readonly kind: "wrong"; readonly reason: string }
  /** It was not checked: the machine has too much to do, or cannot say. */
  | { readonly kind: "unchecked"; readonly reason: string };

/** Checks passwords. */
export interface PasswordCheck {
  /** Never rejects, and asks for the same work whether there is such an account or not. `address`: where the client is. */
  check(username: string, password: Secret, address: string): Promise<PasswordVerdict>;
  /** Whether the account is still as it was when it was given out. */
  isCurrent(account: LogonAccount): boolean;
}

/** The one spelling of an account's name, by which quotas and shells go: without domain, in lower case. */
export function accountKey(name: string): string {
  return caseless(name.slice(name.lastIndexOf("\\") + 1));
}

/**
 * A name in lower case, where that is another spelling of the same letters. U+2126, U+212A and U+212B are other characters that only
 * become ω, k and å so: whoever can have a name made with one (a principal, a UPN) must not be who is named with the letter.
 */
export function caseless(name: string): string {
  return name.replace(/[^\u2126\u212a\u212b]+/g, (part) => part.toLowerCase());
}

/** The verdict on a password that is not the account's, or of an account that there is not. */
export function wrong(reason: string): PasswordVerdict {
  return { kind: "wrong", reason };
}
