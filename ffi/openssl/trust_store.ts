/** The certificates that a client trusts. @module */
import type { OpensslLibrary } from "./library.ts";
import { eachCertificate } from "./pem.ts";

/** Frees what nobody holds any more. */
const abandoned = new FinalizationRegistry<() => void>((free) => free());

/** An X509_STORE; contexts that use it share it and keep it alive. */
export class OpensslTrustStore implements Disposable {
  readonly #free: () => void;
  readonly #pointer: NonNullable<Deno.PointerValue>;
  #disposed = false;

  /**
   * Trusts all certificates of `pems`.
   *
   * @throws OpensslError
   */
  constructor(library: OpensslLibrary, pems: readonly string[]) {
    const f = library.functions;
    const pointer = library.pointer("X509_STORE_new", f.X509_STORE_new());
    this.#pointer = pointer;
    this.#free = () => f.X509_STORE_free(pointer);
    abandoned.register(this, this.#free, this);
    for (const pem of pems) {
      eachCertificate(library, pem, (x509) => {
        library.check("X509_STORE_add_cert", f.X509_STORE_add_cert(pointer, x509));
      });
    }
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
