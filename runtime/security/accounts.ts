/** The service's own accounts, held in memory. @module */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { ntHash } from "../../protocol/auth/mod.ts";
import { UsageError } from "../../protocol/errors.ts";
import { hiding, Secret } from "../../protocol/secret.ts";
import {
  accountKey,
  type LogonAccount,
  type LogonAccounts,
  type PasswordCheck,
  type PasswordVerdict,
  wrong,
} from "./passwords.ts";

interface Account extends LogonAccount {
  readonly passwordMac: Uint8Array;
}

/**
 * Accounts that may log on. Names are compared without regard to case. There are no domains here: `user`, `.\user` and
 * `ANY\user` are all the same account, whatever computer the client believes to log on to; the password decides.
 */
export class Accounts implements LogonAccounts, PasswordCheck {
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
    const hidden = {
      ntHash: password === undefined ? undefined : ntHash(password),
      // No password has the MAC of random bytes.
      passwordMac: password === undefined ? randomBytes(32) : this.#mac(password),
    };
    this.#accounts.set(key, hiding({ name: key, systemUser }, hidden));
  }

  find(name: string): LogonAccount | undefined {
    return this.#accounts.get(accountKey(name));
  }

  isDisabled(): boolean {
    return false;
  }

  check(username: string, password: Secret): Promise<PasswordVerdict> {
    const account = this.#accounts.get(accountKey(username));
    const equal = timingSafeEqual(this.#mac(password), account?.passwordMac ?? this.#nobody);
    return Promise.resolve(
      account === undefined
        ? wrong("there is no such account")
        : equal
        ? { kind: "right", account }
        : wrong("the password is wrong"),
    );
  }

  isCurrent(): boolean {
    return true;
  }

  #mac(password: Secret): Uint8Array {
    return createHmac("sha256", this.#macKey).update(password.reveal(), "utf8").digest();
  }
}
