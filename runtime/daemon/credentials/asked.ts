/** Credentials that commands were asked for, for a short time, in memory only. @module */
import { equalBytes } from "../../../protocol/bytes.ts";
import { UsageError } from "../../../protocol/errors.ts";
import type { Secret } from "../../../protocol/secret.ts";
import type { InventoryHost } from "../../inventory/mod.ts";
import type { Credential, CredentialCommand, CredentialQuestion } from "./command.ts";

/** Milliseconds after which a credential is asked for again before the next work: passwords are changed. */
const keptMs = 60_000;

interface Answer {
  readonly host: InventoryHost;
  readonly at: number;
  readonly outcome: Credential | UsageError;
}

/** See the module. */
export class AskedCredentials {
  readonly #now: () => number;
  readonly #answers = new Map<string, Answer>();
  readonly #asking = new Map<string, Promise<void>>();
  /** Rises with every answer that says something new. */
  changes = 0;

  /** `now`: milliseconds that never go back. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Asks for a host, where what is known is old, of another host or a failure. Never fails: {@link AskedCredentials.get} does. */
  ask(command: CredentialCommand, host: InventoryHost, question: CredentialQuestion): Promise<void> {
    const known = this.#answers.get(host.name);
    const fresh = known?.host === host && !(known.outcome instanceof UsageError) &&
      this.#now() - known.at < keptMs;
    if (fresh) return Promise.resolve();
    let asking = this.#asking.get(host.name);
    if (asking === undefined) {
      asking = this.#ask(command, host, question).finally(() => this.#asking.delete(host.name));
      this.#asking.set(host.name, asking);
    }
    return asking;
  }

  /**
   * What is known of a host; the same object for as long as it says the same.
   *
   * @throws UsageError `CredentialsUnavailable`, `CredentialsPending`: nobody has asked yet
   */
  get(host: InventoryHost): Credential {
    const known = this.#answers.get(host.name);
    if (known?.host !== host) {
      throw new UsageError(
        "CredentialsPending",
        `connect to ${host.name}: its credentials were not asked for yet`,
      );
    }
    if (known.outcome instanceof UsageError) throw known.outcome;
    return known.outcome;
  }

  /** Forgets hosts that are none any more. */
  keep(names: ReadonlyMap<string, unknown>): void {
    for (const name of this.#answers.keys()) if (!names.has(name)) this.#answers.delete(name);
  }

  /** Its passwords, to take them out of texts. */
  secrets(): string[] {
    return [...this.#answers.values()].flatMap(({ outcome }) =>
      outcome instanceof UsageError ? [] : [secretOf(outcome)?.reveal() ?? ""]
    ).filter((text) => text !== "");
  }

  async #ask(command: CredentialCommand, host: InventoryHost, question: CredentialQuestion): Promise<void> {
    let outcome: Credential | UsageError;
    try {
      outcome = await command.ask(question);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      outcome = error;
    }
    const before = this.#answers.get(host.name);
    // The same object means the same connections.
    if (before?.host === host && same(before.outcome, outcome)) outcome = before.outcome;
    if (outcome !== before?.outcome) this.changes++;
    this.#answers.set(host.name, { host, at: this.#now(), outcome });
  }
}

function same(one: Credential | UsageError, other: Credential | UsageError): boolean {
  if (one instanceof UsageError || other instanceof UsageError || one.auth !== other.auth) return false;
  if (secretOf(one)?.reveal() !== secretOf(other)?.reveal()) return false;
  if (!("certificate" in one)) return !("certificate" in other) && one.user === other.user;
  if (!("certificate" in other)) return false;
  // Its files may have another content now.
  const [mine, its] = [one.certificate, other.certificate];
  if ("pfx" in mine) return "pfx" in its && equalBytes(mine.pfx, its.pfx);
  return !("pfx" in its) && mine.certificate === its.certificate && mine.key === its.key;
}

function secretOf(credential: Credential): Secret | undefined {
  return "certificate" in credential ? credential.certificate.passphrase : credential.password;
}
