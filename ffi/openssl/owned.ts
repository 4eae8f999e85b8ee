/** Ownership of what OpenSSL gives out. @module */

/** Frees what nobody holds any more. */
const abandoned = new FinalizationRegistry<() => void>((free) => free());

/** One pointer: freed once, by `Symbol.dispose` or when it is forgotten. */
export class OwnedPointer implements Disposable {
  readonly #type: string;
  readonly #pointer: NonNullable<Deno.PointerValue>;
  readonly #free: () => void;
  #disposed = false;

  /** `type` is what it points to, for errors. `free` must not hold who owns it. */
  constructor(
    type: string,
    pointer: NonNullable<Deno.PointerValue>,
    free: (pointer: NonNullable<Deno.PointerValue>) => void,
  ) {
    this.#type = type;
    this.#pointer = pointer;
    this.#free = () => free(pointer);
    abandoned.register(this, this.#free, this);
  }

  /** The pointer. Throws TypeError when it was disposed of. */
  get pointer(): NonNullable<Deno.PointerValue> {
    if (this.#disposed) throw new TypeError(`use ${this.#type}: it was disposed of`);
    return this.#pointer;
  }

  /** Frees it. Idempotent. */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    abandoned.unregister(this);
    this.#free();
  }
}
