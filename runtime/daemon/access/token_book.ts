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

/** Milliseconds without a look whether a token is over: the clock may be put forward. */
const lookMs = 30_000;

/** All tokens. Whoever removes one does it here: no other program writes a store that is open. */
export class TokenBook {
  readonly #store: Store;
  readonly #now: () => number;
  readonly #known = new Map<string, StoredToken>();
  /** What lasts as long as its token does: functions that end it. */
  readonly #lasting = new Map<string, Set<() => void>>();

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

  /** Whether it is still there and not over, for what went on while it was looked at. */
  stands({ id, expiresAt }: StoredToken): boolean {
    return (expiresAt === null || expiresAt > this.#now()) && this.#store.read.tokens.get(id) !== undefined;
  }

  /** Calls `end` once when the token is revoked or over, until the function given back. */
  lasting(token: StoredToken, end: () => void): () => void {
    const { id, expiresAt } = token;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const leave = () => {
      clearTimeout(timer);
      const all = this.#lasting.get(id);
      all?.delete(over);
      if (all?.size === 0) this.#lasting.delete(id);
    };
    const over = () => {
      leave();
      end();
    };
    const look = () => {
      const left = (expiresAt ?? Infinity) - this.#now();
      if (left <= 0) over();
      else if (left < Infinity) timer = setTimeout(look, Math.min(left, lookMs));
    };
    const all = this.#lasting.get(id);
    if (all === undefined) this.#lasting.set(id, new Set([over]));
    else all.add(over);
    // It may have gone since it was looked up. Never before this has returned.
    timer = setTimeout(this.stands(token) ? look : over, 0);
    return leave;
  }

  /** Revokes a token; `false`: there was none. */
  async remove(id: string): Promise<boolean> {
    let removed = false;
    try {
      return removed = await this.#store.write.tokens.remove(id);
    } finally {
      // After the write: what a request has found meanwhile goes, too.
      this.#known.clear();
      if (removed) { for (const over of [...this.#lasting.get(id) ?? []]) over(); }
    }
  }
}
