/** Caches of tickets in this process' memory. @module */
import { randomBytes } from "node:crypto";
import { destroyCache, type GssLibrary } from "../../../ffi/gssapi/mod.ts";

/** What is left to do for caches that nobody has any more. */
const forgotten = new FinalizationRegistry<() => void>((destroy) => destroy());

/** A cache that lives until it is disposed of, or until nobody has this any more. */
export class MemoryCache implements Disposable {
  /** As libkrb5 names it. */
  readonly name: string;
  readonly #destroy: () => void;

  /** A new name; the library makes the cache when something is put into it. */
  constructor(library: GssLibrary) {
    const name = this.name = `MEMORY:drover-${randomBytes(8).toString("hex")}`;
    this.#destroy = destroyer(library, name);
    forgotten.register(this, this.#destroy, this);
  }

  /** Destroys it with all its tickets. Idempotent. */
  [Symbol.dispose](): void {
    forgotten.unregister(this);
    this.#destroy();
  }
}

/** Made where there is nothing else that it could keep alive. */
function destroyer(library: GssLibrary, name: string): () => void {
  return () => destroyCache(library, name);
}
