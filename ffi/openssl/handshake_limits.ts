/**
 * What a peer may make us do by messages of a handshake. A few bytes of it cost a signature (a server asks for the client's certificate)
 * or new keys (KeyUpdate of TLS 1.3), hundreds of them fit into what is read at once, and OpenSSL has no limit. A server may choose a
 * prime of 10,000 bits for Diffie-Hellman, which takes us a third of a second.
 * @module
 */
import { type OpensslLibrary, textAt } from "./library.ts";

type Pointer = NonNullable<Deno.PointerValue>;

/** How often a server may ask one client for its certificate. */
const mostRequests = 16;
/** Messages of handshakes that a peer may send on one connection: a handshake has some ten, new keys are due after terabytes. */
const mostMessages = 512;

/** Bytes of the largest prime for Diffie-Hellman: 4,096 bits. */
const longestPrime = 512;

// From openssl/ssl.h, ssl3.h and bio.h.
const setMessageCallbackArgument = 16;
const handshakeType = 22;
const serverKeyExchange = 12;
/** Nothing that TLS has fulfils it. */
const highestLevel = 5;
const bioReset = 1;

/** Places in the memory that OpenSSL's calls count in. */
const requests = 0;
const messages = 1;
const input = 2;
const primes = 3;
const countsLength = 32;

const countRequestType = { parameters: ["pointer", "pointer"], result: "i32" } as const;
const countMessageType = {
  parameters: ["i32", "i32", "i32", "pointer", "usize", "pointer", "pointer"],
  result: "void",
} as const;

/** One pair for each library, for all connections: which one it is stands in the memory that they are called with. */
const callbacks = new WeakMap<
  OpensslLibrary["functions"],
  {
    readonly request: Deno.UnsafeCallback<typeof countRequestType>;
    readonly message: Deno.UnsafeCallback<typeof countMessageType>;
  }
>();

/** The limits of one connection. It has to live as long as the SSL. */
export class HandshakeLimits {
  readonly #counts = new BigUint64Array(new ArrayBuffer(countsLength));

  /** Counts what the peer of `ssl`, which is a `role`, sends through `bio`. */
  constructor(library: OpensslLibrary, role: "client" | "server", ssl: Pointer, bio: Pointer) {
    const f = library.functions;
    this.#counts[input] = BigInt(Deno.UnsafePointer.value(bio));
    const { request, message } = callbacksOf(library);
    // A server is called whenever it is to show its own.
    if (role === "client") f.SSL_set_cert_cb(ssl, request.pointer, Deno.UnsafePointer.of(this.#counts));
    f.SSL_set_msg_callback(ssl, message.pointer);
    f.SSL_ctrl(ssl, setMessageCallbackArgument, 0n, new Uint8Array(this.#counts.buffer));
  }

  /** What the peer did too often; `undefined`: nothing. */
  get exceeded(): string | undefined {
    if (this.#counts[requests]! > mostRequests) {
      return `the peer asked for a certificate more than ${mostRequests} times`;
    }
    if (this.#counts[messages]! > mostMessages) {
      return `the peer sent more than ${mostMessages} messages of handshakes`;
    }
    if (this.#counts[primes]! > 0n) {
      return `the peer's prime for Diffie-Hellman has more than ${8 * longestPrime} bits`;
    }
    return undefined;
  }
}

function callbacksOf(library: OpensslLibrary) {
  const f = library.functions;
  let made = callbacks.get(f);
  if (made === undefined) {
    made = {
      request: new Deno.UnsafeCallback(countRequestType, (_ssl, place) => {
        const counts = countsAt(place);
        return ++counts[requests]! <= mostRequests ? 1 : 0;
      }),
      message: new Deno.UnsafeCallback(
        countMessageType,
        (sent, _version, type, bytes, length, ssl, place) => {
          if (sent !== 0 || type !== handshakeType) return;
          const counts = countsAt(place);
          // It cannot be refused from here. But what is not there cannot be read on, and what is too weak is not used.
          if (++counts[messages]! > mostMessages) {
            f.BIO_ctrl(Deno.UnsafePointer.create(counts[input]!), bioReset, 0n, null);
          }
          if (primeLength(library, bytes!, length, ssl!) > longestPrime) {
            counts[primes] = 1n;
            f.SSL_set_security_level(ssl, highestLevel);
          }
        },
      ),
    };
    callbacks.set(f, made);
  }
  return made;
}

/** Bytes of the prime in a ServerKeyExchange (RFC 5246 section 7.4.3); 0: it is none with a prime. */
function primeLength(library: OpensslLibrary, bytes: Pointer, length: bigint | number, ssl: Pointer): number {
  if (length < 6) return 0;
  const view = new Deno.UnsafePointerView(bytes);
  if (view.getUint8(0) !== serverKeyExchange) return 0;
  const f = library.functions;
  const suite = f.SSL_CIPHER_get_name(f.SSL_get_pending_cipher(ssl));
  if (suite === null || !textAt(suite).startsWith("DHE-")) return 0;
  return view.getUint8(4) << 8 | view.getUint8(5);
}

function countsAt(place: Deno.PointerValue): BigUint64Array {
  return new BigUint64Array(Deno.UnsafePointerView.getArrayBuffer(place!, countsLength));
}
