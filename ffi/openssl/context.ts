/** What connections of TLS have in common: versions, suites, certificates, trust. @module */
import { OwnedPointer } from "./owned.ts";
import type { OpensslLibrary } from "./library.ts";
import { cString, eachCertificate, withPkcs12, withPrivateKey } from "./pem.ts";
import type { OpensslTrustStore } from "./trust_store.ts";

/** A version of TLS, as OpenSSL writes it. */
export type OpensslVersion = keyof typeof versions;

/** One side's settings, for any number of connections. */
export interface OpensslOptions {
  readonly role: "client" | "server";
  readonly minVersion: OpensslVersion;
  readonly maxVersion: OpensslVersion;
  /** Suites of TLS 1.2 and below in OpenSSL's notation; default: those that it chooses. */
  readonly ciphers?: string;
  /** Certificate of this side, PEM; those of its issuers may follow it. */
  readonly certificate?: string;
  /** Its key, PEM. */
  readonly key?: string;
  /** Certificate and key in one file, instead. */
  readonly pkcs12?: Uint8Array;
  /** What the key or the file is encrypted with. */
  readonly passphrase?: string;
  /** Client: the server's certificate is checked against these; default: it is not checked at all. */
  readonly trust?: OpensslTrustStore;
  /** Client: the server may ask for a certificate later, by renegotiation or as TLS 1.3 does. Default: it may not. */
  readonly lateCertificate?: boolean;
  /** Client: servers without secure renegotiation (RFC 5746) are spoken to. */
  readonly insecureRenegotiation?: boolean;
  /** Server: clients are asked for a certificate; any is taken, and so is none. The owner checks what it gets. */
  readonly requestCertificate?: boolean;
}

// From openssl/ssl.h and x509_vfy.h.
const setMode = 33;
const setSessionCacheMode = 44;
const addChainCertificate = 89;
const setMinVersion = 123;
const setMaxVersion = 124;
const versions = { "TLSv1": 0x0301n, "TLSv1.1": 0x0302n, "TLSv1.2": 0x0303n, "TLSv1.3": 0x0304n } as const;
const legacyServerConnect = 1n << 2n;
const noTicket = 1n << 14n;
const noCompression = 1n << 17n;
const noRenegotiation = 1n << 30n;
const acceptMovingWriteBuffer = 0x2n;
const releaseBuffers = 0x10n;
const verifyPeer = 1;
const partialChain = 0x80000n;

/** Authorities between a certificate and the one that is trusted, as many as the platform's TLS takes. */
const mostAuthorities = 6;

let takeAnything: Deno.UnsafeCallback<{ parameters: ["pointer", "pointer"]; result: "i32" }> | undefined;

/** An SSL_CTX. */
export class OpensslContext implements Disposable {
  readonly library: OpensslLibrary;
  readonly role: "client" | "server";
  readonly #owned: OwnedPointer;

  /** Throws OpensslError when a setting cannot be. */
  constructor(library: OpensslLibrary, options: OpensslOptions) {
    this.library = library;
    this.role = options.role;
    const f = library.functions;
    const method = options.role === "client" ? f.TLS_client_method() : f.TLS_server_method();
    const pointer = library.pointer("SSL_CTX_new", f.SSL_CTX_new(method));
    this.#owned = new OwnedPointer("SSL_CTX", pointer, (owned) => f.SSL_CTX_free(owned));
    // Tickets would come behind the handshake, where some peers do not look for them; TLS 1.3 counts its own.
    f.SSL_CTX_set_options(
      pointer,
      noTicket | noCompression | (options.lateCertificate ? 0n : noRenegotiation) |
        (options.insecureRenegotiation ? legacyServerConnect : 0n),
    );
    library.check("SSL_CTX_set_num_tickets", f.SSL_CTX_set_num_tickets(pointer, 0n));
    f.SSL_CTX_ctrl(pointer, setSessionCacheMode, 0n, null);
    f.SSL_CTX_ctrl(pointer, setMode, acceptMovingWriteBuffer | releaseBuffers, null);
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
      this.#useCertificate(options.certificate, options.key, options.passphrase);
    }
    if (options.pkcs12 !== undefined) this.#usePkcs12(options.pkcs12, options.passphrase ?? "");
    if (options.lateCertificate) f.SSL_CTX_set_post_handshake_auth(pointer, 1);
    if (options.trust !== undefined) this.#trust(options.trust);
    if (options.requestCertificate) this.#requestCertificate();
  }

  /** The SSL_CTX. */
  get pointer(): NonNullable<Deno.PointerValue> {
    return this.#owned.pointer;
  }

  /** Frees it; connections that it has made live on. Idempotent. */
  [Symbol.dispose](): void {
    this.#owned[Symbol.dispose]();
  }

  #useCertificate(certificate: string, key: string, passphrase: string | undefined): void {
    const { library } = this;
    eachCertificate(library, certificate, (x509, index) => this.#addCertificate(x509, index));
    withPrivateKey(library, key, passphrase, (pkey) => this.#useKey(pkey));
  }

  #usePkcs12(file: Uint8Array, passphrase: string): void {
    withPkcs12(this.library, file, passphrase, (key, certificates) => {
      for (const [index, x509] of certificates.entries()) this.#addCertificate(x509, index);
      this.#useKey(key);
    });
  }

  /** The first is this side's own, the others are those of its issuers. */
  #addCertificate(x509: Deno.PointerValue, index: number): void {
    const f = this.library.functions;
    // The list of issuers takes a reference of its own (larg 1), as the other function does.
    const used = index === 0
      ? f.SSL_CTX_use_certificate(this.pointer, x509)
      : f.SSL_CTX_ctrl(this.pointer, addChainCertificate, 1n, x509);
    this.library.check("SSL_CTX_use_certificate", used);
  }

  #useKey(key: Deno.PointerValue): void {
    const { library } = this;
    const f = library.functions;
    library.check("SSL_CTX_use_PrivateKey", f.SSL_CTX_use_PrivateKey(this.pointer, key));
    library.check("SSL_CTX_check_private_key", f.SSL_CTX_check_private_key(this.pointer));
  }

  #trust(store: OpensslTrustStore): void {
    const f = this.library.functions;
    f.SSL_CTX_set1_cert_store(this.pointer, store.pointer);
    // A certificate that is trusted itself needs no issuer.
    const parameters = f.SSL_CTX_get0_param(this.pointer);
    f.X509_VERIFY_PARAM_set_flags(parameters, partialChain);
    f.X509_VERIFY_PARAM_set_depth(parameters, mostAuthorities);
    f.SSL_CTX_set_verify(this.pointer, verifyPeer, null);
  }

  #requestCertificate(): void {
    const f = this.library.functions;
    takeAnything ??= new Deno.UnsafeCallback({ parameters: ["pointer", "pointer"], result: "i32" }, () => 1);
    f.SSL_CTX_set_verify(this.pointer, verifyPeer, null);
    f.SSL_CTX_set_cert_verify_callback(this.pointer, takeAnything.pointer, null);
  }
}
