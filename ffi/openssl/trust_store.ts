/** The certificates that a client trusts. @module */
import type { OpensslLibrary } from "./library.ts";
import { eachCertificate } from "./pem.ts";

/** Frees what nobody holds any more. */
const abandoned = new FinalizationRegistry<() => void>((free) => free());

/** An X509_STORE; contexts that use it share it and keep it alive. */
export class OpensslTrustStore implements Disposable {
  readonly #library: OpensslLibrary;
  readonly #free: () => void;
  readonly #pointer: NonNullable<Deno.PointerValue>;
  #disposed = false;

  /** Trusts nothing yet. */
  constructor(library: OpensslLibrary) {
    const f = library.functions;
    const pointer = library.pointer("X509_STORE_new", f.X509_STORE_new());
    this.#library = library;
    this.#pointer = pointer;
    this.#free = () => f.X509_STORE_free(pointer);
    abandoned.register(this, this.#free, this);
  }

  /**
   * Trusts all certificates of a PEM text.
   *
   * @throws OpensslError
   */
  add(pem: string): void {
    const f = this.#library.functions;
    eachCertificate(this.#library, pem, (x509) => {
      this.#library.check("X509_STORE_add_cert", f.X509_STORE_add_cert(this.pointer, x509));
    });
  }

  /** The X509_STORE. */
  get pointer(): NonNullable<Deno.PointerValue> {
    if (this.#disposed) throw new TypeError("use X509_STORE: it was disposed of");
    return this.#pointer;
  }

  /** Gives it up. Idempotent. */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    abandoned.unregister(this);
    this.#free();
  }
}
