/** Plain TCP over the platform's sockets. @module */
import type {
  Connection,
  ConnectionEvents,
  ConnectTarget,
  ListenAddress,
  ListenerEvents,
  ListenerHandle,
} from "../../actors/ports.ts";
import { AdaptiveReader } from "./adaptive_reader.ts";
import { dial } from "./dial.ts";
import { hostPort, networkError } from "./network_errors.ts";
import { incoming, outgoing } from "./openings.ts";
import { type Opening, type RawSocket, StreamConnection } from "./stream_connection.ts";

/** How long accepting pauses when the process has no descriptor left for a new connection. */
const exhaustedPauseMs = 100;

/** A TCP socket that stands. */
export class TcpSocket implements RawSocket {
  readonly facts;
  readonly #conn: Deno.TcpConn;
  readonly #reader: AdaptiveReader;
  #closed = false;

  /** Takes over `conn`. */
  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    this.#reader = new AdaptiveReader(conn);
    conn.setNoDelay(true);
    this.facts = {
      localAddress: conn.localAddr.hostname,
      localPort: conn.localAddr.port,
      remoteAddress: conn.remoteAddr.hostname,
      remotePort: conn.remoteAddr.port,
      tls: undefined,
    };
  }

  read(): Promise<Uint8Array | undefined> {
    return this.#reader.read();
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#conn.write(bytes).then((sent) => {
      if (sent < bytes.length) return this.write(bytes.subarray(sent));
    });
  }

  closeWrite(): Promise<void> {
    return this.#conn.closeWrite();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#conn.close();
  }
}

/** Opens a plain TCP connection; the addresses of all families are tried. */
export function connectTcp(target: ConnectTarget, events: ConnectionEvents): Connection {
  return new StreamConnection(
    events,
    outgoing(target, async (signal) => new TcpSocket(await dial(target, signal))),
  );
}

/** Listens for plain TCP connections. */
export function listenTcp(address: ListenAddress, events: ListenerEvents): ListenerHandle {
  return listenWith(address, events, () => (conn, peer) => {
    const socket = new TcpSocket(conn);
    return incoming(peer, () => Promise.resolve(socket));
  });
}

/**
 * Listens, with connections made as `prepare` says: it is called once before binding, and what it returns at once for
 * every client. Either may throw.
 */
export function listenWith(
  address: ListenAddress,
  events: ListenerEvents,
  prepare: () => (conn: Deno.TcpConn, peer: string) => Opening,
): ListenerHandle {
  let listener: Deno.TcpListener | undefined;
  let closed = false;
  const close = (error?: unknown) => {
    if (closed) return;
    closed = true;
    listener?.close();
    const typed = error === undefined
      ? undefined
      : networkError(error, `listen on ${hostPort(address.host, address.port)}`, "ListenFailed");
    queueMicrotask(() => events.onClosed(typed));
  };

  const acceptAll = async (listener: Deno.TcpListener, make: ReturnType<typeof prepare>) => {
    while (!closed) {
      let conn: Deno.TcpConn;
      try {
        conn = await listener.accept();
      } catch (error) {
        if (closed) return;
        // A client that left while it was queued, or no descriptors: neither is a reason to stop serving.
        if (!isPassing(error)) return close(error);
        await new Promise((resolve) => setTimeout(resolve, exhaustedPauseMs));
        continue;
      }
      if (closed) return conn.close();
      announce(conn, events, make);
    }
  };

  queueMicrotask(() => {
    if (closed) return;
    let make: ReturnType<typeof prepare>;
    try {
      make = prepare();
      listener = Deno.listen({ hostname: address.host, port: address.port });
    } catch (error) {
      return close(error);
    }
    events.onListening({ host: listener.addr.hostname, port: listener.addr.port });
    acceptAll(listener, make);
  });
  return { close: () => close() };
}

function isPassing(error: unknown): boolean {
  const code = error instanceof Error ? (error as Error & { code?: unknown }).code : undefined;
  return typeof code === "string" &&
    ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "ECONNABORTED", "ECONNRESET", "EPROTO", "EINTR"].includes(code);
}

function announce(
  conn: Deno.TcpConn,
  events: ListenerEvents,
  make: (conn: Deno.TcpConn, peer: string) => Opening,
): void {
  let opening: Opening;
  try {
    opening = make(conn, hostPort(conn.remoteAddr.hostname, conn.remoteAddr.port));
  } catch {
    // The client is gone already.
    return conn.close();
  }
  let accepted = false;
  events.onConnection((connectionEvents) => {
    accepted = true;
    return new StreamConnection(connectionEvents, opening);
  });
  if (!accepted) conn.close();
}
