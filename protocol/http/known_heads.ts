/**
 * Heads that were parsed lately, found again by their bytes: a service answers with the same few heads over and over, and
 * parsing one costs ten times as much as comparing it.
 * @module
 */

/** Longer heads are not kept; they are rare, and may be challenges. */
const maxBytes = 512;
/** Places; a head that falls on another one's place takes it. */
const places = 64;

/** What was made of heads of one kind, by their bytes. Memory is fixed: 32 KB and the values. */
export class KnownHeads<T> {
  /** All heads, each at its place: an array for each would cost more than it saves. */
  readonly #bytes = new Uint8Array(places * maxBytes);
  readonly #lengths = new Uint16Array(places);
  readonly #values: (T | undefined)[] = new Array(places).fill(undefined);

  /** Begins without any. */
  constructor() {}

  /** What {@link KnownHeads.keep} was given for these bytes, if it is still there. */
  find(head: Uint8Array): T | undefined {
    const length = head.length;
    if (length > maxBytes) return undefined;
    const place = placeOf(head);
    if (this.#lengths[place] !== length) return undefined;
    const bytes = this.#bytes;
    const from = place * maxBytes;
    for (let i = 0; i < length; i++) if (bytes[from + i] !== head[i]) return undefined;
    return this.#values[place];
  }

  /** Keeps `value`, which must be immutable, for a head with these bytes. */
  keep(head: Uint8Array, value: T): void {
    if (head.length > maxBytes) return;
    const place = placeOf(head);
    this.#bytes.set(head, place * maxBytes);
    this.#lengths[place] = head.length;
    this.#values[place] = value;
  }
}

function placeOf(head: Uint8Array): number {
  let hash = 0;
  for (let i = 0; i < head.length; i++) hash = (Math.imul(hash, 31) + head[i]!) | 0;
  return (hash ^ (hash >>> 11)) & (places - 1);
}
