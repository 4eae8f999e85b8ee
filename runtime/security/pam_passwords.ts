/** Passwords of the system's users, checked by PAM. @module */
import { Pam, PamUnavailable } from "../../ffi/pam.ts";
import { UsageError } from "../../protocol/errors.ts";
import type { Secret } from "../../protocol/secret.ts";
import { lookupUser } from "../os/users.ts";
import { FairQueue } from "./fair_queue.ts";
import { networkOf } from "./logon_throttle.ts";
import {
  accountKey,
  type LogonAccount,
  type LogonAccounts,
  type PasswordCheck,
  type PasswordVerdict,
  wrong,
} from "./passwords.ts";

/** Threads that wait for PAM: a wrong password holds one for 2 s. Whoever floods has two of them, and waits for itself. */
const limits = { atOnce: 8, atOnceEach: 2, waitingEach: 16, waiting: 256 };

/** How PAM is asked. */
export interface PamOptions {
  /** Name of the file in /etc/pam.d; default `drover`. */
  readonly service?: string;
  /** Folder of such files instead of /etc/pam.d, where root is not to be asked for one. */
  readonly configuration?: string;
}

/**
 * See the module. The name must be a system user's in lower case, because accounts are known by their names in lower case; commands run
 * as that user. An account of the same name among `accounts` may be disabled there, name another system user, or groups.
 */
export class PamPasswords implements PasswordCheck {
  readonly #pam: Pam;
  readonly #options: PamOptions;
  readonly #accounts: LogonAccounts;
  readonly #queue = new FairQueue(limits);
  /** Those that are made here, and the account of the same name that there was then. */
  readonly #own = new WeakMap<LogonAccount, LogonAccount | undefined>();

  /** Throws `UsageError` (`PamUnavailable`) where PAM is not, and `PamService` where its file is missing. */
  constructor(accounts: LogonAccounts, options: PamOptions = {}) {
    this.#accounts = accounts;
    this.#options = options;
    const { service = "drover", configuration = "/etc/pam.d" } = options;
    if (!/^[A-Za-z0-9][\w.-]*$/.test(service)) {
      throw new UsageError("PamService", `use PAM: ${service} is no name of a service`);
    }
    try {
      this.#pam = Pam.load();
    } catch (cause) {
      if (!(cause instanceof PamUnavailable)) throw cause;
      throw new UsageError("PamUnavailable", `use PAM: ${cause.message}`, { cause });
    }
    try {
      Deno.statSync(`${configuration}/${service}`);
    } catch (cause) {
      // PAM would take "other", which lets in nobody, or everybody.
      throw new UsageError(
        "PamService",
        `use PAM: there is no ${configuration}/${service}; make it, or name another of the files there with --pam-service`,
        { cause },
      );
    }
  }

  async check(username: string, password: Secret, address: string): Promise<PasswordVerdict> {
    const user = accountKey(username);
    const { service = "drover", configuration } = this.#options;
    const question = { service, user, password: password.reveal(), from: address };
    const work = this.#queue.run(networkOf(address), () => this.#pam.check(question, configuration));
    if (work === undefined) return { kind: "unchecked", reason: "too many passwords wait for PAM" };
    let outcome: Awaited<typeof work>;
    try {
      outcome = await work;
    } catch (error) {
      return { kind: "unchecked", reason: error instanceof Error ? error.message : String(error) };
    }
    if (outcome.kind === "wrong") return wrong(`PAM: ${outcome.reason}`);
    if (this.#accounts.isDisabled(user)) return wrong("the account is disabled");
    const known = this.#accounts.find(user);
    if (known?.systemUser !== undefined) return { kind: "right", account: known };
    if (lookupUser(user) === undefined) return wrong("PAM lets it in, but there is no such system user");
    const groups = known?.groups === undefined ? {} : { groups: known.groups };
    const account = { name: user, systemUser: user, ...groups, ntHash: undefined };
    this.#own.set(account, known);
    return { kind: "right", account };
  }

  isCurrent(account: LogonAccount): boolean {
    const known = this.#own.has(account) ? this.#own.get(account) : account;
    return this.#accounts.find(account.name) === known && !this.#accounts.isDisabled(account.name);
  }
}
