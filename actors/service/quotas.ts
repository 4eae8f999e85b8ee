/** Quotas per user: plain counting, the dispatcher is its only owner. @module */
import { WsmanFaultError } from "../../protocol/wsman/mod.ts";
import type { ServiceSettings } from "../../protocol/wsman/config_model.ts";

interface Usage {
  operations: number;
  shells: number;
}

/** What users use at the moment; a user who uses nothing is not remembered. */
export class Quotas {
  readonly #settings: ServiceSettings;
  readonly #users = new Map<string, Usage>();
  #usersWithShells = 0;

  constructor(settings: ServiceSettings) {
    this.#settings = settings;
  }

  /** Number of users that are remembered: none when nothing is open. */
  get users(): number {
    return this.#users.size;
  }

  /**
   * One more operation of `user`.
   *
   * `cleansUp`: Signal, Delete and Release are counted but never refused, so that nobody is locked out of what would
   * make room. Windows refuses them as well.
   *
   * @throws WsmanFaultError QUOTA_MAX_OPERATIONS
   */
  beginOperation(user: string, cleansUp: boolean): void {
    const usage = this.#users.get(user);
    if (!cleansUp && (usage?.operations ?? 0) >= this.#settings.MaxConcurrentOperationsPerUser) {
      throw WsmanFaultError.of("QUOTA_MAX_OPERATIONS");
    }
    if (usage === undefined) this.#users.set(user, { operations: 1, shells: 0 });
    else usage.operations++;
  }

  /** One operation of `user` has ended. */
  endOperation(user: string): void {
    const usage = this.#users.get(user);
    if (usage === undefined) return;
    usage.operations--;
    this.#forgetIfUnused(user, usage);
  }

  /**
   * One more shell of `user`.
   *
   * @throws WsmanFaultError QUOTA_MAX_SHELLS, QUOTA_MAX_SHELLUSERS
   */
  addShell(user: string): void {
    const usage = this.#users.get(user) ?? { operations: 0, shells: 0 };
    if (usage.shells >= this.#settings.MaxShellsPerUser) throw WsmanFaultError.of("QUOTA_MAX_SHELLS");
    if (usage.shells === 0) {
      if (this.#usersWithShells >= this.#settings.MaxConcurrentUsers) {
        throw WsmanFaultError.of("QUOTA_MAX_SHELLUSERS");
      }
      this.#usersWithShells++;
    }
    usage.shells++;
    this.#users.set(user, usage);
  }

  /** One shell of `user` is gone. */
  removeShell(user: string): void {
    const usage = this.#users.get(user);
    if (usage === undefined) return;
    usage.shells--;
    if (usage.shells === 0) this.#usersWithShells--;
    this.#forgetIfUnused(user, usage);
  }

  #forgetIfUnused(user: string, usage: Usage): void {
    if (usage.operations === 0 && usage.shells === 0) this.#users.delete(user);
  }
}
