/** Enumerations that a client has begun and not finished (WS-Enumeration): bounded in number and time. @module */

/** Unfinished enumerations of one user; one more makes the oldest invalid. */
const perUser = 32;

/** One page and where it goes on. */
export interface Page {
  readonly items: readonly string[];
  /** Context for the next Pull; `undefined` at the end. */
  readonly enumerationContext: string | undefined;
}

interface Enumeration {
  readonly user: string;
  readonly rest: readonly string[];
  expires: number;
}

/** See the module. Time is monotonic milliseconds. */
export class Enumerations {
  readonly #open = new Map<string, Enumeration>();
  readonly #timeoutMs: number;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** Number of open ones. */
  get size(): number {
    return this.#open.size;
  }

  /** The first page of `items`: at most `limit` of them and `room` characters; `id` names the rest, where there is one. */
  begin(user: string, items: readonly string[], limit: number, room: number, id: string, now: number): Page {
    this.purge(now);
    const [page, rest] = split(items, limit, room);
    if (rest.length === 0 && limit > 0) return { items: page, enumerationContext: undefined };
    const own = [...this.#open].filter(([, enumeration]) => enumeration.user === user);
    if (own.length >= perUser) this.#open.delete(own[0]![0]);
    this.#open.set(id, { user, rest, expires: now + this.#timeoutMs });
    return { items: page, enumerationContext: id };
  }

  /** The next page, or `undefined` when there is no such enumeration of this user. */
  pull(user: string, id: string, limit: number, room: number, now: number): Page | undefined {
    this.purge(now);
    const enumeration = this.#open.get(id);
    if (enumeration?.user !== user) return undefined;
    const [page, rest] = split(enumeration.rest, limit, room);
    this.#open.delete(id);
    if (rest.length === 0) return { items: page, enumerationContext: undefined };
    this.#open.set(id, { user, rest, expires: now + this.#timeoutMs });
    return { items: page, enumerationContext: id };
  }

  /** Forgets one; `false` when there is none. */
  release(user: string, id: string): boolean {
    return this.#open.get(id)?.user === user && this.#open.delete(id);
  }

  /** Forgets what nobody has pulled in time. */
  purge(now: number): void {
    for (const [id, enumeration] of this.#open) if (enumeration.expires <= now) this.#open.delete(id);
  }
}

/** At least one item goes into a page, however small the room is. */
function split(
  items: readonly string[],
  limit: number,
  room: number,
): readonly [readonly string[], readonly string[]] {
  let count = 0;
  let used = 0;
  while (count < items.length && count < limit) {
    used += items[count]!.length;
    if (count > 0 && used > room) break;
    count++;
  }
  return [items.slice(0, count), items.slice(count)];
}
