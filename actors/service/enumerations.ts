/** Enumerations that a client has begun and not finished (WS-Enumeration): bounded in number and time. @module */

/** Unfinished enumerations of one user; one more makes the oldest invalid. */
const perUser = 32;
/** Characters in the unfinished enumerations of one user; the oldest go first. */
const charactersPerUser = 16 * 1024 * 1024;

/** One page and where it goes on. */
export interface Page {
  readonly items: readonly string[];
  /** Context for the next Pull; `undefined` at the end. */
  readonly enumerationContext: string | undefined;
}

interface Enumeration {
  readonly user: string;
  readonly rest: readonly string[];
  readonly characters: number;
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
    const characters = count(rest);
    this.#makeRoom(user, characters);
    this.#open.set(id, { user, rest, characters, expires: now + this.#timeoutMs });
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
    this.#open.set(id, { user, rest, characters: count(rest), expires: now + this.#timeoutMs });
    return { items: page, enumerationContext: id };
  }

  #makeRoom(user: string, characters: number): void {
    const own = [...this.#open].filter(([, enumeration]) => enumeration.user === user);
    let held = own.reduce((sum, [, enumeration]) => sum + enumeration.characters, characters);
    for (let left = own.length; left >= perUser || (left > 0 && held > charactersPerUser); left--) {
      const [id, oldest] = own[own.length - left]!;
      this.#open.delete(id);
      held -= oldest.characters;
    }
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

function count(items: readonly string[]): number {
  return items.reduce((sum, item) => sum + item.length, 0);
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
