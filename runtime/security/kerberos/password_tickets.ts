/** Tickets of those who have handed their password over with CredSSP: what it is for, where the service knows their KDC. @module */
import { copyCache, type GssLibrary, initialTickets } from "../../../ffi/gssapi/mod.ts";
import type { Secret } from "../../../protocol/secret.ts";
import { systemClock } from "../../clock.ts";
import { kerberosError } from "./errors.ts";
import { MemoryCache } from "./memory_cache.ts";

/** Milliseconds after which the logon goes on without: a KDC that has just served its client may be silent now. */
const patienceMs = 5_000;

/** See the module. */
export class PasswordTickets implements Disposable {
  readonly #library: GssLibrary;
  #cache: MemoryCache | undefined;
  #disposed = false;

  /** None yet. */
  constructor(library: GssLibrary) {
    this.#library = library;
  }

  /** Asks the KDC; `then` is called once, whatever it says, and soon. */
  logOn(principal: string, password: Secret, then: () => void): void {
    let waiting = true;
    const end = () => {
      if (!waiting) return;
      waiting = false;
      cancel();
      then();
    };
    const cancel = systemClock.schedule(patienceMs, end);
    // Commands that need no tickets run all the same; those that do say that there are none.
    this.#logOn(principal, password).then(end, end);
  }

  async #logOn(principal: string, password: Secret): Promise<void> {
    const bytes = new TextEncoder().encode(password.reveal());
    const cache = new MemoryCache(this.#library);
    try {
      await initialTickets(this.#library, principal, bytes, cache.name);
      if (!this.#disposed) this.#cache = cache;
    } finally {
      bytes.fill(0);
      if (this.#cache === undefined) cache[Symbol.dispose]();
    }
  }

  /** Whether there are any. */
  get hasTickets(): boolean {
    return this.#cache !== undefined;
  }

  /**
   * Writes them to a cache.
   *
   * @throws DroverError
   */
  copyTickets(cache: string): void {
    try {
      if (this.#cache !== undefined) copyCache(this.#library, this.#cache.name, cache);
    } catch (error) {
      throw kerberosError(error, "keep delegated tickets");
    }
  }

  /** Destroys them. Idempotent. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#cache?.[Symbol.dispose]();
    this.#cache = undefined;
  }
}
