/** Accounts of a file, which may change while the service runs. @module */
import { hiding, type Secret } from "../../protocol/secret.ts";
import { type AccountRecord, readAccountFile, stampOf } from "./account_file.ts";
import { FairQueue } from "./fair_queue.ts";
import { networkOf } from "./logon_throttle.ts";
import { matchesHash, nobodysHash, type PasswordHash } from "./password_hash.ts";
import {
  accountKey,
  type LogonAccount,
  type LogonAccounts,
  type PasswordCheck,
  type PasswordVerdict,
  wrong,
} from "./passwords.ts";

/** How often the file is looked at, in milliseconds. */
const lookMs = 1_000;

/** 64 MiB for hashes at once; whoever floods has half of the threads, and waits for itself. */
const limits = { atOnce: 2, atOnceEach: 1, waitingEach: 16, waiting: 256 };

interface Account extends LogonAccount {
  readonly record: AccountRecord;
  /** To see whether it has changed. */
  readonly text: string;
}

/** What can be set for tests. */
export interface FileAccountsOptions {
  /** Told when the file was read again, or could not be: then the accounts stay as they were. */
  readonly onReload?: (error: Error | undefined) => void;
  /** Compares a password with a hash; default: {@link matchesHash}. */
  readonly matches?: (password: Secret, hash: PasswordHash) => Promise<boolean>;
}

/** See the module. */
export class FileAccounts implements LogonAccounts, PasswordCheck, Disposable {
  readonly #path: string;
  readonly #options: FileAccountsOptions;
  readonly #hashing = new FairQueue(limits);
  #accounts = new Map<string, Account>();
  #stamp: string | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #reading: Promise<void> | undefined;

  private constructor(path: string, options: FileAccountsOptions) {
    this.#path = path;
    this.#options = options;
  }

  /**
   * Reads the file, and follows it from then on.
   *
   * @throws UsageError as `readAccountFile`
   */
  static async open(path: string, options: FileAccountsOptions = {}): Promise<FileAccounts> {
    const accounts = new FileAccounts(path, options);
    await accounts.#read();
    accounts.#timer = setInterval(() => void accounts.#look(), lookMs);
    Deno.unrefTimer(accounts.#timer as unknown as number);
    return accounts;
  }

  /** How many accounts there are. */
  get size(): number {
    return this.#accounts.size;
  }

  find(name: string): LogonAccount | undefined {
    const account = this.#accounts.get(accountKey(name));
    return account?.record.disabled === true ? undefined : account;
  }

  isDisabled(name: string): boolean {
    return this.#accounts.get(accountKey(name))?.record.disabled === true;
  }

  isCurrent(account: LogonAccount): boolean {
    return this.find(account.name) === account;
  }

  async check(username: string, password: Secret, address: string): Promise<PasswordVerdict> {
    const account = this.#accounts.get(accountKey(username));
    const hash = account?.record.passwordHash;
    const matches = this.#options.matches ?? matchesHash;
    // Nobody's name, a disabled account and one without a password cost the same.
    const work = this.#hashing.run(networkOf(address), () => matches(password, hash ?? nobodysHash));
    if (work === undefined) return { kind: "unchecked", reason: "too many passwords wait for their check" };
    let equal: boolean;
    try {
      equal = await work;
    } catch (error) {
      return {
        kind: "unchecked",
        reason: `hashing failed: ${error instanceof Error ? error.message : error}`,
      };
    }
    if (account === undefined) return wrong("there is no such account");
    if (hash === undefined) return wrong("the account has no password");
    if (!equal) return wrong("the password is wrong");
    if (account.record.disabled === true) return wrong("the account is disabled");
    return { kind: "right", account };
  }

  /** Reads the file again. A file that cannot be read changes nothing, and `onReload` is told. Never rejects. */
  reload(): Promise<void> {
    return this.#reading ??= (async () => {
      try {
        await this.#read();
        this.#options.onReload?.(undefined);
      } catch (error) {
        this.#options.onReload?.(error instanceof Error ? error : new Error(String(error)));
      } finally {
        this.#reading = undefined;
      }
    })();
  }

  /** Follows the file no longer. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    let stamp: string;
    try {
      stamp = stampOf(await Deno.stat(this.#path));
    } catch {
      // Gone for a moment, or for good: what was read holds. SIGHUP says what is wrong.
      return;
    }
    if (stamp === this.#stamp) return;
    this.#stamp = stamp;
    await this.reload();
  }

  async #read(): Promise<void> {
    const { accounts, stamp } = await readAccountFile(this.#path);
    const before = this.#accounts;
    this.#accounts = new Map(accounts.map((record) => {
      const text = JSON.stringify(record);
      const known = before.get(record.name);
      return [record.name, known?.text === text ? known : accountOf(record, text)];
    }));
    this.#stamp = stamp;
  }
}

function accountOf(record: AccountRecord, text: string): Account {
  const { name, systemUser, groups, ntHash } = record;
  return hiding({ name, systemUser, ...(groups === undefined ? {} : { groups }) }, {
    ntHash: ntHash === undefined ? undefined : Uint8Array.fromHex(ntHash),
    record,
    text,
  });
}
