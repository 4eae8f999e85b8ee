/** Header fields of one message. @module */

/** Header fields in their order and spelling, with look-up that ignores case. Immutable. */
export class HttpHeaders {
  readonly #names: readonly string[];
  readonly #lower: readonly string[];
  readonly #values: readonly string[];

  /** Takes parallel arrays of equal length: names as sent, the same in lower case, values. Use {@link HttpHeaders.of}. */
  constructor(names: readonly string[], lower: readonly string[], values: readonly string[]) {
    this.#names = names;
    this.#lower = lower;
    this.#values = values;
  }

  /** Headers from pairs, kept in their order. Nothing is validated: the serializer does that. */
  static of(pairs: Iterable<readonly [string, string]>): HttpHeaders {
    const names: string[] = [];
    const lower: string[] = [];
    const values: string[] = [];
    for (const [name, value] of pairs) {
      names.push(name);
      lower.push(name.toLowerCase());
      values.push(value);
    }
    return new HttpHeaders(names, lower, values);
  }

  /** The value of `name`; several of the same name are joined with `", "` (RFC 9110 5.3). */
  get(name: string): string | undefined {
    const wanted = name.toLowerCase();
    const first = this.#lower.indexOf(wanted);
    if (first < 0) return undefined;
    let value = this.#values[first]!;
    for (let i = this.#lower.indexOf(wanted, first + 1); i >= 0; i = this.#lower.indexOf(wanted, i + 1)) {
      value += ", " + this.#values[i]!;
    }
    return value;
  }

  /** The values of every field called `name`, in order. */
  getAll(name: string): readonly string[] {
    const wanted = name.toLowerCase();
    const found: string[] = [];
    for (let i = this.#lower.indexOf(wanted); i >= 0; i = this.#lower.indexOf(wanted, i + 1)) {
      found.push(this.#values[i]!);
    }
    return found;
  }

  /** Whether a field called `name` is there. */
  has(name: string): boolean {
    return this.#lower.includes(name.toLowerCase());
  }

  /** Name and value pairs as sent. */
  *entries(): IterableIterator<readonly [string, string]> {
    for (let i = 0; i < this.#names.length; i++) yield [this.#names[i]!, this.#values[i]!];
  }
}
