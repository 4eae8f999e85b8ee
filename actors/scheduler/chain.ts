/** Doubly linked lists whose members know their place: append, remove and rotate in O(1). @module */

/** A place in at most one chain. */
export class Link<T> {
  /** The chain that it stands in. */
  chain: Chain<T> | undefined;
  /** Neighbour towards the front. */
  previous: Link<T> | undefined;
  /** Neighbour towards the end. */
  next: Link<T> | undefined;

  /** A place for `value`. */
  constructor(readonly value: T) {}
}

/** A chain. */
export class Chain<T> {
  /** The front. */
  first: Link<T> | undefined;
  /** Number of members. */
  size = 0;
  #last: Link<T> | undefined;

  /** Adds at the end; does nothing when the link stands here already. */
  append(link: Link<T>): void {
    if (link.chain === this) return;
    link.chain = this;
    link.previous = this.#last;
    if (this.#last === undefined) this.first = link;
    else this.#last.next = link;
    this.#last = link;
    this.size++;
  }

  /** Removes; does nothing when the link does not stand here. */
  remove(link: Link<T>): void {
    if (link.chain !== this) return;
    if (link.previous === undefined) this.first = link.next;
    else link.previous.next = link.next;
    if (link.next === undefined) this.#last = link.previous;
    else link.next.previous = link.previous;
    link.chain = link.previous = link.next = undefined;
    this.size--;
  }

  /** Moves a member to the end. */
  rotate(link: Link<T>): void {
    this.remove(link);
    this.append(link);
  }
}
