/**
 * TLS by `node:tls`: it knows client certificates and a limit on the version, which the platform's own TLS does not.
 * Ciphers are ECDHE with AEAD only, TLS 1.2 and 1.3.
 *
 * The engine runs over a duplex on the platform's TCP socket rather than on a socket of `node:net`: over the latter a
 * paused TLS socket goes on reading without limit, and loses the peer's end (Deno 2.9.6).
 * @module
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { isIP, type Socket } from "node:net";
import tls from "node:tls";
import type {
  Connection,
  ConnectionEvents,
  ConnectTarget,
  ListenerEvents,
  ListenerHandle,
} from "../../actors/ports.ts";
import { NetworkError } from "../../protocol/errors.ts";
import { dial } from "./dial.ts";
import { incoming, outgoing } from "./openings.ts";
import { type RawSocket, StreamConnection } from "./stream_connection.ts";
import { listenWith } from "./tcp.ts";
import { peerEnded, TcpDuplex } from "./tcp_duplex.ts";
import type { TlsAddress, TlsEngine, TlsTarget } from "./tls_engine.ts";
import { clientHandshakeError, handshakeError, isUntrusted, lateRefusal } from "./tls_errors.ts";
import { trustSystemRoots } from "./tls_roots.ts";
import { identityOf, type Trust, trustOf } from "./tls_trust.ts";

/** A TLS socket whose handshake is done. Its TCP socket is read only while {@link TlsSocket.read} waits. */
class TlsSocket implements RawSocket {
  readonly facts;
  readonly #tcp: TcpDuplex;
  readonly #socket: tls.TLSSocket;
  readonly #chunks: Uint8Array[] = [];
  #ended = false;
  #error: unknown;
  #reader: { resolve(bytes: Uint8Array | undefined): void; reject(error: unknown): void } | undefined;

  constructor(tcp: TcpDuplex, socket: tls.TLSSocket, localCertificate: Uint8Array | undefined) {
    this.#tcp = tcp;
    this.#socket = socket;
    // Of a server nobody asks for more than its own.
    const { raw } = socket.getPeerCertificate();
    const own = raw === undefined ? undefined : new Uint8Array(raw);
    const { localAddr, remoteAddr } = tcp.conn;
    this.facts = {
      localAddress: localAddr.hostname,
      localPort: localAddr.port,
      remoteAddress: remoteAddr.hostname,
      remotePort: remoteAddr.port,
      tls: {
        protocol: socket.getProtocol() ?? "",
        cipher: socket.getCipher()?.name ?? "",
        peerCertificate: own,
        ...(localCertificate === undefined ? {} : { peerChain: chainOf(socket) }),
        localCertificate,
      },
    };
    socket.on("data", (chunk: Uint8Array) => {
      // A plain view: `Buffer` stays inside this file.
      this.#chunks.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      this.#settle();
    });
    socket.on("end", () => {
      this.#ended = true;
      this.#settle();
    });
    socket.on("error", (error) => {
      const refused = localCertificate === undefined ? lateRefusal("platform", error, "talk") : undefined;
      this.#error ??= refused ?? error;
      this.#settle();
    });
    socket.on("close", () => {
      if (!this.#ended) this.#error ??= new NetworkError("ConnectionClosed", "talk over TLS: closed");
      this.#settle();
    });
  }

  read(): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
      this.#settle();
    });
  }

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => error ? reject(error) : resolve());
    });
  }

  closeWrite(): Promise<void> {
    // Errors come through the event; `end` alone says when it is done.
    return new Promise((resolve) => this.#socket.end(() => resolve()));
  }

  close(): void {
    this.#socket.destroy();
    this.#tcp.destroy();
  }

  #settle(): void {
    if (this.#reader !== undefined && (this.#chunks.length > 0 || this.#ended || this.#error !== undefined)) {
      const { resolve, reject } = this.#reader;
      this.#reader = undefined;
      if (this.#chunks.length > 0 || this.#ended) resolve(this.#chunks.shift());
      else reject(this.#error);
    }
    // Ciphertext that was read already may make a few more chunks; no more is taken until they are gone.
    this.#tcp.flow(this.#reader !== undefined);
  }
}

/** DER of what a peer sent, its own certificate first; an issuer is the next one, at the end itself or none. */
function chainOf(socket: tls.TLSSocket): readonly Uint8Array[] {
  const chain: Uint8Array[] = [];
  let next: tls.DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (next?.raw !== undefined && chain.length < longestChain) {
    chain.push(new Uint8Array(next.raw));
    next = next.issuerCertificate === next ? undefined : next.issuerCertificate;
  }
  return chain;
}

/** Most certificates that are taken over from a peer. */
const longestChain = 16;

/** The socket once `event` says that its handshake is done, and `check` throws nothing. */
function handshake(
  tcp: TcpDuplex,
  socket: tls.TLSSocket,
  event: "secureConnect" | "secure",
  signal: AbortSignal,
  check: () => void,
  localCertificate?: Uint8Array,
): Promise<RawSocket> {
  signal.addEventListener("abort", () => {
    socket.destroy();
    tcp.destroy();
  }, { once: true });
  return new Promise((resolve, reject) => {
    // These listeners stay: an 'error' without a listener would end the process.
    socket.on("error", (error) => {
      tcp.destroy();
      reject(tcp.failure ?? error);
    });
    tcp.on("error", reject);
    const left = () => reject(new NetworkError("TlsHandshakeFailed", "the peer left the TLS handshake"));
    socket.once("close", left);
    // Later: the engine may just be finishing with the last bytes before the end.
    tcp.once(peerEnded, () => setTimeout(left, 0));
    socket.once(event, () => {
      // The platform throws on certificates that it cannot read; nobody would catch it here.
      try {
        check();
        resolve(new TlsSocket(tcp, socket, localCertificate));
      } catch (error) {
        socket.destroy();
        reject(error);
      }
    });
  });
}

/** The platform's engine. */
export const platformEngine: TlsEngine = { connect, listen };

function connect(target: TlsTarget, events: ConnectionEvents): Connection {
  const trust = trustOf(target);
  const open = async (signal: AbortSignal) => {
    if (trust.chain) trustSystemRoots();
    const { ca } = trust;
    if (ca === undefined) return await openTls(target, trust, signal);
    // A list of all roots and `ca` would be parsed anew for every connection, for 30 ms. So: `ca` alone, then the
    // others.
    try {
      return await openTls(target, trust, signal, ca);
    } catch (error) {
      if (!isUntrusted(error) || signal.aborted) throw error;
      return await openTls(target, trust, signal);
    }
  };
  return new StreamConnection(events, outgoing(target, open, clientHandshakeError("platform", false)));
}

async function openTls(
  target: ConnectTarget,
  trust: Trust,
  signal: AbortSignal,
  ca?: string,
): Promise<RawSocket> {
  const { host } = target;
  const tcp = new TcpDuplex(await dial(target, signal));
  const options: tls.ConnectionOptions & { allowHalfOpen: boolean } = {
    socket: tcp,
    // What the certificate must name.
    host,
    // No SNI for an IP literal (RFC 6066 section 3); the certificate's IP names are compared all the same.
    ...(isIP(host) === 0 ? { servername: host.replace(/\.$/, "") } : {}),
    ...(ca === undefined ? {} : { ca: [ca] }),
    // The name is checked with the rest behind the handshake: the platform reads it from a text that can be made to lie.
    checkServerIdentity: () => undefined,
    ...identityOf(target.tls?.identity),
    rejectUnauthorized: trust.chain,
    minVersion: "TLSv1.2",
    allowHalfOpen: true,
  };
  try {
    const socket = tls.connect(options);
    return await handshake(
      tcp,
      socket,
      "secureConnect",
      signal,
      () => {
        const { raw } = socket.getPeerCertificate();
        trust.check(raw ?? new Uint8Array(0), () => chainOf(socket));
      },
    );
  } catch (error) {
    tcp.destroy();
    throw error;
  }
}

function listen(address: TlsAddress, events: ListenerEvents): ListenerHandle {
  const { certificate, key, maxVersion, askCertificate = false } = address.tls;
  return listenWith(address, events, () => {
    const options: tls.SecureContextOptions = { cert: certificate, key, minVersion: "TLSv1.2", maxVersion };
    const secureContext = tls.createSecureContext(options);
    const localCertificate = checkIdentity(certificate, key);
    return (conn, peer) => {
      const tcp = new TcpDuplex(conn);
      const open = (signal: AbortSignal) => {
        const server: tls.TLSSocketOptions & { allowHalfOpen: boolean } = {
          ...options,
          isServer: true,
          secureContext,
          // Whose a client's certificate is, is decided with its first request.
          ...(askCertificate ? { requestCert: true, rejectUnauthorized: false } : {}),
          allowHalfOpen: true,
        };
        // A duplex does for a socket, as in `tls.connect`; the types say so there only.
        const socket = new tls.TLSSocket(tcp as unknown as Socket, server);
        return handshake(tcp, socket, "secure", signal, () => {}, localCertificate);
      };
      return incoming(peer, open, handshakeError);
    };
  });
}

/** DER of our certificate; throws when it is none, or not the key's: the engine would find out with the first client. */
function checkIdentity(certificate: string, key: string): Uint8Array {
  const parsed = new X509Certificate(certificate);
  if (!parsed.checkPrivateKey(createPrivateKey(key))) {
    throw new Error("the key does not belong to the certificate");
  }
  return new Uint8Array(parsed.raw);
}
