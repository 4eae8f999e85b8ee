/** The service's own accounts, held in memory. @module */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { ntHash } from "../../protocol/auth/mod.ts";
import { UsageError } from "../../protocol/errors.ts";
import { Secret } from "../../protocol/secret.ts";

interface Account {
  /** Absent where the account has no password here. */
  readonly ntHash: Uint8Array | undefined;
  readonly passwordMac: Uint8Array;
  readonly systemUser: string | undefined;
}

/**
 * Accounts that may log on. Names are compared without regard to case. There are no domains here: `user`, `.\user` and
 * `ANY\user` are all the same account, whatever computer the client believes to log on to; the password decides.
 */
export class Accounts {
  readonly #accounts = new Map<string, Account>();
  /** Passwords are compared as MACs under this key: of equal length, and worthless outside this process. */
  readonly #macKey = randomBytes(32);
  readonly #nobody = this.#mac(new Secret(""));

  /**
   * Adds an account, whose commands run as `systemUser` (`undefined`: as the service itself). Without `password` only Kerberos
   * lets it in. Throws {@link UsageError}:
   * `AccountName` when the name is empty or qualified, `AccountExists`, or `AccountPassword` when the password is empty.
   */
  add(name: string, password: Secret | undefined, systemUser: string | undefined): void {
    const key = accountKey(name);
    if (key === "" || name.includes("\\")) {
      throw new UsageError("AccountName", `add account ${name}: the name is empty or has a domain`);
    }
    if (this.#accounts.has(key)) throw new UsageError("AccountExists", `add account ${name}: it exists`);
    if (password?.reveal() === "") {
      throw new UsageError("AccountPassword", `add account ${name}: the password is empty`);
    }
    this.#accounts.set(key, {
      ntHash: password === undefined ? undefined : ntHash(password),
      // No password has the MAC of random bytes.
      passwordMac: password === undefined ? randomBytes(32) : this.#mac(password),
      systemUser,
    });
  }

  /** Whether there is such an account. */
  has(name: string): boolean {
    return this.#accounts.has(accountKey(name));
  }

  /** The NT hash for NTLM, by the user's name as the client sent it; `undefined` for nobody's name. Secret. */
  ntHash(username: string, _domain: string): Uint8Array | undefined {
    return this.#accounts.get(accountKey(username))?.ntHash;
  }

  /** Whether `password` is right. Takes the same work for an unknown name. */
  verifyBasic(username: string, password: Secret): boolean {
    const account = this.#accounts.get(accountKey(username));
    const equal = timingSafeEqual(this.#mac(password), account?.passwordMac ?? this.#nobody);
    return equal && account !== undefined;
  }

  /** The system user that commands of this account run as; `undefined`: the service's own, or nobody's name. */
  systemUserOf(name: string): string | undefined {
    return this.#accounts.get(accountKey(name))?.systemUser;
  }

  #mac(password: Secret): Uint8Array {
    return createHmac("sha256", this.#macKey).update(password.reveal(), "utf8").digest();
  }
}

/** The name without its domain, case folded. */
function accountKey(name: string): string {
  return name.slice(name.lastIndexOf("\\") + 1).toLowerCase();
}
