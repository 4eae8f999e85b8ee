/** TLS without a socket: OpenSSL between two buffers in memory. @module */
import { type OpensslLibrary, textAt } from "./library.ts";

/** One side's settings, for any number of connections. */
export interface OpensslOptions {
  readonly role: "client" | "server";
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  readonly maxVersion: "TLSv1.2" | "TLSv1.3";
  /** Suites of TLS 1.2 and below in OpenSSL's notation; default: those that it chooses. */
  readonly ciphers?: string;
  /** Certificate and key of a server, PEM. */
  readonly certificate?: string;
  readonly key?: string;
}

/** From openssl/ssl.h, bio.h and tls1.h. */
const setMinVersion = 123;
const setMaxVersion = 124;
const versions = { "TLSv1.2": 0x0303n, "TLSv1.3": 0x0304n } as const;
const noTicket = 1n << 14n;
const noRenegotiation = 1n << 30n;
const wantRead = 2;

/** Frees what nobody holds any more. */
const abandoned = new FinalizationRegistry<() => void>((free) => free());

/** An SSL_CTX. */
export class OpensslContext implements Disposable {
  readonly library: OpensslLibrary;
  readonly role: "client" | "server";
  readonly #free: () => void;
  readonly #pointer: NonNullable<Deno.PointerValue>;
  #disposed = false;

  /** Throws OpensslError when a setting cannot be. */
  constructor(library: OpensslLibrary, options: OpensslOptions) {
    this.library = library;
    this.role = options.role;
    const f = library.functions;
    const method = options.role === "client" ? f.TLS_client_method() : f.TLS_server_method();
    const pointer = library.pointer("SSL_CTX_new", f.SSL_CTX_new(method));
    this.#pointer = pointer;
    this.#free = () => f.SSL_CTX_free(pointer);
    abandoned.register(this, this.#free, this);
    // Tickets would come behind the handshake, where the other side does not look for them.
    f.SSL_CTX_set_options(pointer, noTicket | noRenegotiation);
    library.check(
      "SSL_CTX_set_min_proto_version",
      f.SSL_CTX_ctrl(pointer, setMinVersion, versions[options.minVersion], null),
    );
    library.check(
      "SSL_CTX_set_max_proto_version",
      f.SSL_CTX_ctrl(pointer, setMaxVersion, versions[options.maxVersion], null),
    );
    if (options.ciphers !== undefined) {
      library.check("SSL_CTX_set_cipher_list", f.SSL_CTX_set_cipher_list(pointer, cString(options.ciphers)));
    }
    if (options.certificate !== undefined && options.key !== undefined) {
      this.#useCertificate(options.certificate, options.key);
    }
  }

  /** The SSL_CTX. */
  get pointer(): NonNullable<Deno.PointerValue> {
    if (this.#disposed) throw new TypeError("use SSL_CTX: it was disposed of");
    return this.#pointer;
  }

  /** Frees it; connections that it has made live on. Idempotent. */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    abandoned.unregister(this);
    this.#free();
  }

  #useCertificate(certificate: string, key: string): void {
    const { library } = this;
    const f = library.functions;
    const x509 = this.#read(
      certificate,
      "PEM_read_bio_X509",
      (bio) => f.PEM_read_bio_X509(bio, null, null, null),
    );
    try {
      library.check("SSL_CTX_use_certificate", f.SSL_CTX_use_certificate(this.#pointer, x509));
    } finally {
      f.X509_free(x509);
    }
    const pkey = this.#read(
      key,
      "PEM_read_bio_PrivateKey",
      (bio) => f.PEM_read_bio_PrivateKey(bio, null, null, null),
    );
    try {
      library.check("SSL_CTX_use_PrivateKey", f.SSL_CTX_use_PrivateKey(this.#pointer, pkey));
    } finally {
      f.EVP_PKEY_free(pkey);
    }
  }

  #read(
    pem: string,
    call: string,
    read: (bio: Deno.PointerValue) => Deno.PointerValue,
  ): NonNullable<Deno.PointerValue> {
    const f = this.library.functions;
    const bytes = cString(pem);
    // The buffer is not copied: it has to stay until the BIO is gone.
    const bio = this.library.pointer("BIO_new_mem_buf", f.BIO_new_mem_buf(bytes, bytes.length - 1));
    try {
      return this.library.pointer(call, read(bio));
    } finally {
      f.BIO_free(bio);
      bytes.fill(0);
    }
  }
}

/** What came of a step of the handshake. */
export interface HandshakeStep {
  /** Bytes for the peer. */
  readonly output: Uint8Array;
  readonly done: boolean;
}

/** One connection: an SSL with a buffer for each direction. */
export class OpensslConnection implements Disposable {
  readonly #library: OpensslLibrary;
  readonly #ssl: NonNullable<Deno.PointerValue>;
  readonly #input: NonNullable<Deno.PointerValue>;
  readonly #output: NonNullable<Deno.PointerValue>;
  readonly #free: () => void;
  #state: "handshake" | "open" | "broken" | "disposed" = "handshake";

  /** Says nothing yet. */
  constructor(context: OpensslContext) {
    const { library } = context;
    const f = library.functions;
    this.#library = library;
    const ssl = library.pointer("SSL_new", f.SSL_new(context.pointer));
    this.#ssl = ssl;
    this.#free = () => f.SSL_free(ssl);
    abandoned.register(this, this.#free, this);
    this.#input = library.pointer("BIO_new", f.BIO_new(f.BIO_s_mem()));
    this.#output = library.pointer("BIO_new", f.BIO_new(f.BIO_s_mem()));
    // Owns both from now on.
    f.SSL_set_bio(ssl, this.#input, this.#output);
    if (context.role === "client") f.SSL_set_connect_state(ssl);
    else f.SSL_set_accept_state(ssl);
  }

  /** Takes bytes of the peer's handshake. Throws OpensslError when it fails; then nothing more can be done. */
  handshake(input: Uint8Array): HandshakeStep {
    this.#assert("handshake");
    const f = this.#library.functions;
    this.#feed(input);
    const result = f.SSL_do_handshake(this.#ssl);
    if (result === 1) this.#state = "open";
    else if (f.SSL_get_error(this.#ssl, result) !== wantRead) throw this.#broken("SSL_do_handshake");
    return { output: this.#drain(), done: result === 1 };
  }

  /** Encrypts: one record for each 16 KB. */
  encrypt(plaintext: Uint8Array): Uint8Array {
    this.#assert("open");
    if (plaintext.length > 0) {
      const written = this.#library.functions.SSL_write(this.#ssl, own(plaintext), plaintext.length);
      if (written !== plaintext.length) throw this.#broken("SSL_write");
    }
    return this.#drain();
  }

  /** Decrypts. Throws OpensslError when a record is broken, cut, or closes the connection. */
  decrypt(records: Uint8Array): Uint8Array {
    this.#assert("open");
    const f = this.#library.functions;
    this.#feed(records);
    // A record is never shorter than what is in it.
    const plaintext = new Uint8Array(new ArrayBuffer(records.length + 1));
    let length = 0;
    for (;;) {
      const read = f.SSL_read(this.#ssl, plaintext.subarray(length), plaintext.length - length);
      if (read > 0) length += read;
      else if (f.SSL_get_error(this.#ssl, read) === wantRead) break;
      else throw this.#broken("SSL_read");
    }
    if (f.SSL_has_pending(this.#ssl) !== 0 || f.BIO_ctrl_pending(this.#input) !== 0n) {
      throw this.#broken("SSL_read");
    }
    return plaintext.subarray(0, length);
  }

  /** Name of the negotiated suite. */
  get cipher(): string {
    this.#assert("open");
    const f = this.#library.functions;
    return textAt(
      this.#library.pointer(
        "SSL_CIPHER_get_name",
        f.SSL_CIPHER_get_name(f.SSL_get_current_cipher(this.#ssl)),
      ),
    );
  }

  /** DER of the peer's certificate; `undefined`: it showed none. */
  get peerCertificate(): Uint8Array | undefined {
    this.#assert("open");
    const f = this.#library.functions;
    const x509 = f.SSL_get1_peer_certificate(this.#ssl);
    if (x509 === null) return undefined;
    try {
      const length = f.i2d_X509(x509, null);
      const der = new Uint8Array(new ArrayBuffer(Math.max(0, length)));
      const place = new BigUint64Array([Deno.UnsafePointer.value(Deno.UnsafePointer.of(der))]);
      if (length <= 0 || f.i2d_X509(x509, new Uint8Array(place.buffer)) !== length) {
        throw this.#library.error("i2d_X509");
      }
      return der;
    } finally {
      f.X509_free(x509);
    }
  }

  /** Frees it. Idempotent. */
  [Symbol.dispose](): void {
    if (this.#state === "disposed") return;
    this.#state = "disposed";
    abandoned.unregister(this);
    this.#free();
  }

  #assert(state: "handshake" | "open"): void {
    if (this.#state !== state) throw new TypeError(`use TLS connection: it is ${this.#state}`);
  }

  #feed(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const written = this.#library.functions.BIO_write(this.#input, own(bytes), bytes.length);
    if (written !== bytes.length) throw this.#broken("BIO_write");
  }

  #drain(): Uint8Array {
    const f = this.#library.functions;
    const pending = Number(f.BIO_ctrl_pending(this.#output));
    const bytes = new Uint8Array(new ArrayBuffer(pending));
    if (pending > 0 && f.BIO_read(this.#output, bytes, pending) !== pending) throw this.#broken("BIO_read");
    return bytes;
  }

  #broken(call: string) {
    this.#state = "broken";
    return this.#library.error(call);
  }
}

/** Bytes for native code: never such as are shared with other threads. */
function own(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer ? bytes as Uint8Array<ArrayBuffer> : bytes.slice();
}

function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}
