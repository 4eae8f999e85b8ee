/** Ownership of what the library gives out. @module */
import { type Native, pointerIn } from "./memory.ts";

/** What is left to do for a handle that nobody has any more. */
interface Core {
  /** Where the library wrote the handle, and where it writes 0 when it takes it back. */
  readonly slot: Native;
  readonly free: (slot: Native) => void;
  /** Calls on other threads that use it. */
  users: number;
  disposed: boolean;
}

const abandoned = new FinalizationRegistry<Core>(freeNow);

function freeNow(core: Core): void {
  if (pointerIn(core.slot) !== null) core.free(core.slot);
}

/**
 * One handle: freed once, by `Symbol.dispose` or when it is forgotten, and not while a call on another thread uses it.
 */
export class Handle implements Disposable {
  readonly #core: Core;
  /** Read once: the library writes a handle once, and 0 when it takes it back. */
  #pointer: Deno.PointerValue = null;

  /** `free` takes the handle back, given the place where it stands. */
  constructor(free: (slot: Native) => void) {
    this.#core = { slot: new Uint8Array(new ArrayBuffer(8)), free, users: 0, disposed: false };
    abandoned.register(this, this.#core, this);
  }

  /** Where the handle stands; for calls that write it. */
  get slot(): Native {
    return this.#core.slot;
  }

  /** The handle itself; `null` while there is none. */
  get pointer(): Deno.PointerValue {
    if (this.#core.disposed) throw new TypeError("use native handle: it was disposed of");
    return this.#pointer ??= pointerIn(this.#core.slot);
  }

  /** Whether it was given back, or will be as soon as no call uses it. */
  get isDisposed(): boolean {
    return this.#core.disposed;
  }

  /** Runs a call that uses this handle, on another thread or in place. */
  async during<T>(call: () => Promise<T> | T): Promise<T> {
    const core = this.#core;
    core.users++;
    try {
      return await call();
    } finally {
      core.users--;
      if (core.disposed && core.users === 0) freeNow(core);
    }
  }

  /** Frees the handle, or has the last call that uses it do so. Idempotent. */
  [Symbol.dispose](): void {
    const core = this.#core;
    if (core.disposed) return;
    core.disposed = true;
    abandoned.unregister(this);
    if (core.users === 0) freeNow(core);
  }
}
