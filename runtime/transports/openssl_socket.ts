/** TLS by OpenSSL over any raw socket: the same promises as a socket of the platform's TLS. @module */
import type { ConnectionFacts } from "../../actors/ports.ts";
import { type OpensslConnection, OpensslExcess } from "../../ffi/openssl/mod.ts";
import { equalBytes } from "../../protocol/bytes.ts";
import { NetworkError } from "../../protocol/errors.ts";
import type { RawSocket } from "./stream_connection.ts";
import { lateRefusal } from "./tls_errors.ts";

/** What is encrypted at a time: more would pile up in native memory. */
const pieceBytes = 64 * 1024;
/** Answers to the peer's handshakes that may wait to be sent before nothing more is read. */
const unsentBytes = 64 * 1024;
/** Plaintext that may wait for the reader while the writer waits for a handshake. */
const unreadBytes = 256 * 1024;
/** Handshakes that a peer may begin on one connection: servers have a reason for one or two. */
const mostRenegotiations = 16;

/**
 * Does the handshake of what `start` makes on `lower`, which is the socket's from now on.
 *
 * @throws OpensslError, NetworkError `TlsHandshakeFailed`, and what `lower` throws; then `lower` is closed
 */
export async function secured(
  lower: RawSocket,
  start: () => OpensslConnection,
  localCertificate: Uint8Array | undefined,
  signal: AbortSignal,
): Promise<RawSocket> {
  const close = () => lower.close();
  signal.addEventListener("abort", close, { once: true });
  let tls: OpensslConnection | undefined;
  try {
    tls = start();
    await shakeHands(lower, tls);
    if (signal.aborted) throw signal.reason;
    return new OpensslSocket(lower, tls, localCertificate);
  } catch (error) {
    lower.close();
    tls?.[Symbol.dispose]();
    throw error;
  } finally {
    signal.removeEventListener("abort", close);
  }
}

async function shakeHands(lower: RawSocket, tls: OpensslConnection): Promise<void> {
  let input = new Uint8Array(0);
  for (;;) {
    let step;
    try {
      step = tls.handshake(input);
    } catch (error) {
      // What the peer is told of it. Whether it hears that is its own business.
      const alert = tls.takeOutput();
      if (alert.length > 0) await lower.write(alert).catch(() => {});
      throw error;
    }
    if (step.output.length > 0) await lower.write(step.output);
    if (step.done) return;
    const read = await lower.read();
    if (read === undefined) throw new NetworkError("TlsHandshakeFailed", "the peer left the TLS handshake");
    input = read as Uint8Array<ArrayBuffer>;
  }
}

/**
 * The socket behind the handshake. The peer may begin another one at any time (renegotiation, post-handshake authentication, new
 * keys): whoever reads carries it on, and so does a writer that has to wait for it.
 */
class OpensslSocket implements RawSocket {
  readonly facts: ConnectionFacts;
  readonly #lower: RawSocket;
  readonly #tls: OpensslConnection;
  readonly #isClient: boolean;
  readonly #peerCertificate: Uint8Array | undefined;
  #renegotiations = 0;
  #closed = false;

  /** Plaintext for the reader. */
  readonly #chunks: Uint8Array[] = [];
  #unread = 0;
  #readerTook = Promise.withResolvers<void>();
  #ended = false;
  #failure: { readonly error: unknown } | undefined;
  /** The read from below that is under way. */
  #pumping: Promise<void> | undefined;

  /** Everything that was handed down, in order. */
  #sent: Promise<void> = Promise.resolve();
  #unsent = 0;

  constructor(lower: RawSocket, tls: OpensslConnection, localCertificate: Uint8Array | undefined) {
    this.#lower = lower;
    this.#tls = tls;
    this.#isClient = localCertificate === undefined;
    this.#peerCertificate = tls.peerCertificate;
    this.facts = {
      ...lower.facts,
      tls: {
        protocol: tls.version,
        cipher: tls.cipher,
        peerCertificate: this.#peerCertificate,
        localCertificate,
        ...(localCertificate === undefined ? {} : { peerChain: this.#clientChain() }),
      },
    };
    // What came together with the end of the handshake.
    this.#take(new Uint8Array(0));
  }

  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#unread -= chunk.length;
        this.#readerTook.resolve();
        return chunk;
      }
      if (this.#failure !== undefined) throw this.#failure.error;
      if (this.#ended) return undefined;
      await this.#pump();
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let start = 0; start < bytes.length; start += pieceBytes) {
      const piece = bytes.subarray(start, start + pieceBytes);
      await this.#whenReady(() => this.#tls.send(piece));
      await this.#flush();
    }
  }

  async closeWrite(): Promise<void> {
    await this.#whenReady(() => this.#tls.closeSending());
    await this.#flush();
    await this.#lower.closeWrite();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#lower.close();
    this.#tls[Symbol.dispose]();
    this.#readerTook.resolve();
  }

  /** Runs `attempt` until it succeeds: while a handshake of the peer's goes on it cannot. */
  async #whenReady(attempt: () => boolean): Promise<void> {
    for (;;) {
      this.#assertOpen();
      if (attempt()) return this.#checkPeer();
      // A failure of the sending shows in the end; here its answer is waited for.
      this.#flush().catch(() => {});
      if (this.#failure !== undefined) throw this.#failure.error;
      if (this.#ended) throw new NetworkError("ConnectionReset", "the peer left a TLS handshake");
      if (this.#unread < unreadBytes) await this.#pump();
      else await this.#readerTook.promise;
    }
  }

  /** Reads from below once, for everybody who waits for it. */
  #pump(): Promise<void> {
    return this.#pumping ??= this.#readBelow().finally(() => this.#pumping = undefined);
  }

  async #readBelow(): Promise<void> {
    try {
      const bytes = await this.#lower.read();
      this.#assertOpen();
      if (bytes !== undefined) this.#take(bytes);
      // Without close_notify it may be anybody who has cut the connection.
      else if (!this.#ended) throw new NetworkError("ConnectionReset", "the peer closed without ending TLS");
      if (this.#unsent > unsentBytes) await this.#sent.catch(() => {});
    } catch (error) {
      this.#failure ??= { error };
    }
  }

  #take(bytes: Uint8Array): void {
    if (this.#ended) return;
    const plaintext = this.#tls.receive(bytes);
    this.#flush().catch(() => {});
    const { failure } = this.#tls;
    if (failure === undefined) this.#checkPeer();
    if (plaintext.length > 0) {
      this.#chunks.push(plaintext);
      this.#unread += plaintext.length;
      if (this.#unread >= unreadBytes) this.#readerTook = Promise.withResolvers();
    }
    this.#ended = this.#tls.peerClosed;
    if (failure === undefined) return;
    const told = failure instanceof OpensslExcess
      ? excess(failure.text)
      : this.#isClient
      ? lateRefusal("openssl", failure, "talk")
      : undefined;
    this.#failure = { error: told ?? failure };
  }

  /** Hands down what is to be sent; resolves when all of it has been. */
  #flush(): Promise<void> {
    const bytes = this.#tls.takeOutput();
    if (bytes.length > 0) {
      this.#unsent += bytes.length;
      this.#sent = this.#sent.then(() => this.#lower.write(bytes)).then(() => {
        this.#unsent -= bytes.length;
      });
      this.#sent.catch(() => {});
    }
    return this.#sent;
  }

  /** Whoever it was that this side logged on to, it must be the same behind a further handshake. */
  #checkPeer(): void {
    const count = this.#tls.renegotiations;
    if (count === this.#renegotiations) return;
    if (count > mostRenegotiations) throw excess(`the peer began more than ${mostRenegotiations} handshakes`);
    // It is known at its end. A second one behind it would hide whose data came in between.
    if (this.#tls.isShakingHands && count === this.#renegotiations + 1) return;
    this.#renegotiations = count;
    const now = this.#tls.peerCertificate;
    const before = this.#peerCertificate;
    if (now === before || (now !== undefined && before !== undefined && equalBytes(now, before))) return;
    throw new NetworkError("TlsUntrusted", "the peer's certificate is another one behind a renegotiation");
  }

  /** OpenSSL keeps a client's own certificate apart from the others. */
  #clientChain(): readonly Uint8Array[] {
    const own = this.#peerCertificate;
    return own === undefined ? [] : [own, ...this.#tls.peerChain];
  }

  #assertOpen(): void {
    if (this.#closed) throw new NetworkError("ConnectionClosed", "talk over TLS: closed");
  }
}

function excess(what: string): NetworkError {
  return new NetworkError("TlsTooManyHandshakes", `talk over TLS: ${what}`);
}
