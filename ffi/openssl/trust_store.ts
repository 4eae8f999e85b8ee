/** The certificates that a client trusts. @module */
import type { OpensslLibrary } from "./library.ts";
import { OwnedPointer } from "./owned.ts";
import { eachCertificate } from "./pem.ts";

/** An X509_STORE; contexts that use it share it and keep it alive. */
export class OpensslTrustStore implements Disposable {
  readonly #library: OpensslLibrary;
  readonly #owned: OwnedPointer;

  /** Trusts nothing yet. */
  constructor(library: OpensslLibrary) {
    const f = library.functions;
    this.#library = library;
    const store = library.pointer("X509_STORE_new", f.X509_STORE_new());
    this.#owned = new OwnedPointer("X509_STORE", store, (pointer) => f.X509_STORE_free(pointer));
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
    return this.#owned.pointer;
  }

  /** Gives it up. Idempotent. */
  [Symbol.dispose](): void {
    this.#owned[Symbol.dispose]();
  }
}
