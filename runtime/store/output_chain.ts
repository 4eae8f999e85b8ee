/**
 * How the events with output of one stream of one host find each other without an index. An index over all hosts of a job would
 * be written at a different place for each host, which costs a whole page for a few bytes; these pointers are part of the event.
 *
 * Each event points to the one before it, and to one further back (`jump`), so chosen that any earlier event is reached in a
 * logarithmic number of steps: the events stand in complete binary trees whose sizes are the skew-binary digits of
 * their number (Myers, "An applicative random-access stack", 1983), and `jump` leads past the event's own tree.
 * @module
 */

/** The end of a chain, to which events are added. */
export class OutputChain {
  /** Newest events of the trees, and how many events each tree has; the newest tree last. */
  readonly #seqs: number[] = [];
  readonly #sizes: number[] = [];

  /** A chain of `events` events that ends with `tail`; `jumpOf` tells the `jump` of an event. */
  constructor(events: number, tail: number, jumpOf: (seq: number) => number) {
    for (let left = events; left > 0;) {
      const size = 2 ** Math.floor(Math.log2(left + 1)) - 1;
      this.#sizes.push(size);
      left -= size;
    }
    let seq = tail;
    for (let i = this.#sizes.length - 1; i >= 0; i--) {
      this.#seqs[i] = seq;
      if (i > 0) seq = jumpOf(seq);
    }
  }

  /** Adds an event; its pointers, 0: none. */
  add(seq: number): { readonly prev: number; readonly jump: number } {
    const seqs = this.#seqs;
    const sizes = this.#sizes;
    const prev = seqs.at(-1) ?? 0;
    const last = sizes.at(-1);
    if (last !== undefined && last === sizes.at(-2)) {
      seqs.length -= 2;
      sizes.length -= 2;
      sizes.push(2 * last + 1);
    } else {
      sizes.push(1);
    }
    seqs.push(seq);
    return { prev, jump: seqs.at(-2) ?? 0 };
  }
}

/** Where an event of a chain stands. */
export interface ChainLink {
  readonly offset: number;
  readonly prev: number;
  readonly jump: number;
}

/** The last event of the chain that ends with `tail` whose offset is at most `offset`. */
export function findLink(tail: number, offset: number, linkOf: (seq: number) => ChainLink): number {
  let seq = tail;
  let link = linkOf(seq);
  while (link.offset > offset && link.prev !== 0) {
    const far = link.jump === 0 ? undefined : linkOf(link.jump);
    // A jump to an event that is still too late is safe; any other may lead past the one that is looked for.
    const useJump = far !== undefined && far.offset > offset;
    seq = useJump ? link.jump : link.prev;
    link = useJump ? far : linkOf(seq);
  }
  return seq;
}
