/**
 * Remembers for a moment that a password was right: real clients send Basic with every request, on a new connection each, and the
 * check is made to be slow. What is kept is a MAC under a key of this process; a wrong password is never remembered.
 * @module
 */
import { createHmac, randomBytes } from "node:crypto";
import type { Secret } from "../../protocol/secret.ts";
import { accountKey, type LogonAccount, type PasswordCheck, type PasswordVerdict } from "./passwords.ts";

/** Milliseconds that a right password is remembered. */
export const rememberedMs = 60_000;
/** Accounts that are remembered; the oldest goes first. */
const mostRemembered = 1_000;

interface Remembered {
  readonly mac: string;
  readonly account: LogonAccount;
  readonly until: number;
}

/** What {@link RememberedPasswords} says beside the verdict. */
export type RememberedVerdict = PasswordVerdict & { readonly remembered?: true };

/** See the module. One password an account: a change of the account forgets it. */
export class RememberedPasswords implements PasswordCheck {
  readonly #checks: PasswordCheck;
  readonly #now: () => number;
  readonly #key = randomBytes(32);
  readonly #byName = new Map<string, Remembered>();
  /** Checks under way, by MAC: the connections of one client ask for the same at once. */
  readonly #checking = new Map<string, Promise<PasswordVerdict>>();

  /** `now`: milliseconds that never go back. */
  constructor(checks: PasswordCheck, now: () => number) {
    this.#checks = checks;
    this.#now = now;
  }

  async check(username: string, password: Secret, address: string): Promise<RememberedVerdict> {
    const name = accountKey(username);
    const mac = createHmac("sha256", this.#key).update(`${name.length} ${name}${password.reveal()}`, "utf8")
      .digest("base64");
    const known = this.#byName.get(name);
    if (known !== undefined && (this.#now() >= known.until || !this.#checks.isCurrent(known.account))) {
      this.#byName.delete(name);
    } else if (known?.mac === mac) return { kind: "right", account: known.account, remembered: true };
    // Of one address, so that a flood from elsewhere cannot fill the queue in this one's name.
    const work = `${address} ${mac}`;
    let checking = this.#checking.get(work);
    if (checking === undefined) {
      checking = this.#checks.check(username, password, address).finally(() => this.#checking.delete(work));
      this.#checking.set(work, checking);
    }
    const verdict = await checking;
    if (verdict.kind !== "right") return verdict;
    // The account may have changed while the old password was being checked.
    if (!this.#checks.isCurrent(verdict.account)) {
      return { kind: "wrong", reason: "the account was changed meanwhile" };
    }
    this.#remember(name, { mac, account: verdict.account, until: this.#now() + rememberedMs });
    return verdict;
  }

  isCurrent(account: LogonAccount): boolean {
    return this.#checks.isCurrent(account);
  }

  #remember(name: string, remembered: Remembered): void {
    this.#byName.delete(name);
    this.#byName.set(name, remembered);
    for (const oldest of this.#byName.keys()) {
      if (this.#byName.size <= mostRemembered) return;
      this.#byName.delete(oldest);
    }
  }
}
