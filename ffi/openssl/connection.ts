/** TLS without a socket: OpenSSL between two buffers in memory. @module */
import { OwnedPointer } from "./owned.ts";
import type { OpensslContext } from "./context.ts";
import { HandshakeLimits } from "./handshake_limits.ts";
import { OpensslError, OpensslExcess, OpensslUntrusted } from "./errors.ts";
import { type OpensslLibrary, textAt } from "./library.ts";
import { cString } from "./pem.ts";

/** Whom a client asks for. */
export interface OpensslPeerName {
  /** A name, which the server is told (SNI), or an IP address, which it is not. */
  readonly host: string;
  readonly isAddress: boolean;
  /** Where a certificate is checked, it need not name the host. */
  readonly anyName: boolean;
}

// From openssl/ssl.h, tls1.h and sslerr.h.
const setServerName = 55;
const totalRenegotiations = 12;
const hostName = 0n;
const wantRead = 2;
const zeroReturn = 6;
const certificateVerifyFailed = 134;

/** What is fed at a time: native buffers keep the size that they have grown to. */
const sliceBytes = 32 * 1024;

/** Where plaintext is put before it is copied out; calls never overlap. */
const scratch = new Uint8Array(new ArrayBuffer(64 * 1024));
const nothing = new Uint8Array(new ArrayBuffer(0));

/** What came of a step of the handshake. */
export interface HandshakeStep {
  /** Bytes for the peer. */
  readonly output: Uint8Array;
  readonly done: boolean;
}

/**
 * One connection: an SSL with a buffer for each direction.
 *
 * It is used in one of two ways behind the handshake: {@link OpensslConnection.encrypt} and {@link OpensslConnection.decrypt} where
 * records are whole and nothing but data is expected, or the methods of a stream: `receive`, `send`, `closeSending`, `takeOutput`.
 */
export class OpensslConnection implements Disposable {
  readonly #library: OpensslLibrary;
  readonly #ssl: NonNullable<Deno.PointerValue>;
  readonly #input: NonNullable<Deno.PointerValue>;
  readonly #output: NonNullable<Deno.PointerValue>;
  readonly #owned: OwnedPointer;
  readonly #limits: HandshakeLimits;
  #state: "handshake" | "open" | "broken" | "disposed" = "handshake";
  #peerClosed = false;
  #failure: OpensslError | undefined;

  /** Says nothing yet. `peer`: whom a client asks for. */
  constructor(context: OpensslContext, peer?: OpensslPeerName) {
    const { library } = context;
    const f = library.functions;
    this.#library = library;
    const ssl = library.pointer("SSL_new", f.SSL_new(context.pointer));
    this.#ssl = ssl;
    this.#owned = new OwnedPointer("SSL", ssl, (pointer) => f.SSL_free(pointer));
    this.#input = library.pointer("BIO_new", f.BIO_new(f.BIO_s_mem()));
    this.#output = library.pointer("BIO_new", f.BIO_new(f.BIO_s_mem()));
    // Owns both from now on.
    f.SSL_set_bio(ssl, this.#input, this.#output);
    if (context.role === "client") f.SSL_set_connect_state(ssl);
    else f.SSL_set_accept_state(ssl);
    this.#limits = new HandshakeLimits(library, context.role, ssl, this.#input);
    if (peer !== undefined) this.#expect(peer);
  }

  /**
   * Takes bytes of the peer's handshake. Throws OpensslError when it fails; then nothing more can be done than to
   * {@link OpensslConnection.takeOutput take} what the peer is told of it.
   */
  handshake(input: Uint8Array): HandshakeStep {
    this.#assert("handshake");
    const f = this.#library.functions;
    this.#feed(input);
    const result = f.SSL_do_handshake(this.#ssl);
    this.#assertModest("SSL_do_handshake");
    if (result === 1) this.#state = "open";
    else if (f.SSL_get_error(this.#ssl, result) !== wantRead) throw this.#broken("SSL_do_handshake");
    return { output: this.takeOutput(), done: result === 1 };
  }

  /** Encrypts: one record for each 16 KB. */
  encrypt(plaintext: Uint8Array): Uint8Array {
    if (!this.send(plaintext)) throw this.#broken("SSL_write");
    return this.takeOutput();
  }

  /** Decrypts. Throws OpensslError when a record is broken, cut, or closes the connection. */
  decrypt(records: Uint8Array): Uint8Array {
    const plaintext = this.receive(records);
    if (this.#failure !== undefined) throw this.#failure;
    const f = this.#library.functions;
    if (
      this.#peerClosed || f.SSL_has_pending(this.#ssl) !== 0 || f.BIO_ctrl_pending(this.#input) !== 0n
    ) {
      throw this.#broken("SSL_read");
    }
    return plaintext;
  }

  /**
   * Takes bytes of the peer, cut anywhere, and gives the plaintext that they complete. What goes wrong is in
   * {@link OpensslConnection.failure}: there may be plaintext before it.
   */
  receive(bytes: Uint8Array): Uint8Array {
    this.#assert("open");
    const pieces: Uint8Array[] = [];
    let start = 0;
    do {
      this.#feed(bytes.subarray(start, start + sliceBytes));
      start += sliceBytes;
      this.#readAll(pieces);
    } while (start < bytes.length && !this.#peerClosed && this.#failure === undefined);
    return joined(pieces);
  }

  /** Why nothing more can be received. */
  get failure(): OpensslError | undefined {
    return this.#failure;
  }

  /** Encrypts for {@link OpensslConnection.takeOutput}. `false`: nothing was taken; the peer first has to say more. Throws OpensslError. */
  send(plaintext: Uint8Array): boolean {
    this.#assert("open");
    if (plaintext.length === 0) return true;
    const f = this.#library.functions;
    const written = f.SSL_write(this.#ssl, own(plaintext), plaintext.length);
    if (written === plaintext.length) return true;
    if (f.SSL_get_error(this.#ssl, written) === wantRead) return false;
    throw this.#broken("SSL_write");
  }

  /** Says that no more will be sent (close_notify). `false`: the peer first has to say more. Throws OpensslError. */
  closeSending(): boolean {
    this.#assert("open");
    const f = this.#library.functions;
    if (this.isShakingHands) return false;
    if (f.SSL_shutdown(this.#ssl) < 0) throw this.#broken("SSL_shutdown");
    return true;
  }

  /** What the peer is to be sent. */
  takeOutput(): Uint8Array {
    if (this.#state === "disposed") return nothing;
    const f = this.#library.functions;
    const pending = Number(f.BIO_ctrl_pending(this.#output));
    if (pending === 0) return nothing;
    const bytes = new Uint8Array(new ArrayBuffer(pending));
    if (f.BIO_read(this.#output, bytes, pending) !== pending) throw this.#broken("BIO_read");
    return bytes;
  }

  /** Whether the peer has said that it sends no more (close_notify). */
  get peerClosed(): boolean {
    return this.#peerClosed;
  }

  /** How many handshakes were begun behind the first one. */
  get renegotiations(): number {
    this.#assert("open");
    return Number(this.#library.functions.SSL_ctrl(this.#ssl, totalRenegotiations, 0n, null));
  }

  /** Whether a handshake goes on. */
  get isShakingHands(): boolean {
    return this.#state === "handshake" || this.#library.functions.SSL_in_init(this.#ssl) === 1;
  }

  /** E.g. `TLSv1.2`. */
  get version(): string {
    this.#assert("open");
    const f = this.#library.functions;
    return textAt(this.#library.pointer("SSL_get_version", f.SSL_get_version(this.#ssl)));
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
      return this.#der(x509);
    } finally {
      f.X509_free(x509);
    }
  }

  /** DER of what the peer showed beside its certificate, or with it (a server). */
  get peerChain(): Uint8Array[] {
    this.#assert("open");
    const f = this.#library.functions;
    const chain = f.SSL_get_peer_cert_chain(this.#ssl);
    const count = chain === null ? 0 : f.OPENSSL_sk_num(chain);
    return Array.from(
      { length: count },
      (_, index) => this.#der(this.#library.pointer("OPENSSL_sk_value", f.OPENSSL_sk_value(chain, index))),
    );
  }

  /** Frees it. Idempotent. */
  [Symbol.dispose](): void {
    if (this.#state === "disposed") return;
    this.#state = "disposed";
    this.#owned[Symbol.dispose]();
  }

  #expect({ host, isAddress, anyName }: OpensslPeerName): void {
    const library = this.#library;
    const f = library.functions;
    const name = cString(host);
    if (!isAddress) {
      // No SNI for an IP literal (RFC 6066 section 3).
      library.check("SSL_set_tlsext_host_name", f.SSL_ctrl(this.#ssl, setServerName, hostName, name));
      if (!anyName) library.check("SSL_set1_host", f.SSL_set1_host(this.#ssl, name));
    } else if (!anyName) {
      const param = f.SSL_get0_param(this.#ssl);
      library.check("X509_VERIFY_PARAM_set1_ip_asc", f.X509_VERIFY_PARAM_set1_ip_asc(param, name));
    }
  }

  #assert(state: "handshake" | "open"): void {
    if (this.#state !== state) throw new TypeError(`use TLS connection: it is ${this.#state}`);
  }

  #assertModest(call: string): void {
    if (this.#limits.exceeded !== undefined) throw this.#broken(call);
  }

  #feed(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const written = this.#library.functions.BIO_write(this.#input, own(bytes), bytes.length);
    if (written !== bytes.length) throw this.#broken("BIO_write");
  }

  #readAll(pieces: Uint8Array[]): void {
    const f = this.#library.functions;
    let length = 0;
    for (;;) {
      const read = f.SSL_read(this.#ssl, scratch.subarray(length), scratch.length - length);
      if (read > 0) {
        length += read;
        if (length < scratch.length) continue;
        pieces.push(scratch.slice(0, length));
        length = 0;
        continue;
      }
      const kind = f.SSL_get_error(this.#ssl, read);
      if (this.#limits.exceeded !== undefined) this.#failure = this.#broken("SSL_read");
      else if (kind === zeroReturn) this.#peerClosed = true;
      else if (kind !== wantRead) this.#failure = this.#broken("SSL_read");
      if (length > 0) pieces.push(scratch.slice(0, length));
      return;
    }
  }

  #der(x509: Deno.PointerValue): Uint8Array {
    const f = this.#library.functions;
    const length = f.i2d_X509(x509, null);
    const der = new Uint8Array(new ArrayBuffer(Math.max(0, length)));
    const place = new BigUint64Array([Deno.UnsafePointer.value(Deno.UnsafePointer.of(der))]);
    if (length <= 0 || f.i2d_X509(x509, new Uint8Array(place.buffer)) !== length) {
      throw this.#library.error("i2d_X509");
    }
    return der;
  }

  #broken(call: string): OpensslError {
    this.#state = "broken";
    const library = this.#library;
    const error = library.error(call);
    const { exceeded } = this.#limits;
    if (exceeded !== undefined) return new OpensslExcess(call, exceeded);
    if (error.reason !== certificateVerifyFailed) return error;
    const f = library.functions;
    const why = f.X509_verify_cert_error_string(f.SSL_get_verify_result(this.#ssl));
    return new OpensslUntrusted(call, why === null ? error.text : textAt(why), error.reason);
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  if (pieces.length <= 1) return pieces[0] ?? nothing;
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** Bytes for native code: never such as are shared with other threads. */
function own(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer ? bytes as Uint8Array<ArrayBuffer> : bytes.slice();
}
