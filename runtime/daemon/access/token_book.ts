/**
 * Which token is whose. What was found is remembered, so that a request costs neither a hash nor a look into the store; a token that
 * is revoked here, or is over, is refused with the next request.
 * @module
 */
import type { Store } from "../../store/api.ts";
import type { StoredToken } from "../../store/types.ts";
import { tokenHash } from "./tokens.ts";

/** Tokens that are remembered. */
const maxKnown = 1_024;

/** All tokens. Whoever removes one does it here: no other program writes a store that is open. */
export class TokenBook {
  readonly #store: Store;
  readonly #now: () => number;
  readonly #known = new Map<string, StoredToken>();

  /** `now`: milliseconds since 1970. */
  constructor(store: Store, now: () => number = Date.now) {
    this.#store = store;
    this.#now = now;
  }

  /** What a token allows; `undefined`: it is none of ours, or over. Only tokens that exist are remembered, a stranger's text is not. */
  find(token: string): StoredToken | undefined {
    let found = this.#known.get(token);
    if (found === undefined) {
      found = this.#store.read.tokens.byHash(tokenHash(token));
      if (found === undefined) return undefined;
      if (this.#known.size >= maxKnown) this.#known.clear();
      this.#known.set(token, found);
    }
    if (found.expiresAt === null || found.expiresAt > this.#now()) return found;
    this.#known.delete(token);
    return undefined;
  }

  /** Revokes a token; `false`: there was none. */
  async remove(id: string): Promise<boolean> {
    try {
      return await this.#store.write.tokens.remove(id);
    } finally {
      // After the write: what a request has found meanwhile goes, too.
      this.#known.clear();
    }
  }
}
